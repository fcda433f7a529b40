"""/docs/plain: the OpenAPI document as one HTML page, without scripts or other files."""

import json
from collections.abc import Iterable
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.advice import Question
from service.api.operations import page_operations
from service.api.pages import revalidated_page
from service.api.routing import PlainRoute
from service.calibration.measurement import MEASURED_FIELDS
from service.fields import FIELDS
from service.listings import SchemeFilter
from service.propagation import Stack

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Fanin: all paths and fields</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>
:root {{ --paper: #fbfaf7; --ink: #1c1b19; --line: #d9d5ca; --link: #1d4f91; --code: #f3f1ea }}
@media (prefers-color-scheme: dark) {{
  :root {{ --paper: #15171b; --ink: #e9e6df; --line: #353942; --link: #8db8f2; --code: #1d2026 }}
}}
body {{ margin: 0 auto; max-width: 64rem; padding: 1.5rem 1.5rem 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, "Liberation Sans", sans-serif;
  overflow-wrap: anywhere }}
h1, h2 {{ font-family: Palatino, Georgia, serif; line-height: 1.2 }}
h2 {{ margin: 2rem 0 0.5rem }}
a {{ color: var(--link); margin-right: 1rem }}
:focus-visible {{ outline: 2px solid var(--link); outline-offset: 2px }}
dl {{ display: grid; grid-template-columns: 21rem minmax(0, 1fr); margin: 0 }}
dt, dd {{ margin: 0; padding: 0.35rem 1rem 0.35rem 0; border-top: 1px solid var(--line) }}
code {{ background: var(--code); font-size: 0.875rem; padding: 0.1rem 0.25rem; border-radius: 3px }}
@media (max-width: 50rem) {{
  body {{ padding: 1rem 1rem 3rem }}
  dl {{ grid-template-columns: minmax(0, 1fr) }}
  dt {{ padding-bottom: 0 }}
  dd {{ border: 0; padding-top: 0.1rem }}
}}
</style>
</head>
<body>
<main>
<h1>Fanin</h1>
<p>{summary}</p>
<p><a href="/">The page for people</a> <a href="/docs">API explorer</a>
<a href="/openapi.json">openapi.json</a></p>
<h2>Paths</h2>
<p>HEAD works wherever GET does, and sends only the headers.</p>
<dl>{paths}</dl>
{fields}
</main>
</body>
</html>
"""

_FIELDS = {
    "Fields": FIELDS,
    "More fields of /recommend": [name for name in Question.model_fields if name not in FIELDS],
    "More fields of /propagate": [
        name for name in Stack.model_fields if name not in Question.model_fields
    ],
    "Fields of /schemes": list(SchemeFilter.model_fields),
}
"""The names of the fields under each heading of the page."""


def routes() -> list[PlainRoute]:
    """The only route."""
    return [PlainRoute("/docs/plain", docs, page_operations())]


async def docs(request: Request) -> Response:
    """The page. Caches must revalidate it before each use."""
    return revalidated_page(request, render(await request.app.document.schema()).encode())


def render(document: dict[str, Any]) -> str:
    """The page: each path with its summary, and each field with its description."""
    operations = (
        (f"{method.upper()} {path}", operation["summary"])
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "head"
    )
    parameters = document["components"]["parameters"]
    members = document["components"]["schemas"]["Measurement"]["properties"]
    measured = (_member(name, members[name]) for name in MEASURED_FIELDS)
    tables = (
        f"<h2>{heading}</h2>\n<dl>{_rows(_field(parameters[name]) for name in names)}</dl>"
        for heading, names in _FIELDS.items()
    )
    summary = escape(document["info"]["summary"])
    body = f"<h2>More members of /calibrate</h2>\n<dl>{_rows(measured)}</dl>"
    fields = "\n".join((*tables, body))
    return _PAGE.format(summary=summary, paths=_rows(operations), fields=fields)


def _field(parameter: dict[str, Any]) -> tuple[str, str]:
    return f"{parameter['name']}={parameter['example']}", parameter["description"]


def _member(name: str, schema: dict[str, Any]) -> tuple[str, str]:
    return f"{name}: {json.dumps(schema['examples'][0])}", schema["description"]


def _rows(cells: Iterable[tuple[str, str]]) -> str:
    return "\n".join(
        f"<dt><code>{escape(left)}</code></dt><dd>{escape(right)}</dd>" for left, right in cells
    )
