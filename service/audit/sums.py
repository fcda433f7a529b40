"""Compiled loops over values: exact sums of their first four powers, and the bins of a histogram.

A finite value is ± m 2^e with a whole number m of 24 or 53 bits. The sums of m, m^2, m^3 and m^4
are kept apart for each sign and exponent, as whole numbers of 32-bit limbs, so nothing is rounded.
A row of a table belongs to one sign and exponent. Its first column counts, the others are limbs.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from service.stream.kernels.compiled import compiled

Words = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

MOST_VALUES = 2**20
"""Values that a table takes before its limbs, of 64 bits each, could overflow."""

ROWS = {"float32": 2**9, "float64": 2**12}
FIRST_COLUMNS = {"float32": (1, 2, 4, 6, 9), "float64": (1, 3, 7, 13, 21)}
"""The first column of the limbs of each power, and the number of columns."""

ZEROS, NANS, INFINITIES = range(3)

_ONE, _LIMB, _LOW = np.uint64(1), np.uint64(32), np.uint64(0xFFFFFFFF)
_SINGLE, _DOUBLE = np.uint64(23), np.uint64(52)
_SINGLE_HIDDEN, _DOUBLE_HIDDEN = np.uint64(2**23), np.uint64(2**52)
_SINGLE_TOP, _DOUBLE_TOP = np.uint64(0xFF), np.uint64(0x7FF)


@compiled
def add_float32(
    bits: npt.NDArray[np.uint32], table: Words, special: Counts, extremes: Counts
) -> None:
    """Add float32 values to a table, shape (2^9, 9).

    bits, shape (n,), n <= MOST_VALUES, are the values. `special` counts zeros, NaNs and infinities.
    `extremes` are the least and the greatest `ordered` value; NaN and infinities are left out.
    """
    for i in range(bits.size):
        word = np.uint64(bits[i])
        row = word >> _SINGLE
        exponent, m = row & _SINGLE_TOP, word & (_SINGLE_HIDDEN - _ONE)
        if exponent == _SINGLE_TOP:
            special[NANS if m else INFINITIES] += 1
            continue
        order = np.int64(word & np.uint64(0x7FFFFFFF))
        if word >> np.uint64(31):
            order = -order
        extremes[0] = min(extremes[0], order)
        extremes[1] = max(extremes[1], order)
        if exponent:
            m |= _SINGLE_HIDDEN
        special[ZEROS] += m == 0
        square = m * m
        low, high = square & _LOW, square >> _LIMB
        limbs = table[np.int64(row)]
        limbs[0] += _ONE
        limbs[1] += m
        limbs[2] += low
        limbs[3] += high
        cube = low * m
        limbs[4] += cube & _LOW
        limbs[5] += (cube >> _LIMB) + high * m
        fourth, middle = low * low, (low * high) << _ONE
        limbs[6] += fourth & _LOW
        limbs[7] += (fourth >> _LIMB) + (middle & _LOW)
        limbs[8] += (middle >> _LIMB) + high * high


@compiled
def add_float64(bits: Words, table: Words, special: Counts, extremes: Counts) -> None:
    """Add float64 values to a table, shape (2^12, 21). Otherwise as `add_float32`."""
    m, square = np.empty(2, np.uint64), np.empty(4, np.uint64)
    for i in range(bits.size):
        word = bits[i]
        row = word >> _DOUBLE
        exponent, whole = row & _DOUBLE_TOP, word & (_DOUBLE_HIDDEN - _ONE)
        if exponent == _DOUBLE_TOP:
            special[NANS if whole else INFINITIES] += 1
            continue
        order = np.int64(word & np.uint64(0x7FFFFFFFFFFFFFFF))
        if word >> np.uint64(63):
            order = -order
        extremes[0] = min(extremes[0], order)
        extremes[1] = max(extremes[1], order)
        if exponent:
            whole |= _DOUBLE_HIDDEN
        special[ZEROS] += whole == 0
        low, high = whole & _LOW, whole >> _LIMB
        m[0], m[1] = low, high
        first, middle, last = low * low, low * high, high * high
        square[0] = first & _LOW
        carried = (first >> _LIMB) + ((middle & _LOW) << _ONE)
        square[1] = carried & _LOW
        carried = (carried >> _LIMB) + ((middle >> _LIMB) << _ONE) + (last & _LOW)
        square[2] = carried & _LOW
        square[3] = (carried >> _LIMB) + (last >> _LIMB)
        limbs = table[np.int64(row)]
        limbs[0] += _ONE
        limbs[1] += low
        limbs[2] += high
        for j in range(4):
            limbs[3 + j] += square[j]
            for k in range(2):
                product = square[j] * m[k]
                limbs[7 + j + k] += product & _LOW
                limbs[8 + j + k] += product >> _LIMB
            for k in range(4):
                product = square[j] * square[k]
                limbs[13 + j + k] += product & _LOW
                limbs[14 + j + k] += product >> _LIMB


ADD = {"float32": add_float32, "float64": add_float64}


@compiled
def add_to_bins(
    values: npt.NDArray[np.floating], low: float, width: float, high: float, counts: Counts
) -> None:
    """Count the values from `low` to `high`, both included, in bins of equal width.

    counts, shape (bins + 2,): first the values below `low`, then the bins, last those above `high`.
    A bin has its lower edge, and the last one its upper edge too. NaN is not counted.
    """
    last = counts.size - 3
    for i in range(values.size):
        value = np.float64(values[i])
        if value < low:
            counts[0] += 1
        elif value > high:
            counts[last + 2] += 1
        elif value == value:
            # A quotient that is too large, or no number, is the last bin: no index leaves `counts`.
            quotient = (value - low) / width
            place = int(quotient) if quotient < last else last
            # The difference is rounded, so a value beside an edge may be counted one bin off.
            if place > 0 and value < low + place * width:
                place -= 1
            elif place < last and value >= low + (place + 1) * width:
                place += 1
            counts[1 + place] += 1


def power_sums(table: Words, dtype: str) -> Iterator[int]:
    """The exact sums of x, x^2, x^3 and x^4 of a table, each in units of 2^-1074k for power k."""
    columns, exponents = FIRST_COLUMNS[dtype], ROWS[dtype] // 2
    least = -1074 if dtype == "float64" else -149
    used = np.flatnonzero(table[:, 0])
    shifts = [max(row % exponents, 1) - 1 + least + 1074 for row in used.tolist()]
    negative = (used >= exponents).tolist()
    limbs = table[used].T.tolist()
    for power, (start, stop) in enumerate(pairwise(columns), 1):
        whole = limbs[stop - 1]
        for column in reversed(limbs[start : stop - 1]):
            whole = [(high << 32) + low for high, low in zip(whole, column, strict=True)]
        signs = negative if power % 2 else [False] * len(negative)
        yield sum(
            (-each if sign else each) << shift * power
            for each, sign, shift in zip(whole, signs, shifts, strict=True)
        )
