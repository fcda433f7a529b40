"""Whatever goes wrong, the page ends with a plain message, and is not busy any more."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.application import ready
from tests.page.browser import Browser, Tab, browser, share

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

LAYER = "/?shape=64,32&layer=dense&activation=relu&depth=5&seed=1&name=w"
OWN = f"{LAYER}&scheme=glorot_uniform"

STEPS = {
    "advice": "**/recommend?**",
    "certificate": "**/v1/weights.json?**",
    "scheme": "**/schemes/*",
    "stacks": "**/propagate?**",
    "values": "**/v1/weights.raw?**",
}
"""The requests of a question, each of which may fail."""

Answer = Callable[[Any], None]


def answering(status: int, body: str, **headers: str) -> Answer:
    """A server, or a proxy before it, that answers so."""
    media_type = "application/json" if body.startswith(("{", "[", "n")) else "text/html"
    return lambda route: route.fulfill(
        status=status, body=body, headers={"Content-Type": media_type} | headers
    )


ANSWERS: dict[str, Answer] = {
    "no connection": lambda route: route.abort("connectionfailed"),
    "JSON without errors": answering(500, json.dumps({"detail": "out of order"})),
    "no errors": answering(422, json.dumps({"errors": []})),
    "errors without fields": answering(422, json.dumps({"errors": [{"message": 3}, None]})),
    "null": answering(500, "null"),
    "a proxy's page": answering(502, "<h1>Bad gateway</h1>"),
    "an empty refusal": answering(504, ""),
    "a page in place of JSON": answering(200, "<h1>Log in</h1>"),
    "an empty answer": answering(200, ""),
    "null in place of an object": answering(200, "null"),
    "an object without fields": answering(200, "{}"),
    "a list in place of an object": answering(200, "[]"),
    "a field of another kind": answering(200, json.dumps({"decision": 3, "layers": []})),
    "a date to come again": answering(503, "", **{"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}),
    "an hour to wait": answering(503, "", **{"Retry-After": "3600"}),
}

CUT = """
const before = fetch;
globalThis.fetch = async (path, options) => {
  const answer = await before(path, options);
  if (!String(path).includes(%r)) return answer;
  const bytes = new Uint8Array(await answer.arrayBuffer()).slice(0, 5);
  const start = (stream) => {
    stream.enqueue(bytes);
    setTimeout(() => stream.error(new TypeError("network error")));
  };
  return new Response(new ReadableStream({ start }), { status: answer.status });
};
"""
"""What a script sees of a connection that is cut behind the fifth byte of a body."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with ready() as address, browser(address) as started:
        yield started


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Iterator[Tab]:
    with chromium.tab(careless=True) as tab:
        yield tab


def told(tab: Tab) -> str:
    """What the page says, once it is not busy. Its scripts have reported no error."""
    tab.page.wait_for_selector("#answer[aria-busy=false]")
    lines = [each for each in tab.seen.errors if "net::ERR_" not in each]
    assert lines == []
    problems = tab.page.locator("#problems .problem, .field .problem").all_inner_texts()
    return " ".join([*problems, tab.text("#decision"), tab.text("#depth-block")])


def recovers(tab: Tab) -> None:
    """The next edit is answered as if nothing had been."""
    tab.write("depth", "6")
    assert told(tab).count("cannot") == 0
    assert tab.page.locator("#results:not([inert]) #tensor-plot svg").count() == 1
    assert tab.page.locator("#depth-plot svg").count() == 2


def only_the_sentence_is_missing(tab: Tab) -> None:
    """What the scheme does stands above the recommendation. Everything else is there."""
    assert tab.page.inner_text("#scheme-about") == ""
    assert tab.text("#decision").startswith("Recommended for training")
    assert tab.page.locator("#problems .problem, .field .problem").count() == 0
    assert tab.page.locator("#results:not([inert]) #tensor-plot svg").count() == 1
    assert tab.page.locator("#depth-plot svg").count() == 2


@pytest.mark.parametrize("answer", share(ANSWERS, 2))
def test_a_step_that_fails_is_told(tab: Tab, answer: str) -> None:
    """Each step in turn. The values of a wrong length and a stack are sections of their own.

    Without the description of the scheme the answer lacks one sentence."""
    wrong = [
        "does not answer",
        "the server answered with status",
        "the server's answer cannot be read",
        "bytes of values, and",
    ]
    for step, pattern in STEPS.items():
        tab.page.route(pattern, ANSWERS[answer])
        tab.page.goto(f"{tab.url}{OWN}")
        said = told(tab)
        assert step == "scheme" or any(each in said for each in wrong), (step, said)
        assert "has a fault" not in said, step
        assert "undefined" not in said, step
        if step == "scheme":
            only_the_sentence_is_missing(tab)
        tab.page.unroute(pattern)
    recovers(tab)


