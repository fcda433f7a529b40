"""From a spec to a plan: everything is checked here, before the first byte."""

from dataclasses import dataclass
from math import prod
from typing import Any

from service.dtypes import DTYPES
from service.errors import ImpossibleError, Problem
from service.fields import Spec
from service.fields.axes import MOST_ELEMENTS
from service.plan.canonical import canonical_tensor, canonical_url, spelled_warnings
from service.plan.certificate import certificate_of
from service.plan.drafts import Draft, drafts_of
from service.plan.facts import Facts, facts_of
from service.plan.rounded import SAME_STD, is_fine, rounded
from service.plan.tensor import Tensor
from service.plan.warnings import PlanWarning, name_warnings
from service.stream.draws import Draw
from service.stream.lattice import Lattice


@dataclass(frozen=True, slots=True)
class Plan:
    """A tensor that can be issued, to the byte.

    `spec` is canonical, and everything else is computed from it. `canonical` is the
    path-absolute URL, None while a seed is needed and missing. `shape` is the written one, after
    any slice; `head` stands before the values and `length` counts both, in bytes. `rounded_std` is
    the std after rounding, None where it is all but the asked one. `drafts` are those among its
    words; without any, its bytes are frozen. `warnings` are those of the spec as it was given.
    """

    spec: Spec
    format: str
    canonical: str | None
    needs_seed: bool
    draw: Draw
    lattice: Lattice
    dtype: str
    shape: tuple[int, ...]
    head: bytes
    length: int
    facts: Facts
    rounded_std: float | None
    drafts: tuple[Draft, ...]
    warnings: tuple[PlanWarning, ...]

    def certificate(self) -> dict[str, Any]:
        """Every fact about the tensor as JSON can carry it, and no value of it."""
        return certificate_of(canonical_tensor(self.spec, self.format), self.warnings)


def plan(spec: Spec, written: str, *, max_bytes: int) -> Plan:
    """The plan of a spec in a format of `service.wire.formats.FORMATS`.

    `max_bytes` bounds the values of the whole tensor, of which a slice may be a small part.

    Raises ImpossibleError where no such tensor can be issued, and UnreadableError for a layout
    that is neither letters nor a framework.
    """
    _refuse_large(spec, max_bytes)
    tensor = canonical_tensor(spec, written)
    warnings = spelled_warnings(spec, written) + name_warnings(tensor.random, spec.name)
    spec = tensor.spec
    needs_seed = tensor.random and spec.seed is None
    return Plan(
        spec=spec,
        format=written,
        canonical=None if needs_seed else canonical_url(tensor),
        needs_seed=needs_seed,
        draw=tensor.drawing.draw,
        lattice=tensor.placement.lattice,
        dtype=spec.dtype,
        shape=tensor.placement.shape,
        head=tensor.head,
        length=tensor.length,
        facts=facts_of(tensor),
        rounded_std=_rounded_std(tensor),
        drafts=drafts_of(spec),
        warnings=warnings,
    )


def _rounded_std(tensor: Tensor) -> float | None:
    asked, dtype = tensor.drawing, tensor.spec.dtype
    if tensor.empty or asked.std is None or is_fine(asked, dtype):
        return None
    std = rounded(asked, dtype).std
    return None if abs(std - asked.std) <= SAME_STD * asked.std else std


def _refuse_large(spec: Spec, max_bytes: int) -> None:
    itemsize = DTYPES[spec.dtype].itemsize
    most = min(max_bytes // itemsize, MOST_ELEMENTS - 1)
    hint = f"{spec.dtype} tensors have at most {most} elements, of which a slice may be a part"
    if prod(spec.shape) > most:
        message = f"{prod(spec.shape)} elements of {itemsize} bytes are too many"
        raise ImpossibleError("too_large", Problem("shape", message, hint))
    # An extent of 0 does not excuse the others: readers multiply those, too.
    if prod(extent for extent in spec.shape if extent) >= MOST_ELEMENTS:
        message = "the extents other than 0 multiply to 2^58 or more"
        raise ImpossibleError("too_large", Problem("shape", message, hint))
