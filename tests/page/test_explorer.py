"""The explorer at /docs and the plain page at /docs/plain."""

from collections.abc import Iterator

import pytest

from tests.application import ask, ready
from tests.page.browser import MODES, PHONE, Browser, Tab, browser, faults

pytestmark = [pytest.mark.slow, pytest.mark.ci, pytest.mark.needs("chromium")]

OPERATION = "#operations-advice-get_recommend"
STATUS = f"{OPERATION} .live-responses-table .response-col_status"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with ready() as address, browser(address) as started:
        yield started


@pytest.fixture(scope="module")
def explorer(chromium: Browser) -> Iterator[Tab]:
    """The explorer, in which a person has sent a request."""
    with chromium.tab() as tab:
        tab.page.goto(f"{tab.url}/docs")
        block = tab.page.locator(OPERATION)
        block.locator(".opblock-summary").click()
        block.get_by_role("button", name="Try it out").click()
        block.locator("tr[data-param-name=shape] input").fill("64,3,7,7")
        block.get_by_role("button", name="Execute").click()
        tab.page.locator(STATUS).first.wait_for()
        yield tab


def test_the_explorer_sends_a_request(explorer: Tab) -> None:
    """An operation is opened, filled in and sent. Nothing leaves the host, nothing is refused."""
    sent = [url for url in explorer.seen.requests if "/recommend?" in url]
    assert len(sent) == 1
    assert sent[0].startswith(f"{explorer.url}/recommend?shape=64%2C3%2C7%2C7&")
    assert ask(explorer.address, sent[0].removeprefix(explorer.url)).status == 200
    shown = explorer.text(f"{OPERATION} .live-responses-table")
    assert "glorot_uniform" in shown
    assert explorer.seen.off_host() == []


def test_an_operation_is_listed_once(explorer: Tab) -> None:
    """Each path is there, without the HEAD of each GET, and the head of the page says why."""
    listed = explorer.page.locator(".opblock-summary-path").all_inner_texts()
    served = {"".join(each.split()).replace("\u200b", "") for each in listed}
    assert {"/v1/weights.npy", "/recommend", "/propagate", "/"} <= served
    methods = set(explorer.page.locator(".opblock-summary-method").all_inner_texts())
    assert methods == {"GET", "POST"}
    assert "HEAD works wherever GET does" in explorer.text("header")


def test_the_document_comes_gzipped(explorer: Tab) -> None:
    """A megabyte of JSON takes a tenth over the wire."""
    sizes = explorer.data(
        "(({ encodedBodySize, decodedBodySize }) => [encodedBodySize, decodedBodySize])"
        "(performance.getEntriesByName(location.origin + '/openapi.json')[0])"
    )
    assert sizes[0] < sizes[1] / 5
    assert sizes[1] == len(ask(explorer.address, "/openapi.json").body)


@pytest.mark.needs("npm")
@pytest.mark.parametrize(("size", "scheme"), MODES)
def test_axe_finds_no_serious_fault_in_the_explorer(
    explorer: Tab, size: tuple[int, int], scheme: str
) -> None:
    """With an operation that is open and answered. Nothing is wider than the window."""
    explorer.switch(size, scheme)
    assert faults(explorer) == []
    assert explorer.data("document.documentElement.scrollWidth") <= size[0]
    red, *_ = (
        int(each)
        for each in explorer.data("getComputedStyle(document.body).backgroundColor")[4:-1].split(
            ","
        )
    )
    assert (red < 60) == (scheme == "dark")


@pytest.mark.parametrize("status", [500, 200])
def test_the_explorer_says_if_it_has_no_document(chromium: Browser, status: int) -> None:
    """A refusal, or an answer that is no JSON, is told in words."""
    with chromium.tab() as tab:
        tab.page.route("**/openapi.json", lambda route: route.fulfill(status=status, body="no"))
        tab.page.goto(f"{tab.url}/docs")
        tab.page.wait_for_selector("#explorer:has-text('could not be loaded')")


@pytest.mark.needs("npm")
def test_axe_finds_no_serious_fault_in_the_plain_page(chromium: Browser) -> None:
    """In all windows and colours. It has colours of its own in the dark."""
    grounds = set()
    with chromium.tab() as tab:
        tab.page.goto(f"{tab.url}/docs/plain")
        for size, scheme in MODES:
            tab.switch(size, scheme)
            assert faults(tab) == []
            assert tab.data("document.documentElement.scrollWidth") <= size[0]
            grounds.add(tab.data("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_the_plain_page_can_be_read_on_a_phone(chromium: Browser) -> None:
    """Letters are not scaled down, a text has nearly the whole width, and HEAD is told once."""
    with chromium.tab(PHONE) as tab:
        tab.page.goto(f"{tab.url}/docs/plain")
        assert tab.data("innerWidth") == PHONE[0]
        width = "document.querySelector('dd').getBoundingClientRect().width"
        assert tab.data(width) > 0.8 * PHONE[0]
        assert "HEAD /" not in tab.text("body")
        assert "HEAD works wherever GET does" in tab.text("body")
