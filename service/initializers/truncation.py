"""The truncated normal distribution: masses and moments, each the float64 nearest the exact value.

phi and Phi are the density and the distribution function of the standard normal. The computation
is in decimal, with more digits than cancellation can lose. erf and exp of a C library differ
between machines, so they are not used.
"""

from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from functools import lru_cache

from service.errors import ImpossibleError, Problem

NARROWEST = 2.0**-64
"""The least distance between bounds. Between closer ones all values are equal in every dtype."""

MOST_SIGMAS = 40.0
"""The largest bound. Beyond 38.6 sigma the tail's float64 is 0, so a wider bound is almost
certainly a mistake."""

SPARE_DIGITS = 60
"""Digits beyond those that cancellation loses. 17 determine a float64, except near a tie."""


@dataclass(frozen=True, slots=True)
class Symmetric:
    """`mass` = Phi(c) - 1/2, `tail` = 1 - Phi(c), `ratio` = std of z given |z| < c."""

    mass: float
    tail: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Between:
    """`below` = Phi(a), `mass` = Phi(b) - Phi(a), `above` = 1 - Phi(b); z given a < z < b has
    mean `mean` and standard deviation `ratio`."""

    below: float
    mass: float
    above: float
    mean: float
    ratio: float


@lru_cache(maxsize=1024)
def symmetric(c: float) -> Symmetric:
    """The constants of the bounds -c and c, 2^-65 <= c <= 40.

    Var(z | |z| < c) = 1 - 2 c phi(c) / (2 Phi(c) - 1); at c = 2 the ratio is 0x1.c25e4b6dba981p-1.
    """
    whole = between(-c, c)
    return Symmetric(whole.mass / 2, whole.above, whole.ratio)


@lru_cache(maxsize=1024)
def between(a: float, b: float) -> Between:
    """The constants of the bounds a and b, -40 <= a < b <= 40.

    Raises ImpossibleError (`nothing_between`) if they are closer than 2^-64.

    E z = (phi(a) - phi(b)) / mass, Var z = 1 + (a phi(a) - b phi(b)) / mass - (E z)^2
    (Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 1, 1994, 13.10.1).
    """
    if b - a < NARROWEST:
        problem = Problem(
            "bounds", "the bounds are closer than 2^-64 sigma", "write -2,2, or use scheme=constant"
        )
        raise ImpossibleError("nothing_between", problem)
    low, high = Decimal(a), Decimal(b)
    with localcontext(_context(max(abs(a), abs(b)), b - a)):
        half = Decimal("0.5")
        at_low, at_high = _central_mass(low), _central_mass(high)
        mass = at_high - at_low
        density_low, density_high = _density(low), _density(high)
        mean = (density_low - density_high) / mass
        variance = 1 + (low * density_low - high * density_high) / mass - mean * mean
        ratio = variance.sqrt()
        return Between(*map(float, (half + at_low, mass, half - at_high, mean, ratio)))


def _context(farthest: float, width: float) -> Context:
    """The working precision: the spare digits and those that cancellation loses.

    A tail at c loses c c / (2 ln 10) digits. A width of 10^-k loses 3 k digits.
    """
    in_the_tail = int(0.22 * farthest * farthest)
    in_the_width = 3 * max(0, -Decimal(width).adjusted())
    return Context(prec=SPARE_DIGITS + in_the_tail + in_the_width, Emin=-99999, Emax=99999)


def _central_mass(x: Decimal) -> Decimal:
    """Phi(x) - 1/2 = phi(x) (x + x^3 / 3 + x^5 / (3 5) + ...). The terms have one sign.

    Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.2.11.
    """
    square = x * x
    term = total = x
    odd = 1
    while True:
        odd += 2
        term = term * square / odd
        grown = total + term
        if grown == total:
            return _density(x) * total
        total = grown


def _density(x: Decimal) -> Decimal:
    """phi(x) = exp(-x x / 2) / sqrt(2 pi)."""
    return (-x * x / 2).exp() / _sqrt_two_pi()


def _sqrt_two_pi() -> Decimal:
    """sqrt(2 pi), where pi = 16 arctan(1/5) - 4 arctan(1/239) (Machin 1706)."""
    return (2 * (16 * _arctan_of_inverse(5) - 4 * _arctan_of_inverse(239))).sqrt()


def _arctan_of_inverse(n: int) -> Decimal:
    """arctan(1/n) = 1/n - 1/(3 n^3) + 1/(5 n^5) - ..."""
    power = total = Decimal(1) / n
    odd = 1
    while True:
        odd += 2
        power = -power / (n * n)
        grown = total + power / odd
        if grown == total:
            return total
        total = grown
