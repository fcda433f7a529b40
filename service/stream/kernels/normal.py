"""Normal values in float32 (docs/stream-v1.md, section 5, "single").

Box and Muller's transform of two words, with a logarithm, sine and cosine made of IEEE operations
alone: those of a C library differ between systems.
"""

import numpy as np

from service.stream import literals
from service.stream.kernels.bits import bits_of, float_of
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.rounding import clamped

HALF, ONE = np.float32(0.5), np.float32(1.0)
SCALE_COMPLEMENT, SCALE_TURN = np.float32(2.0**-32), np.float32(2.0**-33)
MINUS_TWO_LN_2 = np.float32(literals.MINUS_TWO_LN_2)
P0, P1, P2, P3, P4, P5, P6, P7 = (np.float32(c) for c in literals.LOG_32)
S0, S1, S2, S3 = (np.float32(c) for c in literals.SIN_TURN_32)
C0, C1, C2, C3 = (np.float32(c) for c in literals.COS_TURN_32)
LOG_CENTRE, FRACTION, WORD_BITS = np.int32(literals.LOG_CENTRE), np.int32(23), np.int32(32)
THREE_QUARTERS = np.uint32(literals.THREE_QUARTERS)
EIGHTH_TURN, QUARTER_TURN = np.uint32(0x20000000), np.uint32(0x40000000)
WHOLE_QUARTERS, SIGN, BIT = np.uint32(0xC0000000), np.uint32(0x80000000), np.uint32(1)
ZERO = np.uint32(0)


@inlined
def minus_two_log(n, f):
    """-2 ln(2^n (1 + f)) = n A + (f f P(f) - 2 f), the radius squared; n, f float32."""
    # Horner's rule in two lines; a product and the sum after it are two roundings, never an FMA.
    p = (((P7 * f + P6) * f + P5) * f + P4) * f + P3
    p = ((p * f + P2) * f + P1) * f + P0
    return n * MINUS_TWO_LN_2 + (f * f * p - (f + f))


@inlined
def radius(w):
    """Section 5, "Radius, single": sqrt(-2 ln((w + 1/2) 2^-32)) as float32; w uint32.

    From p = 3/4 up the logarithm is taken of 1 - p, so that small radii keep their digits.
    """
    x = np.float32(w) + HALF
    # 2^e m with m in [3/4, 3/2): the centre is subtracted from the bits, then e is an exact shift.
    bits = bits_of(x)
    exponent = np.int32(np.int32(bits - LOG_CENTRE) >> FRACTION)
    mantissa = float_of(np.int32(bits - np.int32(exponent << FRACTION)))
    near_one = w >= THREE_QUARTERS
    # Below 2^30 where it is used, so int32 will do: x86 converts signed integers faster.
    complement = np.float32(np.int32(~w)) + HALF
    # Both cases are computed and one is chosen, without a branch: this loop runs in vectors.
    f = -(complement * SCALE_COMPLEMENT) if near_one else mantissa - ONE
    n = np.float32(np.int32(0) if near_one else np.int32(exponent - WORD_BITS))
    return np.sqrt(minus_two_log(n, f))


@inlined
def turn(v):
    """Section 5, "Turn, single": sine and cosine of 2 pi (v + 1/2) 2^-32 as float32; v uint32."""
    # The top two bits are q, the nearest quarter turn. What is left is at most an eighth of a turn.
    quarter = np.uint32(v + EIGHTH_TURN)
    rest = np.uint32(v - (quarter & WHOLE_QUARTERS))
    t = np.float32(np.int32(np.uint32(rest << BIT) | BIT)) * SCALE_TURN
    z = t * t
    s = t * (((S3 * z + S2) * z + S1) * z + S0)
    c = (((C3 * z + C2) * z + C1) * z + C0) * z + ONE
    # The table of quarters: an odd q swaps both; q >= 2 negates the sine, q = 1, 2 the cosine.
    odd = (quarter & QUARTER_TURN) != ZERO
    sine, cosine = (c, s) if odd else (s, c)
    sine_sign = np.int32(quarter & SIGN)
    cosine_sign = np.int32(np.uint32(quarter + QUARTER_TURN) & SIGN)
    return (
        float_of(np.int32(bits_of(sine) ^ sine_sign)),
        float_of(np.int32(bits_of(cosine) ^ cosine_sign)),
    )


@compiled
def normal32(words, std, mean, low, high, values):
    """Section 5, single: words 2j and 2j + 1 make elements 2j and 2j + 1; scaled, then clamped.

    words uint32, shape (n,), n even; std, mean, low, high float32; values float32, shape (n,).
    mean is -0.0 where nothing is added: x + -0.0 is x, even for x = -0.
    """
    for j in range(values.size >> 1):
        r = radius(words[2 * j])
        sine, cosine = turn(words[2 * j + 1])
        values[2 * j] = clamped(r * sine * std + mean, low, high)
        values[2 * j + 1] = clamped(r * cosine * std + mean, low, high)


@compiled
def normal_rows32(words, row, std, mean, low, high, values):
    """The same for words that `fill_word_rows` arranged: rows 0 and 1 make pairs, and 2 and 3.

    words uint32 and values float32, shape (2 row,) or (4 row,).
    """
    for i in range(0, values.size, 2 * row):
        first, second = slice(i, i + row), slice(i + row, i + 2 * row)
        pair_rows32(
            words[first], words[second], std, mean, low, high, values[first], values[second]
        )


@compiled
def pair_rows32(words, turns, std, mean, low, high, sines, cosines):
    """One row of first words and one of second words to one row of elements each.

    words, turns uint32 and sines, cosines float32, all of shape (row,).
    """
    for j in range(sines.size):
        r = radius(words[j])
        sine, cosine = turn(turns[j])
        sines[j] = clamped(r * sine * std + mean, low, high)
        cosines[j] = clamped(r * cosine * std + mean, low, high)
