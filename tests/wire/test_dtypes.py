"""The dtype table against ml_dtypes and NumPy, which describe the same formats."""

import math

import ml_dtypes
import numpy as np
import pytest

from service.stream.precision import PRECISIONS, Precision
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
def test_range_is_the_range_of_the_format(dtype: Dtype) -> None:
    """Largest, smallest subnormal, smallest normal and width equal those of ml_dtypes."""
    info = ml_dtypes.finfo(oracle(dtype))  # type: ignore[no-untyped-call]
    assert dtype.itemsize == oracle(dtype).itemsize
    assert dtype.largest == float(info.max)
    assert dtype.smallest_subnormal == float(info.smallest_subnormal)
    assert math.ldexp(1, dtype.min_exponent) == float(info.smallest_normal)
    assert dtype.significand_bits == info.nmant + 1


@each_dtype
def test_exponents_and_bits_explain_the_range(dtype: Dtype) -> None:
    """smallest = 2^(emin - p + 1), and the largest lies in the top binade with p bits."""
    p = dtype.significand_bits
    assert dtype.smallest_subnormal == math.ldexp(1, dtype.min_exponent - p + 1)
    significand, exponent = math.frexp(dtype.largest)
    assert exponent - 1 == dtype.max_exponent
    assert math.ldexp(significand, p).is_integer()


@each_dtype
def test_npy_descr_is_the_word_numpy_would_write(dtype: Dtype) -> None:
    """.npy has a word for exactly the types that NumPy itself knows."""
    native = not hasattr(ml_dtypes, dtype.name)
    assert dtype.npy_descr == (oracle(dtype).newbyteorder("<").str if native else None)


@each_dtype
def test_the_stream_rounds_to_the_same_formats(dtype: Dtype) -> None:
    """The stream has its own table, since neither floor knows the other; both say the same."""
    rounded = Precision(dtype.significand_bits, dtype.min_exponent, dtype.largest)
    assert PRECISIONS[dtype.name] == rounded
