"""The headers of a tensor: how it may be cached, what file it is, and the facts about it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from service.api.responses import entity_tag
from service.fields.numbers import shortest
from service.plan import Plan
from service.plan.issuing import Issue
from service.wire.formats import FORMATS

IMMUTABLE = "public, max-age=31536000, immutable, no-transform"
"""What the canonical URL says: its bytes never change, so a reload need not ask (RFC 8246).

A year is as long as caches are used to; whoever asks after it has the same tag, and gets a 304.
"""

DRAFT = "public, max-age=300, no-transform"
"""What the canonical URL of a draft says: its bytes may change with the next release."""

_MOST_FILE_NAME_CHARACTERS = 100
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Fact:
    """A header that tells something of a plan; None where it does not apply."""

    header: str
    description: str
    value: Callable[[Plan], str | None]


def _number(value: float | None) -> str | None:
    return None if value is None else shortest(float(value))


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
        lambda plan: _number(plan.facts.fan_in),
    ),
    Fact(
        "Weights-Fan-Out",
        "Outputs of one input, where the scheme looks at fans.",
        lambda plan: _number(plan.facts.fan_out),
    ),
    Fact(
        "Weights-Gain",
        "The gain, where the scheme has one.",
        lambda plan: _number(plan.facts.gain),
    ),
    Fact(
        "Weights-Std",
        "The standard deviation of the values before they are rounded to the dtype.",
        lambda plan: _number(plan.facts.std),
    ),
    Fact(
        "Weights-Std-Rounded",
        "The same after rounding, where it differs by more than 0.1 %.",
        lambda plan: _number(plan.rounded_std),
    ),
    Fact(
        "Weights-Limit",
        "The largest magnitude of values that are symmetric about 0.",
        lambda plan: _number(plan.facts.limit),
    ),
    Fact(
        "Weights-Warnings",
        "Codes of what was probably not meant, separated by commas; the certificate explains them.",
        lambda plan: ",".join(warning.code for warning in plan.warnings) or None,
    ),
)


def fact_headers(issue: Issue) -> dict[str, str]:
    """What applies of FACTS, and what the bytes are: a file called as the tensor was asked for.

    Equal constants of any name are one tensor, and still files of their own.
    """
    form = FORMATS[issue.plan.format]
    facts = {fact.header: fact.value(issue.plan) for fact in FACTS}
    file_name = attachment_name(issue.name, form.suffix)
    return {
        "Content-Type": form.media_type,
        "Content-Disposition": f'attachment; filename="{file_name}"',
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "none",
        **{header: value for header, value in facts.items() if value is not None},
    }


def caching_headers(issue: Issue, tag: str, target: bytes) -> dict[str, str]:
    """How the answer to a GET of `target` may be kept; a 304 repeats them.

    Only the canonical URL's answer is kept without asking: of its other spellings, which are
    without number, a cache would have to keep one copy each.
    """
    location = location_header(issue, target)
    if issue.drawn:
        return {"Cache-Control": "no-store"} | location
    kept = DRAFT if issue.plan.drafts else IMMUTABLE
    return {"ETag": tag, "Cache-Control": "no-cache" if location else kept} | location


def location_header(issue: Issue, target: bytes) -> dict[str, str]:
    """Content-Location, where `target` is not the canonical URL, to the byte."""
    return {} if target == issue.url.encode("ascii") else {"Content-Location": issue.url}


def tensor_tag(issue: Issue) -> str:
    """The tag of a tensor's bytes, known without them: the canonical URL has no others, ever.

    Of a draft it has others with every new number, so the tag goes by the numbers, too.
    """
    numbers = (f"\n{draft}" for draft in issue.plan.drafts)
    return entity_tag("".join((issue.url, *numbers)).encode("ascii"))


def attachment_name(name: str, suffix: str) -> str:
    """The file name under which a browser saves the tensor called `name`.

    At most 100 characters that end in `suffix`: ASCII letters, digits and `. _ -`, which need no
    `filename*` (RFC 6266, appendix D). The first is not a point, which would hide the file, nor
    `-`, which a shell command would take for an option.
    """
    stem = _UNSAFE.sub("_", name).lstrip(".-")[: _MOST_FILE_NAME_CHARACTERS - len(suffix)]
    return (stem if stem.strip("._-") else "weight") + suffix
