"""Make the plan of a spec. All checks happen here, before the first byte is sent."""

import secrets
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

from service.dtypes import DTYPES
from service.errors import ImpossibleError, Problem
from service.fields import Spec, with_seed
from service.fields.axes import MOST_ELEMENTS
from service.plan.canonical import canonical, canonical_url
from service.plan.certificate import Facts, certificate_of, facts_of
from service.plan.drafts import Draft, drafts_of
from service.plan.rounded import SAME_STD, is_fine, is_known, rounded
from service.plan.tensor import Tensor
from service.plan.warnings import PlanWarning, name_warnings
from service.wire.json_text import json_bytes

DRAWN_BELOW = 2**53
"""JSON readers keep integers below 2^53 exactly (RFC 8259, section 6)."""


@dataclass(frozen=True)
class Plan:
    """A tensor that can be issued.

    `tensor` is canonical. `url` is its canonical URL, path-absolute, and has no seed if the seed is
    missing. `name` is the requested name; the canonical spec has it only if it makes a difference.
    `warnings` are those of the requested spec. `drawn`: the request had no seed, so one was drawn
    at random.
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
        """The statistics of the values before rounding."""
        return facts_of(self.tensor)

    @cached_property
    def drafts(self) -> tuple[Draft, ...]:
        """The drafts that the canonical spec uses. Without any, the bytes are frozen."""
        return drafts_of(self.spec)

    @property
    def rounded_stds(self) -> tuple[float, ...] | None:
        """The std of each block after rounding; None if no std changes by 0.1 % or more.

        A block whose std after rounding is not known has its std before rounding.
        """
        laws = [block.law for block in self.tensor.blocks]
        if self.tensor.empty or all(is_fine(law, self.spec.dtype) for law in laws):
            return None
        asked = [law.std or 0.0 for law in laws]
        stds = tuple(
            rounded(law, self.spec.dtype).std if is_known(law) else std
            for law, std in zip(laws, asked, strict=True)
        )
        same = (abs(a - b) <= SAME_STD * b for a, b in zip(stds, asked, strict=True))
        return None if all(same) else stds

    def certificate(self) -> dict[str, Any]:
        """All facts about the tensor as a JSON object, without its values."""
        return certificate_of(self.tensor, self.warnings)

    def certificate_text(self) -> bytes:
        """The certificate in UTF-8, which is the body of format json."""
        return json_bytes(self.certificate())


def plan(spec: Spec, format_name: str, *, max_bytes: int) -> Plan:
    """The plan of a spec in a format of `service.wire.formats.FORMATS`.

    `max_bytes` limits the values of the whole tensor, also if only a slice is requested.

    Raises ImpossibleError if the tensor cannot be issued, and UnreadableError for a layout that is
    neither letters nor a framework.
    """
    _refuse_large(spec, max_bytes)
    tensor, spelled = canonical(spec, format_name)
    warnings = spelled + name_warnings(tensor.uses_words, spec.name)
    return Plan(tensor, canonical_url(tensor), spec.name, warnings)


def seeded_plan(spec: Spec, format_name: str, *, max_bytes: int) -> Plan:
    """The plan of a spec. A seed that is needed and missing is drawn at random below 2^53.

    Raises the same errors as `plan`.
    """
    planned = plan(spec, format_name, max_bytes=max_bytes)
    if not planned.needs_seed:
        return planned
    seeded = with_seed(spec, secrets.randbelow(DRAWN_BELOW))
    return replace(plan(seeded, format_name, max_bytes=max_bytes), drawn=True)


def _refuse_large(spec: Spec, max_bytes: int) -> None:
    itemsize = DTYPES[spec.dtype].itemsize
    most = min(max_bytes // itemsize, MOST_ELEMENTS - 1)
    hint = f"{spec.dtype} tensors have at most {most} elements, of which a slice may be a part"
    if prod(spec.shape) > most:
        message = f"{prod(spec.shape)} elements of {itemsize} bytes are too many"
        raise ImpossibleError("too_large", Problem("shape", message, hint))
    # Check the other extents even if one is 0: readers of .npy multiply them too and overflow.
    if prod(extent for extent in spec.shape if extent) >= MOST_ELEMENTS:
        message = "the product of the extents other than 0 is 2^58 or more"
        raise ImpossibleError("too_large", Problem("shape", message, hint))
