"""The formats as NumPy and ml_dtypes have them, and casts of a float32 tensor to narrow ones."""

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from service.dtypes import DTYPES
from service.stream.precision import NARROW as NARROWINGS
from service.stream.reference.arrays import Float32

TYPES: dict[str, Any] = {name: np.dtype(getattr(ml_dtypes, name, name)) for name in DTYPES}
"""Every dtype, by a library that is not ours."""

NARROW = tuple(NARROWINGS)
"""The names of the dtypes to which float32 is rounded."""


def cast(singles: Float32, dtype: str) -> npt.NDArray[Any]:
    """The float32 values in the dtype; what the dtype cannot hold is infinite or NaN."""
    with np.errstate(over="ignore", under="ignore"):
        return singles.astype(TYPES[dtype])
