"""E g(u) for an activation's input u ~ N(0, q), and for two correlated inputs.

Everything in this package follows from these numbers. The variance map, chi_1 and the correlation
map are those of Poole et al. 2016 (arXiv:1606.05340, equations 3 to 6) and Schoenholz et al. 2017
(arXiv:1611.01232). The spreads are what Hanin and Nica 2019 (arXiv:1812.05994) need.
"""

import math
from functools import lru_cache

import numpy as np

from service.mean_field.closed_forms import MOMENTS, PAIRS
from service.mean_field.elementary import Array
from service.mean_field.functions import Elementwise, Gated, function_of
from service.mean_field.quadrature import gaussian, plane
from service.mean_field.record import Moments

_SMALLEST, _LARGEST = 2.0**-1000, 2.0**1000
"""A variance beyond counts as these: 0 is the limit of small ones, infinity that of large ones."""

_KEPT = 1 << 14
"""Cached results, of a few hundred bytes each."""


def moments(activation: str, variance: float, slope: float | None = None) -> Moments:
    """The moments of the activation for inputs of this variance.

    `slope` is that of leaky_relu, prelu and rrelu below 0; None means the table's, and other
    activations ignore it. A gated unit's halves are independent, each of this variance. A variance
    of 0 counts as 2^-1000 and infinity as 2^1000. What float64 cannot hold is inf. Relative errors
    are below 1e-10. Raises KeyError for an activation that the table does not have, and ValueError
    for a negative variance or NaN.
    """
    return _moments(activation, _bounded(variance), slope)


def correlated(
    activation: str, variance: float, correlation: float, slope: float | None = None
) -> tuple[float, float]:
    """E f(u1) f(u2) and E f'(u1) f'(u2) for two inputs of this variance and correlation.

    At a jump f' leaves the jump out. A gated unit has two independent pairs of halves. Raises
    KeyError as `moments` does, and ValueError for a negative variance or NaN, or for a correlation
    outside of [-1, 1].
    """
    if not -1.0 <= correlation <= 1.0:
        raise ValueError(f"a correlation is between -1 and 1: {correlation}")
    bounded = _bounded(variance)
    return (
        _of_pair(activation, bounded, correlation, slope, False),
        _of_pair(activation, bounded, correlation, slope, True),
    )


def values_correlated(
    activation: str, variance: float, correlation: float, slope: float | None = None
) -> float:
    """The first number of `correlated`, in half the time."""
    return _of_pair(activation, _bounded(variance), correlation, slope, False)


def _bounded(variance: float) -> float:
    if not variance >= 0:
        raise ValueError(f"a variance is not negative: {variance}")
    return min(max(variance, _SMALLEST), _LARGEST)


@lru_cache(maxsize=_KEPT)
def _moments(activation: str, variance: float, slope: float | None) -> Moments:
    least, closed = MOMENTS.get(activation, (math.inf, None))
    if closed is not None and variance >= least:
        return closed(variance)
    function = function_of(activation, slope)
    if isinstance(function, Elementwise):
        return _integrated(function, variance)
    gate, linear = (_integrated(part, variance) for part in (function.gate, function.value))
    return _product(gate, linear, variance)


