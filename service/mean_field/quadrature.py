"""Gauss-Legendre quadrature of E g(z), z ~ N(0, 1), for g made of functions of u = scale z.

The intervals end at the kinks of the functions, divided by the scale, so that g is analytic on
each. They are at most 1 wide in z, for the normal density. Near 0 they are 1.5 wide in u, and
farther out they widen in proportion to |u|, because that is how the functions of the table flatten.
The tests compare the moments with mpmath.
"""

import math

import numpy as np

from service.mean_field.elementary import Array, normal_density

REACH = 13.0
"""Beyond it are 1e-37 of the probability, and 1e-27 of E z^8, the largest power in use."""

_SMALLEST_NORMAL = 39.0
"""The density is 0 in float64 beyond it."""

_STEPS = np.array([0.0, 1.5, 3.0, 4.5, 6.0, 8.0, 12.0])
_BEYOND_A_KINK = np.array([0.0, 0.125, 0.25, 0.5, 1.0, 2.0])


def features(scale: float, kinks: tuple[float, ...]) -> Array:
    """Ends of intervals in u: the kinks, and steps that widen from 0 outwards.

    Steps of u that are wider than 1 in z are left out.
    """
    farthest = 4.0 * scale
    octaves = np.exp2(np.arange(4.0, max(4.0, math.log2(max(farthest, 1.0)))))
    steps = np.concatenate([_STEPS, octaves])
    kept = steps[steps < farthest] if scale > 1.0 else steps[:0]
    return np.concatenate([-kept, kept, np.array(kinks)])


def ends(scale: float, kinks: tuple[float, ...], reach: float = REACH) -> Array:
    """Ends of intervals in z, in ascending order, from -reach to reach.

    A kink beyond the reach has intervals of its own: a function that is 0 up to there has all of
    its mean square in them.
    """
    units = np.arange(-reach, reach + 1.0)
    within = features(scale, ()) / scale
    places = np.array(kinks) / scale
    places = places[np.abs(places) < _SMALLEST_NORMAL]
    beyond = places[:, np.newaxis] + np.sign(places)[:, np.newaxis] * _BEYOND_A_KINK
    return np.unique(np.concatenate([units, within[np.abs(within) < reach], beyond.ravel()]))


def legendre(intervals: Array, nodes: int) -> tuple[Array, Array]:
    """Nodes and weights on the intervals between neighbours of the last axis.

    Both have the shape of `intervals`, the last axis replaced by (intervals - 1) * nodes.
    """
    x, w = _rule(nodes)
    left, right = intervals[..., :-1, np.newaxis], intervals[..., 1:, np.newaxis]
    half = (right - left) / 2.0
    shape = (*intervals.shape[:-1], -1)
    return (left + half * (1.0 + x)).reshape(shape), (half * w).reshape(shape)


_RULES = {count: np.polynomial.legendre.leggauss(count) for count in (10, 16)}


def _rule(nodes: int) -> tuple[Array, Array]:
    return _RULES[nodes]


def gaussian(scale: float, kinks: tuple[float, ...]) -> tuple[Array, Array]:
    """Nodes z and weights w with E g(z) = sum w g(z)."""
    z, weights = legendre(ends(scale, kinks), 16)
    return z, weights * normal_density(z)


_PLANE_REACH = 8.0
"""Beyond it are 2e-15 of the probability, and 2e-12 of E z^4."""


def plane(scale: float, correlation: float, kinks: tuple[float, ...]) -> tuple[Array, Array, Array]:
    """Inputs u1 and u2 of std `scale` and this correlation below 1, and weights.

    E g(u1) g(u2) = sum w g(u1) g(u2). With independent normal s and d the inputs are
    scale (a s + b d) and scale (a s - b d), where a^2 = (1 + c) / 2 and b^2 = (1 - c) / 2. So a
    correlation near 1 only makes d unimportant. For each d the intervals of s end at the kinks of
    both factors. Their integral is a function of d with kinks where two of those ends meet. It is
    even, so d is taken from 0 upwards.
    """
    a = math.sqrt(max((1.0 + correlation) / 2.0, _LEAST_SHARE))
    b = math.sqrt(max((1.0 - correlation) / 2.0, _LEAST_SHARE))
    meetings = tuple({abs(one - other) / 2.0 for one in kinks for other in kinks})
    outer = ends(b * scale, meetings, _PLANE_REACH)
    d, d_weights = legendre(outer[outer >= 0.0], 10)
    d_weights = 2.0 * d_weights * normal_density(d)
    places = features(a * scale, kinks) / (a * scale)
    shift = (b / a * d)[:, np.newaxis]
    units = np.broadcast_to(np.arange(-_PLANE_REACH, _PLANE_REACH + 1.0), (d.size, _UNITS))
    inner = np.concatenate([units, places - shift, places + shift], axis=1)
    inner = np.sort(np.clip(inner, -_PLANE_REACH, _PLANE_REACH), axis=1)
    s, s_weights = legendre(inner, 10)
    weights = s_weights * normal_density(s) * d_weights[:, np.newaxis]
    along, across = scale * a * s, np.broadcast_to((scale * b * d)[:, np.newaxis], s.shape)
    counts = weights > _LEAST_WEIGHT
    return (along + across)[counts], (along - across)[counts], weights[counts]


_UNITS = 2 * int(_PLANE_REACH) + 1

_LEAST_WEIGHT = 1e-20
"""Nodes of less weight are dropped, those of empty intervals among them."""

_LEAST_SHARE = 1e-30
"""Stands for 0, so that nothing is divided by it."""
