"""Exponential, logarithm, sine and cosine in float64, with equal bits on every machine.

They are made of + - * /, comparisons and integers, in the order that docs/stream-v1-drafts.md
gives under "Elementary functions". Each function takes an array, or a number, and returns a new
float64 array of the same shape. It raises ValueError if a value is outside its domain.
"""

import numpy as np
import numpy.typing as npt

from service.stream.elementary_literals import MOST_TURN_PARTS
from service.stream.kernels import elementary as kernels
from service.stream.logarithm import logarithm_pair

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64] | int


def exp(x: npt.ArrayLike) -> Floats:
    """exp(x) for x <= 709. Below -708.4 the values are subnormal, and below -745.2 they are 0."""
    values = _copied(x)
    _require(kernels.exponential(values.reshape(-1), 1.0, 0.0), "exp takes numbers up to 709")
    return values


def expm1(x: npt.ArrayLike) -> Floats:
    """exp(x) - 1 for x <= 709, as accurate near 0 as elsewhere."""
    values = _copied(x)
    _require(kernels.exponential_minus_one(values.reshape(-1)), "expm1 takes numbers up to 709")
    return values


def log(x: npt.ArrayLike) -> Floats:
    """The natural logarithm of x, for finite x > 0, subnormal ones included."""
    values = _copied(x)
    _require(kernels.logarithm(values.reshape(-1), 0.0), "log takes finite numbers above 0")
    return values


def log1p(x: npt.ArrayLike) -> Floats:
    """ln(1 + x) for finite x > -1, as accurate near 0 as elsewhere."""
    values = _copied(x)
    _require(kernels.logarithm(values.reshape(-1), 1.0), "log1p takes finite numbers above -1")
    return values


def sin(x: npt.ArrayLike) -> Floats:
    """sin(x), x in radians, |x| <= 2^30."""
    values = _copied(x)
    _require(kernels.sine(values.reshape(-1), 0), "sin takes numbers up to 2^30")
    return values


def cos(x: npt.ArrayLike) -> Floats:
    """cos(x), x in radians, |x| <= 2^30."""
    values = _copied(x)
    _require(kernels.sine(values.reshape(-1), 1), "cos takes numbers up to 2^30")
    return values


def sin_turns(numerators: Integers, denominator: int) -> Floats:
    """sin(2 pi n / N) for integers n, |n| < 2^63, and N from 1 to 2^53.

    The fraction is reduced exactly, so 0, 1, -1, 1/2 and -1/2 are exact. A zero is +0.
    """
    return _turned(numerators, denominator, 0)


def cos_turns(numerators: Integers, denominator: int) -> Floats:
    """cos(2 pi n / N) for integers n, |n| < 2^63, and N from 1 to 2^53.

    The fraction is reduced exactly, so 0, 1, -1, 1/2 and -1/2 are exact. A zero is +0.
    """
    return _turned(numerators, denominator, 1)


def powers(base: float, exponents: npt.ArrayLike) -> Floats:
    """base ** exponents for a finite base > 0, where the power is at most exp(709).

    The logarithm of the base is exact to 106 bits, so the power is as accurate as `exp`.
    """
    high, low = logarithm_pair(base)
    values = _copied(exponents)
    inside = kernels.exponential(values.reshape(-1), high, low)
    _require(inside, "powers takes exponents whose power is at most exp(709)")
    return values


def _turned(numerators: Integers, denominator: int, quarters: int) -> Floats:
    """sin(2 pi (n / N + quarters / 4))."""
    _require(1 <= denominator <= MOST_TURN_PARTS, "a turn has 1 to 2^53 parts")
    # A copy: a kernel is compiled once more for arrays that are read-only or not contiguous.
    integers = np.array(numerators, dtype=np.int64, order="C")
    values = np.empty(integers.shape, np.float64)
    kernels.sine_of_turns(integers.reshape(-1), denominator, quarters, values.reshape(-1))
    return values


def _copied(x: npt.ArrayLike) -> Floats:
    """A contiguous copy, which a kernel overwrites."""
    return np.array(x, dtype=np.float64, order="C")


def _require(inside: bool, domain: str) -> None:
    """Raise ValueError unless every value was in the domain."""
    if not inside:
        raise ValueError(domain)
