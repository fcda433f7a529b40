"""Blocks to values: the one place that knows which kernel serves which draw."""

import numpy as np

from service.stream import literals
from service.stream.kernels.compiled import compiled
from service.stream.kernels.normal import normal32
from service.stream.kernels.normal64 import normal64
from service.stream.kernels.truncated_normal import central_truncated32, wide_truncated32
from service.stream.kernels.truncated_normal64 import (
    central_truncated64,
    truncated_between32,
    truncated_between64,
    wide_truncated64,
)
from service.stream.kernels.uniform import symmetric_uniform32, uniform64, uniform_between32
from service.stream.kernels.words import fill_words

(
    CONSTANT_32,
    SYMMETRIC_UNIFORM_32,
    UNIFORM_BETWEEN_32,
    NORMAL_32,
    CENTRAL_TRUNCATED_32,
    WIDE_TRUNCATED_32,
    TRUNCATED_BETWEEN_32,
    CONSTANT_64,
    UNIFORM_64,
    NORMAL_64,
    CENTRAL_TRUNCATED_64,
    WIDE_TRUNCATED_64,
    TRUNCATED_BETWEEN_64,
) = range(13)
CONSTANTS = 5
"""The most constants a kind takes."""

VALUES, LOW_WORDS = np.uint32(literals.PURPOSE_VALUES), np.uint32(literals.PURPOSE_LOW_WORDS)


@compiled
def evaluate(kind, count, address, constants32, constants64, scratch):
    """Turn the blocks scratch[0][:count] into 4 count values, float32 or float64 by kind.

    What the constants mean is the affair of each kernel; `kernels.packing` lays them out.
    """
    blocks, words = scratch[0], scratch[1]
    if kind == CONSTANT_32:
        scratch[2][: 4 * count] = constants32[0]
    elif kind == CONSTANT_64:
        scratch[3][: 4 * count] = constants64[0]
    else:
        fill_words(blocks, count, address, VALUES, words[:4])
        if kind < CONSTANT_64:
            transform32(kind, words, count, constants32, constants64, scratch[2])
        else:
            fill_words(blocks, count, address, LOW_WORDS, words[4:])
            transform64(kind, words, count, constants64, scratch[3])


@compiled
def transform32(kind, words, count, constants32, constants64, values):
    a, b, c, d = constants32[0], constants32[1], constants32[2], constants32[3]
    if kind == SYMMETRIC_UNIFORM_32:
        symmetric_uniform32(words, count, a, values)
    elif kind == NORMAL_32:
        normal32(words, count, a, b, values)
    elif kind == CENTRAL_TRUNCATED_32:
        central_truncated32(words, count, a, b, c, d, values)
    elif kind == WIDE_TRUNCATED_32:
        wide_truncated32(words, count, a, b, c, d, values)
    elif kind == UNIFORM_BETWEEN_32:
        uniform_between32(words, count, constants64[0], constants64[1], values)
    elif kind == TRUNCATED_BETWEEN_32:
        below, mass, above = constants64[0], constants64[1], constants64[2]
        std, mean = constants64[3], constants64[4]
        truncated_between32(words, count, below, mass, above, std, mean, values)


@compiled
def transform64(kind, words, count, constants, values):
    a, b, c, d, e = constants[0], constants[1], constants[2], constants[3], constants[4]
    if kind == UNIFORM_64:
        uniform64(words, count, a, b, values)
    elif kind == NORMAL_64:
        normal64(words, count, a, b, values)
    elif kind == CENTRAL_TRUNCATED_64:
        central_truncated64(words, count, a, b, c, d, values)
    elif kind == WIDE_TRUNCATED_64:
        wide_truncated64(words, count, a, b, c, d, values)
    elif kind == TRUNCATED_BETWEEN_64:
        truncated_between64(words, count, a, b, c, d, e, values)
