"""Who can use the page: keyboards, phones, dark rooms, slow lines."""

import time
from collections.abc import Iterator
from statistics import median
from threading import Event

import pytest

from service.stream.selfcheck import warm_up
from tests.application import ready, serving
from tests.page.browser import DESK, MODES, PHONE, Browser, Tab, browser, faults, share

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]
ci = pytest.mark.ci

MOST_BYTES = 300_000
"""What the first view may take over the wire."""

SECONDS_OF_FIRST_VIEW = 1.0

STATES = {
    "first": "/",
    "own scheme": "/?shape=64,64&activation=relu&scheme=glorot_uniform&seed=1",
    "kernels": "/?shape=4,4,3,3&layer=conv2d&scheme=dirac&name=w",
    "problems": "/?shape=5,5,x&depth=0&dtype=foo&bad=1",
    "a bias": "/?shape=64&layer=bias",
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with ready() as address, browser(address) as started:
        yield started


@pytest.mark.needs("npm")
@pytest.mark.parametrize("state", share(STATES, 3))
def test_axe_finds_no_serious_fault(chromium: Browser, state: str) -> None:
    """Contrast, names, roles and regions, in all windows and colours."""
    with chromium.tab() as tab:
        tab.open(STATES[state])
        for size, scheme in MODES:
            tab.switch(size, scheme)
            assert faults(tab) == [], (size, scheme)
            assert tab.data("document.documentElement.scrollWidth") <= size[0]


@ci
@pytest.mark.needs("npm")
def test_axe_would_find_a_fault(chromium: Browser) -> None:
    """Negative control: a page without a language, and pale text."""
    with chromium.tab() as tab:
        tab.open("/")
        tab.data("document.documentElement.removeAttribute('lang')")
        tab.data("document.querySelector('#decision').style.color = '#ddd'")
        found = {fault for fault, _ in faults(tab)}
    assert {"html-has-lang", "color-contrast"} <= found


@ci
def test_tab_reaches_everything(chromium: Browser) -> None:
    """Every control and link in turn, a group of radio buttons once, and each shows the focus."""
    with chromium.tab() as tab:
        tab.open("/")
        wanted = tab.data(
            "[...document.querySelectorAll('a[href], button, input, select, [tabindex=\"0\"]')]"
            ".filter(e => e.checkVisibility() && (e.type !== 'radio' || e.checked))"
            ".map((e, at) => (e.dataset.stop = at, at))"
        )
        reached = []
        for _ in range(len(wanted) + 2):
            tab.page.keyboard.press("Tab")
            stop = tab.data(
                "(({ activeElement: e }) => e === document.body ? null : [Number(e.dataset.stop), "
                "getComputedStyle(e).outlineStyle])(document)"
            )
            if stop is not None:
                reached.append(stop[0])
                assert stop[1] != "none"
        assert sorted(set(reached)) == wanted
        assert len(wanted) > 25


@ci
def test_the_keyboard_alone_is_enough(chromium: Browser) -> None:
    """Typing, choosing from a list by letters, and arrows between the languages."""
    with chromium.tab() as tab:
        tab.open("/")
        tab.page.focus("#shape")
        tab.page.keyboard.press("Control+A")
        tab.page.keyboard.type("32,16,3,3")
        tab.settle()
        assert tab.facts()["fan_in"] == "144"
        tab.page.focus("#activation")
        tab.page.keyboard.type("mish")
        tab.settle()
        assert tab.page.input_value("#activation") == "mish"
        assert tab.facts()["gain"] == "1.48685"
        tab.page.focus("input[value=curl]")
        tab.page.keyboard.press("ArrowRight")
        assert "fn main()" in tab.text("#line")
        tab.page.focus("#shape")
        tab.page.keyboard.press("Enter")
        tab.settle()
        assert "shape=32,16,3,3" in tab.page.url


@ci
def test_a_typed_name_chooses_itself(chromium: Browser) -> None:
    """Also where longer names begin with it, and wherever the choice stood before."""
    with chromium.tab() as tab:
        tab.open("/")
        for before in ("", "relu", "tanh", "tanhshrink"):
            for name in ("tanh", "relu", "gelu", "softplus"):
                tab.page.select_option("#activation", before)
                # Leaving the list ends a word.
                tab.page.focus("#shape")
                tab.page.focus("#activation")
                tab.page.keyboard.type(name)
                assert tab.page.input_value("#activation") == name
        tab.page.focus("#layer")
        for layer in ("conv2d", "conv2d", "dense"):
            tab.page.focus("#shape")
            tab.page.focus("#layer")
            tab.page.keyboard.type(layer)
            assert tab.page.input_value("#layer") == layer
        tab.settle()


@ci
def test_one_letter_again_and_again_goes_through_its_choices(chromium: Browser) -> None:
    """As in every list of a browser. Other letters choose nothing, and arrows move as usual."""
    with chromium.tab() as tab:
        tab.open("/")
        names = tab.data(
            "[...document.querySelector('#activation').options].map(o => o.value)"
            ".filter(value => value.startsWith('t'))"
        )
        assert len(names) > 2
        tab.page.select_option("#activation", "")
        tab.page.focus("#activation")
        seen = []
        for _ in range(len(names) + 1):
            tab.page.keyboard.type("t")
            seen.append(tab.page.input_value("#activation"))
        assert seen == [*names, names[0]]
        tab.page.focus("#shape")
        tab.page.focus("#activation")
        tab.page.keyboard.type("!?")
        assert tab.page.input_value("#activation") == names[0]
        tab.page.keyboard.press("ArrowDown")
        assert tab.page.input_value("#activation") == names[1]
        tab.settle()


def entries(tab: Tab) -> int:
    """How many entries the tab's history has."""
    return int(tab.data("history.length"))


@ci
def test_back_undoes_an_edit(chromium: Browser) -> None:
    """Each field's edit is an entry, however many keys it took. Fields and pictures come back."""
    with chromium.tab() as tab:
        tab.open("/")
        first, count = tab.text("#answer"), entries(tab)
        tab.page.focus("#shape")
        tab.page.keyboard.press("Control+A")
        for key in "128,64":
            tab.page.keyboard.type(key)
            tab.page.wait_for_timeout(170)
        tab.choose("layer", "dense")
        assert entries(tab) == count + 2
        tab.choose("activation", "tanh")
        assert entries(tab) == count + 3
        tab.page.focus("#shape")
        tab.page.keyboard.press("Enter")
        tab.settle()
        assert entries(tab) == count + 3
        last = tab.text("#answer")
        tab.page.check("input[value=rust]")

        tab.page.go_back()
        tab.settle()
        assert tab.page.input_value("#activation") == "relu"
        assert tab.facts()["scheme"] == "he_normal"
        assert tab.page.is_checked("input[value=curl]")
        tab.page.go_back()
        tab.page.go_back()
        tab.settle()
        assert tab.page.url == f"{tab.url}/"
        assert tab.page.input_value("#shape") == "64,3,7,7"
        assert tab.text("#answer") == first
        for _ in range(3):
            tab.page.go_forward()
        tab.settle()
        assert tab.page.input_value("#activation") == "tanh"
        assert "fn main()" in tab.text("#line")
        tab.page.check("input[value=curl]")
        assert tab.text("#answer") == last


@ci
def test_back_from_a_link_shows_the_edit_before_it(chromium: Browser) -> None:
    """A link to another question leaves the page, and Back comes to the same fields."""
    with chromium.tab() as tab:
        tab.open("/").choose("activation", "gelu").write("depth", "7")
        before = tab.text("#answer")
        tab.click("And sigmoid?")
        tab.page.go_back()
        tab.settle()
        assert tab.page.input_value("#activation") == "gelu"
        assert tab.page.input_value("#depth") == "7"
        assert tab.text("#answer") == before


@ci
def test_the_skip_link_keeps_the_language(chromium: Browser) -> None:
    """It moves the focus and leaves the address alone."""
    with chromium.tab() as tab:
        tab.open("/#python")
        tab.page.keyboard.press("Tab")
        tab.page.keyboard.press("Enter")
        assert tab.data("document.activeElement.id") == "answer"
        assert tab.page.url == f"{tab.url}/#python"
        assert "import" in tab.text("#line")


@ci
@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("key", ["Enter", None])
def test_a_question_leads_to_its_answer(
    chromium: Browser, size: tuple[int, int], key: str | None
) -> None:
    """By a tap and by Enter: focus and view are at the answer, and Back comes to the one before."""
    with chromium.tab(size) as tab:
        tab.open("/")
        first = tab.text("#decision")
        link = tab.page.get_by_role("link", name="And sigmoid?")
        if key is None:
            link.click()
        else:
            link.focus()
            tab.page.keyboard.press(key)
        tab.settle()
        assert "activation=sigmoid" in tab.page.url
        assert tab.page.input_value("#activation") == "sigmoid"
        assert tab.data("document.activeElement.id") == "answer"
        top = tab.data("document.querySelector('#decision').getBoundingClientRect().top")
        assert 0 <= top < size[1] / 2
        tab.page.go_back()
        tab.settle()
        assert tab.text("#decision") == first


@ci
def test_a_question_may_be_opened_in_another_tab(chromium: Browser) -> None:
    """With Control the browser follows the link, and this tab stays."""
    with chromium.tab() as tab:
        tab.open("/")
        with tab.page.context.expect_page() as opened:
            tab.page.get_by_role("link", name="And sigmoid?").click(modifiers=["Control"])
        opened.value.wait_for_selector("#answer[aria-busy=false]")
        assert opened.value.input_value("#activation") == "sigmoid"
        assert tab.page.input_value("#activation") == "relu"


@ci
def test_the_questions_follow_the_form(chromium: Browser) -> None:
    """In the order of Tab as on the screen of a desk."""
    with chromium.tab() as tab:
        tab.open("/")
        tab.page.focus("#more")
        for _ in range(2):
            tab.page.keyboard.press("Tab")
        inside = "document.activeElement.closest('#questions') !== null"
        assert tab.data(inside)


@ci
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_no_word_of_a_table_is_broken(chromium: Browser, size: tuple[int, int]) -> None:
    """A name has one line, and on a desk so has a gain with whose it is."""
    query = "shape=512,512&layout=torch&layer=dense&activation=tanh&depth=10&name=w"
    lines = """(selector) => [...document.querySelectorAll(selector)].flatMap(cell => {
      const text = cell.firstChild;
      return [...text.data.matchAll(/\\S+/g)].map(word => {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return range.getClientRects().length;
      });
    })"""
    with chromium.tab(size) as tab:
        tab.open(f"/?{query}&scheme=glorot_normal")
        assert set(tab.data(f"({lines})('#depth-table th, #classic th')")) == {1}
        if size == DESK:
            heights = tab.data(
                "[...document.querySelectorAll('#classic tbody th')].map(cell => {"
                "const range = document.createRange(); range.selectNodeContents(cell);"
                "return range.getClientRects().length; })"
            )
            assert set(heights) == {1}


@ci
@pytest.mark.parametrize("size", [DESK, PHONE, (360, 740)])
def test_no_table_is_cut_off(chromium: Browser, size: tuple[int, int]) -> None:
    """Every cell of both tables lies in the window, also with a gain of neither He nor Glorot."""
    query = "shape=4096,11008&layout=torch&layer=dense&activation=tanh&depth=10&name=w"
    with chromium.tab(size) as tab:
        tab.open(f"/?{query}&scheme=glorot_uniform&seed=1")
        assert "recommended: 1.59254" in tab.text("#classic")
        assert "verdict" in tab.text("#depth-table")
        for table in ("#classic", "#depth-table"):
            place = f"document.querySelector('{table}').parentElement"
            assert tab.data(f"{place}.scrollWidth - {place}.clientWidth") <= 0
            assert tab.data(f"{place}.getBoundingClientRect().right") <= size[0]


@ci
def test_dark_and_light_follow_the_system(chromium: Browser) -> None:
    """Also while the page is open: the picture is drawn in the other colours."""
    with chromium.tab(DESK, "light") as tab:
        tab.open(STATES["kernels"])
        paper = "getComputedStyle(document.body).backgroundColor"
        cell = "document.querySelector('#tensor-plot .cells rect').getAttribute('fill')"
        light = [tab.data(paper), tab.data(cell)]
        tab.page.emulate_media(color_scheme="dark")
        tab.page.wait_for_timeout(200)
        dark = [tab.data(paper), tab.data(cell)]
    assert light[0] != dark[0]
    assert light[1] != dark[1]


def wire_bytes(tab: Tab) -> int:
    """What has come over the wire, heads included."""
    return int(
        tab.data(
            "performance.getEntries().filter(e => e.transferSize).reduce((s, e) => "
            "s + e.transferSize, 0)"
        )
    )


@ci
def test_the_first_view_is_small(chromium: Browser) -> None:
    """With an empty cache. A second visit fetches no script again."""
    with chromium.tab() as tab:
        tab.open("/")
        first = wire_bytes(tab)
        assert 150_000 < first <= MOST_BYTES
        tab.open("/")
        assert wire_bytes(tab) < first / 2


def test_the_first_view_is_fast(chromium: Browser) -> None:
    """All sections within a second of the click, with an empty cache: the median of seven views.

    A machine that does something else may take half a second more.
    """
    seconds = []
    for _ in range(7):
        with chromium.tab() as tab:
            began = time.monotonic()
            tab.page.goto(f"{tab.url}/")
            tab.page.wait_for_selector("#answer[aria-busy=false]")
            seconds.append(time.monotonic() - began)
            assert tab.page.locator("#depth-plot svg").count() == 2
    assert median(seconds) < SECONDS_OF_FIRST_VIEW + 0.5


@ci
def test_the_page_waits_for_a_server_that_is_not_ready(chromium: Browser) -> None:
    """Advice is refused by nobody, but values are, until the kernels are compiled."""
    compiled = Event()

    def compiling() -> None:
        compiled.wait(60)
        warm_up()

    with serving(warm_up=compiling) as address:
        waiting = Browser(chromium.chromium, address)
        with waiting.tab() as tab:
            tab.page.goto(f"{tab.url}/")
            tab.page.wait_for_selector("#decision:has-text('he_normal')")
            assert tab.page.locator("#tensor-plot svg").count() == 0
            compiled.set()
            tab.settle()
            assert tab.page.locator("#tensor-plot svg").count() == 1


@ci
def test_a_request_elsewhere_would_be_noticed(chromium: Browser) -> None:
    """Negative control: the policy stops it, the console says so, and the tab noted it."""
    with chromium.tab(careless=True) as tab:
        tab.open("/")
        tab.data("fetch('http://127.0.0.1:9/').catch(() => 0)")
        assert any("Content Security Policy" in error for error in tab.seen.errors)
        tab.data("(document.body.append(document.createElement('img')), 0)")
        tab.seen.requests.append("http://elsewhere.example/")
        assert tab.seen.off_host() == ["http://elsewhere.example/"]


@ci
def test_without_scripts_the_page_says_where_to_go(chromium: Browser) -> None:
    """The plain page has all fields."""
    context = chromium.chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{chromium.address.url}/")
    assert "needs JavaScript" in page.inner_text("body noscript")
    assert page.evaluate("getComputedStyle(document.getElementById('unloaded')).display") == "none"
    page.click("body noscript a")
    assert "/v1/weights.npy" in page.inner_text("body")
    context.close()
