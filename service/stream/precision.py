"""What a dtype can hold: the numbers of its format, and exact rounding of one number into it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, copysign, floor, frexp, ldexp
from typing import NamedTuple

from service.dtypes import DTYPES, Dtype

FLOAT32_BIAS, FLOAT32_FRACTION = 127, 23


@dataclass(frozen=True, slots=True)
class Precision:
    """A binary format: `significand` bits with the hidden one, smallest normal 2^`least_exponent`.

    `largest` is the largest finite value. Subnormals are part of every format. A number takes
    `itemsize` bytes.
    """

    itemsize: int
    significand: int
    least_exponent: int
    largest: float


class Narrowing(NamedTuple):
    """How float32 is rounded to a dtype of 16 or 8 bits (docs/stream-v1.md, section 3, "Dtype").

    `dropped` is the number of fraction bits that float32 has more. The others are patterns of
    float32: `rebias` is the difference of the exponents' biases, `least_normal` the smallest
    normal number of the dtype, and `anchor` the power of two whose last place is worth the
    smallest subnormal number of the dtype.

    The last three are 0 for a dtype with float32's exponents. Its subnormal numbers are float32's
    with fewer bits, so they are rounded like all others.
    """

    dropped: int
    rebias: int
    least_normal: int
    anchor: int


def bias_of(dtype: Dtype) -> int:
    """What is added to the exponent of a normal number before it is stored."""
    return (1 << (dtype.exponent_bits - 1)) - 1


def precision_of(dtype: Dtype) -> Precision:
    """The numbers of the dtype."""
    bias, significand = bias_of(dtype), dtype.fraction_bits + 1
    # Without infinities there is one exponent more, in which all fraction bits set is the NaN.
    greatest_exponent = bias + 1 if dtype.finite_only else bias
    largest_significand = (1 << significand) - (2 if dtype.finite_only else 1)
    largest = ldexp(largest_significand, greatest_exponent - dtype.fraction_bits)
    return Precision(dtype.itemsize, significand, 1 - bias, largest)


def narrowing_of(dtype: Dtype) -> Narrowing:
    """The rounding of float32 to the dtype, which has at most 16 bits."""
    dropped, bias = FLOAT32_FRACTION - dtype.fraction_bits, bias_of(dtype)
    if bias == FLOAT32_BIAS:
        return Narrowing(dropped, 0, 0, 0)
    rebias, least_exponent = FLOAT32_BIAS - bias, 1 - bias
    anchor = FLOAT32_BIAS + least_exponent + dropped
    return Narrowing(
        dropped,
        rebias << FLOAT32_FRACTION,
        (FLOAT32_BIAS + least_exponent) << FLOAT32_FRACTION,
        anchor << FLOAT32_FRACTION,
    )


PRECISIONS = {name: precision_of(dtype) for name, dtype in DTYPES.items()}
"""The numbers of every dtype."""

NARROW = {name: narrowing_of(dtype) for name, dtype in DTYPES.items() if dtype.itemsize <= 2}
"""The rounding of float32 to every dtype of 16 or 8 bits."""


def nearest(value: float, precision: Precision) -> float:
    """Round to nearest, ties to even; above the largest finite value the result is not finite.

    A zero keeps the sign of `value`.
    """
    return copysign(_rounded(value, precision, round), value)


def at_most(value: float, precision: Precision) -> float:
    """Return the largest number of the format that is not above `value`."""
    return min(_rounded(value, precision, floor), precision.largest)


def at_least(value: float, precision: Precision) -> float:
    """Return the smallest number of the format that is not below `value`."""
    return max(_rounded(value, precision, ceil), -precision.largest)


def _rounded(value: float, precision: Precision, to_integer: Callable[[float], int]) -> float:
    """Round in units of the last place at `value`; every step but `to_integer` is exact."""
    exponent = max(frexp(value)[1] - 1, precision.least_exponent)
    unit = exponent - precision.significand + 1
    try:
        rounded = ldexp(to_integer(ldexp(value, -unit)), unit)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    if abs(rounded) > precision.largest:
        return float("inf") if value > 0 else float("-inf")
    return rounded
