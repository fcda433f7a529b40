"""Uniform values from words."""

import numpy as np

from service.stream.kernels.bits import wide_word
from service.stream.kernels.bounding import clamped
from service.stream.kernels.compiled import compiled, inlined

SEVEN, ONE = np.int32(7), np.int32(1)
TEN, ONE_64 = np.int64(10), np.int64(1)


@inlined
def odd32(w):
    return np.float32(np.int32(np.int32(np.int32(w) >> SEVEN) | ONE))


@inlined
def odd64(w, w_low):
    return np.float64((np.int64(wide_word(w, w_low)) >> TEN) | ONE_64)


@compiled
def symmetric_uniform32(words, scale, low, high, values):
    """k scale: scale float32 = limit 2^-24; words uint32, values float32, as many as words."""
    for i in range(values.size):
        values[i] = clamped(odd32(words[i]) * scale, low, high)


@compiled
def uniform_between32(words, scale, middle, low, high, values):
    """k scale + middle in float64, rounded once; scale = half the width 2^-24."""
    for i in range(values.size):
        value = np.float32(np.float64(odd32(words[i])) * scale + middle)
        values[i] = clamped(value, low, high)


@compiled
def uniform64(words, low_words, scale, middle, low, high, values):
    """k scale + middle in float64 from wide words; middle is -0.0 where nothing is added."""
    for i in range(values.size):
        values[i] = clamped(odd64(words[i], low_words[i]) * scale + middle, low, high)
