"""Truncated normal values with symmetric bounds, single (docs/stream-v1.md, section 6).

The inverse distribution function of one word an element, without rejection.

The unit variate of magnitude u in (0, 1) has Phi(|z|) - 1/2 = u (Phi(c) - 1/2).
"""

import numpy as np

from service.stream import literals
from service.stream.draws import SymmetricTruncatedNormal
from service.stream.reference.arrays import Float32, Words, polynomial32


def symmetric32(w: Words, draw: SymmetricTruncatedNormal) -> Float32:
    """RN(RN(z std) + mean), z the variate of the word's 31 bits of magnitude and its sign."""
    p, y = mass_and_spread32(w, draw)
    magnitude = central32(p, y) if draw.mass <= literals.CENTRAL_MASS else wide32(p, y)
    z = np.where(w >> np.uint32(31) == 1, -magnitude, magnitude)
    scaled = z * np.float32(draw.std)
    return scaled + np.float32(draw.mean) if draw.mean else scaled


def mass_and_spread32(w: Words, draw: SymmetricTruncatedNormal) -> tuple[Float32, Float32]:
    """p = Phi(|z|) - 1/2 and y = t (1 - t) = 1/4 - p p, where t = 1 - Phi(|z|).

    With k the low 31 bits and k' their complement, p = (k + 1/2) step and
    t = (k' + 1/2) step + tail, step = RN32(mass) 2^-31: neither loses digits to cancellation.
    """
    half = np.float32(0.5)
    k = w & np.uint32(0x7FFFFFFF)
    step = np.float32(draw.mass) * np.float32(2.0**-31)
    p = (k.astype(np.float32) + half) * step
    complement = (k ^ np.uint32(0x7FFFFFFF)).astype(np.float32) + half
    t = complement * step + np.float32(draw.tail)
    return p, t * (np.float32(1.0) - t)


def central32(p: Float32, y: Float32) -> Float32:
    """|z| = p (sqrt(2 pi) + p p N(y) / D(y)): neither logarithm nor square root, up to 2 sigma."""
    over = polynomial32(literals.CENTRAL_32_OVER, y)
    under = polynomial32((*literals.CENTRAL_32_UNDER, 1.0), y)
    quotient: Float32 = np.divide(over, under)
    return p * (np.float32(literals.SQRT_TWO_PI) + p * p * quotient)


def wide32(p: Float32, y: Float32) -> Float32:
    """|z| = p (sqrt(2 pi) + L N(L) / D(L)), L = -ln(4 y): to the last word of any bound."""
    log = minus_log_of_four32(y)
    over = polynomial32(literals.WIDE_32_OVER, log)
    under = polynomial32((*literals.WIDE_32_UNDER, 1.0), log)
    quotient: Float32 = np.divide(over, under)
    return p * (np.float32(literals.SQRT_TWO_PI) + log * quotient)


def minus_log_of_four32(y: Float32) -> Float32:
    """-ln(4 y) = g G(g) - e ln 2, where 4 y = 2^e (1 + 4 g)."""
    bits = y.view(np.int32)
    e = (bits - np.int32(literals.WIDE_LOG_CENTRE)) >> np.int32(23)
    g = (bits - (e << np.int32(23))).view(np.float32) - np.float32(0.25)
    whole: Float32 = e.astype(np.float32) * np.float32(literals.LN_2)
    fraction: Float32 = polynomial32(literals.WIDE_LOG_32, g) * g
    return fraction - whole
