"""One spelling for everything that is the same: the canonical spec of a tensor, and its URL.

A field is left out if the request without it has the same letters, the same places of its
elements, the same draws with their constants, the same file head and the same facts. Whether two
requests happen to come out with equal values is never looked at, so no value has to be computed,
and another implementation decides alike. A field without which the request is refused stays, and
has to stay when a later edition can do without it (docs/stream-v1.md, section 11).
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from service.errors import FaninError, ImpossibleError, Problem
from service.fields import DEFAULTS, FIELDS, Spec, write_query
from service.fields.writing import changed_fields
from service.plan.laws import activation_of
from service.plan.tensor import Tensor, head_of, resolve
from service.plan.warnings import PlanWarning, warnings_of

PATH = "/v1/weights"

MOST_URL_BYTES = 2048
"""What every client, proxy and cache on the way carries."""

_ALWAYS_WRITTEN = ("shape", "scheme")
"""A URL that says how it was made can be read by people, and `auto` need not be."""


_ADDRESS = {field: DEFAULTS[field] for field in ("seed", "name")}
"""Where a tensor's random words are: what tensors of one kind differ in."""

KINDS_KEPT = 1024
"""Kinds of tensors whose canonical form is remembered; each takes a few KiB."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What all requests that differ in seed and name alone have in common.

    `tensor` is canonical; `warnings` are those of the request as it was spelled.
    """

    tensor: Tensor
    warnings: tuple[PlanWarning, ...]


def canonical_tensor(spec: Spec, written: str) -> Tensor:
    """The tensor of this spec, its own spec being the canonical one."""
    return _addressed(_kind_of(spec, written).tensor, spec.seed, spec.name)


def spelled_warnings(spec: Spec, written: str) -> tuple[PlanWarning, ...]:
    """The warnings that the spec deserves as it is spelled, name aside."""
    return _kind_of(spec, written).warnings


def _kind_of(spec: Spec, written: str) -> Kind:
    return _kind(spec.model_copy(update=_ADDRESS), written)


@lru_cache(maxsize=KINDS_KEPT)
def _kind(spec: Spec, written: str) -> Kind:
    """The kind of a spec without seed and name.

    What is left out can change what is normal, so both go on until the spec stays as it is.
    """
    spelled = tensor = resolve(spec, written)
    for _ in FIELDS:
        shorter = _reduced(resolve(_normalised(tensor), written))
        if shorter.spec == tensor.spec:
            break
        tensor = shorter
    return Kind(tensor, warnings_of(spelled))


def _addressed(kind: Tensor, seed: int | None, name: str) -> Tensor:
    """With seed and name, as far as they make a difference: to values, head or certificate."""
    named = kind.spec.model_copy(update={"name": name})
    head = head_of(named, kind.format, kind.placement)
    if kind.uses_words:
        return replace(kind, spec=named.model_copy(update={"seed": seed}), head=head)
    told = kind.format == "json" or head != kind.head
    return replace(kind, spec=named if told else kind.spec, head=head)


def canonical_url(tensor: Tensor) -> str:
    """The path-absolute URL of a tensor whose spec is canonical.

    Raises ImpossibleError (`spec_too_long`) for one that not every proxy would carry.
    """
    url = f"{PATH}.{tensor.format}?{write_query(tensor.spec)}"
    if len(url) > MOST_URL_BYTES:
        message = f"the canonical URL has {len(url)} bytes, more than {MOST_URL_BYTES}"
        raise ImpossibleError("spec_too_long", Problem("name", message, "shorten the name"))
    return url


def _normalised(tensor: Tensor) -> Spec:
    """The same spec with the one spelling of each value: the scheme that `auto` is, letters, the
    gain that a scale comes to, the activation that a slope implies."""
    spec, placement = tensor.spec, tensor.placement
    heights = spec.parts if isinstance(spec.parts, tuple) else ()
    sloped = spec.negative_slope is not None
    usual_slope = activation_of(spec).slope
    whole = all(
        interval == (0, extent)
        for interval, extent in zip(placement.intervals, spec.shape, strict=True)
    )
    return spec.model_copy(
        update={
            "scheme": tensor.scheme.name,
            "layout": placement.letters or None,
            "activation": activation_of(spec).name if sloped else spec.activation,
            "negative_slope": None if spec.negative_slope == usual_slope else spec.negative_slope,
            "parts": len(heights) if len(set(heights)) == 1 else spec.parts,
            "stride": spec.stride[:1] if len(set(spec.stride)) == 1 else spec.stride,
            "gain": spec.gain if spec.scale is None else tensor.law.gain,
            "scale": None,
            "slice": None if whole else _shortest_slice(placement.intervals, spec.shape),
        }
    )


def _shortest_slice(
    intervals: tuple[tuple[int, int], ...], shape: tuple[int, ...]
) -> tuple[tuple[int | None, int | None], ...]:
    return tuple(
        (start or None, None if stop == extent else stop)
        for (start, stop), extent in zip(intervals, shape, strict=True)
    )


def _reduced(tensor: Tensor) -> Tensor:
    """Without every field that makes no difference, until each that is left makes one."""
    answer = _answer(tensor)
    while (shorter := _passed_over(tensor, answer)) is not tensor:
        tensor = shorter
    return tensor


def _passed_over(tensor: Tensor, answer: tuple[object, ...]) -> Tensor:
    """Each field in the table's order is left out if it can be."""
    for field, _ in changed_fields(tensor.spec):
        if field in _ALWAYS_WRITTEN:
            continue
        shorter = _without(tensor, field)
        if shorter is not None and _answer(shorter) == answer:
            tensor = shorter
    return tensor


def _without(tensor: Tensor, field: str) -> Tensor | None:
    """The tensor without the field; an activation takes its slope along, which would imply it."""
    left_out = (field, "negative_slope") if field == "activation" else (field,)
    shorter = tensor.spec.model_copy(update={name: DEFAULTS[name] for name in left_out})
    try:
        return resolve(shorter, tensor.format)
    except FaninError:
        return None


def _answer(tensor: Tensor) -> tuple[object, ...]:
    """All that the answer of a kind is made of: equal tuples are equal bytes with equal facts.

    The places of elements do not count where there is no element or all have one value. Whether
    they are drawn from random words makes no difference: an index function has places, too. A
    certificate tells the order in any case.
    """
    spec, placement = tensor.spec, tensor.placement
    facts = (placement.letters, tensor.scheme.name, tensor.blocks, spec.dtype, placement.shape)
    order = None if tensor.all_equal else placement.lattice
    told = placement.fortran if tensor.format == "json" else None
    return tensor.head, facts, order, told
