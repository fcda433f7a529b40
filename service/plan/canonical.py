"""The canonical spec of a tensor and its URL. All spellings of a request have the same ones.

A field is dropped if the result is unchanged without it. This is found by trying: both requests
must have the same letters, lattice, laws, file head and facts. Values are not compared, so none is
computed, and other implementations reach the same URL. A field stays if the request is refused
without it. It also stays if a later edition accepts the request without it (docs/stream-v1.md,
section 11).
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from service.errors import FaninError, ImpossibleError, Problem
from service.fields import DEFAULTS, FIELDS, Spec
from service.fields.writing import changed_fields, write_item
from service.initializers.schemes import SCHEMES
from service.plan.laws import activation_of, usual_slope
from service.plan.tensor import Tensor, renamed_head, resolve
from service.plan.warnings import PlanWarning, warnings_of
from service.stream.draws import IndexFunction, Repeated

PATH = "/v1/weights"

MOST_URL_BYTES = 2048
"""A length that clients, proxies and caches commonly support."""

_ALWAYS_WRITTEN = ("shape", "scheme")
"""People can then read the URL, and it does not depend on `auto`."""


_ADDRESS = {field: DEFAULTS[field] for field in ("seed", "name")}
"""The defaults of seed and name. Requests of one kind differ only in these fields."""

_BEFORE_ADDRESS = FIELDS[: FIELDS.index("seed")]
"""The fields that come before seed and name in the table. Seed and name follow each other there.
Shape is one of these fields, so the query of a canonical URL never begins with seed or name."""

KINDS_KEPT = 1024
"""The number of cached kinds. Each takes a few KiB, and 1 KiB more for each block."""

MOST_BLOCKS_KEPT = 16
"""A kind of more blocks is not cached, so that the cache stays below 32 MiB."""

MOST_VALUES_KEPT = 64
"""The kind of a filter that has more numbers is not cached. Filters have up to 4,096."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The common result of all requests that differ only in seed and name.

    `tensor` is canonical. `warnings` depend on the spelling of the request.
    """

    tensor: Tensor
    warnings: tuple[PlanWarning, ...]


def canonical(spec: Spec, format_name: str) -> tuple[Tensor, tuple[PlanWarning, ...]]:
    """The tensor of this spec, and the warnings for this spelling, without those about the name.

    The tensor's `spec` is canonical.
    """
    kind = kind_of(spec, format_name)
    identity = identity_of(kind.tensor, spec.seed, spec.name)
    return identified(kind.tensor, identity), kind.warnings


def kind_of(spec: Spec, format_name: str) -> Kind:
    """The kind of this spec. Its seed and name do not matter."""
    bare = spec.model_copy(update=_ADDRESS)
    if not is_small(spec):
        return _new_kind(bare, format_name)
    return _kept_kind(bare, format_name)


def is_small(spec: Spec) -> bool:
    """Whether the plan of this spec takes little memory, so that caches may keep it."""
    if isinstance(spec.parts, tuple) and len(spec.parts) > MOST_BLOCKS_KEPT:
        return False
    named = (SCHEMES.get(spec.scheme), SCHEMES.get(spec.inner or ""))
    if not any(scheme is not None and scheme.holds_values for scheme in named):
        return True
    return len(spec.kernel or ()) <= MOST_VALUES_KEPT and _holds_few_values(
        spec.model_copy(update=_ADDRESS)
    )


@lru_cache(maxsize=KINDS_KEPT)
def _holds_few_values(spec: Spec) -> bool:
    """Whether the draws of a filter have few numbers. The filter is planned to find out."""
    draws = (block.law.draw for block in _new_kind(spec, "raw").tensor.blocks)
    alone = (draw.draw if isinstance(draw, Repeated) else draw for draw in draws)
    return all(
        not isinstance(draw, IndexFunction) or len(draw.numbers) <= MOST_VALUES_KEPT
        for draw in alone
    )


@lru_cache(maxsize=KINDS_KEPT)
def _kept_kind(spec: Spec, format_name: str) -> Kind:
    return _new_kind(spec, format_name)


def _new_kind(spec: Spec, format_name: str) -> Kind:
    """The kind of a spec without seed and name.

    Dropping a field can change the normal form, so both steps repeat until the spec is unchanged.
    """
    spelled = tensor = resolve(spec, format_name)
    for _ in FIELDS:
        shorter = _reduced(resolve(_normalised(tensor), format_name))
        if shorter.spec == tensor.spec:
            break
        tensor = shorter
    return Kind(tensor, warnings_of(spelled))


class Identity(NamedTuple):
    """The parts of a tensor that depend on seed and name.

    `seed` and `name` are canonical: None and "" if they change no byte. `head` is the bytes before
    the values.
    """

    seed: int | None
    name: str
    head: bytes


def identity_of(kind: Tensor, seed: int | None, name: str) -> Identity:
    """The identity of the tensor of a kind with this seed and name.

    `kind` is the tensor of a Kind, without seed and name. Raises ImpossibleError
    (`reserved_name`) for a name that the format reserves.
    """
    head = renamed_head(kind, name)
    if kind.uses_words:
        return Identity(seed, name, head)
    name_matters = kind.format == "json" or head != kind.head
    return Identity(None, name if name_matters else "", head)


def identified(kind: Tensor, identity: Identity) -> Tensor:
    """The tensor of a kind with this identity."""
    spec = kind.spec.model_copy(update={"seed": identity.seed, "name": identity.name})
    return replace(kind, spec=spec, head=identity.head)


@dataclass(frozen=True, slots=True)
class UrlTemplate:
    """The canonical URLs of a kind: the text before the seed, and the text after the name."""

    before: str
    after: str

    def url(self, seed: int | None, name: str) -> str:
        """The path-absolute URL with this seed and name, which are canonical.

        Raises ImpossibleError (`spec_too_long`) if it is longer than MOST_URL_BYTES.
        """
        seeded = "" if seed is None else f"&seed={seed}"
        named = f"&{write_item('name', name)}" if name else ""
        url = f"{self.before}{seeded}{named}{self.after}"
        if len(url) > MOST_URL_BYTES:
            message = f"the canonical URL has {len(url)} bytes, more than {MOST_URL_BYTES}"
            raise ImpossibleError("spec_too_long", Problem("name", message, "shorten the name"))
        return url


def url_template(tensor: Tensor) -> UrlTemplate:
    """The URLs of the tensors that differ from this one in seed and name. Its spec is canonical."""
    items = [(field, write_item(field, value)) for field, value in changed_fields(tensor.spec)]
    before = [item for field, item in items if field in _BEFORE_ADDRESS]
    after = [f"&{item}" for field, item in items if field not in (*_BEFORE_ADDRESS, *_ADDRESS)]
    return UrlTemplate(f"{PATH}.{tensor.format}?{'&'.join(before)}", "".join(after))


def canonical_url(tensor: Tensor) -> str:
    """The path-absolute URL of a tensor whose spec is canonical.

    Raises ImpossibleError (`spec_too_long`) if it is longer than MOST_URL_BYTES.
    """
    return url_template(tensor).url(tensor.spec.seed, tensor.spec.name)


def _normalised(tensor: Tensor) -> Spec:
    """The same spec with each value in its normal form.

    `auto` becomes its scheme, a layout becomes letters, a scale becomes the gain, and a slope gets
    the activation that it implies.
    """
    spec, placement = tensor.spec, tensor.placement
    heights = spec.parts if isinstance(spec.parts, tuple) else ()
    sloped = spec.negative_slope is not None
    slope = usual_slope(activation_of(spec), tensor.scheme)
    whole = all(
        interval == (0, extent)
        for interval, extent in zip(placement.intervals, spec.shape, strict=True)
    )
    return spec.model_copy(
        update={
            "scheme": tensor.scheme.name,
            "layout": placement.letters or None,
            "activation": activation_of(spec).name if sloped else spec.activation,
            "negative_slope": None if spec.negative_slope == slope else spec.negative_slope,
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
    """The tensor without fields that make no difference. Repeats until no field can be dropped."""
    answer = _answer(tensor)
    while (shorter := _dropped(tensor, answer)) is not tensor:
        tensor = shorter
    return tensor


def _dropped(tensor: Tensor, answer: tuple[object, ...]) -> Tensor:
    """Try to drop each field once, in the table's order."""
    for field, _ in changed_fields(tensor.spec):
        if field in _ALWAYS_WRITTEN:
            continue
        shorter = _without(tensor, field)
        if shorter is not None and _answer(shorter) == answer:
            tensor = shorter
    return tensor


def _without(tensor: Tensor, field: str) -> Tensor | None:
    """The tensor without the field; None if it cannot be issued then.

    `negative_slope` is dropped with `activation`, because a slope implies an activation.
    """
    left_out = (field, "negative_slope") if field == "activation" else (field,)
    shorter = tensor.spec.model_copy(update={name: DEFAULTS[name] for name in left_out})
    try:
        return resolve(shorter, tensor.format)
    except FaninError:
        return None


def _answer(tensor: Tensor) -> tuple[object, ...]:
    """Everything that the response depends on: equal tuples mean equal bytes and equal facts.

    The lattice does not matter if the tensor is empty or all its elements have one value. It does
    matter for an index function, although that uses no random words. A certificate always contains
    the order.
    """
    spec, placement = tensor.spec, tensor.placement
    facts = (placement.letters, tensor.scheme.name, tensor.blocks, spec.dtype, placement.shape)
    order = None if tensor.all_equal else placement.lattice
    certified_order = placement.fortran if tensor.format == "json" else None
    return tensor.head, facts, order, certified_order
