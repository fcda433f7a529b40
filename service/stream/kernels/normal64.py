"""Normal values in float64, from wide words (docs/stream-v1.md, section 5, "double").

As `normal` in float32. Bare literals are float64 in Numba, so few casts are needed here.
"""

import numpy as np

from service.stream import literals
from service.stream.kernels.bits import bits_of, float_of, wide_word
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.rounding import clamped

MINUS_TWO_LN_2_HIGH, MINUS_TWO_LN_2_LOW = (
    literals.MINUS_TWO_LN_2_HIGH,
    literals.MINUS_TWO_LN_2_LOW,
)
TWO_PI_HIGH, TWO_PI_LOW = literals.TWO_PI_HIGH, literals.TWO_PI_LOW
R0, R1, R2, R3, R4, R5, R6, R7 = literals.LOG_64
S0, S1, S2, S3, S4, S5 = literals.SIN_TURN_64
C0, C1, C2, C3, C4, C5, C6 = literals.COS_TURN_64
SCALE_COMPLEMENT, SCALE_TURN = 2.0**-64, 2.0**-65
LOG_CENTRE, FRACTION, WORD_BITS = np.int64(literals.LOG_CENTRE_64), np.int64(52), np.int64(64)
THREE_QUARTERS = np.uint64(literals.THREE_QUARTERS << 32)
EIGHTH_TURN, QUARTER_TURN = np.uint64(1 << 61), np.uint64(1 << 62)
WHOLE_QUARTERS, SIGN, BIT = np.uint64(3 << 62), np.uint64(1 << 63), np.uint64(1)
ZERO = np.uint64(0)


@inlined
def minus_two_log(n, f):
    """-2 ln(2^n (1 + f)), the radius squared; n, f float64.

    -2 ln 2 comes in two parts. The product of n with the first is exact.
    """
    s = f / (2.0 + f)
    square, z = f * f, s * s
    r = (((R7 * z + R6) * z + R5) * z + R4) * z + R3
    r = ((r * z + R2) * z + R1) * z + R0
    curved = square - s * (square + z * r)
    return n * MINUS_TWO_LN_2_HIGH + ((n * MINUS_TWO_LN_2_LOW + curved) - (f + f))


@inlined
def radius(w):
    """Section 5, "Radius, double": sqrt(-2 ln((W + 1/2) 2^-64)) as float64; w uint64."""
    bits = bits_of(np.float64(w) + 0.5)
    exponent = (bits - LOG_CENTRE) >> FRACTION
    mantissa = float_of(bits - (exponent << FRACTION))
    near_one = w >= THREE_QUARTERS
    complement = np.float64(~w) + 0.5
    f = -(complement * SCALE_COMPLEMENT) if near_one else mantissa - 1.0
    n = np.float64(np.int64(0) if near_one else exponent - WORD_BITS)
    return np.sqrt(minus_two_log(n, f))


@inlined
def turn(v):
    """Section 5, "Turn, double": sine and cosine of 2 pi (V + 1/2) 2^-64 as float64; v uint64."""
    quarter = v + EIGHTH_TURN
    rest = v - (quarter & WHOLE_QUARTERS)
    t = np.float64(np.int64((rest << BIT) | BIT)) * SCALE_TURN
    z = t * t
    bent = ((((S5 * z + S4) * z + S3) * z + S2) * z + S1) * z + S0
    s = t * TWO_PI_HIGH + (t * TWO_PI_LOW + t * z * bent)
    c = (((((C6 * z + C5) * z + C4) * z + C3) * z + C2) * z + C1) * z + C0
    c = c * z + 1.0
    odd = (quarter & QUARTER_TURN) != ZERO
    sine, cosine = (c, s) if odd else (s, c)
    sine_sign = np.int64(quarter & SIGN)
    cosine_sign = np.int64((quarter + QUARTER_TURN) & SIGN)
    return float_of(bits_of(sine) ^ sine_sign), float_of(bits_of(cosine) ^ cosine_sign)


@compiled
def normal64(words, low_words, std, mean, low, high, values):
    """Section 5, double: wide words 2j and 2j + 1 make elements 2j and 2j + 1.

    words, low_words uint32, shape (n,), n even; std, mean, low, high float64; values float64, shape
    (n,). mean is -0.0 where nothing is added.
    """
    for j in range(values.size >> 1):
        r = radius(wide_word(words[2 * j], low_words[2 * j]))
        sine, cosine = turn(wide_word(words[2 * j + 1], low_words[2 * j + 1]))
        values[2 * j] = clamped(r * sine * std + mean, low, high)
        values[2 * j + 1] = clamped(r * cosine * std + mean, low, high)


@compiled
def normal_rows64(words, low_words, row, std, mean, low, high, values):
    """The same for words that `fill_word_rows` arranged: rows 0 and 1 make pairs, and 2 and 3.

    words, low_words uint32 and values float64, shape (2 row,) or (4 row,).
    """
    for i in range(0, values.size, 2 * row):
        first, second = slice(i, i + row), slice(i + row, i + 2 * row)
        pair_rows64(
            words[first], low_words[first], words[second], low_words[second],
            std, mean, low, high, values[first], values[second],
        )  # fmt: skip


@compiled
def pair_rows64(words, low_words, turns, low_turns, std, mean, low, high, sines, cosines):
    """One row of first wide words and one of second ones to one row of elements each.

    words, low_words, turns, low_turns uint32 and sines, cosines float64, all of shape (row,).
    """
    for j in range(sines.size):
        r = radius(wide_word(words[j], low_words[j]))
        sine, cosine = turn(wide_word(turns[j], low_turns[j]))
        sines[j] = clamped(r * sine * std + mean, low, high)
        cosines[j] = clamped(r * cosine * std + mean, low, high)
