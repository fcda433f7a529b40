"""The distribution function of the standard normal on arrays, with + - * / only.

Statistics of certificates use it; the values of tensors do not. phi is the density, and Phi is the
distribution function. The relative error of Phi(-|z|) is below 1e-13 up to 37 sigma. That of
Phi(z) - 1/2 is below 1e-15.

Source of the rational approximations: W. J. Cody, Rational Chebyshev approximations for the error
function, Mathematics of Computation 23 (1969), with the coefficients of the author's CALERF
(SPECFUN), here from the constant term up. With x = |z| / sqrt 2 there are three ranges:
erf x = x A(x x) up to 0.46875, erfc x = exp(-x x) B(x) up to 4, and beyond it
erfc x = exp(-x x) (1 / sqrt pi + C(1 / (x x)) / (x x)) / x. mpmath checks them in the tests.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

ERF_OVER = (
    3209.37758913846947,
    377.485237685302021,
    113.864154151050156,
    3.16112374387056560,
    0.185777706184603153,
)
ERF_UNDER = (
    2844.23683343917062,
    1282.61652607737228,
    244.024637934444173,
    23.6012909523441209,
    1.0,
)

ERFC_OVER = (
    1230.33935479799725,
    2051.07837782607147,
    1712.04761263407058,
    881.952221241769090,
    298.635138197400131,
    66.1191906371416295,
    8.88314979438837594,
    0.564188496988670089,
    2.15311535474403846e-8,
)
ERFC_UNDER = (
    1230.33935480374942,
    3439.36767414372164,
    4362.61909014324716,
    3290.79923573345963,
    1621.38957456669019,
    537.181101862009858,
    117.693950891312499,
    15.7449261107098347,
    1.0,
)

FAR_OVER = (
    -6.58749161529837803e-4,
    -1.60837851487422766e-2,
    -0.125781726111229246,
    -0.360344899949804439,
    -0.305326634961232344,
    -1.63153871373020978e-2,
)
FAR_UNDER = (
    2.33520497626869185e-3,
    6.05183413124413191e-2,
    0.527905102951428412,
    1.87295284992346047,
    2.56852019228982242,
    1.0,
)

ROOT_HALF = float.fromhex("0x1.6a09e667f3bcdp-1")
ONE_OVER_ROOT_PI = float.fromhex("0x1.20dd750429b6dp-1")
ONE_OVER_LN_2 = float.fromhex("0x1.71547652b82fep+0")
LN_2_HIGH = float.fromhex("0x1.62e42fefa38p-1")
"""ln 2 to 42 binary places, so that its product with an exponent is exact."""
LN_2_LOW = float.fromhex("0x1.ef35793c76730p-45")

EXP_SERIES = (1.0, 1.0, *(1.0 / n for n in (2, 6, 24, 120, 720, 5040, 40320, 362880)))
EXP_SERIES += tuple(1.0 / n for n in (3628800, 39916800, 479001600, 6227020800))
"""1 / k! for k = 0 ... 13. The remainder is below 5e-18 for arguments up to ln 2 / 2."""

CENTRAL = 0.46875
FAR = 4.0
FARTHEST = 37.5
"""In sigmas. Larger |z| count as this one: Phi(-37.5) is 5e-308, still a normal float64."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """`lower` = Phi(z), `upper` = 1 - Phi(z), `central` = Phi(z) - 1/2, all of the shape of z.

    Each has a small relative error.
    """

    lower: Float64
    upper: Float64
    central: Float64


def distribution(z: Float64) -> Distribution:
    """Phi at each z, also at infinities."""
    size = np.minimum(np.abs(z), FARTHEST)
    x = size * ROOT_HALF
    near, far = x <= CENTRAL, x > FAR
    middle = ~(near | far)
    half_erf, half_erfc = np.empty_like(x), np.empty_like(x)
    half_erf[near] = 0.5 * _erf(x[near])
    half_erfc[near] = 0.5 - half_erf[near]
    half_erfc[middle] = 0.5 * _exp_of_minus_half_square(size[middle]) * _scaled_erfc(x[middle])
    half_erfc[far] = 0.5 * _exp_of_minus_half_square(size[far]) * _scaled_erfc_far(x[far])
    half_erf[~near] = 0.5 - half_erfc[~near]
    negative = z < 0
    return Distribution(
        lower=np.where(negative, half_erfc, 0.5 + half_erf),
        upper=np.where(negative, 0.5 + half_erf, half_erfc),
        central=np.where(negative, -half_erf, half_erf),
    )


def cell_masses(edges: Float64, below: float, mass: float, above: float) -> Float64:
    """The probability of each cell between n ascending edges, shape (n + 1,).

    The distribution is a standard normal without a lower part of probability `below` and an upper
    part of probability `above`; `mass` remains. The first and the last cell end at these bounds.

    In a tail the probability is the difference of two tail probabilities. Near 0 it is the
    difference of two values of Phi - 1/2. So a narrow cell loses no digits.
    """
    inner = distribution(edges)
    lower = _with_ends(below, inner.lower, below + mass)
    upper = _with_ends(mass + above, inner.upper, above)
    central = _with_ends(below - 0.5, inner.central, 0.5 - above)
    in_lower_tail, in_upper_tail = lower[1:] < 0.25, upper[:-1] < 0.25
    tails = np.where(in_lower_tail, lower[1:] - lower[:-1], upper[:-1] - upper[1:])
    masses = np.where(in_lower_tail | in_upper_tail, tails, central[1:] - central[:-1])
    return np.maximum(masses, 0.0) / mass


def _with_ends(first: float, inner: Float64, last: float) -> Float64:
    """The function at the edges, clipped to its values at both bounds."""
    within = np.clip(inner, min(first, last), max(first, last))
    return np.concatenate([np.array([first]), within, np.array([last])])


def _erf(x: Float64) -> Float64:
    square = x * x
    return x * (_polynomial(ERF_OVER, square) / _polynomial(ERF_UNDER, square))


def _scaled_erfc(x: Float64) -> Float64:
    """exp(x x) erfc x for 0.46875 <= x <= 4."""
    return _polynomial(ERFC_OVER, x) / _polynomial(ERFC_UNDER, x)


def _scaled_erfc_far(x: Float64) -> Float64:
    """exp(x x) erfc x for x >= 4."""
    y = 1.0 / (x * x)
    correction = y * (_polynomial(FAR_OVER, y) / _polynomial(FAR_UNDER, y))
    return (ONE_OVER_ROOT_PI + correction) / x


def _exp_of_minus_half_square(z: Float64) -> Float64:
    """exp(-z z / 2) = 2^-n exp(r), n the nearest integer to z z / (2 ln 2), for |z| <= 37.5."""
    exponent = 0.5 * (z * z)
    n = np.rint(exponent * ONE_OVER_LN_2)
    rest = (n * LN_2_HIGH - exponent) + n * LN_2_LOW
    power = ((np.int64(1023) - n.astype(np.int64)) << np.int64(52)).view(np.float64)
    return power * _polynomial(EXP_SERIES, rest)


def _polynomial(coefficients: tuple[float, ...], x: Float64) -> Float64:
    """c0 + x (c1 + x (c2 + ...))."""
    result = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result = result * x + coefficient
    return result
