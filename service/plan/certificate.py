"""What is known of a tensor without any of its values: facts, and the certificate."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from service.errors import ImpossibleError
from service.fields import write_value
from service.initializers.schemes import Law
from service.plan.canonical import canonical_tensor, canonical_url
from service.plan.drafts import drafts_of
from service.plan.laws import BlockLaw
from service.plan.rounded import Rounded, is_known, rounded, told, told_mean
from service.plan.tensor import Tensor
from service.plan.warnings import PlanWarning
from service.stream.address import stream_of
from service.stream.edition import EDITION
from service.wire.formats import FORMATS


@dataclass(frozen=True, slots=True)
class Facts:
    """The values as they are before they are rounded to the dtype; None where nothing applies.

    `layout` is letters. `mean` and `std` are those of the values themselves, after any
    truncation; `parent_std` is that of the normal which was cut at `bounds`, in its standard
    deviations. `low` and `high` contain every value, `limit` every magnitude of values symmetric
    about 0. Of a tensor of blocks they are those of all values together, and None where the
    blocks differ in a number that no whole has.
    """

    scheme: str
    distribution: str
    layout: str | None
    fan_in: float | None
    fan_out: float | None
    mode: str | None
    gain: float | None
    mean: float
    std: float | None
    limit: float | None
    low: float | None
    high: float | None
    bounds: tuple[float, float] | None
    parent_std: float | None


def facts_of(tensor: Tensor) -> Facts:
    """The facts of a tensor."""
    law = whole_law(tensor.blocks)
    return Facts(
        scheme=tensor.scheme.name,
        distribution=law.distribution,
        layout=tensor.placement.letters,
        fan_in=law.fan_in,
        fan_out=law.fan_out,
        mode=law.mode,
        gain=law.gain,
        mean=law.mean,
        std=law.std,
        limit=law.limit,
        low=law.low,
        high=law.high,
        bounds=law.bounds,
        parent_std=law.parent_std,
    )


def whole_law(blocks: tuple[BlockLaw, ...]) -> Law:
    """The law of all values together, its draw being the first block's.

    With shares s of the outputs: mean = sum s mean_b, and
    std^2 = sum s (std_b^2 + (mean_b - mean)^2).
    """
    laws = [block.law for block in blocks]
    if len(laws) == 1:
        return laws[0]
    lows, highs, limits = ([getattr(law, end) for law in laws] for end in ("low", "high", "limit"))
    moments = [(law.mean, law.std or 0.0) for law in laws]
    mean, std = _mixed(moments, _shares(blocks))
    return replace(
        laws[0],
        mean=mean,
        std=None if any(law.std is None for law in laws) else std,
        limit=None if None in limits else max(limits),
        low=None if None in lows else min(lows),
        high=None if None in highs else max(highs),
        levels=None,
        **{
            field: _common(getattr(law, field) for law in laws)
            for field in ("fan_in", "fan_out", "gain", "bounds", "parent_std")
        },
    )


def _common(values: Iterator[Any]) -> Any:
    """The one value that all have, else None."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _shares(blocks: tuple[BlockLaw, ...]) -> list[float]:
    """The part of all values that each block has."""
    total = sum(block.outputs for block in blocks)
    return [block.outputs / total for block in blocks]


def _mixed(moments: list[tuple[float, float]], shares: list[float]) -> tuple[float, float]:
    """Mean and std of a mixture of parts with these means and stds.

    Squares are taken in units of a power of two near the largest number, so that none leaves
    float64.
    """
    mean = math.fsum(share * m for share, (m, _) in zip(shares, moments, strict=True))
    largest = max(max(s, abs(m - mean)) for m, s in moments)
    exponent = math.frexp(largest)[1]
    scaled = [(math.ldexp(m - mean, -exponent), math.ldexp(s, -exponent)) for m, s in moments]
    squares = (share * (s * s + m * m) for share, (m, s) in zip(shares, scaled, strict=True))
    return mean, math.ldexp(math.sqrt(math.fsum(squares)), exponent)


