"""Rounding one number into a format is exact, whatever the format."""

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.stream.precision import NARROW, PRECISIONS, at_least, at_most, nearest
from tests.stream.casting import TYPES

SMALL = [dtype for dtype in NARROW if dtype != "float16"]
"""The formats that NumPy itself does not have."""


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_the_formats_are_those_of_numpy_and_ml_dtypes(dtype: str) -> None:
    """Width, significand, smallest normal and largest finite value."""
    info: Any = ml_dtypes.finfo(TYPES[dtype])  # type: ignore[no-untyped-call]
    precision = PRECISIONS[dtype]
    assert 8 * precision.itemsize == info.bits
    assert precision.significand == info.nmant + 1
    assert math.ldexp(1.0, precision.least_exponent) == float(info.smallest_normal)
    assert precision.largest == float(info.max)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_nearest_is_what_numpy_rounds_to(dtype: str, value: float) -> None:
    """From float64 to a format NumPy knows, ties and subnormals included."""
    with np.errstate(over="ignore", under="ignore"):
        expected = float(np.float64(value).astype(TYPES[dtype]))
    found = nearest(value, PRECISIONS[dtype])
    assert (found, math.copysign(1.0, found)) == (expected, math.copysign(1.0, expected))


@pytest.mark.parametrize("dtype", SMALL)
def test_every_code_of_a_small_format_rounds_to_itself(dtype: str) -> None:
    """And the bounds of a number in between are its two neighbours."""
    itemsize = PRECISIONS[dtype].itemsize
    bits = np.arange(256**itemsize).astype(f"u{itemsize}")
    with np.errstate(invalid="ignore"):
        codes = bits.view(TYPES[dtype]).astype(np.float64)
    numbers = np.unique(codes[np.isfinite(codes)]).tolist()
    precision = PRECISIONS[dtype]
    assert [nearest(x, precision) for x in numbers] == numbers
    for low, high in zip(numbers[:-1:37], numbers[1::37], strict=False):
        between = low + (high - low) / 4
        found = (
            at_most(between, precision),
            nearest(between, precision),
            at_least(between, precision),
        )
        assert found == (low, low, high)


def test_beyond_the_largest_there_is_nothing_but_the_largest_inside() -> None:
    """nearest overflows, at_most and at_least stay finite."""
    half = PRECISIONS["float16"]
    assert nearest(65520.0, half) == math.inf
    assert nearest(65519.9, half) == 65504.0
    assert at_most(1e300, half) == 65504.0
    assert at_least(-1e300, half) == -65504.0
