"""The correlation map of an activation by its Hermite series, for networks of many variances.

With a_k = E f(sqrt(q) z) he_k(z), he_k being the normalised Hermite polynomials, E f(u1) f(u2) =
sum_k a_k^2 c^k for two inputs of variance q and correlation c (Mehler's formula; Daniely et al.
2016, arXiv:1602.05897). One quadrature gives all a_k of a variance. The exact double integral of
`service.mean_field` takes a hundred times as long.

The sum of all a_k^2 is E f^2, and the sum of all k a_k^2 is q E f'^2. What the first DEGREE terms
leave of the former counts as one term, of the power that gives the latter. So both the map and its
slope are right for equal inputs. For others the error is below 1e-3 at variances near 1, and up to
0.02 where f is nearly a step. There are closed forms for sin, cos, snake and exp, which would need
many more terms, and for the rectifiers (Cho and Saul 2009), for which the kink decides how fast
inputs become alike.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from service.initializers.activations import ACTIVATIONS
from service.mean_field.closed_forms import PAIRS
from service.mean_field.elementary import normal_density
from service.mean_field.functions import Elementwise, function_of
from service.mean_field.moments import moments, values_correlated
from service.mean_field.quadrature import legendre

DEGREE = 64
"""The number of terms of the series."""

_FARTHEST = 13.0
"""Beyond it are 1e-37 of the probability, and the polynomials are huge."""

Array = npt.NDArray[np.float64]


def product_ratio(
    activation: str, variance: float, correlation: float, slope: float | None
) -> float:
    """E f(u1) f(u2) / E f(u)^2 for two inputs of this variance and correlation.

    A gated unit has two independent pairs of halves.
    """
    if activation in PAIRS:
        second = moments(activation, variance, slope).second
        product = values_correlated(activation, variance, correlation, slope)
        return product / second if 0 < second < math.inf else correlation
    if ACTIVATIONS[activation].takes_slope or activation == "relu":
        return _rectified(ACTIVATIONS[activation].slope if slope is None else slope, correlation)
    halves = 1 if isinstance(function_of(activation, slope), Elementwise) else 2
    return math.prod(
        _summed(_shares(activation, half, variance, slope), correlation) for half in range(halves)
    )


def _rectified(slope: float | None, correlation: float) -> float:
    """The ratio of f(u) = (1 + a) / 2 u + (1 - a) / 2 |u|, with a = 0 for None."""
    a = slope or 0.0
    size = max(1.0, abs(a))
    odd, even = (1.0 + a) / size, (1.0 - a) / size
    rest = math.sqrt(max(0.0, 1.0 - correlation * correlation))
    absolute = (rest + correlation * math.asin(correlation)) * 2.0 / math.pi
    whole = odd * odd + even * even
    return (odd * odd * correlation + even * even * absolute) / whole


def _summed(series: tuple[Array, float], correlation: float) -> float:
    shares, power = series
    powers = np.full(DEGREE, correlation)
    powers[0] = 1.0
    rest = 1.0 - float(shares.sum())
    tail = rest * abs(correlation) ** power if correlation else 0.0
    return float(shares @ np.multiply.accumulate(powers)) + tail


@lru_cache(maxsize=4096)
def _shares(
    activation: str, half: int, variance: float, slope: float | None
) -> tuple[Array, float]:
    """a_k^2 / E f^2 for k < DEGREE, and the power of the rest.

    `half` is 1 for the second half of a gated unit.
    """
    function = function_of(activation, slope)
    if not isinstance(function, Elementwise):
        function = function.value if half else function.gate
    scale = math.sqrt(variance)
    z, weights, polynomials = _grid()
    with np.errstate(over="ignore", under="ignore"):
        values = function.value(scale * z)
        size = float(np.abs(values).max())
        size = size if 0 < size < math.inf else 1.0
        weighted = values / size * weights
        second = float(np.sum(weighted * weighted / weights))
        steep = scale * function.derivative(scale * z) / size
        steepness = float(np.sum(steep * steep * weights))
        coefficients = polynomials @ weighted
    if not (0 < second < math.inf and steepness < math.inf):
        return np.zeros(DEGREE), float(DEGREE)
    shares: Array = coefficients * coefficients / second
    rest = 1.0 - float(shares.sum())
    if rest <= 1e-12:
        return shares / float(shares.sum()), float(DEGREE)
    missing = steepness / second - float(shares @ np.arange(DEGREE))
    return shares, max(missing / rest, float(DEGREE))


@lru_cache(maxsize=1)
def _grid() -> tuple[Array, Array, Array]:
    """Nodes z, weights w with E g(z) = sum w g(z), and he_k(z) for k < DEGREE, row by row.

    The intervals are 1/8 wide, and the same for every variance, so that the polynomials are
    computed once. At variance 1 a kink at a whole or half number is the end of an interval.
    Elsewhere a kink inside of one costs 2e-4 of the shares at most, as compared with intervals that
    end at it.
    """
    intervals = np.linspace(-_FARTHEST, _FARTHEST, int(16 * _FARTHEST) + 1)
    z, weights = legendre(intervals, 10)
    return z, weights * normal_density(z), _hermite(z)


def _hermite(z: Array) -> Array:
    """he_0 to he_(DEGREE - 1) at these places, each of mean square 1 for normal z."""
    rows = np.empty((DEGREE, z.size))
    rows[0] = 1.0
    rows[1] = z
    for k in range(1, DEGREE - 1):
        rows[k + 1] = (z * rows[k] - k**0.5 * rows[k - 1]) / (k + 1) ** 0.5
    return rows
