"""The array types of the reference, and Horner's rule in them."""

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]
WideWords = npt.NDArray[np.uint64]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def polynomial32(coefficients: tuple[float, ...], x: Float32) -> Float32:
    """c0 + x (c1 + x (c2 + ...)), every product and every sum rounded to float32."""
    result = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result = result * x + np.float32(coefficient)
    return result


def polynomial64(coefficients: tuple[float, ...], x: Float64) -> Float64:
    """c0 + x (c1 + x (c2 + ...)), every product and every sum rounded to float64."""
    result = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result = result * x + np.float64(coefficient)
    return result
