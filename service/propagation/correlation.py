"""The correlation map of an activation by its Hermite series, for networks of many variances.

With a_k = E f(sqrt(q) z) he_k(z), he_k being the normalised Hermite polynomials, E f(u1) f(u2) =
sum_k a_k^2 c^k for two inputs of variance q and correlation c (Mehler's formula; Daniely et al.
2016, arXiv:1602.05897). One quadrature gives all a_k of a variance. The exact double integral of
`service.mean_field` takes a hundred times as long.

The sum of all a_k^2 is E f^2. What the first DEGREE terms leave of it belongs to higher powers of
c. For a kink a_k^2 falls as k^(-5/2), so that DEGREE^(-3/2) is left, and its mean power is near
TAIL. For two inputs that are nearly equal the result is thus right to about 1e-4. For sin, cos,
snake and exp there are closed forms, and many more terms would be needed.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from service.mean_field.closed_forms import PAIRS
from service.mean_field.functions import Elementwise, function_of
from service.mean_field.moments import moments, values_correlated
from service.mean_field.quadrature import gaussian

DEGREE = 64
TAIL = 2 * DEGREE

_FARTHEST = 13.0
"""Beyond it are 1e-37 of the probability, and the polynomials are huge."""

Array = npt.NDArray[np.float64]


def product_ratio(
    activation: str, variance: float, correlation: float, slope: float | None
) -> float:
    """E f(u1) f(u2) / E f(u)^2 for two inputs of this variance and correlation.

    A gated unit has two independent pairs of halves. Errors are below 1e-4 unless f is flat over
    nearly all of its inputs.
    """
    if activation in PAIRS:
        second = moments(activation, variance, slope).second
        product = values_correlated(activation, variance, correlation, slope)
        return product / second if 0 < second < math.inf else correlation
    halves = 1 if isinstance(function_of(activation, slope), Elementwise) else 2
    return math.prod(
        _summed(_shares(activation, half, variance, slope), correlation) for half in range(halves)
    )


def _summed(shares: Array, correlation: float) -> float:
    powers = np.full(DEGREE, correlation)
    powers[0] = 1.0
    series = float(shares @ np.multiply.accumulate(powers))
    rest = 1.0 - float(shares.sum())
    return series + rest * correlation**TAIL


@lru_cache(maxsize=4096)
def _shares(activation: str, half: int, variance: float, slope: float | None) -> Array:
    """a_k^2 / E f^2 for k < DEGREE; `half` is 1 for the second half of a gated unit."""
    function = function_of(activation, slope)
    if not isinstance(function, Elementwise):
        function = function.value if half else function.gate
    scale = variance**0.5
    z, weights = gaussian(scale, function.kinks)
    near = np.abs(z) < _FARTHEST
    z, weights = z[near], weights[near]
    with np.errstate(over="ignore", under="ignore"):
        values = function.value(scale * z)
        size = float(np.abs(values).max())
        weighted = (values / size if 0 < size < np.inf else values) * weights
        second = float(np.sum(weighted * weighted / weights))
        coefficients = _hermite(z) @ weighted
    if not 0 < second < math.inf:
        return np.zeros(DEGREE)
    shares: Array = coefficients * coefficients / second
    total = float(shares.sum())
    return shares / total if total > 1.0 else shares


def _hermite(z: Array) -> Array:
    """he_0 to he_(DEGREE - 1) at these places, each of mean square 1 for normal z."""
    rows = np.empty((DEGREE, z.size))
    rows[0] = 1.0
    rows[1] = z
    for k in range(1, DEGREE - 1):
        rows[k + 1] = (z * rows[k] - k**0.5 * rows[k - 1]) / (k + 1) ** 0.5
    return rows
