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
<meta charset="utf-8">
<title>Fanin</title>
<style>body {{ font: 1rem/1.5 sans-serif; margin: 2rem; max-width: 60rem }}
td {{ padding: 0 1rem .5rem 0; vertical-align: top }}</style>
<h1>Fanin</h1>
<p>{summary} For machines: <a href="/openapi.json">openapi.json</a>.</p>
<h2>Paths</h2>
<table>{paths}</table>
{fields}
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
    )
    parameters = document["components"]["parameters"]
    members = document["components"]["schemas"]["Measurement"]["properties"]
    measured = (_member(name, members[name]) for name in MEASURED_FIELDS)
    tables = (
        f"<h2>{heading}</h2>\n<table>{_rows(_field(parameters[name]) for name in names)}</table>"
        for heading, names in _FIELDS.items()
    )
    summary = escape(document["info"]["summary"])
    body = f"<h2>More members of /calibrate</h2>\n<table>{_rows(measured)}</table>"
    fields = "\n".join((*tables, body))
    return _PAGE.format(summary=summary, paths=_rows(operations), fields=fields)


def _field(parameter: dict[str, Any]) -> tuple[str, str]:
    return f"{parameter['name']}={parameter['example']}", parameter["description"]


def _member(name: str, schema: dict[str, Any]) -> tuple[str, str]:
    return f"{name}: {json.dumps(schema['examples'][0])}", schema["description"]


def _rows(cells: Iterable[tuple[str, str]]) -> str:
    return "\n".join(
        f"<tr><td><code>{escape(left)}</code></td><td>{escape(right)}</td></tr>"
        for left, right in cells
    )
