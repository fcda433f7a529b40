"""The cast of a float32 tensor to a narrower dtype, by ml_dtypes and NumPy."""

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from service.stream.reference.arrays import Float32

NARROW: dict[str, Any] = {
    "bfloat16": ml_dtypes.bfloat16,
    "float16": np.float16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
}


def cast(singles: Float32, dtype: str) -> npt.NDArray[Any]:
    """The float32 values in the dtype; what the dtype cannot hold is infinite or NaN."""
    with np.errstate(over="ignore", under="ignore"):
        return singles.astype(NARROW[dtype])
