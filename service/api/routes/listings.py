"""The tables as JSON: schemes, activations, layers, dtypes, and what each reason code means.

A table cannot change while the process lives, so its answer is made once.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from service.api.documents import document
from service.api.operations import listing_operations, record_operations
from service.api.problems import respond
from service.api.queries import refuse_fields
from service.api.reasons import REASONS
from service.api.routing import PlainRoute
from service.api.scheme_schema import scheme_schema
from service.errors import UnreadableError
from service.initializers.activations import ACTIVATIONS
from service.initializers.auto import resolve_auto
from service.initializers.layers import FRAMEWORKS, LAYERS
from service.initializers.layouts import LETTERS
from service.initializers.schemes import AUTO, SCHEMES, Scheme, find_scheme
from service.initializers.words import unknown_word
from service.plan.drafts import status_of
from service.stream.precision import PRECISIONS
from service.wire.dtypes import DTYPES
from service.wire.formats import FORMATS
from service.wire.json_text import json_bytes

_LETTER_MEANINGS = {
    "E": "independent copies: experts, depthwise channels, rows of an embedding",
    "O": "out",
    "I": "in",
    "D": "kernel depth",
    "H": "kernel height",
    "W": "kernel width",
}

_NO_FIELDS = "leave it out: this answer is always whole"


def routes() -> list[PlainRoute]:
    """A path for each table, and one for each record of those that have pages of their own."""
    return [
        _listing("schemes", "Scheme", schemes()),
        _listing("activations", "Activation", activations()),
        _listing("layers", "Layer", layers()),
        _listing("dtypes", "Dtype", dtypes()),
        PlainRoute(
            "/schemes/{name}", scheme, record_operations("SchemeWithSchema", "name", "he_normal")
        ),
        PlainRoute(
            "/problems/{reason}", reason, record_operations("Reason", "reason", "unknown_word")
        ),
    ]


def schemes() -> dict[str, Any]:
    """Every scheme, and which of them `auto` is."""
    return {"schemes": [_scheme(scheme) for scheme in SCHEMES.values()], AUTO: _auto()}


def activations() -> dict[str, Any]:
    """Every activation with its Gaussian moments and gains."""
    return {
        "activations": [
            asdict(activation)
            | {"takes_slope": activation.takes_slope}
            | {"status": status_of("activation", activation.name)}
            for activation in ACTIVATIONS.values()
        ]
    }


def layers() -> dict[str, Any]:
    """Every layer with its letters in each framework that has it, and what the letters mean."""
    return {
        "layers": [
            asdict(layer) | {"ranks": layer.ranks, "status": status_of("layer", layer.name)}
            for layer in LAYERS.values()
        ],
        "frameworks": FRAMEWORKS,
        "letters": {letter: _LETTER_MEANINGS[letter] for letter in LETTERS},
    }


def dtypes() -> dict[str, Any]:
    """Every element type with its precision, and the formats that carry it."""
    return {
        "dtypes": [
            asdict(dtype)
            | asdict(PRECISIONS[name])
            | {"formats": [f.name for f in FORMATS.values() if name in f.dtypes]}
            | {"status": status_of("dtype", name)}
            for name, dtype in DTYPES.items()
        ]
    }


async def scheme(request: Request) -> Response:
    """One scheme, by name or alias, and what a request for it may say."""
    refuse_fields(request, _NO_FIELDS)
    try:
        found = find_scheme(request.path_params["name"])
    except UnreadableError as error:
        return _lost(error)
    return document(request, json_bytes(_scheme(found) | {"schema": scheme_schema(found)}))


async def reason(request: Request) -> Response:
    """What a reason code means."""
    refuse_fields(request, _NO_FIELDS)
    code = request.path_params["reason"]
    if code not in REASONS:
        return _lost(unknown_word("reason", code, REASONS, {}, "/openapi.json"))
    return document(request, json_bytes({"reason": code} | asdict(REASONS[code])))


def _listing(name: str, record: str, table: Mapping[str, Any]) -> PlainRoute:
    body = json_bytes(table)

    async def answer(request: Request) -> Response:
        refuse_fields(request, _NO_FIELDS)
        return document(request, body)

    return PlainRoute(f"/{name}", answer, listing_operations(name, record))


def _lost(error: UnreadableError) -> Response:
    """A word of the path that is in no table makes a path that leads nowhere."""
    return respond(404, "not_found", *error.problems)


def _scheme(scheme: Scheme) -> dict[str, Any]:
    return asdict(scheme) | {"revisions": [1], "status": status_of("scheme", scheme.name)}


def _auto() -> dict[str, Any]:
    """The scheme `auto` is, by layer where the activation makes no difference."""
    by_layer = {name: {resolve_auto(name, each) for each in ACTIVATIONS} for name in LAYERS}
    settled = {name: found.pop() for name, found in by_layer.items() if len(found) == 1}
    others = next(name for name in LAYERS if name not in settled)
    return {
        "edition": 1,
        "layers": settled,
        "activations": {each: resolve_auto(others, each) for each in ACTIVATIONS},
    }