def _integrated(function: Elementwise, variance: float) -> Moments:
    """The moments by quadrature.

    Squares are taken of f and f' divided by their largest values, so that no fourth power
    overflows. E g(sqrt(q) z) has the logarithmic slope (E g z^2 / E g - 1) / 2, by the density of
    sqrt(q) z, which needs no derivative of g.
    """
    scale = math.sqrt(variance)
    z, weights = gaussian(scale, function.kinks)
    with np.errstate(over="ignore", under="ignore"):
        value, value_size = _normalised(function.value(scale * z))
        derivative, derivative_size = _normalised(function.derivative(scale * z))
        f2, d2, z2 = value * value, derivative * derivative, z * z
        terms = [value, f2, f2 * f2, f2 * z2, d2, d2 * d2, d2 * z2, f2 * d2, z * value * derivative]
        sums = (np.stack(terms) @ weights).tolist()
    mean, second, fourth, second_z2, slope2, slope4, slope2_z2, both, along = sums
    return Moments(
        mean=mean * value_size,
        second=second * value_size * value_size,
        derivative=slope2 * derivative_size * derivative_size,
        spread=_ratio(fourth, second * second),
        slope=(_ratio(second_z2, second) - 1.0) / 2.0,
        derivative_spread=_ratio(slope4, slope2 * slope2),
        derivative_slope=(_ratio(slope2_z2, slope2) - 1.0) / 2.0,
        shared=_ratio(both, second * slope2),
        alignment=_ratio(scale * along, second) * _ratio(derivative_size, value_size),
        radial=_ratio(slope2_z2, slope2),
    )


def _normalised(values: Array) -> tuple[Array, float]:
    """The values divided by the largest of their sizes, and that size."""
    size = float(np.abs(values).max())
    return (values / size if size > 0 else values), size


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else math.inf


def _product(gate: Moments, linear: Moments, variance: float) -> Moments:
    """The moments of f(g) h(v) from those of f and h, whose inputs are independent.

    The square of the gradient is f'^2 h^2 + f^2 h'^2. `share` is the first term's part of it.
    """
    by_gate, by_value = gate.derivative * linear.second, gate.second * linear.derivative
    derivative = by_gate + by_value
    share, rest = by_gate / derivative, by_value / derivative
    return Moments(
        mean=gate.mean * linear.mean,
        second=gate.second * linear.second,
        derivative=derivative,
        spread=gate.spread * linear.spread,
        slope=gate.slope + linear.slope,
        derivative_spread=share**2 * gate.derivative_spread * linear.spread
        + 2.0 * share * rest * gate.shared * linear.shared
        + rest**2 * gate.spread * linear.derivative_spread,
        derivative_slope=share * (gate.derivative_slope + linear.slope)
        + rest * (gate.slope + linear.derivative_slope),
        shared=share * gate.shared * linear.spread + rest * gate.spread * linear.shared,
        alignment=gate.alignment + linear.alignment,
        radial=share * gate.radial
        + rest * linear.radial
        + 2.0
        * (gate.alignment * linear.alignment)
        * (gate.second / variance)
        * (linear.second / derivative),
    )


@lru_cache(maxsize=_KEPT)
def _of_pair(
    activation: str, variance: float, correlation: float, slope: float | None, derived: bool
) -> float:
    """E f(u1) f(u2), or E f'(u1) f'(u2) if `derived`."""
    if correlation == 1.0:
        same = _moments(activation, variance, slope)
        return same.derivative if derived else same.second
    if activation in PAIRS:
        return PAIRS[activation](variance, correlation)[derived]
    function = function_of(activation, slope)
    if isinstance(function, Elementwise):
        return _integrated_pair(function, variance, correlation, derived)
    return _product_pair(function, variance, correlation, derived)


def _integrated_pair(
    function: Elementwise, variance: float, correlation: float, derived: bool
) -> float:
    """E g(u1) g(u2) by quadrature, g being f or its derivative."""
    first, second, weights = plane(math.sqrt(variance), correlation, function.kinks)
    g = function.derivative if derived else function.value
    with np.errstate(over="ignore", under="ignore"):
        return float(np.vdot(g(first) * g(second), weights))


def _product_pair(function: Gated, variance: float, correlation: float, derived: bool) -> float:
    """The same for f(g) h(v), whose gradient is that by g and that by v."""

    def pair(part: Elementwise, derived: bool) -> float:
        return _integrated_pair(part, variance, correlation, derived)

    gate, linear = function.gate, function.value
    if derived:
        by_gate = pair(gate, True) * pair(linear, False)
        return by_gate + pair(gate, False) * pair(linear, True)
    return pair(gate, False) * pair(linear, False)
