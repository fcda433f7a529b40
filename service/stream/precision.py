"""The floating-point formats values are issued in, and exact rounding of one number into them."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, copysign, floor, frexp, ldexp


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


PRECISIONS = {
    "float32": Precision(4, 24, -126, float.fromhex("0x1.fffffep+127")),
    "float16": Precision(2, 11, -14, 65504.0),
    "bfloat16": Precision(2, 8, -126, float.fromhex("0x1.fep+127")),
    "float64": Precision(8, 53, -1022, float.fromhex("0x1.fffffffffffffp+1023")),
    "float8_e4m3fn": Precision(1, 4, -6, 448.0),
    "float8_e5m2": Precision(1, 3, -14, 57344.0),
}


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
