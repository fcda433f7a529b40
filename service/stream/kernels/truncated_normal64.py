"""Truncated normal values that are computed in float64 (docs/stream-v1.md).

Those with symmetric bounds for float64 (section 6, "Double"), and those with any bounds for every
dtype (section 7).
"""

import numpy as np

from service.stream import literals
from service.stream.kernels.bits import bits_of, float_of, wide_word
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.rounding import clamped

MAGNITUDE, SIGN = np.uint64(0x7FFFFFFFFFFFFFFF), np.int64(-0x8000000000000000)
FRACTION = np.int64(52)
UNIT_32, UNIT_64 = 2.0**-32, 2.0**-64
SQRT_TWO_PI_HIGH, SQRT_TWO_PI_LOW = literals.SQRT_TWO_PI_HIGH, literals.SQRT_TWO_PI_LOW
N0, N1, N2, N3, N4, N5, N6, N7, N8, N9 = literals.CENTRAL_64_OVER
D0, D1, D2, D3, D4, D5, D6, D7, D8 = literals.CENTRAL_64_UNDER
W0, W1, W2, W3, W4, W5, W6, W7, W8, W9, W10, W11, W12, W13, W14 = literals.WIDE_64_OVER
V0, V1, V2, V3, V4, V5, V6, V7, V8, V9, V10, V11, V12, V13 = literals.WIDE_64_UNDER
F0, F1, F2, F3, F4, F5, F6, F7 = literals.FAR_OVER
U0, U1, U2, U3, U4, U5, U6 = literals.FAR_UNDER
G0, G1, G2, G3, G4, G5, G6, G7 = literals.WIDE_LOG_64
WIDE_LOG_CENTRE, LN_2 = np.int64(literals.WIDE_LOG_CENTRE_64), literals.LN_2_64
FAR_LOG = literals.FAR_LOG


@inlined
def mass_of(word, step):
    """p = (k + 1/2) step = Phi(|z|) - 1/2 as float64; word uint64, of which k is 63 bits."""
    return (np.float64(word & MAGNITUDE) + 0.5) * step


@inlined
def spread_of(word, step, tail):
    """y = t (1 - t) as float64, where t = (k' + 1/2) step + tail = 1 - Phi(|z|)."""
    t = (np.float64((word & MAGNITUDE) ^ MAGNITUDE) + 0.5) * step + tail
    return t * (1.0 - t)


@inlined
def signed(magnitude, word):
    """magnitude, which is not negative, with the top bit of the wide word as its sign; float64."""
    return float_of(bits_of(magnitude) | (np.int64(word) & SIGN))


@inlined
def minus_log_of_four(y):
    """L = -ln(4 y) = s G(s s) - e ln 2 of section 6, "Wide", double; y float64.

    4 y = 2^e (1 + 4 g), g in [-1/16, 1/8), and s = g / (g + 1/2).
    """
    bits = bits_of(y)
    e = (bits - WIDE_LOG_CENTRE) >> FRACTION
    g = float_of(bits - (e << FRACTION)) - 0.25
    s = g / (g + 0.5)
    z = s * s
    bent = (((G7 * z + G6) * z + G5) * z + G4) * z + G3
    bent = ((bent * z + G2) * z + G1) * z + G0
    # e fits into int32, whose conversion to float64 x86-64 has for vectors. For int64 it has none.
    return s * bent - np.float64(np.int32(e)) * LN_2


@inlined
def central_form(p, y):
    """|z| = p (BH + (BL + p p N(y) / D(y))), section 6, "Central", double; p, y float64."""
    over = (((N9 * y + N8) * y + N7) * y + N6) * y + N5
    over = ((((over * y + N4) * y + N3) * y + N2) * y + N1) * y + N0
    under = ((((y + D8) * y + D7) * y + D6) * y + D5) * y + D4
    under = (((under * y + D3) * y + D2) * y + D1) * y + D0
    return p * (SQRT_TWO_PI_HIGH + (SQRT_TWO_PI_LOW + p * p * (over / under)))


