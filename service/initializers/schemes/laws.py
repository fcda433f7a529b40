"""Laws of tables and of functions of a uniform variate: their mean and std by computing values."""

import math
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import numpy as np

from service.initializers.schemes.record import Law
from service.stream.draws import Float64, IndexFunction, Mapped, SymmetricUniform, UniformBetween

MOST_LISTED = 2**14
"""The most elements of a table whose mean and std are computed. It takes about a millisecond."""

HALVINGS = 54
PANELS = 16
"""The panels of the quadrature of a function of a uniform variate. Towards each end of an interval
the panels become shorter: the interval is halved HALVINGS times, and each piece has PANELS panels
of four points. So a logarithm that is infinite at an end does no harm."""

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


@lru_cache(maxsize=256)
def uniform_function_law(
    function: Callable[..., Float64],
    between: tuple[float, float],
    numbers: tuple[float, ...] = (),
    shift: int = 0,
    cuts: tuple[float, ...] = (),
) -> Law:
    """The law of function(u, *numbers), u ~ U(between), for a monotone function.

    mean and std come from a quadrature and have nine digits. `cuts` are the points within `between`
    where the function has a corner, in rising order.
    """
    start, stop = between
    ends = function(np.array(between, np.float64), *numbers).tolist()
    low, high = min(ends), max(ends)
    inner = SymmetricUniform(stop) if start == -stop else UniformBetween(start, stop)
    draw = Mapped(inner, function, numbers, low, high, shift)
    points, weights = _quadrature((start, *cuts, stop))
    moments = _moments(function(points, *numbers), weights)
    mean, std = (float(f"{moment:.{DIGITS}g}") for moment in moments)
    return Law(draw, "function_of_uniform", mean, std, low=low, high=high)


def _quadrature(edges: tuple[float, ...]) -> tuple[Float64, Float64]:
    """Points and weights for the mean over the interval that `edges` cut into pieces."""
    starts, widths = _panels()
    nodes = np.array([-NODES[1], -NODES[0], NODES[0], NODES[1]])
    shares = np.array([WEIGHTS[1], WEIGHTS[0], WEIGHTS[0], WEIGHTS[1]])
    middles, halves = starts + 0.5 * widths, 0.5 * widths[:, np.newaxis]
    offsets = (middles[:, np.newaxis] + halves * nodes).reshape(-1)
    below = (widths[:, np.newaxis] * shares).reshape(-1)
    points, weights = [], []
    for low, high in pairwise(edges):
        length, share = high - low, (high - low) / (edges[-1] - edges[0])
        points += [low + offsets * length, high - offsets * length]
        weights += [below * share, below * share]
    return np.concatenate(points), np.concatenate(weights)


def _panels() -> tuple[Float64, Float64]:
    """Starts and widths of the panels of [0, 1/2], shorter towards 0."""
    doubled = [math.ldexp(1.0, -k) for k in range(HALVINGS, 1, -1)]
    starts, widths = [0.0], [doubled[0]]
    for start in doubled:
        width = start / PANELS
        starts += [start + width * panel for panel in range(PANELS)]
        widths += [width] * PANELS
    return np.array(starts), np.array(widths)


def _moments(values: Float64, weights: Float64) -> tuple[float, float]:
    """Mean and std of weighted values. `math.fsum` is exact, so they are equal on all machines."""
    mean = math.fsum((values * weights).tolist())
    away = values - mean
    return mean, math.sqrt(math.fsum((away * away * weights).tolist()))
