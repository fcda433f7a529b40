"""A network of finite width, by many draws of the few numbers that matter.

The weights of a network are one draw, so the variance in its layers is random. While errors are
small, their variances add up in closed form. With a = d ln V / d ln q > 1 they do not stay small:
after twenty layers of GELU most draws of a network have vanished or exploded. Here the numbers of
each layer are drawn instead of its weights. Let S be the variance of the inputs u of an activation,
in one network of weights. Given S, the units are independent and

    ln S' = ln(s_w^2 E f^2(S) e^x + s_b^2)

with x normal, E e^x = 1 and the variance of e^x that of a mean of n squares. The moments are those
at S, which are not those at q.

The way back uses the same weights W. Of W the way forward has fixed only what W does to the vector
x = f(u). So the gradient W^T g is x (W x . g) / |x|^2 plus a normal vector orthogonal to x. The
first part is about 1 / n of the squared norm. But it is passed on by the factor a^2, and the norm
by chi_1. Where a^2 > chi_1, as for GELU or sparse_plus, the first part takes over after
some layers, and gradients are larger than chi_1 says. Let w^2 = (W x . g)^2 / (p |g|^2), p being
the part of S' that comes from weights; it is 1 on average if g knows nothing of x. With s =
E f^2 f'^2 / (E f^2 E f'^2) and b = s_w^2 E f'^2,

    |gradient|^2 = b |g|^2 (e^y + (w^2 - 1) s / n)
    u . gradient = (E u f f' / E f^2) W x . g + noise

with y as x above. The derivation is this project's; tests/mean_field compares it with networks of
issued weights. It is rough where a mean of n squares is far from lognormal: for exp with E f^4 /
(E f^2)^2 near n, and for hardshrink and thresholded_relu when all but a few units are 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from service.initializers.activations import ACTIVATIONS
from service.mean_field.elementary import Array
from service.mean_field.moments import moments
from service.mean_field.record import Moments

_FARTHEST = 690.0
"""ln S is bounded by it, so that nothing overflows: 1e-300 has vanished, 1e300 has exploded."""

_STEEPEST = 1e3
"""Bounds the slope of a function that is 0 near 0."""

_LEAST = 1e-300
"""Stands for 0 below a fraction and in a logarithm."""

_GRID = np.linspace(-30.0, 30.0, 301)
"""The places of ln q in the tables of moments. Between them is interpolated."""


@dataclass(frozen=True, slots=True)
class Layer:
    """An activation of `width` units, and the weights that read it.

    `weight_variance` is s_w^2 = fan_in std^2 and `bias_variance` is s_b^2. `orthogonal`: the
    weights are square and keep the norm of what they read, so that the activation's inputs have no
    sampling error along their own direction, but for the biases. It changes nothing for a gated
    unit, which has no square weights.
    """

    activation: str
    width: int
    weight_variance: float
    bias_variance: float = 0.0
    slope: float | None = None
    orthogonal: bool = False


@dataclass(frozen=True, slots=True)
class _Rows:
    """Moments for many variances, by ln S: `Moments` with logarithms of what is positive."""

    second: Array
    derivative: Array
    spread: Array
    derivative_spread: Array
    shared: Array
    slope: Array
    derivative_slope: Array
    radial: Array
    alignment: Array


@lru_cache(maxsize=128)
def _table(activation: str, slope: float | None) -> Array:
    """The members of `_Rows`, one a row, at the places of the grid."""
    columns = [_column(moments(activation, math.exp(place), slope)) for place in _GRID.tolist()]
    return np.array(columns).T


def _column(at: Moments) -> list[float]:
    """The members of `_Rows` at one variance; what is infinite is bounded."""
    ratios = (at.spread, at.derivative_spread, at.shared)
    rates = (at.slope, at.derivative_slope, at.radial, at.alignment)
    logarithms = map(_logarithm, (at.second, at.derivative, *ratios))
    return [*logarithms, *(min(rate, _STEEPEST) for rate in rates)]


def _logarithm(number: float) -> float:
    """ln of a number that is not negative, bounded."""
    return max(-_FARTHEST, min(_FARTHEST, math.log(number))) if number > 0 else -_FARTHEST


def _rows(layer: Layer, logs: Array, center: float) -> _Rows:
    """The moments for inputs of variance e^logs.

    The first two are exact at ln q = `center`, so that interpolation moves no fixed point. Beyond
    the grid they are continued as powers of q, and the others are constant.
    """
    table = _table(layer.activation, layer.slope)
    inside = np.clip(logs, _GRID[0], _GRID[-1])
    rows = [np.interp(inside, _GRID, row) for row in table]
    exact = _column(moments(layer.activation, math.exp(center), layer.slope))
    middle = min(max(center, float(_GRID[0])), float(_GRID[-1]))
    ends = table[:, [0, -1]] - table[:, [1, -2]]
    below, above = ends[:, 0] / (_GRID[0] - _GRID[1]), ends[:, 1] / (_GRID[1] - _GRID[0])
    for row in (0, 1):
        rows[row] += np.where(logs < inside, below[row], above[row]) * (logs - inside)
        if middle == center:
            rows[row] += exact[row] - float(np.interp(middle, _GRID, table[row]))
    return _Rows(*rows)


@dataclass(frozen=True, slots=True)
class _Passage:
    """One layer in all draws."""

    layer: Layer
    center: float
    """ln q before the layer"""
    before: Array
    """ln S before it"""
    weights: Array
    """ln p: the part of S behind it that comes from weights"""
    after: Array
    """ln S behind it"""
    error: Array
    """y, of the gradient"""


@dataclass(frozen=True, slots=True)
class Sample:
    """ln(actual / predicted) in many draws of a network: a row for each place, a column a draw."""

    forward: Array
    gradient: Array


def sampled_errors(
    layers: Sequence[Layer], variance: float = 1.0, draws: int = 1000, seed: int = 0
) -> Sample:
    """The errors at each place of a plain stack: one place more than there are layers.

    The first inputs of an activation are independent normal numbers of this variance, which has no
    error. `forward` is of S by q, and `gradient` of the squared norm of the gradient by its
    prediction, relative to the last place. Both numbers are bounded by e^-690 and e^690 before they
    are divided. The same seed gives the same errors. Raises KeyError and ValueError as `moments`
    does.
    """
    generator = np.random.default_rng(seed)
    center = _logarithm(variance)
    logs = np.full(draws, center)
    forward, passages, chis = [logs - center], [], []
    for layer in layers:
        passages.append(_forward(layer, center, logs, generator))
        at = moments(layer.activation, math.exp(center), layer.slope)
        chis.append(_logarithm(layer.weight_variance * at.derivative))
        center = _logarithm(layer.weight_variance * at.second + layer.bias_variance)
        logs = passages[-1].after
        forward.append(logs - center)
    alignment = generator.standard_normal(draws)
    gradient = [np.zeros(draws)]
    for passage, chi in zip(reversed(passages), reversed(chis), strict=True):
        change, alignment = _backward(passage, alignment, generator)
        gradient.append(gradient[-1] + change - chi)
    return Sample(np.array(forward), np.array(gradient[::-1]))


def _forward(
    layer: Layer, center: float, before: Array, generator: np.random.Generator
) -> _Passage:
    """S behind the layer, and the error of the gradient that the same units make."""
    rows = _rows(layer, before, center)
    forward, back = np.exp(rows.spread) - 1.0, 3.0 * np.exp(rows.derivative_spread) - 1.0
    both = np.exp(rows.shared) - 1.0
    if _rotates(layer):
        sure = 2.0 * np.square(np.maximum(0.0, 1.0 - layer.bias_variance * np.exp(-before)))
        forward -= sure * np.square(rows.slope)
        back -= 2.0 + sure * np.square(rows.derivative_slope)
        both -= sure * rows.slope * rows.derivative_slope
    forward, back = np.maximum(forward, 0.0), np.maximum(back, 0.0)
    sizes = np.sqrt(np.maximum(forward, _LEAST)) * np.sqrt(np.maximum(back, _LEAST))
    correlation = np.clip(both / sizes, -1.0, 1.0)
    first, second = generator.standard_normal((2, before.size))
    second = correlation * first + np.sqrt(1.0 - np.square(correlation)) * second
    weights = rows.second + _error(forward / layer.width, first) + _logarithm(layer.weight_variance)
    after = np.logaddexp(weights, _logarithm(layer.bias_variance))
    bounded = np.clip(after, -_FARTHEST, _FARTHEST)
    return _Passage(layer, center, before, weights, bounded, _error(back / layer.width, second))


def _rotates(layer: Layer) -> bool:
    return layer.orthogonal and ACTIVATIONS[layer.activation].family != "gated"


def _error(variance: Array, normal: Array) -> Array:
    """A normal x with E e^x = 1, e^x having this variance."""
    of_log = np.log1p(variance)
    error: Array = np.sqrt(of_log) * normal - of_log / 2.0
    return error


def _backward(
    passage: _Passage, alignment: Array, generator: np.random.Generator
) -> tuple[Array, Array]:
    """The change of ln |gradient|^2, and the alignment before the layer.

    An alignment is u . gradient by sqrt(S |gradient|^2), a standard normal number if the gradient
    knows nothing of u.
    """
    layer = passage.layer
    rows = _rows(layer, passage.before, passage.center)
    first, second = generator.standard_normal((2, alignment.size))
    part = np.exp(np.minimum(passage.weights - passage.after, 0.0))
    along = np.sqrt(part) * alignment + np.sqrt(1.0 - part) * first
    # A rotation also keeps the norm of the gradient: what x gets of it, the others do not.
    both = np.exp(rows.shared) - (1.0 if _rotates(layer) else 0.0)
    share = np.minimum(both / layer.width, 1.0)
    chi = _logarithm(layer.weight_variance) + rows.derivative
    factor = np.exp(passage.error) + share * (np.square(along) - 1.0)
    change = chi + np.log(np.maximum(factor, _LEAST))
    # u . gradient = (E u f f' / E f^2) W x . g + noise, by sqrt(S |gradient|^2). The noise is what
    # (u f')^2 has beyond its projection on f^2. Its sum varies with that of f^2 from draw to draw.
    squares = _exp(passage.weights - passage.before - change)
    expected = rows.radial * _exp(rows.derivative + passage.before - rows.second)
    beyond = np.maximum(expected - np.square(rows.alignment), 0.0)
    return change, np.sqrt(squares) * (rows.alignment * along + np.sqrt(beyond) * second)


def _exp(logs: Array) -> Array:
    """e^logs, bounded so that a product of two does not overflow."""
    bounded: Array = np.exp(np.clip(logs, -_FARTHEST / 2.0, _FARTHEST / 2.0))
    return bounded
