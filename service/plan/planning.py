"""Make the plan of a spec. All checks happen here, before the first byte is sent."""

import secrets
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any, NamedTuple

from service.dtypes import DTYPES
from service.errors import ImpossibleError, Problem
from service.fields import Spec
from service.fields.axes import MOST_ELEMENTS
from service.plan.canonical import Identity, identified, identity_of, kind_of, url_template
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
    at random. `template` makes the plans that differ from this one in seed and name only.
    """

    tensor: Tensor
    url: str
    name: str
    warnings: tuple[PlanWarning, ...]
    template: "PlanTemplate" = field(repr=False, compare=False)
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

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """The drafts that the canonical spec uses. Without any, the bytes are frozen."""
        return self.template.drafts

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


class PlanTemplate:
    """Makes the plans of specs that differ only in seed and name.

    Everything else is planned once. Seed and name choose the random words. Apart from these they
    change only the URL, the head of some formats, and the warning about a missing name.
    """

    def __init__(self, spec: Spec, format_name: str, *, max_bytes: int) -> None:
        """Plan everything but the seed and the name of `spec`, which do not matter.

        `max_bytes` limits the values of the whole tensor, also if only a slice is requested.

        Raises ImpossibleError if no such tensor can be issued, and UnreadableError for a layout
        that is neither letters nor a framework.
        """
        _refuse_large(spec, max_bytes)
        self._kind = kind_of(spec, format_name)
        self._url = url_template(self._kind.tensor)

    @cached_property
    def drafts(self) -> tuple[Draft, ...]:
        """The drafts that the canonical specs use. They do not depend on seed and name."""
        return drafts_of(self._kind.tensor.spec)

    def issued(self, seed: int | None, name: str) -> "Issued":
        """The part of the plan that depends on this seed and name.

        Raises ImpossibleError for a name that the format reserves (`reserved_name`), and for one
        that makes the canonical URL too long (`spec_too_long`).
        """
        identity = identity_of(self._kind.tensor, seed, name)
        return Issued(identity, self._url.url(identity.seed, identity.name))

    def seeded(self, seed: int | None, name: str) -> "Issued":
        """As `issued`, with a seed drawn at random below 2^53 if one is needed and missing.

        Raises the same errors as `issued`.
        """
        issued = self.issued(seed, name)
        if issued.identity.seed is not None or not self._kind.tensor.uses_words:
            return issued
        return self.issued(secrets.randbelow(DRAWN_BELOW), name)._replace(drawn=True)

    def plan(self, issued: "Issued", name: str) -> Plan:
        """The plan of what is issued under the requested `name`."""
        tensor = identified(self._kind.tensor, issued.identity)
        warnings = self._kind.warnings + name_warnings(tensor.uses_words, name)
        return Plan(tensor, issued.url, name, warnings, self, issued.drawn)


class Issued(NamedTuple):
    """The part of a plan that depends on seed and name.

    `url` and `drawn` are those of Plan.
    """

    identity: Identity
    url: str
    drawn: bool = False


def plan(spec: Spec, format_name: str, *, max_bytes: int) -> Plan:
    """The plan of a spec in a format of `service.wire.formats.FORMATS`.

    Raises the errors of PlanTemplate and of its `issued`.
    """
    template = PlanTemplate(spec, format_name, max_bytes=max_bytes)
    return template.plan(template.issued(spec.seed, spec.name), spec.name)


def seeded_plan(spec: Spec, format_name: str, *, max_bytes: int) -> Plan:
    """The plan of a spec. A seed that is needed and missing is drawn at random below 2^53.

    Raises the same errors as `plan`.
    """
    template = PlanTemplate(spec, format_name, max_bytes=max_bytes)
    return template.plan(template.seeded(spec.seed, spec.name), spec.name)


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
