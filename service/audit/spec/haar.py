"""The entries of a matrix from the Haar measure: their distribution, and how their squares depend.

An entry of an orthogonal N x N matrix is a coordinate of a random unit vector in N dimensions. Its
density is proportional to (1 - x^2)^((N - 3) / 2). With x = sin t this is the integral of
cos^(N - 2) t, which integration by parts gives as a sum. Only + - * / and sqrt are used, and
`service.stream.elementary`, so results are equal on all machines.

Source of the moments of two entries: Collins and Sniady, Integration with respect to the Haar
measure on unitary, orthogonal and symplectic group, Commun. Math. Phys. 264 (2006).
"""

from math import sqrt

import numpy as np
import numpy.typing as npt

from service.initializers.normal_distribution import distribution
from service.stream import elementary

Float64 = npt.NDArray[np.float64]

PI = 3.141592653589793

MOST_TERMS_FOR = 512
"""The largest N with the exact distribution. Beyond it a normal distribution is corrected for the
fourth cumulant, -6 / (N + 2). That leaves an error of about 1 / N^2 of a probability, at most
4e-6."""

_HALVINGS = 4
_SERIES = tuple((1.0, -1.0)[k % 2] / (2 * k + 1) for k in range(12))
"""The series of arctan t / t in t^2. After the halvings t is below 0.05."""


def below(x: Float64, dimension: int) -> Float64:
    """The probability that an entry is below x, any shape. `dimension` is N, at least 1."""
    inside = np.clip(x, -1.0, 1.0)
    if dimension == 1:
        return np.where(x > 1.0, 1.0, np.where(x > -1.0, 0.5, 0.0))
    if dimension > MOST_TERMS_FOR:
        z = inside * sqrt(float(dimension))
        normal = distribution(z)
        cubed = z * (z * z - 3.0)
        corrected = normal.lower + _density(z) * cubed * (0.25 / (dimension + 2.0))
        found: Float64 = np.clip(corrected, 0.0, 1.0)
        return found
    return _power_of_cosine(inside, dimension - 2)


def squares_below(x: Float64, dimension: int) -> Float64:
    """The mean of the square of an entry where it is below x, and of 0 elsewhere; any shape."""
    inside = np.clip(x, -1.0, 1.0)
    if dimension == 1:
        return below(x, 1)
    if dimension > MOST_TERMS_FOR:
        z = inside * sqrt(float(dimension))
        square = z * z
        # The Hermite polynomials He5 + 9 He3 + 12 He1, from z^2 He4 = He6 + 9 He4 + 12 He2.
        hermite = z * (square * (square - 1.0))
        corrected = hermite * (0.25 / (dimension + 2.0)) - z
        truncated: Float64 = (distribution(z).lower + _density(z) * corrected) / dimension
        return truncated
    narrower = _power_of_cosine(inside, dimension) * ((dimension - 1.0) / dimension)
    return _power_of_cosine(inside, dimension - 2) - narrower


def variance_of_square(dimension: int) -> float:
    """The variance of the square of an entry: that of the Beta(1/2, (N - 1)/2) distribution."""
    n = float(dimension)
    return 2.0 * (n - 1.0) / (n * n * (n + 2.0))


def variance_of_sum(total: int, squares: int, columns: int, dimension: int) -> float:
    """The variance of the sum of w_r q_rc^2 over some rows r and over `columns` columns c.

    `total` and `squares` are the sums of w_r and of w_r^2. The covariance of two squares is
    -2 / (N^2 (N + 2)) in one row or column, and else 2 / (N^2 (N - 1) (N + 2)). So it is 0 for
    whole rows or whole columns of equal weights.
    """
    n, c = float(dimension), float(columns)
    if dimension == 1:
        return 0.0
    # All terms have the factor 2 / (N^2 (N - 1) (N + 2)), and the rest is a whole number.
    own, line, other = (dimension - 1) * (dimension - 1), -(dimension - 1), 1
    same_row = squares * columns * (own + (columns - 1) * line)
    other_rows = (total * total - squares) * columns * (line + (columns - 1) * other)
    assert c > 0
    return max(same_row + other_rows, 0) * (2.0 / (n * n * (n - 1.0) * (n + 2.0)))


def _power_of_cosine(x: Float64, power: int) -> Float64:
    """The integral of cos^power t up to t = arcsin x, divided by the whole integral.

    With T_m the whole integral: J_m = J_(m - 2) + x cos^(m - 1) t / (m T_m), and
    T_m = T_(m - 2) (m - 1) / m.
    """
    cosine_square = (1.0 - x) * (1.0 + x)
    if power % 2 == 0:
        result, whole, first = _arcsine(x) / PI + 0.5, PI, 2
        factor = x * np.sqrt(cosine_square)
    else:
        result, whole, first = (x + 1.0) * 0.5, 2.0, 3
        factor = x * cosine_square
    for m in range(first, power + 1, 2):
        whole *= (m - 1.0) / m
        result = result + factor / (m * whole)
        factor = factor * cosine_square
    return result


def _arcsine(x: Float64) -> Float64:
    """arcsin x = 2 arctan(x / (1 + sqrt(1 - x^2))), within 4e-16."""
    tangent = x / (1.0 + np.sqrt((1.0 - x) * (1.0 + x)))
    for _ in range(_HALVINGS):
        tangent = tangent / (1.0 + np.sqrt(1.0 + tangent * tangent))
    square, series = tangent * tangent, np.full_like(x, _SERIES[-1])
    for coefficient in _SERIES[-2::-1]:
        series = series * square + coefficient
    angle: Float64 = tangent * series * (2 << _HALVINGS)
    return angle


def _density(z: Float64) -> Float64:
    """The density of the standard normal."""
    root = sqrt(0.5 / PI)
    density: Float64 = elementary.exp(np.maximum(-0.5 * (z * z), -700.0)) * root
    return density
