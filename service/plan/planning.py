"""From a spec to a plan: everything is checked here, before the first byte."""

import secrets
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

from service.dtypes import DTYPES
from service.errors import ImpossibleError, Problem
from service.fields import Spec, with_seed
from service.fields.axes import MOST_ELEMENTS
from service.plan.canonical import canonical_tensor, canonical_url, spelled_warnings
from service.plan.certificate import Facts, certificate_of, facts_of
from service.plan.drafts import Draft, drafts_of
from service.plan.rounded import SAME_STD, is_fine, rounded
from service.plan.tensor import Tensor
from service.plan.warnings import PlanWarning, name_warnings
from service.wire.json_text import json_bytes

DRAWN_BELOW = 2**53
"""Any reader of JSON keeps such a number as it is (RFC 8259, section 6)."""


@dataclass(frozen=True)
class Plan:
    """A tensor that can be issued, to the byte.

    `tensor` is canonical. `url` is its canonical URL, path-absolute, without the seed while one is
    needed and missing. `name` is the one asked for, which the canonical spec has only where it
    makes a difference. `warnings` are those of the spec as it was given. `drawn` says that the
    request had no seed, so that one was drawn at random.
    """

    tensor: Tensor
    url: str
    name: str
    warnings: tuple[PlanWarning, ...]
    drawn: bool = False

    @property
    def spec(self) -> Spec:
        """The canonical spec."""
        return self.tensor.spec

    @property
    def needs_seed(self) -> bool:
        """Whether a seed is needed and missing."""
        return self.tensor.uses_words and self.spec.seed is None

    @cached_property
    def facts(self) -> Facts:
        """What is true of the values before they are rounded."""
        return facts_of(self.tensor)

    @cached_property
    def drafts(self) -> tuple[Draft, ...]:
        """The drafts among the words of the canonical spec; without any, the bytes are frozen."""
        return drafts_of(self.spec)

    @property
    def rounded_stds(self) -> tuple[float, ...] | None:
        """The std of each block after rounding; None where all are all but the asked ones."""
        laws = [block.law for block in self.tensor.blocks]
        if self.tensor.empty or all(is_fine(law, self.spec.dtype) for law in laws):
            return None
        stds = tuple(rounded(law, self.spec.dtype).std for law in laws)
        asked = [law.std or 0.0 for law in laws]
        same = (abs(a - b) <= SAME_STD * b for a, b in zip(stds, asked, strict=True))
        return None if all(same) else stds

    def certificate(self) -> dict[str, Any]:
        """Every fact about the tensor as JSON can carry it, and no value of it."""
        return certificate_of(self.tensor, self.warnings)

    def certificate_text(self) -> bytes:
        """The certificate in UTF-8: what format json issues."""
        return json_bytes(self.certificate())


def plan(spec: Spec, written: str, *, max_bytes: int) -> Plan:
    """The plan of a spec in a format of `service.wire.formats.FORMATS`.

    `max_bytes` bounds the values of the whole tensor, of which a slice may be a small part.

    Raises ImpossibleError where no such tensor can be issued, and UnreadableError for a layout
    that is neither letters nor a framework.
    """
    _refuse_large(spec, max_bytes)
    tensor = canonical_tensor(spec, written)
    warnings = spelled_warnings(spec, written) + name_warnings(tensor.uses_words, spec.name)
    return Plan(tensor, canonical_url(tensor), spec.name, warnings)


def seeded_plan(spec: Spec, written: str, *, max_bytes: int) -> Plan:
    """The plan of a spec with its seed, drawn below 2^53 where one is needed and missing.

    Raises what `plan` raises.
    """
    planned = plan(spec, written, max_bytes=max_bytes)
    if not planned.needs_seed:
        return planned
    seeded = with_seed(spec, secrets.randbelow(DRAWN_BELOW))
    return replace(plan(seeded, written, max_bytes=max_bytes), drawn=True)


def _refuse_large(spec: Spec, max_bytes: int) -> None:
    itemsize = DTYPES[spec.dtype].itemsize
    most = min(max_bytes // itemsize, MOST_ELEMENTS - 1)
    hint = f"{spec.dtype} tensors have at most {most} elements, of which a slice may be a part"
    if prod(spec.shape) > most:
        message = f"{prod(spec.shape)} elements of {itemsize} bytes are too many"
        raise ImpossibleError("too_large", Problem("shape", message, hint))
    # Check the other extents even if one is 0: readers multiply them, too.
    if prod(extent for extent in spec.shape if extent) >= MOST_ELEMENTS:
        message = "the extents other than 0 multiply to 2^58 or more"
        raise ImpossibleError("too_large", Problem("shape", message, hint))
