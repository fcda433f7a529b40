"""The statistics of a tensor's values after rounding to its dtype.

The results are equal on all machines. They use + - * / and sqrt in float64, element by element,
and sums in a fixed order.
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
    Mapped,
    Normal,
    Orthogonal,
    Repeated,
    Sparse,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.precision import PRECISIONS, nearest

Float64 = npt.NDArray[np.float64]

RAREST = 2.0**-32
"""The probability of one random word. Rarer numbers are not counted."""

FINE = 64
"""Numbers of the dtype per standard deviation from which rounding to float32 or float64 is ignored.
It changes mean and std by at most about 1e-5 std."""

NARROW = 2.0**-30
"""The ratio of an interval's width to its distance from the mean below which the density counts as
constant. Within 40 std of the mean, the density changes by less than 40 40 2^-30 = 1.5e-6 over the
interval. Differences of distances from the mean would lose their digits there."""

SAME_STD = 0.001
"""The relative difference below which two stds count as equal."""

FINE_ENOUGH = 32
"""Numbers of the dtype per standard deviation from which no warning and no header is needed."""

DIGITS = 6

Varying = (
    SymmetricUniform | UniformBetween | Normal | SymmetricTruncatedNormal | TruncatedNormalBetween
)


@dataclass(frozen=True, slots=True)
class Rounded:
    """The distribution of an element after rounding to the dtype.

    `zeros` is the probability of 0 and -0 together; it is 0 if that is at most 2^-32. `distinct` is
    the number of values with a probability above 2^-32, where 0 and -0 are one value. It is None
    in float32 and float64 with at least 64 numbers per standard deviation. Then `mean` and `std`
    are those of the constants as the stream rounds them, before rounding to the dtype.

    `lowest` and `highest` are the exact outermost values. `std` and `zeros` have six significant
    digits. `mean` has at least six, and as many as reach the sixth digit of `std`. If there is a
    single value, `mean` is exact and `std` is 0. A subnormal `std` is a multiple of the least
    subnormal.

    For an orthogonal matrix the entries count as normal with the same std, which is nearly true for
    large matrices. No entry is outside `lowest` and `highest`.

    Two roundings before the last one are not modelled. They matter only in two cases. If a
    truncated normal's interval is far from its mean and only a few float64 wide, the variate has
    fewer values, and `distinct` is an upper bound. If std is subnormal, z std is rounded before
    mean is added.
    """

    mean: float
    std: float
    zeros: float
    distinct: int | None
    lowest: float
    highest: float


def is_known(law: Law) -> bool:
    """Whether `rounded` has a result.

    For an index function and for a function of a draw, the law must list the values. There is none
    for an orthogonal matrix in the middle of a kernel: most of its elements are 0.
    """
    draw = law.draw
    if isinstance(draw, Repeated | Sparse):
        draw = draw.draw
    if isinstance(draw, Orthogonal):
        return draw.kernel == 1
    return law.levels is not None or not isinstance(draw, IndexFunction | Mapped)


def is_fine(law: Law, dtype: str) -> bool:
    """Whether the spacing of the dtype shows that rounding changes std by less than 0.1 %.

    This holds if the largest spacing in the range is at most std / FINE_ENOUGH. Then rounding moves
    a value by at most std / 64. The moves cancel except at the ends of the range, where they change
    std by about (1/32)^2 / 4. The check is fast; the sum over all numbers of float16 takes
    milliseconds.
    """
    if law.std is None or law.levels is not None:
        return False
    if not is_known(law) or isinstance(law.draw, Sparse):
        return True
    lowest, highest = outermost_values(law.draw, dtype)
    unit = spacing(max(-lowest, highest), PRECISIONS[dtype])
    return lowest < highest and unit * FINE_ENOUGH <= law.std


@lru_cache(maxsize=1024)
def rounded(law: Law, dtype: str) -> Rounded:
    """The statistics of a law's values after rounding to a dtype.

    `refuse_out_of_range` must accept the draw and the dtype, and `is_known` must be true.
    """
    draw, mean, std = law.draw, law.mean or 0.0, law.std
    if isinstance(draw, Repeated):
        return rounded(replace(law, draw=draw.draw), dtype)
    if isinstance(draw, Sparse):
        return _rounded_sparse(draw, law, dtype)
    lowest, highest = outermost_values(draw, dtype)
    if std is None or lowest == highest:
        return Rounded(lowest, 0.0, float(lowest == 0), 1, lowest, highest)
    if isinstance(draw, IndexFunction | Constant | Mapped):
        return _rounded_levels(law.levels or (), dtype, lowest, highest)
    if isinstance(draw, Orthogonal):
        draw = Normal(0.0, std)
    unit = spacing(max(-lowest, highest), PRECISIONS[dtype])
    if dtype in ("float32", "float64") and unit * FINE <= std:
        zeros, distinct = _zeros_among_fine(draw, std, dtype, lowest, highest), None
        mean, std = _of_rounded_constants(draw, mean, std, dtype)
    else:
        if unit * 0.5 == 0:
            numbers, ways = _integers(lowest / unit, highest / unit)
            masses = masses_of(in_units(draw, unit), dtype, numbers, ways)
        else:
            numbers, ways = cells(lowest, highest, dtype, least_that_counts(draw, std))
            masses, unit = masses_of(draw, dtype, numbers, ways), 1.0
        mean, std = (moment * unit for moment in moments_of(numbers, masses))
        zeros, distinct = total_of(masses[numbers == 0]), len(np.flatnonzero(masses > RAREST))
    return Rounded(
        mean=min(max(significant_mean(mean, std), lowest), highest),
        std=significant(std),
        zeros=significant(zeros) if zeros > RAREST else 0.0,
        distinct=distinct,
        lowest=lowest,
        highest=highest,
    )


def _of_rounded_constants(
    draw: Varying, mean: float, std: float, dtype: str
) -> tuple[float, float]:
    """The mean and the std of a draw with its constants as the stream rounds them.

    The mean moves by up to half a number of float32, which is 1/128 of the least std that is fine.
    A subnormal std has fewer digits, and so has the step of a uniform whose limits are 2^-969 apart
    or nearer. If such a step is rounded up, the values beyond the limits are clamped.
    """
    precision = PRECISIONS[dtype]
    match draw:
        case Normal() | SymmetricTruncatedNormal():
            return nearest(mean, precision), std * (nearest(draw.std, precision) / draw.std)
        case UniformBetween(low, high):
            half, steps = high * 0.5 - low * 0.5, UNIFORM_STEPS[dtype]
            drawn = half / steps * steps
            if drawn != half:
                inner = min(half, drawn)
                std = inner * sqrt(1.0 - inner / drawn * (2.0 / 3.0))
    return mean, std


def _rounded_sparse(draw: Sparse, law: Law, dtype: str) -> Rounded:
    """The statistics of a share of zeros and the other values.

    With a share s of zeros, and mean m and std d of the others: mean = (1 - s) m, and
    std = sqrt((1 - s) (d^2 + s m^2)).
    """
    share = draw.zeros / draw.length
    kept = 1.0 - share
    normal = draw.draw if isinstance(draw.draw, Normal) else Normal(0.0, law.std or 0.0)
    others = rounded(Law(draw.draw, "normal", normal.mean, normal.std), dtype)
    # With mean 0 no square is taken, which a tiny or huge std would not survive.
    std = sqrt(kept) * others.std
    if others.mean:
        std = sqrt(kept * (others.std * others.std + share * (others.mean * others.mean)))
    mean = kept * others.mean
    distinct = others.distinct
    if distinct is not None and share and not others.zeros:
        distinct += 1
    return replace(
        others,
        mean=significant_mean(mean, std),
        std=significant(std),
        zeros=significant(share + kept * others.zeros),
        distinct=distinct,
        lowest=min(others.lowest, 0.0),
        highest=max(others.highest, 0.0),
    )


def _rounded_levels(
    levels: tuple[tuple[float, float], ...], dtype: str, lowest: float, highest: float
) -> Rounded:
    """The statistics of a few values with their shares."""
    values = np.array([rounded_value(value, dtype) for value, _ in levels], np.float64)
    shares = np.array([share for _, share in levels], np.float64)
    mean, std = moments_of(values, shares)
    return Rounded(
        mean=significant_mean(mean, std),
        std=significant(std),
        zeros=significant(total_of(shares[values == 0])),
        distinct=len(np.unique(values)),
        lowest=lowest,
        highest=highest,
    )


def _integers(lowest: float, highest: float) -> tuple[Float64, Float64]:
    """The smallest float64 numbers in units of their spacing, and the distances to the cell edges.

    Half of this spacing is not a float64, so the numbers are divided by it.
    """
    numbers = np.arange(lowest, highest + 1.0)
    return numbers, np.full(len(numbers) - 1, 0.5)


def in_units(draw: Varying, unit: float) -> Varying:
    """The draw with all values divided by `unit`, a power of two."""
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


def least_that_counts(draw: Varying, std: float) -> float:
    """A magnitude below which all values together have a probability below 2^-32.

    No normal density here is above 1 / std. For a uniform it is 0: each of its steps has the
    probability 2^-24 and may be next to 0.
    """
    return 0.0 if isinstance(draw, SymmetricUniform | UniformBetween) else std * 2.0**-34


def _zeros_among_fine(
    draw: Varying, std: float, dtype: str, lowest: float, highest: float
) -> float:
    """The probability of 0, if the dtype is fine in comparison with std."""
    least = spacing(0.0, PRECISIONS[dtype])
    if not lowest <= 0 <= highest:
        return 0.0
    if least * 0.5 == 0 and std < least * 2.0**60:
        numbers, ways = _integers(max(lowest / least, -1.0), min(highest / least, 1.0))
        return total_of(masses_of(in_units(draw, least), dtype, numbers, ways)[numbers == 0])
    numbers, ways = cells(max(lowest, -least), min(highest, least), dtype)
    return total_of(masses_of(draw, dtype, numbers, ways)[numbers == 0])


def masses_of(draw: Varying, dtype: str, numbers: Float64, ways: Float64) -> Float64:
    """The probability of each number, shape (n,), n >= 2.

    The outermost cells have no outer edge, because values beyond are clamped. The constants are
    rounded as in the stream (docs/stream-v1.md, section 3, "Scaling").
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
    # The std of a matrix's entries may be below the least number. They all count as the mean then.
    with np.errstate(divide="ignore"):
        edges = ((numbers[:-1] - mean) + ways) / std
    return cell_masses(edges, below, mass, above)


