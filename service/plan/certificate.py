"""The statistics of a tensor for headers (facts) and its JSON certificate, without its values."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from service.errors import ImpossibleError
from service.fields import write_value
from service.initializers.schemes import Law
from service.plan.canonical import canonical, canonical_url
from service.plan.drafts import drafts_of
from service.plan.laws import BlockLaw
from service.plan.rounded import Rounded, is_known, rounded, significant, significant_mean
from service.plan.tensor import Tensor
from service.plan.warnings import PlanWarning
from service.plan.work import cost_of
from service.stream.address import stream_of
from service.stream.edition import EDITION
from service.wire.formats import FORMATS


@dataclass(frozen=True, slots=True)
class Facts:
    """Statistics of the values before rounding to the dtype. A member that does not apply is None.

    `layout` is letters. `mean` and `std` are those of the values, after any truncation;
    None if they are not known.
    `parent_std` is the std of the normal before truncation at `bounds`, which are in units of it.
    All values lie from `low` to `high`. `limit` is the largest magnitude of values symmetric about
    0. For several blocks the statistics are those of all values together. Numbers of a block
    alone, such as `fan_in`, are None if the blocks differ in them.
    """

    scheme: str
    distribution: str
    layout: str | None
    fan_in: float | None
    fan_out: float | None
    mode: str | None
    gain: float | None
    mean: float | None
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
    """The law of all values together. Its draw is the first block's.

    With shares s of the outputs: mean = sum s mean_b, and
    std^2 = sum s (std_b^2 + (mean_b - mean)^2).
    """
    laws = [block.law for block in blocks]
    if len(laws) == 1:
        return laws[0]
    lows, highs, limits = ([getattr(law, end) for law in laws] for end in ("low", "high", "limit"))
    mean, std = _moments_of(laws, _shares(blocks))
    return replace(
        laws[0],
        mean=mean,
        std=std,
        limit=None if None in limits else max(limits),
        low=None if None in lows else min(lows),
        high=None if None in highs else max(highs),
        levels=None,
        **{
            field: _common(getattr(law, field) for law in laws)
            for field in ("fan_in", "fan_out", "gain", "bounds", "parent_std")
        },
    )


def _moments_of(laws: list[Law], shares: list[float]) -> tuple[float | None, float | None]:
    """The mean and std of all blocks together. Each is None if that of a block is."""
    means = [law.mean for law in laws if law.mean is not None]
    if len(means) < len(laws):
        return None, None
    stds = [law.std or 0.0 for law in laws]
    mean, std = _mixed(list(zip(means, stds, strict=True)), shares)
    return mean, None if any(law.std is None for law in laws) else std


def _common(values: Iterator[Any]) -> Any:
    """The value if all are equal, else None."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _shares(blocks: tuple[BlockLaw, ...]) -> list[float]:
    """The share of all values that each block has; equal shares of an empty tensor."""
    total = sum(block.outputs for block in blocks)
    if total == 0:
        return [1 / len(blocks)] * len(blocks)
    return [block.outputs / total for block in blocks]


def _mixed(moments: list[tuple[float, float]], shares: list[float]) -> tuple[float, float]:
    """The mean and std of a mixture of parts with these means and stds.

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

    `rounded` are the statistics after rounding. It is None for an empty tensor and if they are not
    known. `cost` is the work of computing the values. `blocks` has an entry for each block of
    outputs, and none if all blocks are equal. `shape` is the shape of the slice of `whole_shape`.
    The seed is a string, because many JSON readers change numbers above 2^53 (RFC 8259, section 6).
    The stream's number is hexadecimal. Both are None if no random word is used.
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
        "cost": asdict(cost_of(tensor)),
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
"""The members of each block in the certificate."""


def _listed(tensor: Tensor) -> int:
    """The number of blocks in the certificate: all, or none if there is only one."""
    return len(tensor.blocks) if len(tensor.blocks) > 1 else 0


def _block(block: BlockLaw, tensor: Tensor) -> dict[str, Any]:
    facts = {field: getattr(block.law, field) for field in FACTS_OF_A_BLOCK}
    return {"outputs": block.outputs} | facts | {"rounded": _asdict(_rounded(block.law, tensor))}


def _asdict(record: Rounded | None) -> dict[str, Any] | None:
    return None if record is None else asdict(record)


def _rounded(law: Law, tensor: Tensor) -> Rounded | None:
    """The statistics after rounding; None for an empty tensor and if they are not known."""
    return None if tensor.empty or not is_known(law) else rounded(law, tensor.spec.dtype)


def _rounded_whole(tensor: Tensor) -> Rounded | None:
    """The statistics of all blocks together after rounding, without the count of values."""
    each = [_rounded(block.law, tensor) for block in tensor.blocks]
    parts = [part for part in each if part is not None]
    if len(each) == 1:
        return each[0]
    if len(parts) < len(each):
        return None
    shares = _shares(tensor.blocks)
    mean, std = _mixed([(part.mean, part.std) for part in parts], shares)
    zeros = math.fsum(share * part.zeros for share, part in zip(shares, parts, strict=True))
    return Rounded(
        mean=significant_mean(mean, std),
        std=significant(std),
        zeros=significant(zeros),
        distinct=None,
        lowest=min(part.lowest for part in parts),
        highest=max(part.highest for part in parts),
    )


def _formats(tensor: Tensor) -> Iterator[tuple[str, dict[str, Any]]]:
    """The canonical URL and the length in bytes for each format that supports the tensor."""
    for name, format_ in FORMATS.items():
        try:
            other, _ = canonical(tensor.spec, name)
            settled = other.spec.seed is not None or not other.uses_words
            url = canonical_url(other) if settled else None
        except ImpossibleError:
            continue
        yield name, {"url": url, "bytes": None if format_.head is None else other.length}
