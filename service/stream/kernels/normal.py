"""Normal values from words: Box-Muller with our own logarithm, sine and cosine."""

import numpy as np

from service.stream import literals
from service.stream.kernels.bits import bits_of, float_of
from service.stream.kernels.bounding import clamped
from service.stream.kernels.compiled import compiled, inlined

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
    """-2 ln(2^n (1 + f))."""
    p = (((P7 * f + P6) * f + P5) * f + P4) * f + P3
    p = ((p * f + P2) * f + P1) * f + P0
    return n * MINUS_TWO_LN_2 + (f * f * p - (f + f))


@inlined
def radius(w):
    """sqrt(-2 ln((w + 1/2) 2^-32)), relative accuracy kept where the result is near 0."""
    x = np.float32(w) + HALF
    bits = bits_of(x)
    exponent = np.int32(np.int32(bits - LOG_CENTRE) >> FRACTION)
    mantissa = float_of(np.int32(bits - np.int32(exponent << FRACTION)))
    near_one = w >= THREE_QUARTERS
    complement = np.float32(np.int32(~w)) + HALF
    f = -(complement * SCALE_COMPLEMENT) if near_one else mantissa - ONE
    n = np.float32(np.int32(0) if near_one else np.int32(exponent - WORD_BITS))
    return np.sqrt(minus_two_log(n, f))


@inlined
def turn(v):
    """Sine and cosine of 2 pi (v + 1/2) 2^-32."""
    quarter = np.uint32(v + EIGHTH_TURN)
    rest = np.uint32(v - (quarter & WHOLE_QUARTERS))
    t = np.float32(np.int32(np.uint32(rest << BIT) | BIT)) * SCALE_TURN
    z = t * t
    s = t * (((S3 * z + S2) * z + S1) * z + S0)
    c = (((C3 * z + C2) * z + C1) * z + C0) * z + ONE
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
    """z std + mean in float32; mean is -0.0 where nothing is added (x + -0.0 is x, even at -0)."""
    for j in range(values.size >> 1):
        r = radius(words[2 * j])
        sine, cosine = turn(words[2 * j + 1])
        values[2 * j] = clamped(r * sine * std + mean, low, high)
        values[2 * j + 1] = clamped(r * cosine * std + mean, low, high)


@compiled
def normal_rows32(words, row, std, mean, low, high, values):
    """The same for two or four rows, each `row` long: two that follow one another make pairs."""
    for i in range(0, values.size, 2 * row):
        first, second = slice(i, i + row), slice(i + row, i + 2 * row)
        pair_rows32(
            words[first], words[second], std, mean, low, high, values[first], values[second]
        )


@compiled
def pair_rows32(words, turns, std, mean, low, high, sines, cosines):
    for j in range(sines.size):
        r = radius(words[j])
        sine, cosine = turn(turns[j])
        sines[j] = clamped(r * sine * std + mean, low, high)
        cosines[j] = clamped(r * cosine * std + mean, low, high)
