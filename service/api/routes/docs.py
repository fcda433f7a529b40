"""/docs: the OpenAPI document as a page that needs nothing else, not even a script."""

from collections.abc import Iterable
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.api.conditions import answer_without_body, entity_tag
from service.api.operations import page_operation
from service.api.routing import PlainRoute

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Fanin</title>
<style>body {{ font: 1rem/1.5 sans-serif; margin: 2rem; max-width: 60rem }}
td {{ padding: 0 1rem .5rem 0; vertical-align: top }}</style>
<h1>Fanin</h1>
<p>{summary} For machines: <a href="/openapi.json">openapi.json</a>.</p>
<h2>Paths</h2>
<table>{paths}</table>
<h2>Fields, from input_activation on of /recommend alone</h2>
<table>{fields}</table>
</html>
"""


def routes() -> list[PlainRoute]:
    """The one page."""
    return [PlainRoute("/docs", docs, {"get": page_operation()})]


async def docs(request: Request) -> Response:
    """The page, which may be kept and is asked for anew each time."""
    page = render(request.app.openapi())
    tag = entity_tag(page.encode())
    headers = {"ETag": tag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return answer_without_body(request, tag, headers) or HTMLResponse(page, headers=headers)


def render(document: dict[str, Any]) -> str:
    """Paths with their summaries, and fields with their descriptions."""
    operations = (
        (f"{method.upper()} {path}", operation["summary"])
        for path, item in document["paths"].items()
        for method, operation in item.items()
    )
    fields = (
        (f"{each['name']}={each['example']}", each["description"])
        for each in document["components"]["parameters"].values()
        if each["in"] == "query"
    )
    summary = escape(document["info"]["summary"])
    return _PAGE.format(summary=summary, paths=_rows(operations), fields=_rows(fields))


def _rows(cells: Iterable[tuple[str, str]]) -> str:
    return "\n".join(
        f"<tr><td><code>{escape(left)}</code></td><td>{escape(right)}</td></tr>"
        for left, right in cells
    )
