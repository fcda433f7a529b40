"""What the values of a spec should be: the expectation and the standard error of each statistic.

Nothing is drawn for it. A statistic is a sum of a function over all elements: x for the mean,
(x - mean)^2 for the std, and an indicator for the zeros and for each bin of the histogram. Each
part of the tensor (`service.audit.spec.parts`) contributes its expectation and its variance.

The results are equal on all machines, as those of `service.plan.rounded`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from service.audit.spec import haar
from service.audit.spec.marginals import Pieces, binned, pieces_of
from service.audit.spec.parts import Part, parts_of
from service.audit.spec.selection import Selection
from service.audit.tally import Edges
from service.plan.extremes import outermost_values
from service.plan.rounded import FINE, RAREST, total_of
from service.plan.tensor import Tensor
from service.stream.cells import spacing
from service.stream.precision import PRECISIONS

Float64 = npt.NDArray[np.float64]

MOST_BINS = 64
"""The bins have a width of a power of two, so there are from half as many to this number, and one
more if the ends of the range are no edges."""

FARTHEST = 6.5
"""In standard deviations. A histogram goes no farther. Values beyond are counted together."""

LARGEST_EDGE = 2.0**1022
"""A range on both sides of 0 ends here: the difference of two values beyond could be infinite."""

LEAST_WIDTH = 2.0**-1000
"""The least width of a bin, for which the arithmetic of `service.audit.tally` is exact."""

RARELY = 21.5
"""The logarithm of 2 / p, p = 1e-9: so rarely a statistic of a correct tensor is beyond its
limit."""

NEGLIGIBLE = 2.0**-40
"""The probability of a piece that no tensor of MOST_ELEMENTS elements is likely to have."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The sum of a function over all elements: its expectation, its standard error and a limit.

    A correct sum is within `limit` standard errors of its expectation, except with a probability of
    1e-9.
    """

    sum: float
    standard_error: float
    limit: float


@dataclass(frozen=True, slots=True)
class Expectation:
    """The expectation of a tensor's values after rounding to the dtype.

    `mean`, `std`, `lowest` and `highest` are those of the distribution. `scale` is a power of two
    near `std`. `deviation` is the sum of (x - mean) / scale, and `square` that of its square.
    `bins` have the values below the first edge of `edges`, the bins, and the values above the last.
    """

    elements: int
    mean: float
    std: float
    lowest: float
    highest: float
    scale: float
    edges: Edges
    deviation: Expected
    square: Expected
    zeros: Expected
    bins: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class _Function:
    """A function of an element of a part.

    `mean` and `variance` are those over its distribution, `at_zero` is its value at 0, and
    `farthest` the most that it differs from its mean.

    For an orthogonal matrix the function is `slope` times the square of the entry before rounding,
    and a rest of variance `rest` that is uncorrelated with it. Without a slope the rest is all.
    """

    mean: float
    variance: float
    at_zero: float
    farthest: float
    slope: float = 0.0
    rest: float | None = None


def expectation_of(tensor: Tensor) -> Expectation:
    """The expectation of a tensor that uses random words."""
    parts = parts_of(tensor)
    elements = Selection.of(tensor).size
    mean, std = _moments(parts, elements)
    lowest = min(part.lowest for part in parts)
    highest = max(part.highest for part in parts)
    scale = _power_below(std) if std else 1.0
    low, high = max(lowest, mean - FARTHEST * std), min(highest, mean + FARTHEST * std)
    edges = edges_between(low, high, tensor.spec.dtype)
    pieces = [pieces_of(part.marginal) for part in parts]
    moments = [_central(part, each, mean, scale) for part, each in zip(parts, pieces, strict=True)]
    bins = [_indicators(part, edges) for part in parts]
    return Expectation(
        elements=elements,
        mean=mean,
        std=std,
        lowest=lowest,
        highest=highest,
        scale=scale,
        edges=edges,
        deviation=_sum(parts, [first for first, _ in moments]),
        square=_sum(parts, [second for _, second in moments]),
        zeros=_sum(parts, [_zero(part) for part in parts]),
        bins=tuple(_sum(parts, functions) for functions in zip(*bins, strict=True)),
    )


def edges_of_all(tensor: Tensor) -> Edges:
    """The edges of a histogram for a tensor without random words: from the least to the largest."""
    dtype = tensor.spec.dtype
    ends = [outermost_values(block.law.draw, dtype) for block in tensor.blocks]
    return edges_between(min(low for low, _ in ends), max(high for _, high in ends), dtype)


def edges_between(low: float, high: float, dtype: str) -> Edges:
    """Edges that are multiples of a power of two, from at most `low` to at least `high`.

    The tally's subtraction and product are exact for the values that matter, so a value on an edge
    is in the bin above it.
    """
    if low < 0 < high:
        low, high = max(low, -LARGEST_EDGE), min(high, LARGEST_EDGE)
    largest = max(-low, high)
    unit = max(spacing(largest, PRECISIONS[dtype]), LEAST_WIDTH)
    wanted = high / MOST_BINS - low / MOST_BINS
    width = _power_below(wanted) * 2.0 if wanted else _power_below(largest or 1.0)
    width = max(width, unit)
    first, last = math.floor(low / width), math.ceil(high / width)
    last = max(last, first + 1)
    # An edge of 2^1024 is infinite. The values beyond the last finite edge are counted together.
    first, last = first + (first * width == -math.inf), last - (last * width == math.inf)
    if first == last:
        first, last = min(first, 0), max(last, 0)
    # Values far below a width would be moved to an edge by the subtraction, so they share one bin.
    bins = 1 if width == LEAST_WIDTH else last - first
    return Edges(first * width, last * width, bins)


def cuts_of(edges: Edges) -> Float64:
    """All edges in rising order, shape (bins + 1,)."""
    width = (edges.high - edges.low) / edges.bins
    cuts: Float64 = edges.low + np.arange(edges.bins + 1, dtype=np.float64) * np.float64(width)
    return cuts


def _square(value: float) -> float:
    return value * value


def _power_below(value: float) -> float:
    """The largest power of two that is not above `value`, which is positive."""
    return math.ldexp(1.0, math.frexp(value)[1] - 1)


def _moments(parts: Sequence[Part], elements: int) -> tuple[float, float]:
    """The mean and the std of all elements together."""
    shares = [part.kept * part.copies.total / elements for part in parts]
    zeros = [(1.0 - part.kept) * part.copies.total / elements for part in parts]
    each = [(part.marginal.mean, part.marginal.std) for part in parts]
    mean = math.fsum(share * m for share, (m, _) in zip(shares, each, strict=True))
    largest = max(max(s, abs(m - mean)) for m, s in each)
    if any(zeros):
        largest = max(largest, abs(mean))
    if largest == 0:
        return mean, 0.0
    unit = _power_below(largest)
    squares = [
        share * (_square(s / unit) + _square((m - mean) / unit)) + zero * _square(mean / unit)
        for share, zero, (m, s) in zip(shares, zeros, each, strict=True)
    ]
    return mean, unit * math.sqrt(math.fsum(squares))


def _central(part: Part, pieces: Pieces, mean: float, scale: float) -> tuple[_Function, _Function]:
    """(x - mean) / scale, and its square."""
    marginal = part.marginal
    m, s = (marginal.mean - mean) / scale, marginal.std / scale
    away = pieces.values / scale - mean / scale
    square = away * away
    second = total_of(pieces.masses * square)
    # Without zeros beside the draw, 0 may be so many standard deviations away that no square holds.
    at_zero = mean / scale if part.kept < 1 else 0.0
    ends = np.array([marginal.lowest / scale, marginal.highest / scale])
    far = float(np.abs(ends - marginal.mean / scale).max())
    of_square = _Function(
        mean=s * s + m * m,
        variance=total_of(pieces.masses * (square - second) * (square - second)),
        at_zero=at_zero * at_zero,
        farthest=float(np.abs(square - second).max()),
    )
    if pieces.squares is not None:
        of_square = _of_orthogonal_square(part, of_square, square - second, pieces, scale)
    return _Function(m, s * s, -at_zero, far), of_square


def _of_orthogonal_square(
    part: Part, function: _Function, square: Float64, pieces: Pieces, scale: float
) -> _Function:
    """The square of an orthogonal entry, as a multiple of its exact square and a rest by rounding.

    `square` is the function without its mean. In a fine dtype the rest is the variance of the exact
    square within a cell: with c + t, t uniform in (-h, h), it is 4 c^2 h^2 / 3 + 4 h^4 / 45. In a
    coarse one it is what the variance has more than the multiple.

    The terms of the rest are small. The sum of the exact squares, if it is not constant, is like
    that of squares of normal values. Those have the tail of a gamma distribution, for which
    Bernstein's inequality holds with 6 times the variance.
    """
    marginal, squares, halves = part.marginal, pieces.squares, pieces.halves
    assert squares is not None, "the caller looks"
    assert halves is not None, "they stand beside the squares"
    exact_variance = haar.variance_of_square(marginal.dimension)
    covariance = total_of(square * squares)
    slope = covariance / exact_variance if exact_variance else 0.0
    unit = spacing(marginal.std, PRECISIONS[marginal.dtype])
    if exact_variance and unit * FINE <= marginal.std:
        c, h = pieces.values / scale, halves / scale
        within = c * c * (h * h) * (4.0 / 3.0) + h * h * (h * h) * (4.0 / 45.0)
        rest = total_of(pieces.masses * within)
    else:
        rest = max(function.variance - slope * covariance, 0.0)
    likely = pieces.masses > NEGLIGIBLE
    exact = squares[likely] / pieces.masses[likely] - 1.0 / marginal.dimension
    farthest = float(np.abs(square[likely] - slope * exact).max())
    if part.squares:
        farthest = max(farthest, 6.0 * abs(slope) / marginal.dimension)
    return replace(function, slope=slope, rest=rest, farthest=farthest)


def _zero(part: Part) -> _Function:
    zeros = part.marginal.zeros
    possible = part.marginal.lowest < 0 < part.marginal.highest or zeros > 0
    return _indicator(zeros, 1.0, possible=possible)


def _indicators(part: Part, edges: Edges) -> Iterator[_Function]:
    """Whether an element is below the first edge, in each bin, or above the last edge."""
    cuts = cuts_of(edges)
    masses, squares = binned(part.marginal, cuts)
    home = int(np.searchsorted(cuts, 0.0, "right"))
    if edges.high == 0.0:
        home = edges.bins
    dimension = part.marginal.dimension
    single = part.marginal.lowest == part.marginal.highest
    for place, mass in enumerate(masses.tolist()):
        function = _indicator(mass, float(place == home), possible=not single)
        exact_variance = haar.variance_of_square(dimension) if dimension else 0.0
        if squares is not None and exact_variance:
            covariance = float(squares[place]) - mass / dimension
            slope = covariance / exact_variance
            rest = max(function.variance - slope * covariance, 0.0)
            function = replace(function, slope=slope, rest=rest)
        yield function


def _indicator(mass: float, at_zero: float, *, possible: bool) -> _Function:
    """Whether an element is in a set. Probabilities below 2^-32 are not known to be 0."""
    variance = mass * (1.0 - mass)
    if possible:
        variance = max(variance, RAREST)
    return _Function(mass, variance, at_zero, 1.0)


def _sum(parts: Sequence[Part], functions: Sequence[_Function]) -> Expected:
    """The sum of a function over all parts.

    Parts are independent, unless one has random words of another. Then their standard errors are
    added, which is the most that there can be. The limit follows from Bernstein's inequality: a sum
    of independent terms with variance V, none more than M from its mean, is farther than
    a + sqrt(a^2 + 2 L) standard errors from its mean with a probability of at most 2 exp(-L), where
    a = M L / (3 sqrt V).
    """
    sums, variances, most = [], [], 0.0
    for part, function in zip(parts, functions, strict=True):
        n = part.copies.total
        sums.append(n * (part.kept * function.mean + (1.0 - part.kept) * function.at_zero))
        variances.append(_variance(part, function))
        if variances[-1] > 0:
            most = max(most, part.copies.most * _farthest(part, function))
    shared = any(part.shared for part in parts)
    error = math.sqrt(math.fsum(variances))
    if shared:
        error = math.fsum(math.sqrt(variance) for variance in variances)
        most *= len(parts)
    limit = math.sqrt(2.0 * RARELY)
    if error > 0:
        a = most * RARELY / (3.0 * error)
        limit = a + math.sqrt(a * a + 2.0 * RARELY)
    return Expected(math.fsum(sums), error, limit)


def _farthest(part: Part, function: _Function) -> float:
    """The most that one element moves the sum. A fixed number of zeros does not move it."""
    chosen = abs(function.mean - function.at_zero) if part.spread else 0.0
    return function.farthest + chosen


def _variance(part: Part, function: _Function) -> float:
    """The variance of the sum of a function over a part.

    For an orthogonal matrix the function is divided into a multiple of the square of the entry,
    whose sum has the variance of the Haar measure, and a rest, which is counted as independent.
    The rest is uncorrelated in the limit of large matrices.
    """
    if part.squares is not None and function.rest is not None:
        exact = function.slope * function.slope * part.squares
        return exact + part.copies.squares * function.rest
    between = function.mean - function.at_zero
    chosen = part.kept * (1.0 - part.kept) * part.spread * between * between
    return part.copies.squares * (part.kept * function.variance + chosen)
