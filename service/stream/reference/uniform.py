"""Uniform values (docs/stream-v1.md, section 4): an odd integer times a step, so never 0."""

import numpy as np

from service.stream.draws import SymmetricUniform, UniformBetween
from service.stream.reference.arrays import Float32, Float64, WideWords, Words


def odd32(w: Words) -> Float32:
    """k = (int32(w) >> 7) | 1, |k| < 2^24, exact in float32; the unit variate is k 2^-24."""
    return ((w.view(np.int32) >> np.int32(7)) | np.int32(1)).astype(np.float32)


def odd64(w: WideWords) -> Float64:
    """k = (int64(W) >> 10) | 1, |k| < 2^53, exact in float64; the unit variate is k 2^-53."""
    return ((w.view(np.int64) >> np.int64(10)) | np.int64(1)).astype(np.float64)


def symmetric32(w: Words, draw: SymmetricUniform) -> Float32:
    """RN32(k (L32 2^-24)) with L32 = RN32(limit)."""
    return odd32(w) * (np.float32(draw.limit) * np.float32(2.0**-24))


def symmetric64(w: WideWords, draw: SymmetricUniform) -> Float64:
    """RN64(k (limit 2^-53))."""
    return odd64(w) * (np.float64(draw.limit) * np.float64(2.0**-53))


def between32(w: Words, draw: UniformBetween) -> Float32:
    """RN32(RN64(middle + RN64(k (half 2^-24)))), middle and half the width in float64."""
    middle, half = _middle_and_half(draw)
    k = odd32(w).astype(np.float64)
    return (k * (half * np.float64(2.0**-24)) + middle).astype(np.float32)


def between64(w: WideWords, draw: UniformBetween) -> Float64:
    """RN64(middle + RN64(k (half 2^-53)))."""
    middle, half = _middle_and_half(draw)
    return odd64(w) * (half * np.float64(2.0**-53)) + middle


def _middle_and_half(draw: UniformBetween) -> tuple[np.float64, np.float64]:
    low, high = np.float64(draw.low) * 0.5, np.float64(draw.high) * 0.5
    return high + low, high - low
