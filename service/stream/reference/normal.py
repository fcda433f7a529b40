"""Normal values (docs/stream-v1.md, section 5): Box and Muller's transform of two words.

Box and Muller, "A note on the generation of random normal deviates", 1958. Words 0 and 1 of a block
make a pair of elements, and words 2 and 3 another.
"""

import numpy as np

from service.stream import literals
from service.stream.draws import Normal
from service.stream.reference.arrays import (
    Float32,
    Float64,
    WideWords,
    Words,
    polynomial32,
    polynomial64,
)


def normal32(w: Words, draw: Normal) -> Float32:
    """Blocks of words (n, 4) to values (n, 4): (r sin, r cos) of each pair, scaled and shifted."""
    r, (sine, cosine) = radius32(w[:, 0::2]), turn32(w[:, 1::2])
    z = np.stack([r * sine, r * cosine], axis=2).reshape(w.shape)
    scaled = z * np.float32(draw.std)
    return scaled + np.float32(draw.mean) if draw.mean else scaled


def normal64(w: WideWords, draw: Normal) -> Float64:
    """The same with wide words, in float64."""
    r, (sine, cosine) = radius64(w[:, 0::2]), turn64(w[:, 1::2])
    z = np.stack([r * sine, r * cosine], axis=2).reshape(w.shape)
    scaled = z * np.float64(draw.std)
    return scaled + np.float64(draw.mean) if draw.mean else scaled


def radius32(w: Words) -> Float32:
    """r = sqrt(-2 ln p), p = (w + 1/2) 2^-32, the log taken of 1 - p from p = 3/4 up.

    x = w + 1/2 = 2^e m with m in [3/4, 3/2), f = m - 1, n = e - 32; near p = 1 instead
    f = -(not w + 1/2) 2^-32, n = 0. Then r = sqrt(n (-2 ln 2) + (f f P(f) - 2 f)).
    """
    half, one = np.float32(0.5), np.float32(1.0)
    x = w.astype(np.float32) + half
    bits = x.view(np.int32)
    exponent = (bits - np.int32(literals.LOG_CENTRE)) >> np.int32(23)
    mantissa = (bits - (exponent << np.int32(23))).view(np.float32)
    near_one = w >= np.uint32(literals.THREE_QUARTERS)
    complement = (~w).astype(np.float32) + half
    f = np.where(near_one, -(complement * np.float32(2.0**-32)), mantissa - one)
    n = np.where(near_one, np.int32(0), exponent - np.int32(32)).astype(np.float32)
    log = f * f * polynomial32(literals.LOG_32, f) - (f + f)
    r: Float32 = np.sqrt(n * np.float32(literals.MINUS_TWO_LN_2) + log)
    return r


def turn32(v: Words) -> tuple[Float32, Float32]:
    """Sine and cosine of theta = 2 pi (v + 1/2) 2^-32.

    The nearest quarter turn is q. The rest is t = k 2^-33 turns, k odd, |k| < 2^30.
    """
    quarter = v + np.uint32(0x20000000)
    rest = v - (quarter & np.uint32(0xC0000000))
    k = ((rest << np.uint32(1)) | np.uint32(1)).view(np.int32)
    t = k.astype(np.float32) * np.float32(2.0**-33)
    z = t * t
    sine = t * polynomial32(literals.SIN_TURN_32, z)
    cosine = polynomial32(literals.COS_TURN_32, z) * z + np.float32(1.0)
    q = quarter >> np.uint32(30)
    odd = (q & np.uint32(1)) == 1
    sine, cosine = np.where(odd, cosine, sine), np.where(odd, sine, cosine)
    return np.where(q >= 2, -sine, sine), np.where((q == 1) | (q == 2), -cosine, cosine)


def radius64(w: WideWords) -> Float64:
    """r = sqrt(-2 ln p), p = (W + 1/2) 2^-64, as in float32 but with a division.

    With s = f / (2 + f), -2 ln(1 + f) = (f f - s (f f + s s R(s s))) - 2 f.
    """
    half, one = np.float64(0.5), np.float64(1.0)
    x = w.astype(np.float64) + half
    bits = x.view(np.int64)
    exponent = (bits - np.int64(literals.LOG_CENTRE_64)) >> np.int64(52)
    mantissa = (bits - (exponent << np.int64(52))).view(np.float64)
    near_one = w >= np.uint64(literals.THREE_QUARTERS << 32)
    complement = (~w).astype(np.float64) + half
    f = np.where(near_one, -(complement * np.float64(2.0**-64)), mantissa - one)
    n = np.where(near_one, np.int64(0), exponent - np.int64(64)).astype(np.float64)
    s = f / (np.float64(2.0) + f)
    square, z = f * f, s * s
    curved = square - s * (square + z * polynomial64(literals.LOG_64, z))
    log = (n * np.float64(literals.MINUS_TWO_LN_2_LOW) + curved) - (f + f)
    r: Float64 = np.sqrt(n * np.float64(literals.MINUS_TWO_LN_2_HIGH) + log)
    return r


def turn64(v: WideWords) -> tuple[Float64, Float64]:
    """Sine and cosine of theta = 2 pi (V + 1/2) 2^-64; t = k 2^-65 turns, k odd, |k| < 2^62."""
    quarter = v + np.uint64(0x2000000000000000)
    rest = v - (quarter & np.uint64(0xC000000000000000))
    k = ((rest << np.uint64(1)) | np.uint64(1)).view(np.int64)
    t = k.astype(np.float64) * np.float64(2.0**-65)
    z = t * t
    bent = t * np.float64(literals.TWO_PI_LOW) + t * z * polynomial64(literals.SIN_TURN_64, z)
    sine = t * np.float64(literals.TWO_PI_HIGH) + bent
    cosine = polynomial64(literals.COS_TURN_64, z) * z + np.float64(1.0)
    q = quarter >> np.uint64(62)
    odd = (q & np.uint64(1)) == 1
    sine, cosine = np.where(odd, cosine, sine), np.where(odd, sine, cosine)
    return np.where(q >= 2, -sine, sine), np.where((q == 1) | (q == 2), -cosine, cosine)
