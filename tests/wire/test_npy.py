"""The .npy head against NumPy's own writer."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.dtypes import DTYPES, Dtype
from service.wire.npy import header, is_fortran

npy_dtypes = st.sampled_from([dtype for dtype in DTYPES.values() if dtype.npy_descr])
orders = st.sampled_from(["C", "F"])
small_shapes = st.lists(st.integers(0, 3), max_size=8).map(tuple)
any_shapes = st.lists(st.integers(0, 2**64), max_size=64).map(tuple)


def numpy_head(dtype: Dtype, shape: tuple[int, ...], fortran_order: bool) -> bytes:
    """The head NumPy writes for a description, whether or not such an array would fit."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": dtype.npy_descr, "fortran_order": fortran_order, "shape": shape}
    )
    return file.getvalue()


@given(npy_dtypes, small_shapes, orders)
def test_head_and_values_are_the_file_np_save_writes(
    dtype: Dtype, shape: tuple[int, ...], order: str
) -> None:
    """Head and values of any small array, in either order, are what np.save writes."""
    array = np.zeros(shape, dtype.npy_descr, order="F" if order == "F" else "C")
    file = io.BytesIO()
    np.save(file, array)
    assert header(dtype, shape, is_fortran(shape, order)) + array.tobytes("A") == file.getvalue()


@given(npy_dtypes, any_shapes, st.booleans())
def test_head_of_a_shape_of_any_size_is_numpys(
    dtype: Dtype, shape: tuple[int, ...], fortran_order: bool
) -> None:
    """Up to NumPy's 64 axes and beyond 64-bit extents the head is NumPy's, byte for byte."""
    assert header(dtype, shape, fortran_order) == numpy_head(dtype, shape, fortran_order)


@given(npy_dtypes, any_shapes, st.booleans())
def test_values_start_at_a_multiple_of_64(
    dtype: Dtype, shape: tuple[int, ...], fortran_order: bool
) -> None:
    """The head's length is a multiple of 64, so that the values can be memory-mapped."""
    assert len(header(dtype, shape, fortran_order)) % 64 == 0


def test_head_is_pinned() -> None:
    """One head, written out: 128 bytes, the shape a tuple of one."""
    text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"
    expected = b"\x93NUMPY\x01\x00\x76\x00" + text + b" " * 60 + b"\n"
    assert header(DTYPES["float32"], (3,), False) == expected


def test_an_aligned_head_is_padded_by_a_whole_block() -> None:
    """Where the text ends on the boundary NumPy adds 64 spaces, and so does this head."""
    padding = {
        len(head) - len(head.rstrip(b" \n"))
        for head in (header(DTYPES["float32"], (1,) * axes, False) for axes in range(2, 64))
    }
    assert max(padding) > 64


@pytest.mark.parametrize(
    ("shape", "fortran"),
    [
        ((), False),
        ((5,), False),
        ((5, 1), False),
        ((1, 5, 1), False),
        ((2, 0, 3), False),
        ((2, 3), True),
        ((2, 1, 3), True),
    ],
)
def test_order_f_counts_only_where_it_moves_an_element(
    shape: tuple[int, ...], fortran: bool
) -> None:
    """A scalar, one long axis and an empty array have no column-major form of their own."""
    assert is_fortran(shape, "F") is fortran
    assert not is_fortran(shape, "C")