def certificate_of(tensor: Tensor, warnings: tuple[PlanWarning, ...]) -> dict[str, Any]:
    """Facts, sizes and URLs of a tensor whose spec is canonical.

    `rounded` is what rounding makes of the values, None of an empty tensor and where it is not
    known. `blocks` tells of each
    block of outputs; a tensor without unequal blocks has none listed. `shape` is the written part
    of `whole_shape`. The seed is a string, since JSON has no safe number above 2^53, and the
    stream's number is hexadecimal; both are None where no random word is used.
    """
    spec, placement, drafts = tensor.spec, tensor.placement, drafts_of(tensor.spec)
    return {
        "stream": EDITION,
        "status": "draft" if drafts else "frozen",
        "drafts": [str(draft) for draft in drafts],
        **asdict(facts_of(tensor)),
        "access": tensor.scheme.access,
        "rounded": _asdict(_rounded_whole(tensor)),
        "blocks": [_block(block, tensor) for block in tensor.blocks[: _listed(tensor)]],
        "dtype": spec.dtype,
        "shape": list(placement.shape),
        "order": "F" if placement.fortran else "C",
        "whole_shape": list(spec.shape),
        "slice": write_value("slice", spec.slice) if spec.slice else None,
        "elements": placement.lattice.size,
        "name": spec.name,
        "seed": str(spec.seed) if tensor.uses_words and spec.seed is not None else None,
        "stream_id": f"{stream_of(spec.name):016x}" if tensor.uses_words else None,
        "formats": dict(_formats(tensor)),
        "warnings": [asdict(warning) for warning in warnings],
        "references": [asdict(reference) for reference in tensor.scheme.references],
    }


FACTS_OF_A_BLOCK = (
    *("fan_in", "fan_out", "gain", "mean", "std", "limit", "low", "high"),
    *("bounds", "parent_std"),
)
"""What the certificate tells of each block."""


def _listed(tensor: Tensor) -> int:
    """How many blocks the certificate lists: all, or none where there is only one."""
    return len(tensor.blocks) if len(tensor.blocks) > 1 else 0


def _block(block: BlockLaw, tensor: Tensor) -> dict[str, Any]:
    facts = {field: getattr(block.law, field) for field in FACTS_OF_A_BLOCK}
    return {"outputs": block.outputs} | facts | {"rounded": _asdict(_rounded(block.law, tensor))}


def _asdict(record: Rounded | None) -> dict[str, Any] | None:
    return None if record is None else asdict(record)


def _rounded(law: Law, tensor: Tensor) -> Rounded | None:
    """What rounding makes of a law's values, where there are any and it is known."""
    return None if tensor.empty or not is_known(law) else rounded(law, tensor.spec.dtype)


def _rounded_whole(tensor: Tensor) -> Rounded | None:
    """What rounding makes of all blocks together; how many values differ is not counted."""
    each = [_rounded(block.law, tensor) for block in tensor.blocks]
    parts = [part for part in each if part is not None]
    if len(parts) < len(each) or len(each) == 1:
        return each[0]
    shares = _shares(tensor.blocks)
    mean, std = _mixed([(part.mean, part.std) for part in parts], shares)
    zeros = math.fsum(share * part.zeros for share, part in zip(shares, parts, strict=True))
    return Rounded(
        mean=told_mean(mean, std),
        std=told(std),
        zeros=told(zeros),
        distinct=None,
        lowest=min(part.lowest for part in parts),
        highest=max(part.highest for part in parts),
    )


def _formats(tensor: Tensor) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each format that can carry the tensor: its canonical URL, and its length in bytes."""
    for written, format_ in FORMATS.items():
        try:
            other = canonical_tensor(tensor.spec, written)
            settled = other.spec.seed is not None or not other.uses_words
            url = canonical_url(other) if settled else None
        except ImpossibleError:
            continue
        yield written, {"url": url, "bytes": None if format_.head is None else other.length}
