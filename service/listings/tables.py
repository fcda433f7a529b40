"""The listings as JSON objects. HTTP and the command line return the same ones."""

from dataclasses import asdict, dataclass
from typing import Any

from service.dtypes import DTYPES
from service.errors import Problem, UnreadableError
from service.initializers.activations import ACTIVATIONS
from service.initializers.auto import resolve_auto
from service.initializers.layers import FRAMEWORKS, LAYERS
from service.initializers.layouts import LETTERS
from service.initializers.references import Reference
from service.initializers.schemes import AUTO, SCHEMES, Scheme, find_scheme
from service.initializers.schemes.record import Access, Preset
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


@dataclass(frozen=True, slots=True)
class ListedScheme:
    """A scheme in a listing: its record without the law.

    `gain` is a number, `one`, `he` or `activation`. `access` says how an element is computed: from
    its own random words (`elementwise`), from its position alone (`index`), or as an entry of a
    matrix that is computed whole (`materialised`). `preset` is the framework and the layer whose
    default the scheme is.
    """

    name: str
    summary: str
    formula: str
    distribution: str
    fields: tuple[str, ...]
    aliases: tuple[str, ...]
    distributions: tuple[str, ...]
    mode: str | None
    gain: str | float | None
    value: float | None
    references: tuple[Reference, ...]
    access: Access
    defaults: dict[str, Any]
    preset: Preset | None
    revisions: tuple[int, ...]


def schemes() -> dict[str, Any]:
    """All schemes, and the scheme that `auto` means for each layer and activation."""
    return {"schemes": [_scheme(scheme) for scheme in SCHEMES.values()], AUTO: _auto()}


def activations() -> dict[str, Any]:
    """All activations with their Gaussian moments and gains."""
    return {
        "activations": [
            asdict(activation)
            | {"takes_slope": activation.takes_slope}
            | {"status": status_of("activation", activation.name)}
            for activation in ACTIVATIONS.values()
        ]
    }


def layers() -> dict[str, Any]:
    """All layers with their letters in each framework, and the meanings of the letters."""
    return {
        "layers": [
            asdict(layer) | {"ranks": layer.ranks, "status": status_of("layer", layer.name)}
            for layer in LAYERS.values()
        ],
        "frameworks": FRAMEWORKS,
        "letters": {letter: _LETTER_MEANINGS[letter] for letter in LETTERS},
    }


def dtypes() -> dict[str, Any]:
    """All dtypes with their precision and the formats that support them."""
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
    """One scheme, by name or alias, with the JSON Schema of its requests.

    Raises UnreadableError for an unknown name or revision.
    """
    if name.partition("@")[0] == AUTO:
        message = f"{AUTO} is not a scheme: it chooses one by the layer and its activation"
        problem = Problem("scheme", message, "name the scheme that it chooses", "schemes")
        raise UnreadableError("unknown_word", problem)
    found = find_scheme(name)
    return _scheme(found) | {"schema": scheme_schema(found)}


def _scheme(scheme: Scheme) -> dict[str, Any]:
    listed = ListedScheme(
        name=scheme.name,
        summary=scheme.summary,
        formula=scheme.formula,
        distribution=scheme.distribution,
        fields=scheme.fields,
        aliases=scheme.aliases,
        distributions=scheme.distributions,
        mode=scheme.mode,
        gain=scheme.gain,
        value=scheme.value,
        references=scheme.references,
        access=scheme.access,
        defaults=scheme.defaults.present(),
        preset=scheme.preset,
        revisions=(1,),
    )
    return asdict(listed) | {"status": status_of("scheme", scheme.name)}


def _auto() -> dict[str, Any]:
    """The scheme that `auto` means, by layer if it is the same for all activations."""
    by_layer = {name: {resolve_auto(name, each) for each in ACTIVATIONS} for name in LAYERS}
    settled = {name: found.pop() for name, found in by_layer.items() if len(found) == 1}
    others = next(name for name in LAYERS if name not in settled)
    return {
        "edition": 1,
        "layers": settled,
        "activations": {each: resolve_auto(others, each) for each in ACTIVATIONS},
    }
