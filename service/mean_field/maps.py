"""How variance, gradient and correlation pass one layer, and how deep they pass a stack of layers.

A layer reads x = f(u) with fan_in inputs and gives W x + b. `weight_variance` is s_w^2 = fan_in
std^2, and `bias_variance` is s_b^2. For a convolution fan_in counts the kernel (Xiao et al. 2018,
arXiv:1806.05393). In the limit of wide layers (Poole et al. 2016, arXiv:1606.05340; Schoenholz et
al. 2017, arXiv:1611.01232):

    V(q) = s_w^2 E f(u)^2 + s_b^2                 u ~ N(0, q)
    C(c) = (s_w^2 E f(u1) f(u2) + s_b^2) / V(q)   u1, u2 of variance q and correlation c
    chi_1 = s_w^2 E f'(u)^2                       the gradient's variance, one layer further back
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from service.initializers.activations import ACTIVATIONS
from service.mean_field.moments import moments, values_correlated

_LOWEST, _HIGHEST = 1e-12, 1e12
"""A variance outside counts as vanished or as exploded."""

_EQUAL = 1e-9
"""Relative differences below it are rounding: a gain of the table is rounded to 1e-16."""


def next_variance(
    activation: str,
    variance: float,
    weight_variance: float,
    bias_variance: float = 0.0,
    slope: float | None = None,
) -> float:
    """V(q), the variance of the next layer's outputs; inf where float64 overflows.

    Raises KeyError and ValueError as `moments` does.
    """
    return weight_variance * moments(activation, variance, slope).second + bias_variance


def next_correlation(
    activation: str,
    variance: float,
    correlation: float,
    weight_variance: float,
    bias_variance: float = 0.0,
    slope: float | None = None,
) -> float:
    """C(c), the correlation of the next layer's outputs for two inputs of this correlation.

    1 if the outputs are 0 or infinite, so that they have no correlation. Raises KeyError and
    ValueError as `correlated` does.
    """
    after = next_variance(activation, variance, weight_variance, bias_variance, slope)
    if not 0.0 < after < math.inf:
        return 1.0
    product = values_correlated(activation, variance, correlation, slope)
    covariance = weight_variance * product + bias_variance
    return max(-1.0, min(1.0, covariance / after))


def chi(
    activation: str, variance: float, weight_variance: float, slope: float | None = None
) -> float:
    """s_w^2 E f'^2: the gradient's variance before the layer, by that behind it.

    For square layers; if the widths change, times fan_out / fan_in. At the variance's fixed point
    it is chi_1. Raises KeyError and ValueError as `moments` does.
    """
    return weight_variance * moments(activation, variance, slope).derivative


@dataclass(frozen=True, slots=True)
class Scales:
    """What a deep stack of equal layers tends to, and in how many layers.

    A length xi is the number of layers in which a deviation changes by a factor of e. A member is
    None where it does not apply: all of them if the variance has no fixed point.
    """

    variance: float | None
    """q*, the fixed point of V that is nearest on the way from the start."""
    chi_1: float | None
    """Above 1 the gradient grows towards the first layer and inputs lose their similarity."""
    variance_slope: float | None
    """a = dV/dq at q*. Above 1 no stack stays at q*, since any deviation grows."""
    correlation: float | None
    """c*, the stable fixed point of C: 1 in the ordered phase, less in the chaotic one."""
    xi_variance: float | None
    """-1 / ln |a|; None unless |a| < 1."""
    xi_correlation: float | None
    """-1 / ln C'(c*); None unless C'(c*) < 1."""
    xi_gradient: float | None
    """1 / |ln chi_1|; None at chi_1 = 1."""


_NO_SCALES = Scales(None, None, None, None, None, None, None)


@lru_cache(maxsize=1 << 10)
def scales(
    activation: str,
    weight_variance: float,
    bias_variance: float = 0.0,
    slope: float | None = None,
    start: float = 1.0,
) -> Scales:
    """The fixed points of a deep stack and its depth scales, for inputs of variance `start`.

    Where V(start) is above `start`, q* is the next fixed point above, and where it is below, the
    next below. A start that is itself a fixed point is q*, stable or not. There is no fixed point
    if the variance leaves 1e-12 to 1e12. Raises KeyError and ValueError as `moments` does.
    """
    after = next_variance(activation, start, weight_variance, bias_variance, slope)
    if not 0.0 < after < math.inf:
        return _NO_SCALES

    def growth(logarithm: float) -> float:
        q = math.exp(logarithm)
        return _ratio_log(next_variance(activation, q, weight_variance, bias_variance, slope), q)

    fixed = _fixed_point(growth, start)
    if fixed is None:
        return _NO_SCALES
    at = moments(activation, fixed, slope)
    a = weight_variance * at.second * at.slope / fixed
    chi_1 = weight_variance * at.derivative
    correlation, steepness = _correlation(
        activation, fixed, weight_variance, bias_variance, slope, chi_1
    )
    return Scales(
        variance=fixed,
        chi_1=chi_1,
        variance_slope=a,
        correlation=correlation,
        xi_variance=_length(abs(a)) if abs(a) < 1.0 - _EQUAL else None,
        xi_correlation=_length(steepness) if steepness < 1.0 - _EQUAL else None,
        xi_gradient=_length(chi_1) if abs(chi_1 - 1.0) > _EQUAL else None,
    )


def _ratio_log(after: float, before: float) -> float:
    """ln(after / before), bounded where `after` is 0 or inf."""
    return math.log(min(max(after, 1e-300), 1e300) / before)


def _length(factor: float) -> float:
    """The layers in which something that is multiplied by `factor` changes by a factor of e."""
    return 1.0 / abs(math.log(factor)) if factor > 0 else 0.0


def _fixed_point(growth: Callable[[float], float], start: float) -> float | None:
    """The first zero of `growth`, a function of ln q, in the direction of its sign at the start."""
    near = math.log(start)
    value = growth(near)
    if abs(value) < _EQUAL:
        return start
    step = math.copysign(math.log(2.0), value)
    while math.log(_LOWEST) < near < math.log(_HIGHEST):
        far = near + step
        if (growth(far) > 0) != (value > 0):
            return math.exp(_root(growth, near, far))
        near = far
    return None


def _root(function: Callable[[float], float], left: float, right: float) -> float:
    """A zero between two places where the function differs in sign.

    Regula falsi with the Illinois rule, which ends a few steps after the ends are close.
    """
    at_left, at_right = function(left), function(right)
    for _ in range(200):
        middle = right - at_right * (right - left) / (at_right - at_left)
        value = function(middle)
        if (value > 0) == (at_right > 0):
            at_left /= 2.0
        else:
            left, at_left = right, at_right
        right, at_right = middle, value
        if value == 0 or abs(right - left) < 1e-15 * abs(right) or abs(value) < 1e-15:
            break
    return right


def _correlation(
    activation: str,
    variance: float,
    weight_variance: float,
    bias_variance: float,
    slope: float | None,
    chi_1: float,
) -> tuple[float, float]:
    """c*, and the slope of C there.

    C is a power series with coefficients that are not negative, so it is convex on [0, 1] and
    C(1) = 1: there is another fixed point below 1 if and only if the slope at 1 is above 1, and
    then that one is stable. At 1 the slope is chi_1, but infinite for a function with jumps.
    """

    def excess(c: float) -> float:
        after = next_correlation(activation, variance, c, weight_variance, bias_variance, slope)
        return after - c

    places = (1.0 - 2.0**-k for k in range(1, 31))
    chaotic = chi_1 > 1.0 + _EQUAL or excess(1.0 - 2.0**-30) < -1e-12
    above = next((c for c in places if excess(c) < 0), None) if chaotic else None
    if above is None:
        return 1.0, chi_1
    at_zero = excess(0.0)
    c = 0.0 if at_zero < 1e-14 else _root(excess, 0.0, above)
    step = 1e-5 * (1.0 - c)
    return c, 1.0 + (excess(c + step) - excess(c - step)) / (2.0 * step)


def edge_of_chaos(
    activation: str, variance: float = 1.0, slope: float | None = None
) -> tuple[float, float] | None:
    """(s_w^2, s_b^2) with which `variance` is a fixed point and chi_1 = 1.

    s_w^2 = 1 / E f'^2 and s_b^2 = q - s_w^2 E f^2. None if that is negative, and for linear and
    gated activations. Whether the fixed point is stable is another matter: see
    `Scales.variance_slope`. Raises KeyError and ValueError as `moments` does.
    """
    if ACTIVATIONS[activation].family in ("gated", "linear"):
        return None
    at = moments(activation, variance, slope)
    if not 0.0 < at.derivative < math.inf:
        return None
    weight_variance = 1.0 / at.derivative
    bias_variance = variance - weight_variance * at.second
    if bias_variance < -_EQUAL * variance:
        return None
    return weight_variance, bias_variance if bias_variance > 1e-14 * variance else 0.0
