"""The last step (docs/stream-v1.md, section 3): into the bounds, then one rounding to the dtype."""

import numpy as np
import numpy.typing as npt

from service.stream.precision import NARROW, PRECISIONS
from service.stream.reference.arrays import Float32, Float64


def clamped32(values: Float32, low: float, high: float) -> Float32:
    """Each value, or the bound that it is beyond; low and high are exact in float32."""
    raised = np.where(values < np.float32(low), np.float32(low), values)
    return np.where(raised > np.float32(high), np.float32(high), raised)


def clamped64(values: Float64, low: float, high: float) -> Float64:
    """Each value, or the bound that it is beyond."""
    raised = np.where(values < np.float64(low), np.float64(low), values)
    return np.where(raised > np.float64(high), np.float64(high), raised)


def encoded(values: Float32 | Float64, dtype: str) -> bytes:
    """Return the values as little-endian bytes of the dtype, rounded to nearest, ties to even."""
    if dtype == "float64":
        return values.astype("<f8").tobytes()
    if dtype == "float32":
        return values.astype("<f4").tobytes()
    return narrowed(values.astype(np.float32), dtype)


def narrowed(values: Float32, dtype: str) -> bytes:
    """Round finite float32 values that the dtype can hold to its bits.

    A normal result drops bits from the magnitude's pattern with ties to even and rebiases the
    exponent. A subnormal one is the integer left over when a float32 whose last place equals
    the smallest subnormal is added and its bits are taken away again.
    """
    dropped, rebias, least_normal, anchor = (np.int64(n) for n in NARROW[dtype])
    bits = values.view(np.uint32).astype(np.int64)
    sign, magnitude = bits >> 31, bits & 0x7FFFFFFF
    tie = (magnitude >> dropped) & 1
    normal = (magnitude + (1 << (dropped - 1)) - 1 + tie - rebias) >> dropped
    anchored = np.abs(values) + np.array(anchor, np.uint32).view(np.float32)
    subnormal = anchored.view(np.uint32).astype(np.int64) - anchor
    width = 8 * PRECISIONS[dtype].itemsize
    pattern = np.where(magnitude < least_normal, subnormal, normal) | (sign << (width - 1))
    encoded_values: npt.NDArray[np.integer] = pattern.astype("<u1" if width == 8 else "<u2")
    return encoded_values.tobytes()
