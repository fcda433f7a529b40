"""The headers of a tensor: how it may be cached, what file it is, and the facts about it."""

from collections.abc import Callable
from dataclasses import dataclass

from service.api.conditions import entity_tag
from service.plan import Plan
from service.spelling import shortest
from service.wire.disposition import attachment_name
from service.wire.formats import FORMATS

IMMUTABLE = "public, max-age=31536000, immutable, no-transform"
"""What the canonical URL says: its bytes never change, so a reload need not ask (RFC 8246).

A year is as long as caches are used to; whoever asks after it has the same tag, and gets a 304.
"""

DRAFT = "public, max-age=300, no-transform"
"""What the canonical URL of a draft says: its bytes may change with the next release."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A header that tells something of a plan; None where it does not apply."""

    header: str
    description: str
    value: Callable[[Plan], str | None]


def _numbers(plan: Plan, fact: str) -> str | None:
    """The fact of each block, separated by commas; None where a block has none."""
    return _listed(tuple(getattr(block.law, fact) for block in plan.tensor.blocks))


def _listed(values: tuple[float | None, ...]) -> str | None:
    told = [shortest(float(value)) for value in values if value is not None]
    return ",".join(told) if told and len(told) == len(values) else None


FACTS: tuple[Fact, ...] = (
    Fact(
        "Weights-Seed",
        "The seed, drawn or given; absent where none moves a byte.",
        lambda plan: None if plan.spec.seed is None else str(plan.spec.seed),
    ),
    Fact(
        "Weights-Scheme",
        "The scheme, after `auto` and aliases.",
        lambda plan: plan.facts.scheme,
    ),
    Fact(
        "Weights-Distribution",
        "The distribution of the values.",
        lambda plan: plan.facts.distribution,
    ),
    Fact(
        "Weights-Layout",
        "A letter for each axis, where the axes have letters.",
        lambda plan: plan.facts.layout or None,
    ),
    Fact(
        "Weights-Fan-In",
        "Inputs of one output, where the scheme looks at fans.",
        lambda plan: _numbers(plan, "fan_in"),
    ),
    Fact(
        "Weights-Fan-Out",
        "Outputs of one input, where the scheme looks at fans.",
        lambda plan: _numbers(plan, "fan_out"),
    ),
    Fact(
        "Weights-Gain",
        "The gain, where the scheme has one.",
        lambda plan: _numbers(plan, "gain"),
    ),
    Fact(
        "Weights-Std",
        "The standard deviation of the values before they are rounded to the dtype.",
        lambda plan: _numbers(plan, "std"),
    ),
    Fact(
        "Weights-Std-Rounded",
        "The same after rounding, where it differs by more than 0.1 %.",
        lambda plan: _listed(plan.rounded_stds or ()),
    ),
    Fact(
        "Weights-Limit",
        "The largest magnitude of values that are symmetric about 0.",
        lambda plan: _numbers(plan, "limit"),
    ),
    Fact(
        "Weights-Warnings",
        "Codes of what was probably not meant, separated by commas; the certificate explains them.",
        lambda plan: ",".join(warning.code for warning in plan.warnings) or None,
    ),
)


def fact_headers(plan: Plan) -> dict[str, str]:
    """What applies of FACTS, and what the bytes are: a file called as the tensor was asked for.

    Equal constants of any name are one tensor, and still files of their own.
    """
    form = FORMATS[plan.tensor.format]
    facts = {fact.header: fact.value(plan) for fact in FACTS}
    file_name = attachment_name(plan.name, form.suffix)
    return {
        "Content-Type": form.media_type,
        "Content-Disposition": f'attachment; filename="{file_name}"',
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "none",
        **{header: value for header, value in facts.items() if value is not None},
    }


def caching_headers(plan: Plan, tag: str, target: bytes) -> dict[str, str]:
    """How the answer to a GET of `target` may be kept; a 304 repeats them.

    Only the canonical URL's answer is kept without asking: of its other spellings, which are
    without number, a cache would have to keep one copy each.
    """
    location = location_header(plan, target)
    if plan.drawn:
        return {"Cache-Control": "no-store"} | location
    kept = DRAFT if plan.drafts else IMMUTABLE
    return {"ETag": tag, "Cache-Control": "no-cache" if location else kept} | location


def location_header(plan: Plan, target: bytes) -> dict[str, str]:
    """Content-Location, where `target` is not the canonical URL, to the byte."""
    return {} if target == plan.url.encode("ascii") else {"Content-Location": plan.url}


def tensor_tag(plan: Plan) -> str:
    """The tag of a tensor's bytes, known without them: the canonical URL has no others, ever.

    Of a draft it has others with every new number, so the tag goes by the numbers, too.
    """
    numbers = (f"\n{draft}" for draft in plan.drafts)
    return entity_tag("".join((plan.url, *numbers)).encode("ascii"))
