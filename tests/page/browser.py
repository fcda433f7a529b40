"""Headless Chromium for the tests: it notes what goes wrong on a page, and every request."""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.peers.environment import ROOT, folder_with, python_with, site_of
from tests.server import Address

SECONDS = 20
"""How long the page may take on a loaded machine before a test fails."""

DESK = (1440, 900)
PHONE = (390, 844)

MODES = [(size, scheme) for size in (DESK, PHONE) for scheme in ("light", "dark")]
"""The windows and colours in which a page must be readable."""


@dataclass(slots=True)
class Seen:
    """What a page did that a person does not see."""

    host: str
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def off_host(self) -> list[str]:
        """The requests to other hosts, without what stays inside the browser."""
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != self.host
        ]


class Tab:
    """A tab of the browser. `page` is Playwright's page."""

    def __init__(self, page: Any, address: Address) -> None:
        self.page = page
        self.address = address
        self.url = address.url
        self.seen = Seen(f"{address.host}:{address.port}")
        page.set_default_timeout(1000 * SECONDS)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.seen.errors.append(str(error)))
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self.seen.requests.append(request.url))

    def _console(self, message: Any) -> None:
        # Chromium writes a line for each answer of 4xx, also where the page handles it.
        refused = message.text.startswith("Failed to load resource: the server responded with")
        if refused:
            self.seen.refusals.append(message.location["url"])
        elif message.type in ("error", "warning"):
            self.seen.errors.append(message.text)

    def _dialog(self, dialog: Any) -> None:
        self.seen.errors.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, path: str) -> "Tab":
        """Go to a path and wait for the answer."""
        self.page.goto(self.url + path)
        return self._answered()

    def settle(self) -> "Tab":
        """Wait until what was typed has been asked and answered."""
        # The page waits 150 ms after a key.
        self.page.wait_for_timeout(200)
        return self._answered()

    def choose(self, field: str, value: str) -> "Tab":
        """Choose from a list."""
        self.page.select_option(f"#{field}", value)
        return self.settle()

    def write(self, field: str, value: str) -> "Tab":
        """Type into a field."""
        self.page.fill(f"#{field}", value)
        return self.settle()

    def click(self, text: str) -> "Tab":
        """Follow the link with this text."""
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=text, exact=True).click()
        return self._answered()

    def _answered(self) -> "Tab":
        self.page.wait_for_selector("#answer[aria-busy=false]")
        # The page tells its own faults in words, so the console says nothing of them.
        assert "This page has a fault" not in self.text("#answer"), self.text("#problems")
        return self

    def switch(self, size: Sequence[int], scheme: str) -> None:
        """Another window and other colours, without loading the page again."""
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.emulate_media(color_scheme=scheme)

    def text(self, selector: str) -> str:
        """The text of the element that a person sees."""
        return str(self.page.inner_text(selector))

    def facts(self, column: int = -1) -> dict[str, str]:
        """A column of the table of numbers; the last one is the tensor that is shown."""
        rows: list[list[str]] = self.page.eval_on_selector_all(
            "#facts tbody tr", "rows => rows.map(row => [...row.cells].map(c => c.textContent))"
        )
        return {row[0]: row[-1 if len(row) == 2 else column] for row in rows}

    def problems(self, field: str) -> list[str]:
        """The problems beside a field."""
        selector = f".field:has(#{field}) .problem"
        return [str(text) for text in self.page.locator(selector).all_inner_texts()]

    def data(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        return self.page.evaluate(script)


class Browser:
    """Chromium, and a server for its tabs."""

    def __init__(self, chromium: Any, address: Address) -> None:
        self.chromium = chromium
        self.address = address

    @contextmanager
    def tab(
        self, size: Sequence[int] = DESK, scheme: str = "light", *, careless: bool = False
    ) -> Iterator[Tab]:
        """A tab with nothing in its cache. Its errors and requests are checked at the end."""
        context = self.chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
        )
        try:
            tab = Tab(context.new_page(), self.address)
            yield tab
            if not careless:
                assert tab.seen.errors == []
                assert tab.seen.off_host() == []
        finally:
            context.close()


def share(values: Iterable[Any], count: int) -> list[Any]:
    """Parameters of a test, of which .ci/run takes the first ones."""
    return [
        pytest.param(each, marks=pytest.mark.ci) if place < count else each
        for place, each in enumerate(values)
    ]


@contextmanager
def browser(address: Address) -> Iterator[Browser]:
    """Chromium while the block runs. Playwright lies in an environment of its own."""
    site = site_of(python_with("page-venv", ROOT / "checks" / "page.txt"))
    sys.path.append(str(site))
    try:
        from playwright.sync_api import sync_playwright

        program = shutil.which("chromium")
        with sync_playwright() as playwright:
            # Chromium's sandbox refuses to run as root, as which tests in containers run.
            chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            try:
                yield Browser(chromium, address)
            finally:
                chromium.close()
    finally:
        sys.path.remove(str(site))


def faults(tab: Tab) -> list[tuple[str, list[str]]]:
    """The serious and critical faults that axe finds on the page, with the elements."""
    folder = folder_with("page-axe", ROOT / "tests" / "page" / "axe" / "package.json")
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    tab.data(script.read_text(encoding="utf-8"))
    found = tab.data("axe.run().then(result => JSON.stringify(result.violations))")
    return [
        (fault["id"], [node["html"][:200] for node in fault["nodes"]])
        for fault in json.loads(found)
        if fault["impact"] in ("serious", "critical")
    ]
