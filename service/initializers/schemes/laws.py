"""Laws of tables and of functions of a uniform variate: their mean and std by computing values."""

import math
from collections.abc import Callable

import numpy as np

from service.initializers.schemes.record import Law
from service.stream.draws import Float64, IndexFunction, Mapped, SymmetricUniform, UniformBetween

MOST_LISTED = 2**14
"""The most elements of a table whose mean and std are computed. It takes about a millisecond."""

POINTS = 2**12
"""The points at which a function of a uniform variate is computed for its mean and std."""

DIGITS = 9
"""The digits of such a mean and std. The midpoint rule leaves an error below the last of them for
functions with bounded derivatives."""


def table_law(draw: IndexFunction, size: int) -> Law:
    """The law of a table of `size` elements.

    mean and std are those of its values, each the float64 nearest to the exact number or next to
    it. They are None for an empty table and for one of more than MOST_LISTED elements.
    """
    if not 0 < size <= MOST_LISTED:
        return Law(draw, "deterministic", None, None, low=draw.low, high=draw.high)
    values = draw.function(np.arange(size), *draw.numbers)
    mean, std = _moments(values)
    return Law(draw, "deterministic", mean, std, low=draw.low, high=draw.high)


def uniform_function_law(
    function: Callable[..., Float64],
    between: tuple[float, float],
    numbers: tuple[float, ...] = (),
    shift: int = 0,
) -> Law:
    """The law of function(u, *numbers), u ~ U(between), for a monotone function.

    mean and std come from the midpoint rule and have nine digits.
    """
    start, stop = between
    ends = function(np.array(between, np.float64), *numbers).tolist()
    low, high = min(ends), max(ends)
    inner = SymmetricUniform(stop) if start == -stop else UniformBetween(start, stop)
    draw = Mapped(inner, function, numbers, low, high, shift)
    points = start + (stop - start) * ((np.arange(POINTS) + 0.5) / POINTS)
    mean, std = (float(f"{moment:.{DIGITS}g}") for moment in _moments(function(points, *numbers)))
    return Law(draw, "function_of_uniform", mean, std, low=low, high=high)


def _moments(values: Float64) -> tuple[float, float]:
    """Mean and std of a list of values. `math.fsum` is exact, so they are equal on all machines."""
    mean = math.fsum(values.tolist()) / values.size
    away = values - mean
    return mean, math.sqrt(math.fsum((away * away).tolist()) / values.size)