@pytest.mark.parametrize(
    "step", share(["recommend?", "weights.json?", "propagate?", "weights.raw?"], 2)
)
def test_a_cut_connection_is_told(chromium: Browser, step: str) -> None:
    """In the middle of each body."""
    with chromium.tab() as tab:
        tab.page.add_init_script(CUT % step)
        tab.page.goto(f"{tab.url}{OWN}")
        assert "the connection was cut" in told(tab)


@pytest.mark.parametrize("length", share([3, 8193, 0, 8191, 40000], 1))
def test_values_of_a_wrong_length_are_told(tab: Tab, length: int) -> None:
    """64 x 32 values of float32 are 8,192 bytes. No picture of other values stays."""
    tab.open(LAYER)
    pattern = STEPS["values"]
    tab.page.route(pattern, lambda route: route.fulfill(status=200, body=b"\1" * length))
    tab.write("seed", "2")
    assert f"the server sent {length} bytes of values, and 8192 were expected" in told(tab)
    assert tab.page.locator("#tensor-plot svg").count() == 0
    tab.page.unroute(pattern)
    recovers(tab)


def test_a_proxy_that_ignores_ranges_does_no_harm(tab: Tab) -> None:
    """The whole file comes where its beginning was asked for."""
    whole = b"\0" * (4 * 512 * 512)
    tab.page.route(STEPS["values"], lambda route: route.fulfill(status=200, body=whole))
    tab.open(LAYER.replace("64,32", "512,512"))
    assert "65,536 of 262,144 values" in tab.text("#tensor-about")
    tab.page.unroute(STEPS["values"])


@pytest.mark.ci
def test_a_server_that_never_answers_is_given_up(tab: Tab) -> None:
    """After a minute, at whatever step."""
    tab.page.clock.install()
    for pattern in (STEPS["certificate"], STEPS["values"]):
        tab.page.route(pattern, lambda route: None)
        with tab.page.expect_request(pattern):
            tab.page.goto(f"{tab.url}{OWN}")
        tab.page.clock.fast_forward(61_000)
        assert "did not answer within 60 seconds" in told(tab)
        tab.page.unroute(pattern)
    tab.page.clock.resume()


def test_a_cut_description_of_the_scheme_is_not_missed(chromium: Browser) -> None:
    """In the middle of its body, and too many requests."""
    with chromium.tab() as tab:
        tab.page.add_init_script(CUT % "schemes/")
        tab.page.goto(f"{tab.url}{OWN}")
        assert "the connection was cut" not in told(tab)
        only_the_sentence_is_missing(tab)


def test_the_sentence_about_another_scheme_does_not_stay(tab: Tab) -> None:
    """The scheme before was described, and this one is not."""
    tab.open(OWN)
    assert tab.text("#scheme-about").startswith("glorot_uniform: ")
    tab.page.route(STEPS["scheme"], ANSWERS["an empty refusal"])
    tab.write("scheme", "he_normal")
    only_the_sentence_is_missing(tab)
    tab.page.unroute(STEPS["scheme"])


@pytest.mark.ci
@pytest.mark.parametrize("busy", [True, False], ids=["busy", "silent"])
def test_the_stacks_have_one_minute_in_all(tab: Tab, busy: bool) -> None:
    """The first failure ends them, and the rest of the answer is there."""
    asked: list[str] = []
    wait = answering(503, "", **{"Retry-After": "2"})

    def fail(route: Any) -> None:
        asked.append(route.request.url)
        if busy:
            wait(route)

    tab.page.clock.install()
    tab.page.route(STEPS["stacks"], fail)
    with tab.page.expect_request(STEPS["stacks"]):
        tab.page.goto(f"{tab.url}{OWN}")
    tab.page.wait_for_selector("#tensor-plot svg")
    assert tab.page.get_attribute("#answer", "aria-busy") == "true"
    tab.page.clock.run_for(61_000)
    said = told(tab)
    assert "Curves are missing: the server did not answer within 60 seconds." in said
    assert len(set(asked)) == 1
    assert tab.text("#decision").startswith("Recommended for training")
    tab.page.unroute(STEPS["stacks"])
    tab.page.clock.resume()


