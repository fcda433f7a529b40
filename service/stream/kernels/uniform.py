"""Uniform values from words (docs/stream-v1.md, section 4)."""

import numpy as np

from service.stream.kernels.bits import wide_word
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.rounding import clamped

SEVEN, ONE = np.int32(7), np.int32(1)
TEN, ONE_64 = np.int64(10), np.int64(1)


@inlined
def odd32(w):
    """k = (int32(w) >> 7) | 1 as float32: odd, so never 0, and of 24 bits, so exact."""
    return np.float32(np.int32(np.int32(np.int32(w) >> SEVEN) | ONE))


@inlined
def odd64(w, w_low):
    """k = (int64(W) >> 10) | 1 as float64: odd and of 53 bits."""
    return np.float64((np.int64(wide_word(w, w_low)) >> TEN) | ONE_64)


@compiled
def symmetric_uniform32(words, scale, low, high, values):
    """Section 4, "Symmetric with limit L", single: k scale, clamped; scale = L32 2^-24.

    words uint32, shape (n,); scale, low, high float32; values float32, shape (n,).
    """
    for i in range(values.size):
        values[i] = clamped(odd32(words[i]) * scale, low, high)


@compiled
def uniform_between32(words, scale, middle, low, high, values):
    """Section 4, "Between low and high": k scale + middle in double, rounded to single once.

    words uint32, shape (n,); scale = half the width 2^-24 and middle float64; low, high float32;
    values float32, shape (n,).
    """
    for i in range(values.size):
        value = np.float32(np.float64(odd32(words[i])) * scale + middle)
        values[i] = clamped(value, low, high)


@compiled
def uniform64(words, low_words, scale, middle, low, high, values):
    """Section 4, both cases, double: k scale + middle, clamped; scale = half the width 2^-53.

    words, low_words uint32, shape (n,); scale, middle, low, high float64; values float64, shape
    (n,). For a symmetric draw middle is -0.0, which adds nothing.
    """
    for i in range(values.size):
        values[i] = clamped(odd64(words[i], low_words[i]) * scale + middle, low, high)
