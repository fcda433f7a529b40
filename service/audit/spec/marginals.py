"""The distribution of one element after rounding to the dtype.

It answers how likely each bin of a histogram is, exactly: a bin holds numbers of the dtype, and the
reals that round to them lie between edges of their cells (`service.stream.cells`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, nextafter, sqrt

import numpy as np
import numpy.typing as npt

from service.audit.spec import haar
from service.initializers.schemes import Law
from service.plan.extremes import outermost_values, rounded_value
from service.plan.rounded import (
    FINE,
    RAREST,
    Varying,
    in_units,
    least_that_counts,
    masses_of,
    moments_of,
    rounded,
    total_of,
)
from service.stream.cells import cells, ordinal, spacing
from service.stream.draws import (
    Constant,
    Mapped,
    Normal,
    Orthogonal,
    SymmetricUniform,
    UniformBetween,
)
from service.stream.precision import PRECISIONS, at_least, at_most

Float64 = npt.NDArray[np.float64]

Masses = Callable[[Float64, Float64], Float64]
"""The probability of each number, from numbers and the distances to their upper edges; as
`service.plan.rounded.masses_of`."""

MOST_NUMBERS = 2**17
"""The most numbers of a dtype whose probabilities are added up. 16-bit dtypes have 2^16."""

MOST_LISTED = 2**12
"""The most numbers of a dtype that are pieces of their own."""

PIECES = 2**11
"""The pieces of other distributions. They give the fourth moment to about (13 / 2048)^2."""

FARTHEST = 16.0
"""In standard deviations. No entry of a large orthogonal matrix is farther out."""

HALVINGS = 52
"""Bisections of the interval of a uniform variate."""


@dataclass(frozen=True, slots=True)
class Marginal:
    """One element: mean, std, outermost values and probability of zero, after rounding.

    `squares` is the mean of the square of the entry before rounding in each cell, for an entry of
    an orthogonal matrix; None for others. `low` and `high` are where all but a negligible part of
    the probability lies.
    """

    dtype: str
    mean: float
    std: float
    zeros: float
    lowest: float
    highest: float
    low: float
    high: float
    masses: Masses
    squares: Masses | None = None
    dimension: int = 0


@dataclass(frozen=True, slots=True)
class Pieces:
    """Values with their probabilities and, for an orthogonal matrix, `squares`.

    `halves` are half the dtype's spacings at the values, for such a matrix too.
    """

    values: Float64
    masses: Float64
    squares: Float64 | None = None
    halves: Float64 | None = None


def marginal_of(law: Law, dtype: str) -> Marginal:
    """The distribution of an element of a law with an elementwise, mapped or orthogonal draw."""
    draw = law.draw
    if isinstance(draw, Constant):
        return constant(rounded_value(draw.value, dtype) + 0.0, dtype)
    if isinstance(draw, Mapped):
        return _of_function(draw, law, dtype)
    if isinstance(draw, Orthogonal):
        return _of_matrix(draw, dtype)
    assert isinstance(draw, Varying), "the other draws consist of these"
    return _of_draw(draw, law, dtype)


def constant(value: float, dtype: str) -> Marginal:
    """The distribution of a single value."""

    def masses(numbers: Float64, ways: Float64) -> Float64:
        found: Float64 = (numbers == value).astype(np.float64)
        return found

    zeros = float(value == 0)
    return Marginal(dtype, value, 0.0, zeros, value, value, value, value, masses)


def _of_draw(draw: Varying, law: Law, dtype: str) -> Marginal:
    found = rounded(replace(law, draw=draw), dtype)
    if found.lowest == found.highest:
        return constant(found.lowest, dtype)
    unit = spacing(max(-found.lowest, found.highest), PRECISIONS[dtype])

    def masses(numbers: Float64, ways: Float64) -> Float64:
        if unit * 0.5 > 0:
            return masses_of(draw, dtype, numbers, ways)
        # Half of the least float64 is not a float64, so everything is divided by it.
        return masses_of(in_units(draw, unit), dtype, numbers / unit, np.full(len(ways), 0.5))

    ends = found.lowest, found.highest
    return Marginal(dtype, found.mean, found.std, found.zeros, *ends, *ends, masses)


def _of_function(draw: Mapped, law: Law, dtype: str) -> Marginal:
    """A monotone function of a uniform variate: its distribution by bisection."""
    lowest, highest = outermost_values(draw, dtype)
    if lowest == highest:
        return constant(lowest, dtype)
    inner = draw.draw
    if isinstance(inner, SymmetricUniform):
        start, stop = -inner.limit, inner.limit
    else:
        assert isinstance(inner, UniformBetween), "other draws have no functions"
        start, stop = inner.low, inner.high

    def values(shares: Float64) -> Float64:
        found: Float64 = draw.function(start + shares * (stop - start), *draw.numbers)
        return found

    first, last = values(np.array([0.0, 1.0])).tolist()
    rises = first <= last

    def under(edges: Float64) -> Float64:
        """The probability that the function is below each edge."""
        low, high = np.zeros(len(edges)), np.ones(len(edges))
        for _ in range(HALVINGS):
            middle = (low + high) * 0.5
            onward = (values(middle) < edges) == rises
            low, high = np.where(onward, middle, low), np.where(onward, high, middle)
        return low if rises else 1.0 - low

    def masses(numbers: Float64, ways: Float64) -> Float64:
        return _differences(under(numbers[:-1] + ways), 1.0)

    return _enumerated(dtype, lowest, highest, law.mean or 0.0, law.std or 0.0, 0.0, masses)


def _of_matrix(draw: Orthogonal, dtype: str) -> Marginal:
    dimension = max(draw.rows, draw.columns)
    gain = draw.gain
    lowest, highest = outermost_values(draw, dtype)
    if lowest == highest:
        return constant(lowest, dtype)
    # The only entry of a 1 x 1 matrix is 1 or -1.
    std = highest if dimension == 1 else gain * sqrt(1.0 / dimension)
    unit = spacing(highest, PRECISIONS[dtype])

    def edges(numbers: Float64, ways: Float64) -> Float64:
        """The edges of cells, as those of the entries of Q."""
        if unit * 0.5 > 0:
            return (numbers[:-1] + ways) / gain
        # Half of the least float64 is not a float64, so everything is divided by it.
        return (numbers[:-1] / unit + 0.5) / (gain / unit)

    def masses(numbers: Float64, ways: Float64) -> Float64:
        return _differences(haar.below(edges(numbers, ways), dimension), 1.0)

    def squares(numbers: Float64, ways: Float64) -> Float64:
        below = haar.squares_below(edges(numbers, ways), dimension)
        return _differences(below, 1.0 / dimension)

    # As for a normal distribution: no density of an entry is above 1 / std near 0.
    least = least_that_counts(Normal(0.0, std), std)
    found = _enumerated(dtype, lowest, highest, 0.0, std, least, masses)
    far = FARTHEST * std
    low, high = max(lowest, -far), min(highest, far)
    return replace(found, low=low, high=high, squares=squares, dimension=dimension)


def _differences(cumulative: Float64, whole: float) -> Float64:
    """The parts between ascending edges, from the parts below them."""
    ends = np.concatenate([np.zeros(1), cumulative, np.array([whole])])
    found: Float64 = np.maximum(ends[1:] - ends[:-1], 0.0)
    return found


def _enumerated(
    dtype: str,
    lowest: float,
    highest: float,
    mean: float,
    std: float,
    least: float,
    masses: Masses,
) -> Marginal:
    """The distribution with mean and std over all numbers, unless the dtype is fine.

    `mean` and `std` are those before rounding. Numbers below `least` count as 0.
    """
    ends = lowest, highest
    unit = spacing(max(-lowest, highest), PRECISIONS[dtype])
    if _count(lowest, highest, dtype) <= MOST_NUMBERS or unit * FINE > std:
        numbers, ways = cells(lowest, highest, dtype, least)
        found = masses(numbers, ways)
        mean, std = (moment * unit for moment in moments_of(numbers / unit, found))
    else:
        tiny = spacing(0.0, PRECISIONS[dtype])
        numbers, ways = cells(min(max(lowest, -tiny), 0.0), max(min(highest, tiny), 0.0), dtype)
        found = masses(numbers, ways)
    zeros = total_of(found[numbers == 0])
    zeros = zeros if zeros > RAREST else 0.0
    return Marginal(dtype, mean, std, zeros, *ends, *ends, masses)


def _count(lowest: float, highest: float, dtype: str) -> int:
    """The numbers of the dtype from `lowest` to `highest`."""
    precision = PRECISIONS[dtype]
    return ordinal(highest, precision) - ordinal(lowest, precision) + 1


def pieces_of(marginal: Marginal) -> Pieces:
    """All numbers of the dtype with their probabilities, or PIECES intervals with their middles."""
    lowest, highest = marginal.lowest, marginal.highest
    if lowest == highest:
        return Pieces(np.array([lowest]), np.ones(1))
    # The sum of the squares of whole orthogonal matrices varies by rounding alone, so all numbers
    # of a 16-bit dtype count.
    most = MOST_LISTED if marginal.squares is None else MOST_NUMBERS
    if _count(lowest, highest, marginal.dtype) <= most:
        values, ways = cells(lowest, highest, marginal.dtype)
        numbers = values
    else:
        numbers = _between(marginal.low, marginal.high, PIECES)
        values = numbers[:-1] * 0.5 + numbers[1:] * 0.5
        values = np.concatenate([[marginal.low], values, [marginal.high]])
        numbers = np.concatenate([numbers, numbers[-1:]])
        ways = np.zeros(len(numbers) - 1)
    masses = marginal.masses(numbers, ways)
    if marginal.squares is None:
        return Pieces(values, masses)
    units = [spacing(value, PRECISIONS[marginal.dtype]) for value in values.tolist()]
    return Pieces(values, masses, marginal.squares(numbers, ways), np.array(units) * 0.5)


def _between(low: float, high: float, pieces: int) -> Float64:
    """Edges of pieces of equal width. The ends may be 2^1024 apart."""
    shares = np.arange(pieces + 1) / np.float64(pieces)
    edges: Float64 = low * (1.0 - shares) + high * shares
    return edges


def binned(marginal: Marginal, cuts: Float64) -> tuple[Float64, Float64 | None]:
    """The probability of each bin, and of the values below the first cut and above the last.

    n ascending cuts have n + 1 results. A bin has its lower cut. The last bin has its upper cut
    too. The second result is that of `Marginal.squares`, or None.
    """
    precision = PRECISIONS[marginal.dtype]
    firsts = [at_least(cut, precision) + 0.0 for cut in cuts.tolist()]
    firsts[-1] = at_least(nextafter(float(cuts[-1]), inf), precision) + 0.0
    inner = [place for place, n in enumerate(firsts) if marginal.lowest < n <= marginal.highest]
    masses = np.zeros(len(firsts) + 1)
    squares = None if marginal.squares is None else np.zeros(len(firsts) + 1)
    if not inner:
        place = sum(n <= marginal.lowest for n in firsts)
        masses[place] = 1.0
        if squares is not None:
            squares[place] = 1.0 / marginal.dimension
        return masses, squares
    edges = [_edge(firsts[place], marginal.dtype) for place in inner]
    numbers = np.array([number for number, _ in edges] + [marginal.highest])
    ways = np.array([way for _, way in edges])
    within = slice(inner[0], inner[-1] + 2)
    masses[within] = marginal.masses(numbers, ways)
    if squares is not None and marginal.squares is not None:
        squares[within] = marginal.squares(numbers, ways)
    return masses, squares


def _edge(number: float, dtype: str) -> tuple[float, float]:
    """The number before this one, and the distance from it to the edge between the two."""
    before = at_most(nextafter(number, -inf), PRECISIONS[dtype]) + 0.0
    numbers, ways = cells(before, number, dtype)
    return float(numbers[0]), float(ways[0])
