"""Laws of tables and of functions of a uniform variate: their mean and std by computing values."""

import math
from collections.abc import Callable

import numpy as np

from service.initializers.schemes.record import Law
from service.stream.draws import Float64, IndexFunction, Mapped, SymmetricUniform, UniformBetween

MOST_LISTED = 2**14
"""The most elements of a table whose mean and std are computed. It takes about a millisecond."""

PANELS = 2**10
"""The panels of the quadrature of a function of a uniform variate. Each has four points."""

NODES = tuple(math.sqrt(3.0 / 7.0 + sign * 2.0 / 7.0 * math.sqrt(1.2)) for sign in (-1.0, 1.0))
WEIGHTS = tuple((18.0 + sign * math.sqrt(30.0)) / 72.0 for sign in (1.0, -1.0))
"""Gauss-Legendre with four points: the nodes above 0 in [-1, 1], and weights with the sum 1/2."""

DIGITS = 9
"""The digits of such a mean and std. The quadrature leaves an error below the last of them."""


def table_law(draw: IndexFunction, size: int) -> Law:
    """The law of a table of `size` elements.

    mean and std are those of its values, each the float64 nearest to the exact number or next to
    it. They are None for an empty table and for one of more than MOST_LISTED elements.
    """
    if not 0 < size <= MOST_LISTED:
        return Law(draw, "deterministic", None, None, low=draw.low, high=draw.high)
    values = draw.function(np.arange(size), *draw.numbers)
    mean, std = _moments(values, np.full(size, 1.0 / size))
    return Law(draw, "deterministic", mean, std, low=draw.low, high=draw.high)


def uniform_function_law(
    function: Callable[..., Float64],
    between: tuple[float, float],
    numbers: tuple[float, ...] = (),
    shift: int = 0,
) -> Law:
    """The law of function(u, *numbers), u ~ U(between), for a monotone function.

    mean and std come from a quadrature and have nine digits.
    """
    start, stop = between
    ends = function(np.array(between, np.float64), *numbers).tolist()
    low, high = min(ends), max(ends)
    inner = SymmetricUniform(stop) if start == -stop else UniformBetween(start, stop)
    draw = Mapped(inner, function, numbers, low, high, shift)
    half = (stop - start) / PANELS * 0.5
    middles = start + half * (2.0 * np.arange(PANELS) + 1.0)
    nodes = np.array([-NODES[1], -NODES[0], NODES[0], NODES[1]])
    weights = np.array([WEIGHTS[1], WEIGHTS[0], WEIGHTS[0], WEIGHTS[1]]) / PANELS
    values = function((middles[:, np.newaxis] + half * nodes).reshape(-1), *numbers)
    moments = _moments(values, np.tile(weights, PANELS))
    mean, std = (float(f"{moment:.{DIGITS}g}") for moment in moments)
    return Law(draw, "function_of_uniform", mean, std, low=low, high=high)


def _moments(values: Float64, weights: Float64) -> tuple[float, float]:
    """Mean and std of weighted values. `math.fsum` is exact, so they are equal on all machines."""
    mean = math.fsum((values * weights).tolist())
    away = values - mean
    return mean, math.sqrt(math.fsum((away * away * weights).tolist()))
