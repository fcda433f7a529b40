"""The tables as JSON: schemes, activations, layers, dtypes and reason codes.

A table does not change while the process runs, so the body of a whole table is made once.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service import listings
from service.api.operations import (
    listing_operations,
    record_operations,
    schemes_operations,
)
from service.api.problems import listed, respond
from service.api.reasons import REASONS
from service.api.requests import refuse_fields
from service.api.responses import Document, revalidated_json
from service.api.routing import PlainRoute
from service.errors import Problem, UnreadableError
from service.initializers.unknown_words import unknown_word
from service.wire.json_text import json_bytes

_NO_FIELDS = "leave it out: this path takes no fields"


def routes() -> list[PlainRoute]:
    """A route for each table, and a route for single schemes and for single reasons."""
    return [
        _schemes(),
        _listing("activations", "Activation", listings.activations()),
        _listing("layers", "Layer", listings.layers()),
        _listing("dtypes", "Dtype", listings.dtypes()),
        PlainRoute(
            "/schemes/{name}", scheme, record_operations("SchemeWithSchema", "name", "he_normal")
        ),
        PlainRoute(
            "/problems/{reason}", reason, record_operations("Reason", "reason", "unknown_word")
        ),
    ]


async def scheme(request: Request) -> Response:
    """One scheme by name or alias, with the JSON Schema of its requests."""
    refuse_fields(request, _NO_FIELDS)
    try:
        record = listings.scheme(request.path_params["name"])
    except UnreadableError as error:
        return _lost(*error.problems)
    return revalidated_json(request, json_bytes(record))


async def reason(request: Request) -> Response:
    """One reason code with its meaning."""
    refuse_fields(request, _NO_FIELDS)
    code = request.path_params["reason"]
    if code not in REASONS:
        [problem] = unknown_word("reason", code, REASONS, {}, None).problems
        return _lost(replace(problem, hint=listed(problem.hint, "/openapi.json")))
    return revalidated_json(request, json_bytes({"reason": code} | asdict(REASONS[code])))


def _schemes() -> PlainRoute:
    """The route of the schemes, the only table that can be filtered."""
    text = listings.SchemesText()
    whole = Document.of(text.of())

    async def answer(request: Request) -> Response:
        query = request.scope["query_string"]
        if not query:
            return whole.answer(request)
        return revalidated_json(request, text.of(listings.parse_filter_query(query)))

    return PlainRoute("/schemes", answer, schemes_operations())


def _listing(name: str, record: str, table: Mapping[str, Any]) -> PlainRoute:
    document = Document.of(json_bytes(table))

    async def answer(request: Request) -> Response:
        refuse_fields(request, _NO_FIELDS)
        return document.answer(request)

    return PlainRoute(f"/{name}", answer, listing_operations(name, record))


def _lost(*problems: Problem) -> Response:
    """404 with the problems of a path whose last word is in no table."""
    return respond(404, "not_found", *problems)
