"""Elementwise draws: words to values, and a range of elements to bytes of a dtype."""

import numpy as np

from service.stream.address import Address
from service.stream.bounds import outermost
from service.stream.draws import (
    Constant,
    Elementwise,
    Normal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.reference import normal, truncated_normal, truncated_normal64, uniform
from service.stream.reference.arrays import Float32, Float64, WideWords, Words
from service.stream.reference.philox import wide_words, words
from service.stream.reference.rounding import clamped32, clamped64, encoded


def element_bytes(draw: Elementwise, dtype: str, address: Address, first: int, count: int) -> bytes:
    """Return elements first ... first + count - 1 of the stream in the dtype's bytes."""
    blocks = np.arange(first >> 2, (first + count + 3) >> 2, dtype=np.uint64)
    low, high = outermost(draw, dtype)
    skip = first & 3
    if dtype == "float64":
        wide = values64(draw, wide_words(address, blocks)).reshape(-1)[skip : skip + count]
        return encoded(clamped64(wide, low, high), dtype)
    single = values32(draw, words(address, blocks)).reshape(-1)[skip : skip + count]
    return encoded(clamped32(single, low, high), dtype)


def values32(draw: Elementwise, w: Words) -> Float32:
    """Words of whole blocks, shape (n, 4), to float32 values of the same shape."""
    match draw:
        case Constant(value):
            return np.full(w.shape, value, np.float64).astype(np.float32)
        case SymmetricUniform():
            return uniform.symmetric32(w, draw)
        case UniformBetween():
            return uniform.between32(w, draw)
        case Normal():
            return normal.normal32(w, draw)
        case SymmetricTruncatedNormal():
            return truncated_normal.symmetric32(w, draw)
        case TruncatedNormalBetween():
            return truncated_normal64.between32(w, draw)


def values64(draw: Elementwise, w: WideWords) -> Float64:
    """Wide words of whole blocks, shape (n, 4), to float64 values of the same shape."""
    match draw:
        case Constant(value):
            return np.full(w.shape, value, np.float64)
        case SymmetricUniform():
            return uniform.symmetric64(w, draw)
        case UniformBetween():
            return uniform.between64(w, draw)
        case Normal():
            return normal.normal64(w, draw)
        case SymmetricTruncatedNormal():
            return truncated_normal64.symmetric64(w, draw)
        case TruncatedNormalBetween():
            return truncated_normal64.between64(w, draw)
