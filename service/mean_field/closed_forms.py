"""Moments in closed form where quadrature in float64 fails.

E e^(8 u) has its mass far outside of the normal's, and the sine of a wide u turns too often. For
u ~ N(0, q), E e^(k u) = e^(k^2 q / 2), and E cos(k u) = e^(-k^2 q / 2). From `WIDE` on the latter
is below 1e-21 for k >= 2, so that sin(u)^2 is that of a uniform phase: E sin^2 = 1/2,
E sin^4 = 3/8, E sin^6 = 5/16, E sin^8 = 35/128, E sin^2 cos^2 = 1/8.
"""

import math
from collections.abc import Callable

from service.mean_field.record import Moments

WIDE = 25.0
"""The variance from which the moments of sin, cos and snake are those of a uniform phase."""


def exponential(exponent: float) -> float:
    """e^exponent; inf where float64 overflows."""
    try:
        return math.exp(exponent)
    except OverflowError:
        return math.inf


def _exp(q: float) -> Moments:
    second, spread = exponential(2.0 * q), exponential(4.0 * q)
    slope = 2.0 * q
    return Moments(
        mean=exponential(q / 2.0),
        second=second,
        derivative=second,
        spread=spread,
        slope=slope,
        derivative_spread=spread,
        derivative_slope=slope,
        shared=spread,
        alignment=slope,
        radial=1.0 + 2.0 * slope,
    )


def _wave(mean: float) -> Moments:
    return Moments(
        mean=mean,
        second=0.5,
        derivative=0.5,
        spread=1.5,
        slope=0.0,
        derivative_spread=1.5,
        derivative_slope=0.0,
        shared=0.5,
        alignment=0.0,
        radial=1.0,
    )


def _sin(q: float) -> Moments:
    return _wave(0.0)


def _cos(q: float) -> Moments:
    return _wave(math.exp(-q / 2.0))


def _snake(q: float) -> Moments:
    """f = u + sin(u)^2 and f' = 1 + sin(2 u)."""
    second, derivative = q + 0.375, 1.5
    return Moments(
        mean=0.5,
        second=second,
        derivative=derivative,
        # E (u + s)^4 = 3 q^2 + 6 q E s^2 + E s^4 for s = sin(u)^2; E (1 + sin)^4 = 35/8.
        spread=(3.0 + 2.25 / q + 35.0 / 128.0 / q / q) / (1.0 + 0.375 / q) ** 2,
        slope=q / second,
        derivative_spread=4.375 / derivative**2,
        derivative_slope=0.0,
        # E (u + s)^2 (1 + sin 2u)^2 = 3/2 q + 3/8 + E s^2 sin(2u)^2, which is 5/32.
        shared=(1.5 + 17.0 / 32.0 / q) / (1.0 + 0.375 / q) / derivative,
        alignment=q / second,
        radial=1.0,
    )


MOMENTS: dict[str, tuple[float, Callable[[float], Moments]]] = {
    "exp": (0.0, _exp),
    "sin": (WIDE, _sin),
    "cos": (WIDE, _cos),
    "snake": (WIDE, _snake),
}
"""The variance from which the form holds, and the moments of that variance."""


def _waves(q: float, c: float) -> tuple[float, float]:
    """E sin(u1) sin(u2) and E cos(u1) cos(u2)."""
    near, far = math.exp(-q * (1.0 - c)), math.exp(-q * (1.0 + c))
    return (near - far) / 2.0, (near + far) / 2.0


def _exp_pair(q: float, c: float) -> tuple[float, float]:
    product = exponential(q * (1.0 + c))
    return product, product


def _cos_pair(q: float, c: float) -> tuple[float, float]:
    sines, cosines = _waves(q, c)
    return cosines, sines


def _snake_pair(q: float, c: float) -> tuple[float, float]:
    """sin(u)^2 is (1 - cos(2 u)) / 2."""
    sines, cosines = _waves(4.0 * q, c)
    return q * c + (1.0 - 2.0 * math.exp(-2.0 * q) + cosines) / 4.0, 1.0 + sines


PAIRS: dict[str, Callable[[float, float], tuple[float, float]]] = {
    "exp": _exp_pair,
    "sin": _waves,
    "cos": _cos_pair,
    "snake": _snake_pair,
}
"""E f(u1) f(u2) and E f'(u1) f'(u2) for a variance and a correlation."""
