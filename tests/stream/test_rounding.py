"""float32 to fewer bits: nearest, ties to even, subnormals too, in both implementations."""

import numpy as np
import pytest

from service.stream import precision
from service.stream.kernels.rounding import clamped, encoding_of, store
from service.stream.precision import PRECISIONS
from service.stream.reference.arrays import Float32
from service.stream.reference.rounding import clamped32, encoded
from tests.stream.casting import NARROW, cast


def awkward_values(largest: float) -> Float32:
    """Every 997th float32 up to the largest value of the dtype, and the neighbours of ties."""
    bits = np.arange(0, 2**31, 997, dtype=np.int64)
    ties = (np.arange(0, 2**31, 2**12, dtype=np.int64)[:, None] + [-1, 0, 1]).reshape(-1)
    patterns = np.concatenate([bits, np.maximum(ties, 0)]).astype(np.uint32)
    values = patterns.view(np.float32)
    values = values[np.isfinite(values) & (values <= np.float32(largest))]
    return np.concatenate([values, -values])


@pytest.mark.parametrize("dtype", NARROW)
def test_rounding_agrees_with_ml_dtypes(dtype: str) -> None:
    """Reference and kernel give the codes that ml_dtypes gives."""
    largest = PRECISIONS[dtype].largest
    values = awkward_values(largest)
    expected = cast(values, dtype).tobytes()
    assert encoded(values, dtype) == expected
    out = np.empty(len(expected), np.uint8)
    narrowing = np.array(precision.NARROW[dtype], np.int32)
    store(encoding_of(dtype), narrowing, values, np.empty(0), out)
    assert out.tobytes() == expected


def test_bounds_are_applied() -> None:
    """A value past a bound becomes the bound; one inside stays."""
    values = np.array([-3.0, -0.5, 0.25, 7.0], np.float32)
    assert clamped32(values, -1.0, 2.0).tolist() == [-1.0, -0.5, 0.25, 2.0]
    low, high = np.float32(-1.0), np.float32(2.0)
    assert [clamped(value, low, high) for value in values] == [-1.0, -0.5, 0.25, 2.0]
