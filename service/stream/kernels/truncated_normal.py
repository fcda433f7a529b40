"""Truncated normal values in float32, bounds symmetric (docs/stream-v1.md, section 6, "Single").

The inverse distribution function of one word an element, without rejection: 31 bits of the word are
the magnitude's, the top bit is the sign.
"""

import numpy as np

from service.stream import literals
from service.stream.kernels.bits import bits_of, float_of
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.rounding import clamped

HALF, ONE, QUARTER = np.float32(0.5), np.float32(1.0), np.float32(0.25)
MAGNITUDE, SIGN = np.int32(0x7FFFFFFF), np.int32(-0x80000000)
SQRT_TWO_PI, LN_2 = np.float32(literals.SQRT_TWO_PI), np.float32(literals.LN_2)
N0, N1, N2, N3, N4 = (np.float32(c) for c in literals.CENTRAL_32_OVER)
D0, D1, D2, D3 = (np.float32(c) for c in literals.CENTRAL_32_UNDER)
W0, W1, W2, W3, W4, W5 = (np.float32(c) for c in literals.WIDE_32_OVER)
V0, V1, V2, V3, V4 = (np.float32(c) for c in literals.WIDE_32_UNDER)
G0, G1, G2, G3, G4, G5, G6, G7 = (np.float32(c) for c in literals.WIDE_LOG_32)
WIDE_LOG_CENTRE, FRACTION = np.int32(literals.WIDE_LOG_CENTRE), np.int32(23)


@inlined
def mass_of(word, step):
    """p = (k + 1/2) step = Phi(|z|) - 1/2 as float32; word uint32, step float32."""
    # k has 31 bits, so int32 holds it, and x86 converts signed integers faster than unsigned ones.
    return (np.float32(np.int32(np.int32(word) & MAGNITUDE)) + HALF) * step


@inlined
def spread_of(word, step, tail):
    """y = t (1 - t) as float32, where t = (k' + 1/2) step + tail = 1 - Phi(|z|).

    It is 1/4 - p p, without the cancellation near the bounds. k' is the complement of k in 31 bits.
    """
    complement = np.int32(np.int32(np.int32(word) & MAGNITUDE) ^ MAGNITUDE)
    t = (np.float32(complement) + HALF) * step + tail
    return t * (ONE - t)


@inlined
def signed(magnitude, word):
    """magnitude, which is not negative, with the top bit of the word as its sign; float32."""
    return float_of(np.int32(bits_of(magnitude) | np.int32(np.int32(word) & SIGN)))


@inlined
def central(word, step, tail):
    """Section 6, "Central", for bounds within 2 sigma: z = +-p (B + p p N(y) / D(y)) as float32.

    One division, no logarithm, no square root.
    """
    p, y = mass_of(word, step), spread_of(word, step, tail)
    over = (((N4 * y + N3) * y + N2) * y + N1) * y + N0
    under = (((y + D3) * y + D2) * y + D1) * y + D0
    return signed(p * (SQRT_TWO_PI + p * p * (over / under)), word)


@inlined
def wide(word, step, tail):
    """Section 6, "Wide", for any bound: z = +-p (B + L N(L) / D(L)), L = -ln(4 y), as float32."""
    p, y = mass_of(word, step), spread_of(word, step, tail)
    bits = bits_of(y)
    e = np.int32(np.int32(bits - WIDE_LOG_CENTRE) >> FRACTION)
    g = float_of(np.int32(bits - np.int32(e << FRACTION))) - QUARTER
    log = (((G7 * g + G6) * g + G5) * g + G4) * g + G3
    log = ((log * g + G2) * g + G1) * g + G0
    log = log * g - np.float32(e) * LN_2
    over = ((((W5 * log + W4) * log + W3) * log + W2) * log + W1) * log + W0
    under = ((((log + V4) * log + V3) * log + V2) * log + V1) * log + V0
    return signed(p * (SQRT_TWO_PI + log * (over / under)), word)


@compiled
def central_truncated32(words, step, tail, std, mean, low, high, values):
    """Section 6, central form, single: z std + mean, clamped.

    words uint32, shape (n,); step = RN32(mass) 2^-31, tail, std, mean, low, high float32; values
    float32, shape (n,). mean is -0.0 where nothing is added.
    """
    for i in range(values.size):
        values[i] = clamped(central(words[i], step, tail) * std + mean, low, high)


@compiled
def wide_truncated32(words, step, tail, std, mean, low, high, values):
    """Section 6, wide form, single: the same for bounds beyond 2 sigma."""
    for i in range(values.size):
        values[i] = clamped(wide(words[i], step, tail) * std + mean, low, high)
