"""The tables of the interface as plain records, for JSON: HTTP and the shell give the same."""

from dataclasses import asdict
from typing import Any

from service.dtypes import DTYPES
from service.errors import Problem, UnreadableError
from service.initializers.activations import ACTIVATIONS
from service.initializers.auto import resolve_auto
from service.initializers.layers import FRAMEWORKS, LAYERS
from service.initializers.layouts import LETTERS
from service.initializers.schemes import AUTO, SCHEMES, Scheme, find_scheme
from service.listings.scheme_schema import scheme_schema
from service.plan.drafts import status_of
from service.stream.precision import PRECISIONS
from service.wire.formats import FORMATS

_LETTER_MEANINGS = {
    "E": "independent copies: experts, depthwise channels, rows of an embedding",
    "O": "out",
    "I": "in",
    "D": "kernel depth",
    "H": "kernel height",
    "W": "kernel width",
}


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


def scheme(name: str) -> dict[str, Any]:
    """One scheme, by name or alias, and what a request for it may say.

    Raises UnreadableError for a name or a revision that there is not.
    """
    if name.partition("@")[0] == AUTO:
        message = f"{AUTO} is no scheme: it stands for one by the layer and its activation"
        hint = "/schemes has its table"
        raise UnreadableError("unknown_word", Problem("scheme", message, hint))
    found = find_scheme(name)
    return _scheme(found) | {"schema": scheme_schema(found)}


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