def _flat_masses(edges: Float64, width: float) -> Float64:
    """The probabilities for a nearly constant density between 0 and `width`."""
    within = np.clip(edges / width, 0.0, 1.0)
    shares: Float64 = np.concatenate([np.array([0.0]), within, np.array([1.0])])
    return shares[1:] - shares[:-1]


def _uniform_masses(edges: Float64, steps: float) -> Float64:
    """The probability between edges in steps from the middle. The values are odd k, |k| < steps."""
    up_to_edge = np.floor((edges + 1.0) * 0.5) + steps / 2
    within = np.clip(up_to_edge, 0.0, steps)
    counts: Float64 = np.concatenate([np.array([0.0]), within, np.array([steps])])
    return (counts[1:] - counts[:-1]) / np.float64(steps)


def moments_of(numbers: Float64, masses: Float64) -> tuple[float, float]:
    """The mean, and the std about it, so that no digits cancel.

    Distances are squared in units of half the range, so that no square overflows or vanishes.
    """
    first, last = float(numbers[0]), float(numbers[-1])
    middle, half = last * 0.5 + first * 0.5, last * 0.5 - first * 0.5
    if half == 0:
        # The range is one of the smallest float64, half of which is 0.
        return first + (last - first) * total_of(masses[1:]), 0.0
    # The rounding error of the mean can be large in comparison with a narrow range.
    offset = total_of(masses * (numbers - middle))
    away = ((numbers - middle) - offset) / half
    return middle + offset, half * sqrt(total_of(masses * (away * away)))


def total_of(terms: Float64) -> float:
    """The sum in a fixed order: first and last term, second and last but one, and so on; repeated.

    The order of NumPy's sum depends on the machine. In this order opposite terms cancel exactly, so
    the mean of a symmetric draw is 0.
    """
    while len(terms) > 1:
        half = len(terms) // 2
        inner = terms[half : len(terms) - half]
        terms = np.concatenate([terms[:half] + terms[: -half - 1 : -1], inner])
    return float(terms[0]) if len(terms) else 0.0


def significant(value: float, digits: int = DIGITS) -> float:
    """The nearest number with `digits` significant digits. Python's formatting is exact."""
    return float(f"{value:.{digits}g}")


def significant_mean(mean: float, std: float) -> float:
    """The mean with at least six digits, and as many as reach the sixth digit of `std`."""
    if mean == 0 or std == 0:
        return mean
    above_std = Decimal(mean).adjusted() - Decimal(std).adjusted()
    return significant(mean, DIGITS + max(0, above_std))