@inlined
def wide_form(p, x):
    """z = p (BH + (BL + L N(L) / D(L))), section 6, "Wide", double; p and x = L float64.

    N and D are evaluated as O(q) x + E(q), q = x x: two short chains of operations that run side by
    side instead of one long one. The order is part of the stream.
    """
    q = x * x
    odd = (((((W13 * q + W11) * q + W9) * q + W7) * q + W5) * q + W3) * q + W1
    even = ((((((W14 * q + W12) * q + W10) * q + W8) * q + W6) * q + W4) * q + W2) * q + W0
    over = odd * x + even
    odd = (((((V13 * q + V11) * q + V9) * q + V7) * q + V5) * q + V3) * q + V1
    even = ((((((q + V12) * q + V10) * q + V8) * q + V6) * q + V4) * q + V2) * q + V0
    under = odd * x + even
    return p * (SQRT_TWO_PI_HIGH + (SQRT_TWO_PI_LOW + x * (over / under)))


@inlined
def far_form(log):
    """|z| = N(r) / D(r), r = sqrt(L), section 7, for L above FAR_LOG; log = L float64."""
    # `quantile` computes every form for each element; a smaller L would be out of this one's range.
    r = np.sqrt(log if log > FAR_LOG else FAR_LOG)
    over = ((((((F7 * r + F6) * r + F5) * r + F4) * r + F3) * r + F2) * r + F1) * r + F0
    under = ((((((r + U6) * r + U5) * r + U4) * r + U3) * r + U2) * r + U1) * r + U0
    return over / under


@inlined
def quantile(u, rest, below, mass, above):
    """Section 7: z with Phi(z) = below + u mass and 1 - Phi(z) = above + rest mass; all float64.

    rest is 1 - u, made of the word itself, so that neither has lost digits.
    """
    # p = Phi(z) - 1/2 counts from the bound nearer 0, so that values near 0 keep their digits.
    from_below = abs(below - 0.5) <= abs(0.5 - above)
    p = (below - 0.5) + u * mass if from_below else (0.5 - above) - rest * mass
    log = minus_log_of_four((below + u * mass) * (above + rest * mass))
    far = float_of(bits_of(far_form(log)) | (bits_of(p) & SIGN))
    return wide_form(p, log) if log <= FAR_LOG else far


@compiled
def central_truncated64(words, low_words, step, tail, std, mean, low, high, values):
    """Section 6, central form, double: z std + mean, clamped.

    words, low_words uint32, shape (n,); step = mass 2^-63, tail, std, mean, low, high float64;
    values float64, shape (n,). mean is -0.0 where nothing is added.
    """
    for i in range(values.size):
        word = wide_word(words[i], low_words[i])
        magnitude = central_form(mass_of(word, step), spread_of(word, step, tail))
        values[i] = clamped(signed(magnitude, word) * std + mean, low, high)


@compiled
def wide_truncated64(words, low_words, step, tail, std, mean, low, high, values):
    """Section 6, wide form, double: the same for bounds beyond 2 sigma."""
    for i in range(values.size):
        word = wide_word(words[i], low_words[i])
        log = minus_log_of_four(spread_of(word, step, tail))
        magnitude = wide_form(mass_of(word, step), log)
        values[i] = clamped(signed(magnitude, word) * std + mean, low, high)


@compiled
def truncated_between32(words, below, mass, above, std, mean, low, high, values):
    """Section 7 for all dtypes but float64: z std + mean in double, rounded to single, clamped.

    words uint32, shape (n,); below, mass, above, std, mean float64; low, high float32; values
    float32, shape (n,).
    """
    for i in range(values.size):
        u = (np.float64(words[i]) + 0.5) * UNIT_32
        rest = (np.float64(np.uint32(~words[i])) + 0.5) * UNIT_32
        z = quantile(u, rest, below, mass, above)
        values[i] = clamped(np.float32(z * std + mean), low, high)


@compiled
def truncated_between64(words, low_words, below, mass, above, std, mean, low, high, values):
    """Section 7 for float64: z std + mean, clamped.

    words, low_words uint32, shape (n,); all constants float64; values float64, shape (n,).
    """
    for i in range(values.size):
        word = wide_word(words[i], low_words[i])
        u = (np.float64(word) + 0.5) * UNIT_64
        rest = (np.float64(~word) + 0.5) * UNIT_64
        values[i] = clamped(quantile(u, rest, below, mass, above) * std + mean, low, high)
