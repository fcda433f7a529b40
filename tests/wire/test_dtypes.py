"""The dtype table against ml_dtypes and NumPy, which describe the same formats."""

import ml_dtypes
import numpy as np
import pytest

from service.stream.precision import PRECISIONS
from service.wire.dtypes import DTYPES, Dtype

each_dtype = pytest.mark.parametrize("dtype", DTYPES.values(), ids=list(DTYPES))


def oracle(dtype: Dtype) -> "np.dtype[np.generic]":
    """The NumPy type of that name."""
    return np.dtype(getattr(ml_dtypes, dtype.name, dtype.name))


def test_the_six_dtypes_of_the_interface_are_there() -> None:
    """The table's names are the interface's."""
    assert set(DTYPES) == {
        "float32",
        "float16",
        "bfloat16",
        "float64",
        "float8_e4m3fn",
        "float8_e5m2",
    }


@each_dtype
def test_the_width_is_that_of_the_format(dtype: Dtype) -> None:
    """Bytes an element; the stream, which does not know this floor, counts the same."""
    assert dtype.itemsize == oracle(dtype).itemsize == PRECISIONS[dtype.name].itemsize


@each_dtype
def test_npy_descr_is_the_word_numpy_would_write(dtype: Dtype) -> None:
    """.npy has a word for exactly the types that NumPy itself knows."""
    native = not hasattr(ml_dtypes, dtype.name)
    assert dtype.npy_descr == (oracle(dtype).newbyteorder("<").str if native else None)