def test_the_stacks_before_a_failure_stay(tab: Tab) -> None:
    """The curves that came are shown, and a sentence says that others did not."""
    tab.page.route("**/propagate?**scheme=he_normal**", ANSWERS["an empty refusal"])
    tab.page.route("**/propagate?**scheme=glorot_normal**", ANSWERS["an empty refusal"])
    tab.page.route("**/propagate?**scheme=lecun_normal**", ANSWERS["an empty refusal"])
    tab.page.goto(f"{tab.url}{OWN}")
    assert told(tab).count("Curves are missing: the server answered with status 504.") == 2
    assert tab.page.locator("#depth-plot svg").count() == 2
    tab.page.unroute_all()


@pytest.mark.ci
def test_pictures_that_never_come_do_not_keep_the_page_busy(tab: Tab) -> None:
    """A script that hangs has the same minute."""
    tab.page.clock.install()
    tab.page.route("**/plot.umd.min.js", lambda route: None)
    tab.page.goto(f"{tab.url}{OWN}", wait_until="commit")
    tab.page.wait_for_selector("#facts td")
    tab.page.clock.run_for(61_000)
    assert "There is no picture, because a script of this page" in told(tab)
    tab.page.unroute_all()
    tab.page.clock.resume()


@pytest.mark.parametrize(
    "failure",
    share(
        [
            ("plot.umd.min.js", answering(503, "")),
            ("d3.min.js", ANSWERS["no connection"]),
            ("plot.umd.min.js", ANSWERS["no connection"]),
            ("d3.min.js", answering(503, "")),
        ],
        2,
    ),
)
@pytest.mark.parametrize("view", ["", "&scheme=orthogonal", "&scheme=identity"])
def test_an_answer_needs_no_pictures(
    chromium: Browser, failure: tuple[str, Answer], view: str
) -> None:
    """Facts, reasons, the table of the stacks and the lines to paste are there without Plot."""
    with chromium.tab(careless=True) as tab:
        script, answer = failure
        tab.page.route(f"**/{script}", answer)
        tab.page.goto(f"{tab.url}{LAYER}{view}")
        tab.page.wait_for_selector("#answer[aria-busy=false]")
        assert tab.page.locator("#problems .problem").count() == 0
        for section in ("#tensor-about", "#depth-about")[: 2 if view == "" else 1]:
            assert "There is no picture, because a script of this page" in tab.text(section)
        assert tab.page.locator("#tensor-plot *, #depth-plot *").count() == 0
        assert tab.facts()["fan_in"] == "32"
        assert tab.page.locator("#why li").count() > 0
        assert "curl" in tab.text("#line")
        assert "torch.linear" in tab.text("#depth-table")
        tab.switch((700, 900), "dark")
        assert "has a fault" not in tab.text("#answer")


@pytest.mark.ci
def test_a_fault_of_the_page_is_told(chromium: Browser) -> None:
    """A Plot without marks, so nothing can be drawn."""
    with chromium.tab(careless=True) as tab:
        script = "globalThis.Plot = { plot() {} };"
        tab.page.route("**/plot.umd.min.js", lambda route: route.fulfill(body=script))
        tab.page.goto(f"{tab.url}{LAYER}")
        assert "This page has a fault" in told(tab)
        assert "Plot" in tab.text("#problems")
        assert not tab.page.is_visible("#results")


@pytest.mark.parametrize(
    "failure",
    share(
        [
            ("main.mjs", answering(503, "")),
            ("depth.mjs", answering(200, "<h1>Log in</h1>")),
            ("elements.mjs", answering(404, "")),
            ("service.mjs", ANSWERS["no connection"]),
            ("main.mjs", lambda route: None),
        ],
        2,
    ),
)
def test_a_page_without_a_module_says_so(chromium: Browser, failure: tuple[str, Answer]) -> None:
    """After some seconds, with a link that loads it again."""
    with chromium.tab(careless=True) as tab:
        module, answer = failure
        broken = [module]
        tab.page.route(f"**/{module}", lambda route: answer(route) if broken else route.continue_())
        tab.page.goto(f"{tab.url}{LAYER}", wait_until="commit")
        tab.page.wait_for_selector("#unloaded", state="attached")
        assert not tab.page.is_visible("#unloaded")
        tab.page.wait_for_selector("#unloaded", state="visible")
        assert "could not be loaded" in tab.text("#answer")
        broken.clear()
        with tab.page.expect_navigation():
            tab.page.click("#unloaded a")
        tab.page.wait_for_selector("#answer[aria-busy=false]")
        assert tab.page.locator("#unloaded").count() == 0
        assert tab.page.locator("#tensor-plot svg").count() == 1
        assert tab.page.url == f"{tab.url}{LAYER}"


def told_of_length(tab: Tab, field: str) -> bool:
    """Whether a problem beside the field is that the question is too long."""
    return any("too long for an address" in each for each in tab.problems(field))


