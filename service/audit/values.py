"""The bytes of a tensor as numbers that NumPy has."""

from typing import Any

import numpy as np
import numpy.typing as npt

from service.dtypes import DTYPES, Dtype
from service.stream.precision import bias_of


def decoded(raw: npt.NDArray[np.uint8], dtype: str) -> npt.NDArray[Any]:
    """The numbers in little-endian bytes of a dtype of `service.dtypes`, shape (n,).

    They are float16, float32 or float64; bfloat16 and 8-bit floats become float32, which is exact.
    """
    row = DTYPES[dtype]
    if row.itemsize == 1:
        return _table(row)[raw]
    if dtype == "bfloat16":
        words: npt.NDArray[np.uint32] = raw.view("<u2").astype(np.uint32) << np.uint32(16)
        return words.view(np.float32)
    return raw.view(np.dtype(row.npy_descr))


def _table(dtype: Dtype) -> npt.NDArray[np.float32]:
    """The number of each byte of an 8-bit dtype, shape (256,)."""
    codes = np.arange(256)
    fraction = codes & ((1 << dtype.fraction_bits) - 1)
    exponent = codes >> dtype.fraction_bits & ((1 << dtype.exponent_bits) - 1)
    hidden = np.where(exponent > 0, 1 << dtype.fraction_bits, 0)
    power = np.maximum(exponent, 1) - bias_of(dtype) - dtype.fraction_bits
    magnitude: npt.NDArray[np.float32] = np.ldexp((fraction + hidden).astype(np.float32), power)
    top = exponent == (1 << dtype.exponent_bits) - 1
    if dtype.finite_only:
        magnitude[top & (fraction == (1 << dtype.fraction_bits) - 1)] = np.nan
    else:
        magnitude[top] = np.where(fraction[top] == 0, np.inf, np.nan)
    magnitude[128:] *= -1
    return magnitude
