"""Uniform values from words."""

import numpy as np

from service.stream.kernels.compiled import compiled, inlined

SEVEN, ONE = np.int32(7), np.int32(1)
TEN, ONE_64 = np.int64(10), np.int64(1)
UPPER = np.uint64(32)


@inlined
def odd32(w):
    return np.float32(np.int32(np.int32(np.int32(w) >> SEVEN) | ONE))


@inlined
def odd64(w, w_low):
    wide = np.int64((np.uint64(w) << UPPER) | np.uint64(w_low))
    return np.float64((wide >> TEN) | ONE_64)


@compiled
def symmetric_uniform32(words, count, scale, values):
    """k scale: scale float32 = limit 2^-24; values float32, four a block."""
    for j in range(count):
        values[4 * j] = odd32(words[0, j]) * scale
        values[4 * j + 1] = odd32(words[1, j]) * scale
        values[4 * j + 2] = odd32(words[2, j]) * scale
        values[4 * j + 3] = odd32(words[3, j]) * scale


@compiled
def uniform_between32(words, count, scale, middle, values):
    """k scale + middle in float64, rounded once; scale = half the width 2^-24."""
    for j in range(count):
        for i in range(4):
            values[4 * j + i] = np.float32(np.float64(odd32(words[i, j])) * scale + middle)


@compiled
def uniform64(words, count, scale, middle, values):
    """k scale + middle in float64 from wide words; middle is -0.0 where nothing is added."""
    for j in range(count):
        for i in range(4):
            values[4 * j + i] = odd64(words[i, j], words[i + 4, j]) * scale + middle
