"""Blocks to values: the one place that knows which kernel serves which draw."""

import numpy as np

from service.stream import literals
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.normal import normal32, normal_rows32
from service.stream.kernels.normal64 import normal64, normal_rows64
from service.stream.kernels.rounding import FLOAT64, clamped
from service.stream.kernels.truncated_normal import central_truncated32, wide_truncated32
from service.stream.kernels.truncated_normal64 import (
    central_truncated64,
    truncated_between32,
    truncated_between64,
    wide_truncated64,
)
from service.stream.kernels.uniform import symmetric_uniform32, uniform64, uniform_between32
from service.stream.kernels.words import fill_word_rows, fill_words

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
"""The transforms from words to values. Those that end in 64 serve float64, the others the rest."""

CONSTANTS = 5
"""The most constants that a transform takes; `kernels.parameters` puts them in order."""

VALUES, LOW_WORDS = np.uint32(literals.PURPOSE_VALUES), np.uint32(literals.PURPOSE_LOW_WORDS)


@compiled
def evaluate(parameters, base, count, row, begin, end, scratch, values32, values64):
    """Turn the blocks base + scratch.blocks[:count] into values: sections 2 and 4 to 7.

    parameters KernelParameters; base uint64; scratch Scratch; values32 float32 and values64
    float64, shape (4 count,) or longer. Only the one of the dtype computed in is written.

    If `row` is 0, the values stand in the order of the stream. If `row` is `count`, they stand in
    four rows of that length, row i for word i of each block. Only places begin ... end - 1 are
    written: whole pairs of elements, or whole pairs of rows.
    """
    low, high = parameters.bounds
    if parameters.transform == CONSTANT_32:
        value = clamped(parameters.constants32[0], np.float32(low), np.float32(high))
        values32[begin:end] = value
    elif parameters.transform == CONSTANT_64:
        values64[begin:end] = clamped(parameters.constants64[0], low, high)
    else:
        words, low_words = scratch.words, scratch.low_words
        scratch.drawn[0] += count
        draw_words(parameters, base, count, row, scratch.blocks, VALUES, words)
        if parameters.encoding == FLOAT64:
            draw_words(parameters, base, count, row, scratch.blocks, LOW_WORDS, low_words)
            transform64(
                parameters, row, words[begin:end], low_words[begin:end], values64[begin:end]
            )
        else:
            transform32(parameters, row, words[begin:end], values32[begin:end])


@inlined
def draw_words(parameters, base, count, row, blocks, purpose, words):
    """Section 2: write the words of `count` blocks, arranged as `evaluate` says.

    base uint64; blocks uint64, shape (count,) or longer; purpose uint32; words uint32, shape
    (4 count,) or longer.
    """
    if row > 0:
        fill_word_rows(base, blocks, count, parameters.address, purpose, words)
    else:
        fill_words(base, blocks, count, parameters.address, purpose, words)


@inlined
def transform32(parameters, row, words, values):
    """Sections 4 to 7 where the values are float32: words to as many values.

    words uint32 and values float32, shape (n,): in the order of the stream if `row` is 0, else two
    or four rows of that length.
    """
    transform, constants = parameters.transform, parameters.constants32
    a, b, c, d = constants[0], constants[1], constants[2], constants[3]
    # Cast here, or the kernels would compare float32 values with float64 bounds, in float64.
    low, high = np.float32(parameters.bounds[0]), np.float32(parameters.bounds[1])
    if transform == SYMMETRIC_UNIFORM_32:
        symmetric_uniform32(words, a, low, high, values)
    elif transform == NORMAL_32 and row > 0:
        normal_rows32(words, row, a, b, low, high, values)
    elif transform == NORMAL_32:
        normal32(words, a, b, low, high, values)
    elif transform == CENTRAL_TRUNCATED_32:
        central_truncated32(words, a, b, c, d, low, high, values)
    elif transform == WIDE_TRUNCATED_32:
        wide_truncated32(words, a, b, c, d, low, high, values)
    elif transform == UNIFORM_BETWEEN_32:
        half, middle = parameters.constants64[0], parameters.constants64[1]
        uniform_between32(words, half, middle, low, high, values)
    elif transform == TRUNCATED_BETWEEN_32:
        below, mass, above, std, mean = parameters.constants64
        truncated_between32(words, below, mass, above, std, mean, low, high, values)


@inlined
def transform64(parameters, row, words, low_words, values):
    """Sections 4 to 7 for float64: words and their low words to as many values.

    words, low_words uint32 and values float64, shape (n,), arranged as for `transform32`.
    """
    transform = parameters.transform
    a, b, c, d, e = parameters.constants64
    low, high = parameters.bounds
    if transform == UNIFORM_64:
        uniform64(words, low_words, a, b, low, high, values)
    elif transform == NORMAL_64 and row > 0:
        normal_rows64(words, low_words, row, a, b, low, high, values)
    elif transform == NORMAL_64:
        normal64(words, low_words, a, b, low, high, values)
    elif transform == CENTRAL_TRUNCATED_64:
        central_truncated64(words, low_words, a, b, c, d, low, high, values)
    elif transform == WIDE_TRUNCATED_64:
        wide_truncated64(words, low_words, a, b, c, d, low, high, values)
    elif transform == TRUNCATED_BETWEEN_64:
        truncated_between64(words, low_words, a, b, c, d, e, low, high, values)