@pytest.mark.ci
@pytest.mark.parametrize("text", ["x" * 10_000, "\u00f6" * 1500], ids=["ASCII", "UTF-8"])
def test_a_text_that_no_address_has_room_for(tab: Tab, text: str) -> None:
    """The problem stands beside the field, and the page can be loaded again."""
    tab.open(LAYER)
    tab.write("name", text)
    assert told_of_length(tab, "name")
    assert "body" not in tab.text("#question")
    assert tab.page.is_visible("#results[inert]")
    assert tab.page.url == f"{tab.url}{LAYER}"
    tab.page.reload()
    told(tab)
    assert tab.page.input_value("#name") == "w"
    tab.write("more", "kernel=" + ",".join(["1"] * 4000))
    assert told_of_length(tab, "more")
    recovers_from_length(tab)


def recovers_from_length(tab: Tab) -> None:
    """A shorter text is asked, written into the address and answered."""
    tab.page.fill("#more", "")
    tab.write("name", "v")
    assert tab.page.url.endswith("name=v")
    assert tab.page.locator("#results:not([inert]) #tensor-plot svg").count() == 1


@pytest.mark.ci
def test_the_longest_address_of_the_page_is_read(tab: Tab) -> None:
    """The server reads both the request and the page's own address in a head of 16 KiB."""
    tab.open(LAYER)
    tab.write("name", "x" * 6900)
    assert any("at most 512 bytes" in each for each in tab.problems("name"))
    answer = tab.page.reload()
    assert answer.status == 200
    assert "at most 512 bytes" in told(tab)


@pytest.mark.parametrize("status", [414, 431])
def test_a_proxy_with_less_room_is_told_in_words_of_the_page(tab: Tab, status: int) -> None:
    """A hint for programs, which may send a body, does not help a person."""
    error = {"field": "", "message": "too long", "hint": "send the fields as JSON in the body"}
    tab.page.route(STEPS["advice"], answering(status, json.dumps({"errors": [error]})))
    tab.page.goto(f"{tab.url}{LAYER}")
    said = told(tab)
    assert "too long for an address" in said
    assert "body" not in said
    tab.page.unroute_all()


@pytest.mark.parametrize("body", ["{}", "<h1>Log in</h1>"])
def test_a_tensor_without_advice_that_cannot_be_read(tab: Tab, body: str) -> None:
    """/recommend refuses it, and its certificate is not one."""
    alone = "/?shape=2,2,2,2,2,2,2&scheme=normal&seed=1&name=w"
    tab.open(alone)
    assert "There is no advice about it" in tab.text("#decision")
    tab.page.route(STEPS["certificate"], answering(200, body))
    tab.page.goto(f"{tab.url}{alone}")
    assert "the server's answer cannot be read" in told(tab)
    tab.page.unroute_all()


@pytest.mark.parametrize(
    "fields",
    share(
        [
            "scheme=normal&std=1e-320",
            "scheme=uniform&low=-1.7e308&high=1.7e308",
            "scheme=normal&std=1e300",
            "scheme=uniform&low=1e-320&high=2e-320",
            "scheme=constant&value=1.7e308",
            "scheme=constant&value=5e-324",
            "scheme=orthogonal&gain=1e300",
            "scheme=identity&gain=1e308",
            "scheme=normal&mean=1e300&std=1",
        ],
        2,
    ),
)
def test_numbers_that_no_axis_fits_have_no_picture(tab: Tab, fields: str) -> None:
    """Numbers at both ends of float64. A sentence says why, and no NaN is told."""
    tab.open(f"/?shape=64,32&layer=dense&activation=relu&dtype=float64&seed=1&name=w&{fields}")
    assert "an axis cannot show numbers of this size" in tab.text("#tensor-about")
    assert tab.page.locator("#tensor-plot svg").count() == 0
    assert tab.page.is_visible("#facts")
    assert "NaN" not in tab.text("#answer")
    assert "Infinity" not in tab.text("#answer")
    assert [each for each in tab.seen.errors if "net::ERR_" not in each] == []


@pytest.mark.parametrize("fields", ["std=1e-280", "std=1e280", "mean=1e16&std=2"])
def test_numbers_that_an_axis_fits_have_one(tab: Tab, fields: str) -> None:
    """Negative control. Mean and std are compared at any size."""
    tab.open(f"/?shape=64,32&layer=dense&dtype=float64&seed=1&name=w&scheme=normal&{fields}")
    assert tab.page.locator("#tensor-plot svg").count() == 1
    away = [float(each.split(": ")[1].split()[0]) for each in tab.text("#measured").split(";")]
    assert max(away) < 4
