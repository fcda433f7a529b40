"""The numbers of a dtype in a range, each with its cell: the reals that round to it."""

from math import frexp, inf, ldexp

import numpy as np
import numpy.typing as npt

from service.stream.precision import PRECISIONS, Precision, at_most

Float64 = npt.NDArray[np.float64]
Ordinals = npt.NDArray[np.int64]


def cells(lowest: float, highest: float, dtype: str, least: float = 0.0) -> tuple[Float64, Float64]:
    """Return the dtype's numbers from `lowest` to `highest`, ascending, and the distances to edges.

    `lowest` and `highest` are numbers of the dtype. The distance of a number is that to the upper
    edge of its cell, where the next cell begins. n numbers have n - 1 distances. All are exact.

    A real number is rounded to the nearest float32 first (float64 if that is the dtype) and then to
    the nearest number of the dtype, ties to even. So the float32 in the middle between two numbers
    belongs to the even one, with half of the gap to the next float32. In float32 and float64 the
    edge is the middle itself.

    Numbers of magnitude below `least` are omitted, except 0 and the largest one with an odd
    ordinal. bfloat16 has many tiny numbers, to which almost no value is rounded.
    """
    precision = PRECISIONS[dtype]
    first, last = ordinal(lowest, precision), ordinal(highest, precision)
    # Even and odd numbers must alternate. 0 is even, so its neighbours must be odd.
    beside_zero = max((ordinal(at_most(least, precision), precision) - 1) | 1, 1)
    ordinals = _ordinals(first, last, beside_zero)
    numbers = _numbers(ordinals, precision)
    ways = (numbers[1:] - numbers[:-1]) * 0.5
    if dtype in ("float32", "float64"):
        return numbers, ways
    middles = (numbers[:-1] + ways).astype(np.float32)
    even_below = (ordinals[:-1] & np.int64(1)) == 0
    onward = np.where(even_below, np.float32(inf), np.float32(-inf))
    beside = np.nextafter(middles, onward).astype(np.float64)
    return numbers, (beside + middles.astype(np.float64)) * 0.5 - numbers[:-1]


def ordinal(value: float, precision: Precision) -> int:
    """The ordinal of `value` in the format: 0 has ordinal 0, the least positive number has 1.

    The lowest bit of the ordinal is the last bit of the significand.
    """
    exponent = _exponent(value, precision)
    size = int(ldexp(abs(value), precision.significand - 1 - exponent))
    count = size + ((exponent - precision.least_exponent) << (precision.significand - 1))
    return -count if value < 0 else count


def _ordinals(first: int, last: int, least: int) -> Ordinals:
    """Ordinals from first to last, without those between -least and 0 and between 0 and least."""
    negative = np.arange(first, max(first, min(last, -least) + 1), dtype=np.int64)
    zero = np.zeros(int(first <= 0 <= last), np.int64)
    positive = np.arange(min(max(first, least), last + 1), last + 1, dtype=np.int64)
    return np.concatenate([negative, zero, positive])


def spacing(value: float, precision: Precision) -> float:
    """The unit of the last place at `value`: the gap to the next number away from 0."""
    return ldexp(1.0, _exponent(value, precision) - precision.significand + 1)


def _exponent(value: float, precision: Precision) -> int:
    """The exponent of the leading bit. For 0 and subnormal numbers, the least exponent."""
    return max(frexp(value)[1] - 1, precision.least_exponent) if value else precision.least_exponent


def _numbers(ordinals: Ordinals, precision: Precision) -> Float64:
    """The inverse of `ordinal`.

    The ordinal of a normal number is its exponent followed by its fraction, as in the pattern of a
    float64. Only the width of the fraction and the bias of the exponent differ.
    """
    sizes = np.abs(ordinals)
    missing_bits = np.int64(53 - precision.significand)
    rebias = np.int64(precision.least_exponent + 1022) << np.int64(52)
    normal = ((sizes << missing_bits) + rebias).view(np.float64)
    least = ldexp(1.0, precision.least_exponent - precision.significand + 1)
    subnormal = sizes.astype(np.float64) * np.float64(least)
    is_subnormal = sizes < np.int64(1 << (precision.significand - 1))
    return np.copysign(np.where(is_subnormal, subnormal, normal), ordinals.astype(np.float64))
