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


@pytest.mark.parametrize("answer", share(ANSWERS, 2))
def test_a_step_that_fails_is_told(tab: Tab, answer: str) -> None:
    """Each step in turn. The values of a wrong length and a stack are sections of their own."""
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
        assert any(each in said for each in wrong), (step, said)
        assert "has a fault" not in said, step
        tab.page.unroute(pattern)
    recovers(tab)


@pytest.mark.parametrize(
    "step", share(["recommend?", "weights.json?", "schemes/", "propagate?", "weights.raw?"], 2)
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


@pytest.mark.ci
def test_a_fault_of_the_page_is_told(chromium: Browser) -> None:
    """Plot does not come, so nothing can be drawn."""
    with chromium.tab(careless=True) as tab:
        tab.page.route("**/plot.umd.min.js", lambda route: route.abort("connectionfailed"))
        tab.page.goto(f"{tab.url}{LAYER}")
        assert "This page has a fault" in told(tab)
        assert "Plot" in tab.text("#problems")
        assert not tab.page.is_visible("#results")


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
