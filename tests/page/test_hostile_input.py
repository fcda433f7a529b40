"""Names that look like HTML, and values that the service refuses, as a person types them."""

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.application import ask, ready
from tests.page.browser import Browser, Tab, browser, share

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

LAYER = "shape=8,4&layout=torch&layer=dense&activation=relu&depth=3&seed=1"

NAMES = [
    "<script>alert(1)</script>",
    "</title></style></script><svg onload=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus=alert(1) autofocus='",
    "javascript:alert(1)",
    "{{7*7}} ${7*7} %3Cscript%3E &lt;b&gt;",
    "'; touch /tmp/x; echo '",
    'a"b\\c`d$(e)',
    "‮evil‬ é ﷺ 🦀 名前",
    "a b+c&d=e#f?g;h",
    "n" * 512,
    "__proto__",
    "../../etc/passwd",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with ready() as address, browser(address) as started:
        yield started


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Iterator[Tab]:
    with chromium.tab() as tab:
        yield tab


def elements(tab: Tab) -> list[str]:
    """The elements that text could have made, and the attributes that run scripts."""
    found: list[str] = tab.data(
        "[...document.querySelectorAll('script, img, iframe, object, embed, base, "
        ":not(svg) > style, svg:not(.plot svg, .legend svg), b:not(.axes b)')]"
        ".map(e => e.tagName).concat("
        "[...document.querySelectorAll('*')].flatMap(e => "
        "[...e.attributes].map(a => a.name).filter(n => n.startsWith('on'))))"
    )
    return found


def check_harmless(tab: Tab, usual: list[str]) -> None:
    """No element and no dialog came of a text."""
    assert elements(tab) == usual
    assert tab.seen.errors == []
    assert tab.seen.off_host() == []
    assert tab.page.title() == "Fanin: how should this weight start?"


@pytest.mark.parametrize("name", share(NAMES, 3))
def test_a_name_is_a_text(tab: Tab, name: str) -> None:
    """Typed or in a link, in the field, in every line to paste, and in the address."""
    usual = elements(tab.open(f"/?{LAYER}&name=w"))
    tab.write("name", name)
    typed = tab.text("#answer")
    check_harmless(tab, usual)
    tab.open(f"/?{LAYER}&name={quote(name, safe='')}")
    assert tab.page.input_value("#name") == name
    assert tab.text("#answer") == typed
    for language in ("rust", "julia", "javascript", "python", "curl"):
        tab.page.check(f"input[value={language}]")
        assert f"name={quote(name, safe='~,:@')}" in tab.text("#line")
    check_harmless(tab, usual)


@pytest.mark.parametrize("field", ["shape", "scheme", "depth", "seed", "more"])
@pytest.mark.parametrize("text", share(NAMES[:3], 1))
def test_a_word_that_is_refused_is_a_text(tab: Tab, field: str, text: str) -> None:
    """The problem repeats the word, and shows it as it was typed."""
    usual = elements(tab.open(f"/?{LAYER}&name=w"))
    tab.write(field, text if field != "more" else f"gain={text}")
    assert tab.problems(field) != []
    check_harmless(tab, usual)


@pytest.mark.parametrize(
    "field", share(["layout", "layer", "activation", "dtype", "normalization"], 1)
)
def test_a_word_in_a_link_becomes_a_choice_that_is_refused(tab: Tab, field: str) -> None:
    """A list of choices shows a word that it does not have."""
    text = "<img src=x onerror=alert(1)>"
    usual = elements(tab.open(f"/?{LAYER}&name=w"))
    query = "&".join(each for each in LAYER.split("&") if not each.startswith(f"{field}="))
    tab.open(f"/?{query}&name=w&{field}={quote(text)}")
    assert tab.page.input_value(f"#{field}") == text
    assert tab.problems(field) != []
    check_harmless(tab, usual)


WRONG = [
    ("shape", "5,5,x"),
    ("depth", "0"),
    ("seed", "-1"),
    ("scheme", "he_norml"),
    ("more", "gain=NaN"),
    ("more", "dept=3"),
    ("shape", ""),
    ("shape", "-1,3"),
    ("shape", "5.0,3"),
    ("shape", "1_000,3"),
    ("shape", "3,,3"),
    ("shape", "99999999999,99999999999"),
    ("depth", "-3"),
    ("depth", "1e3"),
    ("depth", "99999"),
    ("seed", "18446744073709551616"),
    ("seed", "one"),
    ("scheme", "KaimingNormal"),
    ("scheme", "dirac"),
    ("name", "x" * 513),
    ("name", "a\x07b"),
    ("more", "groups=3"),
    ("more", "std=0"),
    ("more", "shape=3"),
    ("more", "seed=3"),
    ("more", "gain"),
    ("more", "gain=2 gain=3"),
    ("more", "slice=0:99,:"),
    ("more", "=3"),
]


@pytest.mark.parametrize("wrong", share(WRONG, 6), ids=lambda each: repr(each)[:40])
def test_a_refusal_stands_beside_its_field(tab: Tab, wrong: tuple[str, str]) -> None:
    """Each message and hint of the service, beside the control that has the field."""
    tab.open(f"/?{LAYER}&name=w").write(*wrong)
    asked = [url for url in tab.seen.requests if "/recommend?" in url][-1]
    problem = json.loads(ask_again(tab, asked))
    assert problem["errors"]
    for error in problem["errors"]:
        if error["field"] == "":
            assert error["message"] in tab.text("#problems")
            assert error["hint"] in tab.text("#problems")
            continue
        named = tab.page.locator(f"[name='{error['field']}']").count() == 1
        control = error["field"] if named else "more"
        shown = " ".join(tab.problems(control))
        assert error["message"] in " ".join(shown.split()) or error["message"] in shown
        assert error["hint"] in shown
        assert tab.page.get_attribute(f"#{control}", "aria-invalid") == "true"
        described = (tab.page.get_attribute(f"#{control}", "aria-describedby") or "").split()
        assert any("problem" in each for each in described)
    assert tab.text("#decision").startswith("The service cannot answer this")
    assert tab.page.locator("#results:is([hidden], [inert])").count() == 1
    assert tab.seen.errors == []


def ask_again(tab: Tab, url: str) -> bytes:
    """The service's own answer to the request that the page sent."""
    host, _, port = tab.seen.host.partition(":")
    return ask(type(tab.address)(host, int(port)), url.removeprefix(tab.url)).body


@pytest.mark.ci
def test_a_field_that_is_put_right_is_no_problem_any_more(tab: Tab) -> None:
    """The mark goes away, and the answer comes back."""
    tab.open(f"/?{LAYER}&name=w").write("depth", "0")
    assert tab.problems("depth") != []
    tab.write("depth", "5")
    assert tab.problems("depth") == []
    assert tab.page.get_attribute("#depth", "aria-invalid") is None
    assert tab.page.is_visible("#results")


def test_the_last_word_counts_however_fast_it_is_typed(tab: Tab) -> None:
    """Answers to earlier words are dropped."""
    tab.open(f"/?{LAYER}&name=w")
    for width in range(100, 130):
        tab.page.fill("#shape", f"{width},{width}")
        tab.page.wait_for_timeout(width)
    tab.settle()
    assert tab.facts()["fan_in"] == "129"
    assert "129 x 129" in tab.text("#tensor-about")
