"""Functions that NumPy does not have, on arrays of float64.

They hold their relative error, near 0 and far out too, so that the moments of very small and of
very large variances are right.
"""

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969):
# erf(x) / x in x^2 below 1/2, erfc(x) e^(x^2) in x up to 4, and its asymptotic series in 1 / x^2
# beyond. The highest power comes first.
_ERF = (
    (
        1.85777706184603153e-1,
        3.16112374387056560,
        1.13864154151050156e2,
        3.77485237685302021e2,
        3.20937758913846947e3,
    ),
    (
        1.0,
        2.36012909523441209e1,
        2.44024637934444173e2,
        1.28261652607737228e3,
        2.84423683343917062e3,
    ),
)
_ERFC = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ),
)
_ERFC_FAR = (
    (
        1.63153871373020978e-2,
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
    ),
    (
        1.0,
        2.56852019228982242,
        1.87295284992346725,
        5.27905102951428412e-1,
        6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)
_NEAR, _FAR = 0.46875, 4.0
_LARGEST = 27.0
"""erfc is below the smallest float64 beyond it."""


def _ratio(polynomials: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    above, below = (_polynomial(coefficients, x) for coefficients in polynomials)
    above /= below
    return above


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """By Horner's rule in one array."""
    total = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total *= x
        total += coefficient
    return total


def erf(x: Array) -> Array:
    """The error function."""
    far = np.sign(x) * (1.0 - _erfc_of_positive(np.abs(x)))
    return np.where(np.abs(x) <= _NEAR, _erf_of_small(x), far)


def erfc(x: Array) -> Array:
    """1 - erf(x), with its relative error kept where it is small."""
    far = _erfc_of_positive(np.abs(x))
    return np.where(np.abs(x) <= _NEAR, 1.0 - _erf_of_small(x), np.where(x > 0, far, 2.0 - far))


def _erf_of_small(x: Array) -> Array:
    """erf up to _NEAR; any number beyond."""
    series: Array = x * _ratio(_ERF, np.minimum(x * x, _NEAR**2))
    return series


def _erfc_of_positive(x: Array) -> Array:
    """erfc for x above _NEAR; any number below."""
    bounded = np.clip(x, _NEAR, _LARGEST)
    middle = _ratio(_ERFC, np.minimum(bounded, _FAR))
    inverse = 1.0 / np.square(np.maximum(bounded, _FAR))
    series = (1.0 / math.sqrt(math.pi) - inverse * _ratio(_ERFC_FAR, inverse)) / bounded
    # x^2 is split so that its rounding error, times e^-x^2, stays below one unit.
    head = np.trunc(bounded * 16.0) / 16.0
    decay = np.exp(-head * head) * np.exp(-(bounded - head) * (bounded + head))
    return np.where(x > _LARGEST, 0.0, decay * np.where(bounded <= _FAR, middle, series))


def normal_cdf(z: Array) -> Array:
    """Phi(z), the distribution function of the standard normal."""
    return 0.5 * erfc(-z / math.sqrt(2.0))


def normal_density(z: Array) -> Array:
    """The density of the standard normal."""
    density: Array = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return density


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z) without overflow."""
    small = np.exp(-np.abs(z))
    quotient: Array = np.where(z >= 0, 1.0, small) / (1.0 + small)
    return quotient


def softplus(z: Array) -> Array:
    """ln(1 + e^z) without overflow."""
    total: Array = np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))
    return total


def sech_squared(z: Array) -> Array:
    """1 - tanh(z)^2, the derivative of tanh, without cancellation."""
    small = np.exp(-2.0 * np.abs(z))
    quotient: Array = 4.0 * small / np.square(1.0 + small)
    return quotient


def log_cosh(z: Array) -> Array:
    """ln(cosh(z)): by ln(1 + 2 sinh(z/2)^2) near 0, and without overflow far out."""
    far = np.abs(z) + np.log1p(np.exp(-2.0 * np.abs(z))) - math.log(2.0)
    near = np.log1p(2.0 * np.square(np.sinh(np.clip(z, -1.0, 1.0) / 2.0)))
    return np.where(np.abs(z) < 1.0, near, far)


def tanh_shrink(z: Array) -> Array:
    """z - tanh(z). Near 0 by tanh's continued fraction z / (1 + z^2 / (3 + z^2 / (5 + ...)))."""
    square = np.square(np.clip(z, -1.0, 1.0))
    rest = np.zeros_like(z)
    for odd in range(19, 1, -2):
        rest = square / (odd + rest)
    return np.where(np.abs(z) < 1.0, z * rest / (1.0 + rest), z - np.tanh(z))
