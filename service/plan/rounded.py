"""What is true of a tensor's values after they are rounded to its dtype.

Every number here is the same on every machine: + - * / and sqrt in float64, element by element,
added up in a fixed order.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from math import sqrt

import numpy as np
import numpy.typing as npt

from service.initializers.normal_distribution import cell_masses
from service.initializers.schemes import Law
from service.plan.extremes import UNIFORM_STEPS, outermost_values, rounded_value
from service.stream.cells import cells, spacing
from service.stream.draws import (
    Constant,
    IndexFunction,
    Normal,
    Orthogonal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.precision import PRECISIONS, nearest

Float64 = npt.NDArray[np.float64]

RAREST = 2.0**-32
"""A number is counted if its probability is above that of one word."""

FINE = 64
"""From so many numbers to a standard deviation on, rounding to float32 or float64 moves mean and
std by about a thousandth of a per cent of std at most, and is not looked at."""

NARROW = 2.0**-30
"""An interval that lies so many times its width from the mean, within 40 std of it, is so narrow
that the density changes by less than 40 40 2^-30 = 1.5e-6 over it. Differences of distances from
the mean would lose their digits there."""

SAME_STD = 0.001
"""Two values of std that differ by less, one relative to the other, are told once."""

FINE_ENOUGH = 32
"""From so many numbers to a standard deviation on, no warning and no header can be deserved."""

DIGITS = 6

Varying = (
    SymmetricUniform | UniformBetween | Normal | SymmetricTruncatedNormal | TruncatedNormalBetween
)


@dataclass(frozen=True, slots=True)
class Rounded:
    """The distribution of an element after rounding to the dtype.

    `zeros` is the probability of 0 of either sign, told as 0 unless it is above 2^-32. `distinct`
    is the number of values whose probability is above 2^-32; 0 and -0 are one value. It is None
    in float32 and float64 where there are 64 numbers or more to a standard deviation: then nobody
    needs the count, and `mean` and `std` are those before rounding.

    `lowest` and `highest` are the outermost values that can occur, exactly. `std` and `zeros`
    have six significant digits. `mean` has so many that its last digit is at most the sixth of
    itself and of `std`. A single value is told exactly, its `std` being 0. A subnormal `std` is a
    whole number of the least subnormals.

    The entries of an orthogonal matrix are taken for normal ones of the same std, which large
    matrices come near; `lowest` and `highest` are those that no entry can pass.

    Two roundings before the last one are not modelled, and show only at the ends of the range.
    Where a truncated normal's interval is far from its mean and a few numbers of float64 wide, the
    variate itself has fewer values than that, and `distinct` is the most there can be. Where std
    is subnormal, z std is rounded before mean is added.
    """

    mean: float
    std: float
    zeros: float
    distinct: int | None
    lowest: float
    highest: float


def is_known(law: Law) -> bool:
    """Whether `rounded` can tell: of an index function it can if the law lists its values."""
    return law.levels is not None or not isinstance(law.draw, IndexFunction)


def is_fine(law: Law, dtype: str) -> bool:
    """Whether rounding changes std by less than 0.1 % of itself, as the grid alone tells.

    Even where the numbers of the dtype are the farthest apart, `FINE_ENOUGH` of them lie within
    std. Then rounding moves a value by at most a 64th of std either way, and the moves cancel but
    for those at the ends of the range, which change std by some (1/32)^2 / 4. It is told at once,
    where a sum over the numbers of float16 takes milliseconds.
    """
    if law.std is None or law.levels is not None:
        return False
    if not is_known(law):
        return True
    lowest, highest = outermost_values(law.draw, dtype)
    unit = spacing(max(-lowest, highest), PRECISIONS[dtype])
    return lowest < highest and unit * FINE_ENOUGH <= law.std


@lru_cache(maxsize=1024)
def rounded(law: Law, dtype: str) -> Rounded:
    """Return what a law's values become in a dtype that `refuse_out_of_range` lets pass.

    The law is one that `is_known`.
    """
    draw, mean, std = law.draw, law.mean, law.std
    lowest, highest = outermost_values(draw, dtype)
    if std is None or lowest == highest:
        return Rounded(lowest, 0.0, float(lowest == 0), 1, lowest, highest)
    if isinstance(draw, IndexFunction | Constant):
        return _rounded_levels(law.levels or (), dtype, lowest, highest)
    if isinstance(draw, Orthogonal):
        draw = Normal(0.0, std)
    unit = spacing(max(-lowest, highest), PRECISIONS[dtype])
    if dtype in ("float32", "float64") and unit * FINE <= std:
        zeros, distinct = _zeros_among_fine(draw, std, dtype, lowest, highest), None
    else:
        if unit * 0.5 == 0:
            numbers, ways = _integers(lowest / unit, highest / unit)
            masses = _masses(_in_units(draw, unit), dtype, numbers, ways)
        else:
            numbers, ways = cells(lowest, highest, dtype, _least_that_counts(draw, std))
            masses, unit = _masses(draw, dtype, numbers, ways), 1.0
        mean, std = (moment * unit for moment in _moments(numbers, masses))
        zeros, distinct = _total(masses[numbers == 0]), len(np.flatnonzero(masses > RAREST))
    return Rounded(
        mean=min(max(told_mean(mean, std), lowest), highest),
        std=told(std),
        zeros=told(zeros) if zeros > RAREST else 0.0,
        distinct=distinct,
        lowest=lowest,
        highest=highest,
    )


def _rounded_levels(
    levels: tuple[tuple[float, float], ...], dtype: str, lowest: float, highest: float
) -> Rounded:
    """Of a few values with their shares, each rounded by itself."""
    values = np.array([rounded_value(value, dtype) for value, _ in levels], np.float64)
    shares = np.array([share for _, share in levels], np.float64)
    mean, std = _moments(values, shares)
    return Rounded(
        mean=told_mean(mean, std),
        std=told(std),
        zeros=told(_total(shares[values == 0])),
        distinct=len(np.unique(values)),
        lowest=lowest,
        highest=highest,
    )


def _integers(lowest: float, highest: float) -> tuple[Float64, Float64]:
    """The least numbers of float64 in units of their spacing, whose half is no float64 itself."""
    numbers = np.arange(lowest, highest + 1.0)
    return numbers, np.full(len(numbers) - 1, 0.5)


def _in_units(draw: Varying, unit: float) -> Varying:
    """The draw whose values are those of `draw` divided by `unit`, a power of two."""
    match draw:
        case SymmetricUniform(limit):
            return SymmetricUniform(limit / unit)
        case UniformBetween(low, high):
            return UniformBetween(low / unit, high / unit)
        case Normal(mean, std):
            return Normal(mean / unit, std / unit)
        case SymmetricTruncatedNormal(mean, std, low=low, high=high) | TruncatedNormalBetween(
            mean, std, low=low, high=high
        ):
            mean, std, low, high = mean / unit, std / unit, low / unit, high / unit
            return replace(draw, mean=mean, std=std, low=low, high=high)


def _least_that_counts(draw: Varying, std: float) -> float:
    """A magnitude below which all values together have a probability below 2^-32.

    No density here is above 1 / std. A uniform has no density: each of its steps has 2^-24, and
    any of them may lie beside 0.
    """
    return 0.0 if isinstance(draw, SymmetricUniform | UniformBetween) else std * 2.0**-34


def _zeros_among_fine(
    draw: Varying, std: float, dtype: str, lowest: float, highest: float
) -> float:
    """The probability of 0, which subnormal values have even where their grid is fine."""
    least = spacing(0.0, PRECISIONS[dtype])
    if not lowest <= 0 <= highest:
        return 0.0
    if least * 0.5 == 0 and std < least * 2.0**60:
        numbers, ways = _integers(max(lowest / least, -1.0), min(highest / least, 1.0))
        return _total(_masses(_in_units(draw, least), dtype, numbers, ways)[numbers == 0])
    numbers, ways = cells(max(lowest, -least), min(highest, least), dtype)
    return _total(_masses(draw, dtype, numbers, ways)[numbers == 0])


def _masses(draw: Varying, dtype: str, numbers: Float64, ways: Float64) -> Float64:
    """The probability of each number, shape (n,), n >= 2.

    The outermost cells have no outer edge: what lies beyond is clamped into them, or is not there.
    The constants are those that the stream works with.
    """
    working = "float64" if dtype == "float64" else "float32"
    precision, steps = PRECISIONS[working], UNIFORM_STEPS[working]
    match draw:
        case SymmetricUniform(limit):
            step = nearest(limit, precision) / steps
            return _uniform_masses((numbers[:-1] + ways) / step, steps)
        case UniformBetween(low, high):
            middle, half = high * 0.5 + low * 0.5, high * 0.5 - low * 0.5
            return _uniform_masses(((numbers[:-1] - middle) + ways) / (half / steps), steps)
        case Normal(mean, std):
            mean, std = nearest(mean, precision), nearest(std, precision)
            below, mass, above = 0.0, 1.0, 0.0
        case SymmetricTruncatedNormal(mean, std, half_mass, tail):
            mean, std = nearest(mean, precision), nearest(std, precision)
            below, mass, above = tail, 2 * half_mass, tail
        case TruncatedNormalBetween(mean, std, below, mass, above):
            far = max(abs(draw.low - mean), abs(draw.high - mean))
            if draw.high - draw.low < far * NARROW:
                return _flat_masses((numbers[:-1] - draw.low) + ways, draw.high - draw.low)
    return cell_masses(((numbers[:-1] - mean) + ways) / std, below, mass, above)


def _flat_masses(edges: Float64, width: float) -> Float64:
    """Of a density that is all but constant between edges 0 and `width`."""
    within = np.clip(edges / width, 0.0, 1.0)
    shares: Float64 = np.concatenate([np.array([0.0]), within, np.array([1.0])])
    return shares[1:] - shares[:-1]


def _uniform_masses(edges: Float64, steps: float) -> Float64:
    """Between edges, in steps from the middle: how many of the odd k, |k| < steps, lie there."""
    up_to_edge = np.floor((edges + 1.0) * 0.5) + steps / 2
    within = np.clip(up_to_edge, 0.0, steps)
    counts: Float64 = np.concatenate([np.array([0.0]), within, np.array([steps])])
    return (counts[1:] - counts[:-1]) / np.float64(steps)


def _moments(numbers: Float64, masses: Float64) -> tuple[float, float]:
    """Mean and std, the second about the first so that no digits cancel.

    Distances are squared in units of half the range, so that no square leaves float64.
    """
    first, last = float(numbers[0]), float(numbers[-1])
    middle, half = last * 0.5 + first * 0.5, last * 0.5 - first * 0.5
    # Rounded to a float64, the mean itself can be off by a good part of a narrow range.
    offset = _total(masses * (numbers - middle))
    away = ((numbers - middle) - offset) / half
    return middle + offset, half * sqrt(_total(masses * (away * away)))


def _total(terms: Float64) -> float:
    """The sum, first of the outermost two, of the next two, and so on, then of these sums.

    NumPy's own order differs by machine. Here terms that mirror each other cancel exactly, so
    the mean of a symmetric draw is 0.
    """
    while len(terms) > 1:
        half = len(terms) // 2
        inner = terms[half : len(terms) - half]
        terms = np.concatenate([terms[:half] + terms[: -half - 1 : -1], inner])
    return float(terms[0]) if len(terms) else 0.0


def told(value: float, digits: int = DIGITS) -> float:
    """The nearest number of so many significant digits; Python's formatting is exact."""
    return float(f"{value:.{digits}g}")


def told_mean(mean: float, std: float) -> float:
    """With a mean of 10^6 and a std of 0.1, six digits of the mean alone would hide its truth."""
    if mean == 0 or std == 0:
        return mean
    above_std = Decimal(mean).adjusted() - Decimal(std).adjusted()
    return told(mean, DIGITS + max(0, above_std))
