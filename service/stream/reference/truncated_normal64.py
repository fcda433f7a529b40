"""Truncated normal values that are computed in double (docs/stream-v1.md).

Those with symmetric bounds for float64 (section 6), and those with any bounds for every dtype
(section 7).
"""

import numpy as np

from service.stream import literals
from service.stream.draws import SymmetricTruncatedNormal, TruncatedNormalBetween
from service.stream.reference.arrays import Float32, Float64, WideWords, Words, polynomial64

MAGNITUDE = np.uint64(0x7FFFFFFFFFFFFFFF)


def symmetric64(w: WideWords, draw: SymmetricTruncatedNormal) -> Float64:
    """As symmetric32, from 63 bits of magnitude and a sign."""
    k = w & MAGNITUDE
    step = np.float64(draw.mass) * np.float64(2.0**-63)
    p = (k.astype(np.float64) + np.float64(0.5)) * step
    complement = (k ^ MAGNITUDE).astype(np.float64) + np.float64(0.5)
    t = complement * step + np.float64(draw.tail)
    y = t * (np.float64(1.0) - t)
    if draw.mass <= literals.CENTRAL_MASS:
        magnitude = central64(p, y)
    else:
        magnitude = wide64(p, minus_log_of_four64(y))
    z = np.where(w >> np.uint64(63) == 1, -magnitude, magnitude)
    return _scaled64(z, draw.mean, draw.std)


def between32(w: Words, draw: TruncatedNormalBetween) -> Float32:
    """z std + mean from one word, u = (w + 1/2) 2^-32: in float64, rounded once at the end."""
    unit, half = np.float64(2.0**-32), np.float64(0.5)
    u = (w.astype(np.float64) + half) * unit
    rest = ((~w).astype(np.float64) + half) * unit
    return _scaled64(_between(u, rest, draw), draw.mean, draw.std).astype(np.float32)


def between64(w: WideWords, draw: TruncatedNormalBetween) -> Float64:
    """z from a wide word; u and 1 - u are rounded apart, each with 53 bits of its own."""
    unit, half = np.float64(2.0**-64), np.float64(0.5)
    u = (w.astype(np.float64) + half) * unit
    rest = ((~w).astype(np.float64) + half) * unit
    return _scaled64(_between(u, rest, draw), draw.mean, draw.std)


def _between(u: Float64, rest: Float64, draw: TruncatedNormalBetween) -> Float64:
    """p = Phi(z) - 1/2 counts from the bound nearer 0, so that values near 0 keep their digits."""
    below, mass, above = np.float64(draw.below), np.float64(draw.mass), np.float64(draw.above)
    half = np.float64(0.5)
    from_below = abs(below - half) <= abs(half - above)
    p = (below - half) + u * mass if from_below else (half - above) - rest * mass
    return quantile64(p, below + u * mass, above + rest * mass)


def quantile64(p: Float64, lower: Float64, upper: Float64) -> Float64:
    """z with Phi(z) = lower = 1/2 + p and 1 - Phi(z) = upper: all given, so no digits are lost."""
    log = minus_log_of_four64(lower * upper)
    return np.where(log <= literals.FAR_LOG, wide64(p, log), np.copysign(far64(log), p))


def central64(p: Float64, y: Float64) -> Float64:
    """p (sqrt(2 pi) + p p N(y) / D(y)), for |z| <= 2."""
    over = polynomial64(literals.CENTRAL_64_OVER, y)
    under = polynomial64((*literals.CENTRAL_64_UNDER, 1.0), y)
    low = np.float64(literals.SQRT_TWO_PI_LOW) + p * p * (over / under)
    return p * (np.float64(literals.SQRT_TWO_PI_HIGH) + low)


def wide64(p: Float64, log: Float64) -> Float64:
    """p (sqrt(2 pi) + L N(L) / D(L)), for |z| <= 9.1."""
    over = _even_and_odd(literals.WIDE_64_OVER, log)
    under = _even_and_odd((*literals.WIDE_64_UNDER, 1.0), log)
    low = np.float64(literals.SQRT_TWO_PI_LOW) + log * (over / under)
    return p * (np.float64(literals.SQRT_TWO_PI_HIGH) + low)


def far64(log: Float64) -> Float64:
    """|z| = N(r) / D(r), r = sqrt(L), from |z| = 8.8 on."""
    r = np.sqrt(np.maximum(log, literals.FAR_LOG))
    under = polynomial64((*literals.FAR_UNDER, 1.0), r)
    return polynomial64(literals.FAR_OVER, r) / under


def minus_log_of_four64(y: Float64) -> Float64:
    """-ln(4 y) = s G(s s) - e ln 2, where 4 y = 2^e (1 + 4 g) and s = g / (g + 1/2)."""
    bits = y.view(np.int64)
    e = (bits - np.int64(literals.WIDE_LOG_CENTRE_64)) >> np.int64(52)
    g = (bits - (e << np.int64(52))).view(np.float64) - np.float64(0.25)
    s = g / (g + np.float64(0.5))
    bent = s * polynomial64(literals.WIDE_LOG_64, s * s)
    return bent - e.astype(np.float64) * np.float64(literals.LN_2_64)


def _even_and_odd(coefficients: tuple[float, ...], x: Float64) -> Float64:
    """O(x x) x + E(x x), with E of the even and O of the odd coefficients."""
    square = x * x
    return polynomial64(coefficients[1::2], square) * x + polynomial64(coefficients[::2], square)


def _scaled64(z: Float64, mean: float, std: float) -> Float64:
    scaled = z * np.float64(std)
    return scaled + np.float64(mean) if mean else scaled
