"""The headers of a tensor: caching, the file's name and type, and the facts about its values."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from service.plan import Plan
from service.plan.drafts import Draft
from service.spelling import shortest
from service.wire.formats import FORMATS

IMMUTABLE = "public, max-age=31536000, immutable, no-transform"
"""Cache-Control of a canonical URL.

Its bytes never change, so a reload need not revalidate them (RFC 8246, section 2). The age is a
year, the largest that is in common use. A cache that revalidates after it gets 304.
"""

DRAFT = "public, max-age=300, no-transform"
"""Cache-Control of the canonical URL of a draft. Its bytes may change with the next release."""

_MOST_FILE_NAME_CHARACTERS = 100
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Fact:
    """A header with a fact of a plan; its value is None where it does not apply."""

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
        "The seed, given or drawn at random; absent where the bytes do not depend on it.",
        lambda plan: None if plan.spec.seed is None else str(plan.spec.seed),
    ),
    Fact(
        "Weights-Scheme",
        "The scheme, with `auto` and aliases resolved.",
        lambda plan: plan.tensor.scheme.name,
    ),
    Fact(
        "Weights-Distribution",
        "The distribution of the values.",
        lambda plan: plan.tensor.law.distribution,
    ),
    Fact(
        "Weights-Layout",
        "A letter for each axis, if the axes have letters.",
        lambda plan: plan.tensor.placement.letters or None,
    ),
    Fact(
        "Weights-Fan-In",
        "The number of inputs of one output element, if the scheme uses fans; one for each block.",
        lambda plan: _numbers(plan, "fan_in"),
    ),
    Fact(
        "Weights-Fan-Out",
        "The number of output elements of one input, if the scheme uses fans; one for each block.",
        lambda plan: _numbers(plan, "fan_out"),
    ),
    Fact(
        "Weights-Gain",
        "The gain, if the scheme has one; one for each block.",
        lambda plan: _numbers(plan, "gain"),
    ),
    Fact(
        "Weights-Std",
        "The standard deviation before rounding to the dtype; one for each block, by commas.",
        lambda plan: _numbers(plan, "std"),
    ),
    Fact(
        "Weights-Std-Rounded",
        "The standard deviation after rounding, if it differs by more than 0.1 %.",
        lambda plan: _listed(plan.rounded_stds or ()),
    ),
    Fact(
        "Weights-Limit",
        "The largest magnitude, if the values are bounded and symmetric about 0.",
        lambda plan: _numbers(plan, "limit"),
    ),
    Fact(
        "Weights-Warnings",
        "The codes of the warnings, separated by commas; the certificate explains them.",
        lambda plan: ",".join(warning.code for warning in plan.warnings) or None,
    ),
    Fact(
        "Weights-Status",
        "`draft` if the bytes may still change; absent if they are frozen.",
        lambda plan: "draft" if plan.drafts else None,
    ),
)


OF_EACH_BLOCK = (
    *("Weights-Fan-In", "Weights-Fan-Out", "Weights-Gain"),
    *("Weights-Std", "Weights-Std-Rounded", "Weights-Limit"),
)
"""Headers that list a value for each block of outputs."""

MOST_HEADER_BYTES = 3 * 1024
"""Of all headers of an answer: proxies with a buffer of 4 KiB then have room for their own."""

OTHER_HEADER_BYTES = 448
"""Room for the status line, for the headers that are added to every answer, and for those of a
range and a digest."""


HeaderLines = list[tuple[bytes, bytes]]
"""Headers as ASGI has them, names in lower case."""

_OF_EACH_BLOCK = frozenset(name.lower().encode() for name in OF_EACH_BLOCK)


def tensor_headers(plan: Plan, caching: dict[str, str], *, ranges: bool) -> HeaderLines:
    """All headers of a tensor's answer. `ranges`: whether ranges of it can be asked for.

    Lists of a value for each block are left out where all headers would take more than
    MOST_HEADER_BYTES. The certificate has them.
    """
    return HeaderTemplate(plan).headers(plan.spec.seed, plan.name, caching, ranges=ranges)


class HeaderTemplate:
    """Makes the headers of tensors whose plans differ only in seed and name.

    It is made from the plan of one of them. Either all have a name or none has one, because a
    missing name is a warning. Either all have a seed or none has one.
    """

    def __init__(self, plan: Plan) -> None:
        self._format = plan.tensor.format
        self._lines = _encoded(fact_headers(plan))
        names = [name for name, _ in self._lines]
        self._file_place = names.index(b"content-disposition")
        self._seed_place = names.index(b"weights-seed") if b"weights-seed" in names else None
        self._blocks = len(plan.tensor.blocks)

    def headers(
        self, seed: int | None, name: str, caching: dict[str, str], *, ranges: bool
    ) -> HeaderLines:
        """All headers of the tensor with this canonical seed and this requested name.

        `ranges`: whether ranges of the answer can be asked for (RFC 9110, section 14.3).
        """
        lines = self._lines.copy()
        lines.append((b"accept-ranges", b"bytes" if ranges else b"none"))
        disposition = _disposition(name, self._format).encode()
        lines[self._file_place] = (b"content-disposition", disposition)
        if self._seed_place is not None:
            lines[self._seed_place] = (b"weights-seed", str(seed).encode())
        lines += _encoded(caching)
        return lines if self._blocks == 1 else _shortened(lines)


def _encoded(headers: dict[str, str]) -> HeaderLines:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _shortened(lines: HeaderLines) -> HeaderLines:
    """The headers. Those of each block are left out if all headers together are too long."""
    size = sum(len(name) + len(value) + len(": \r\n") for name, value in lines)
    if size <= MOST_HEADER_BYTES - OTHER_HEADER_BYTES:
        return lines
    return [line for line in lines if line[0] not in _OF_EACH_BLOCK]


def fact_headers(plan: Plan) -> dict[str, str]:
    """The FACTS that apply, and the headers that describe the file."""
    facts = {fact.header: fact.value(plan) for fact in FACTS}
    return {
        "Content-Type": FORMATS[plan.tensor.format].media_type,
        "Content-Disposition": _disposition(plan.name, plan.tensor.format),
        "X-Content-Type-Options": "nosniff",
        **{header: value for header, value in facts.items() if value is not None},
    }


def _disposition(name: str, format_name: str) -> str:
    """Content-Disposition. The file is named after the requested name.

    Constants have a file name, too, though their bytes and canonical URL do not depend on the name.
    """
    return f'attachment; filename="{attachment_name(name, FORMATS[format_name].suffix)}"'


def caching_headers(
    url: str, drafts: tuple[Draft, ...], tag: str, target: bytes, *, drawn: bool
) -> dict[str, str]:
    """The headers for caches of the answer to a GET of `target`; a 304 repeats them.

    `url` is the tensor's canonical URL, `drafts` are the drafts in it, and `drawn` is as in Plan.
    Only the canonical URL may be used without revalidation. A tensor has an unlimited number of
    other spellings, and a cache would store a copy for each.
    """
    location = location_header(url, target)
    if drawn:
        return {"Cache-Control": "no-store"} | location
    canonical = DRAFT if drafts else IMMUTABLE
    return {"ETag": tag, "Cache-Control": "no-cache" if location else canonical} | location


def location_header(url: str, target: bytes) -> dict[str, str]:
    """Content-Location, unless `target` equals the canonical URL byte for byte."""
    return {} if target == url.encode("ascii") else {"Content-Location": url}


def attachment_name(name: str, suffix: str) -> str:
    """The file name under which a browser saves the tensor called `name`.

    At most 100 characters that end in `suffix`: ASCII letters, digits and `. _ -`, which need no
    `filename*` (RFC 6266, appendix D). The first is not a point, which would hide the file, nor
    `-`, which a shell command would take for an option.
    """
    stem = _UNSAFE.sub("_", name).lstrip(".-")[: _MOST_FILE_NAME_CHARACTERS - len(suffix)]
    return (stem if stem.strip("._-") else "weight") + suffix
