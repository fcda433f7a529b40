"""The listings as JSON objects. HTTP and the command line return the same ones."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from service.dtypes import DTYPES
from service.errors import Problem, UnreadableError
from service.fields import Spec, parse_query
from service.initializers.activations import ACTIVATIONS
from service.initializers.auto import resolve_auto
from service.initializers.layers import FRAMEWORKS, LAYERS
from service.initializers.layouts import LETTERS
from service.initializers.references import Reference
from service.initializers.schemes import AUTO, SCHEMES, Scheme, family_of, find_scheme
from service.initializers.schemes.record import INPUTS, Access, Preset
from service.listings.scheme_schema import scheme_schema
from service.listings.search import SchemeFilter, matching
from service.plan import plan
from service.plan.canonical import PATH
from service.plan.drafts import status_of
from service.stream.precision import PRECISIONS
from service.stream.sources.materialised import MOST_ELEMENTS, MOST_MATRICES, MOST_SIDE
from service.wire.formats import FORMATS
from service.wire.json_text import json_bytes

_ALL = SchemeFilter()

_LETTER_MEANINGS = {
    "E": "independent copies: experts, depthwise channels, rows of an embedding",
    "O": "out",
    "I": "in",
    "D": "kernel depth",
    "H": "kernel height",
    "W": "kernel width",
}

SLICING: dict[Access, str] = {
    "elementwise": (
        "Each element is computed alone, from its own random words if it uses any. Any size is "
        "possible, and a slice costs only its own elements."
    ),
    "index": (
        "Each element is computed alone, from its position. Any size is possible, and a slice "
        "costs only its own elements."
    ),
    "materialised": (
        "Each element is an entry of a matrix that is computed as a whole. A tensor has at most "
        f"{MOST_ELEMENTS:,} elements in at most {MOST_MATRICES:,} matrices, whose sides are at "
        f"most {MOST_SIDE:,}, also if only a slice is requested. A slice costs at most the "
        "matrices that it is part of. If a matrix has at most as many outputs as inputs, a slice "
        "of its first outputs costs less than the whole matrix."
    ),
}
"""The size of a tensor and the cost of a slice, for each kind of access."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A field that a scheme takes beside those that describe the layer and select the tensor.

    `default` is its value if the request has none. It is null if that depends on the request, such
    as a fan that is counted or the gain of an activation, or if there is none.
    """

    name: str
    meaning: str
    default: Any


@dataclass(frozen=True, slots=True)
class ListedScheme:
    """A scheme in a listing: its record without the law.

    `gain` is a number, `one`, `he` or `activation`. `access` says how an element is computed: from
    its own random words (`elementwise`), from its position alone (`index`), or as an entry of a
    matrix that is computed whole (`materialised`). `preset` is the framework and the layer whose
    default the scheme is.

    `parameters` are the `fields` with their meanings and defaults. `variants` are the values of the
    field `variant`. `slicing` says how large a tensor may be and what a slice costs. `source` is
    the file of a peer that the scheme follows, with its release or commit. `fault` is a known fault
    of the peer, which the scheme repeats. `family` groups schemes: a framework, or a kind. `draft`
    is the edition of a draft's bytes; null if they are frozen. `example_url` shows the scheme.
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
    parameters: tuple[Parameter, ...]
    variants: tuple[str, ...]
    slicing: str
    source: str | None
    fault: str | None
    family: str
    draft: int | None
    example_url: str


def schemes(wanted: SchemeFilter = _ALL) -> dict[str, Any]:
    """The wanted schemes, and the scheme that `auto` means for each layer and activation."""
    return {"schemes": [_scheme(scheme) for scheme in matching(wanted)], AUTO: _auto()}


class SchemesText:
    """The listing of the schemes as JSON. The text of each scheme is made once.

    Writing all schemes anew takes 50 ms, and joining their texts less than 1 ms.
    """

    def __init__(self) -> None:
        # In the listing a record is indented by four blanks. No string in JSON has a raw newline,
        # so all newlines are those of the indentation.
        self._records = {
            name: json_bytes(_scheme(scheme)).rstrip().replace(b"\n", b"\n    ")
            for name, scheme in SCHEMES.items()
        }
        self._none = json_bytes({"schemes": [], AUTO: _auto()})
        before, _, after = self._none.partition(b"[]")
        self._before, self._after = before + b"[\n    ", b"\n  ]" + after

    def of(self, wanted: SchemeFilter = _ALL) -> bytes:
        """The bytes of `json_bytes(schemes(wanted))`."""
        records = [self._records[scheme.name] for scheme in matching(wanted)]
        if not records:
            return self._none
        # The ends are joined to single records, so that `join` copies the megabyte only once.
        records[0] = self._before + records[0]
        records[-1] += self._after
        return b",\n    ".join(records)


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
    return _listed(scheme) | {"status": status_of("scheme", scheme.name)}


@cache
def _listed(scheme: Scheme) -> dict[str, Any]:
    """What does not depend on the table of drafts.

    It is kept for filtered listings, and nobody may change it.
    """
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
        parameters=tuple(_parameter(scheme, field) for field in scheme.fields),
        variants=scheme.variants,
        slicing=SLICING[scheme.access],
        source=scheme.source,
        fault=None if scheme.fault is None else scheme.fault.replace(INPUTS, "I"),
        family=family_of(scheme.name),
        draft=scheme.draft,
        example_url=_example_url(scheme.name, scheme.example),
    )
    return asdict(listed)


def _parameter(scheme: Scheme, field: str) -> Parameter:
    default = getattr(scheme.defaults, field)
    if field == "gain" and default is None:
        default = _default_gain(scheme)
    return Parameter(field, Spec.model_fields[field].description or "", default)


def _default_gain(scheme: Scheme) -> float | None:
    """The gain without a request for another one; None if the slope or the activation decides."""
    if scheme.gain == "one":
        return 1.0
    return scheme.gain if isinstance(scheme.gain, float) else None


@cache
def _example_url(name: str, example: str) -> str:
    """The path-absolute URL of the example, with seed and name if random words are used.

    The URL is kept because the plan of a large table takes milliseconds.
    """
    query = f"{example}&scheme={name}"
    planned = plan(parse_query(query.encode()), "npy", max_bytes=2**40)
    address = "&seed=1&name=w" if planned.needs_seed else ""
    return f"{PATH}.npy?{query}{address}"


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
