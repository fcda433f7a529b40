"""Blocks to values: the one place that knows which kernel serves which draw."""

import numpy as np

from service.stream import literals
from service.stream.kernels.bounding import clamped
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.normal import normal32, normal_rows32
from service.stream.kernels.normal64 import normal64, normal_rows64
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
CONSTANTS = 5
"""The most constants a kind takes."""

VALUES, LOW_WORDS = np.uint32(literals.PURPOSE_VALUES), np.uint32(literals.PURPOSE_LOW_WORDS)


@compiled
def evaluate(recipe, base, count, row, begin, end, scratch, values32, values64):
    """Turn the blocks base + scratch.blocks[:count] into values, of 32 or 64 bits by kind.

    Values come in the order of the stream if `row` is 0, else in four rows of `row` = `count`, a
    row for each word of a block; places begin ... end - 1 of them are written, whole pairs of
    elements. What the constants mean is the affair of each kernel; `kernels.recipe` lays them out.
    """
    kind = recipe.kind
    low, high = recipe.bounds
    if kind == CONSTANT_32:
        values32[begin:end] = clamped(recipe.constants32[0], np.float32(low), np.float32(high))
    elif kind == CONSTANT_64:
        values64[begin:end] = clamped(recipe.constants64[0], low, high)
    else:
        words, low_words = scratch.words, scratch.low_words
        draw_words(recipe, base, count, row, scratch.blocks, VALUES, words)
        if kind < CONSTANT_64:
            transform32(recipe, row, words[begin:end], values32[begin:end])
        else:
            draw_words(recipe, base, count, row, scratch.blocks, LOW_WORDS, low_words)
            transform64(recipe, row, words[begin:end], low_words[begin:end], values64[begin:end])


@inlined
def draw_words(recipe, base, count, row, blocks, purpose, words):
    if row > 0:
        fill_word_rows(base, blocks, count, recipe.address, purpose, words)
    else:
        fill_words(base, blocks, count, recipe.address, purpose, words)


@inlined
def transform32(recipe, row, words, values):
    """Words to as many values, in the order of the stream or in two or four rows."""
    kind, constants = recipe.kind, recipe.constants32
    a, b, c, d = constants[0], constants[1], constants[2], constants[3]
    low, high = np.float32(recipe.bounds[0]), np.float32(recipe.bounds[1])
    if kind == SYMMETRIC_UNIFORM_32:
        symmetric_uniform32(words, a, low, high, values)
    elif kind == NORMAL_32 and row > 0:
        normal_rows32(words, row, a, b, low, high, values)
    elif kind == NORMAL_32:
        normal32(words, a, b, low, high, values)
    elif kind == CENTRAL_TRUNCATED_32:
        central_truncated32(words, a, b, c, d, low, high, values)
    elif kind == WIDE_TRUNCATED_32:
        wide_truncated32(words, a, b, c, d, low, high, values)
    elif kind == UNIFORM_BETWEEN_32:
        half, middle = recipe.constants64[0], recipe.constants64[1]
        uniform_between32(words, half, middle, low, high, values)
    elif kind == TRUNCATED_BETWEEN_32:
        below, mass, above, std, mean = recipe.constants64
        truncated_between32(words, below, mass, above, std, mean, low, high, values)


@inlined
def transform64(recipe, row, words, low_words, values):
    """The same for float64, of words and their low words."""
    kind = recipe.kind
    a, b, c, d, e = recipe.constants64
    low, high = recipe.bounds
    if kind == UNIFORM_64:
        uniform64(words, low_words, a, b, low, high, values)
    elif kind == NORMAL_64 and row > 0:
        normal_rows64(words, low_words, row, a, b, low, high, values)
    elif kind == NORMAL_64:
        normal64(words, low_words, a, b, low, high, values)
    elif kind == CENTRAL_TRUNCATED_64:
        central_truncated64(words, low_words, a, b, c, d, low, high, values)
    elif kind == WIDE_TRUNCATED_64:
        wide_truncated64(words, low_words, a, b, c, d, low, high, values)
    elif kind == TRUNCATED_BETWEEN_64:
        truncated_between64(words, low_words, a, b, c, d, e, low, high, values)
