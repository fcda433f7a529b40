"""A box of any shape, from any position on, has the same elements as a run of the stream."""

from math import prod

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.stream.address import Address
from service.stream.draws import Draw, Normal, SymmetricUniform, UniformBetween
from service.stream.fill import filler
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS
from service.stream.reference.values import element_bytes

ADDRESS = Address(99, 2**63)
NORMAL = Normal(0.0, 1.0)
LONG = st.sampled_from([63, 255, 1020, 1023, 1024, 1025, 2050, 4083, 4088, 4099, 8200])
"""About a strip of 1024 blocks, the 4088 elements of a tile, and twice either."""

LONG_AXES = [(), (1020, 40), (2050, 9), (9, 2050), (8200, 5), (5, 4099)]
MOST = 300_000
GUARD = 64


@st.composite
def lattices(draw: st.DrawFn) -> Lattice:
    """A permuted and sliced array of up to five axes, up to two of them long, in the stream.

    A factor leaves no axis consecutive; a slice makes strides of every kind.
    """
    extents = [*draw(st.sampled_from(LONG_AXES))]
    extents = extents or draw(st.lists(LONG, max_size=1))
    for _ in range(draw(st.integers(0, 5 - len(extents)))):
        most = min(7, MOST // prod(extents))
        extents.insert(draw(st.integers(0, len(extents))), draw(st.integers(1, most)))
    whole = [extent + draw(st.integers(0, 3)) for extent in extents]
    factor = draw(st.sampled_from([1, 1, 1, 1, 1, 2, 3, 4]))
    strides = [factor * prod(whole[axis + 1 :]) for axis in range(len(whole))]
    axes = draw(st.permutations(range(len(whole))))
    offset = draw(st.integers(0, 9)) + draw(st.sampled_from([0, 2**34 - 3, 2**57]))
    return Lattice(offset, tuple(extents[a] for a in axes), tuple(strides[a] for a in axes))


def numbers(lattice: Lattice) -> npt.NDArray[np.int64]:
    """How far each element is behind the first."""
    found = np.zeros((), np.int64)
    for extent, stride in zip(lattice.extents, lattice.strides, strict=True):
        found = np.add.outer(found, np.arange(extent) * stride)
    return found.reshape(-1)


def filled(draw: Draw, dtype: str, lattice: Lattice, start: int, stop: int) -> bytes:
    """Written positions start ... stop - 1; fails if a byte beside them is touched."""
    prepared = filler(draw, dtype, ADDRESS, lattice)
    size = (stop - start) * prepared.itemsize
    memory = np.full(size + 2 * GUARD, 0xA5, np.uint8)
    prepared.fill(start, stop, memory[GUARD : GUARD + size])
    assert (memory[:GUARD] == 0xA5).all()
    assert (memory[GUARD + size :] == 0xA5).all()
    return memory[GUARD : GUARD + size].tobytes()


def picked(run: bytes, itemsize: int, wanted: npt.NDArray[np.int64]) -> bytes:
    return np.frombuffer(run, np.uint8).reshape(-1, itemsize)[wanted].tobytes()


ROWS_LONG = Lattice(3, (3, 9001), (9004, 1))
"""`fill_rows`: rows longer than two tiles."""
ROWS_SHORT = Lattice(1, (2500, 5), (7, 1))
"""`fill_rows`: many rows in one strip."""
ROWS_FAR = Lattice(2, (3, 2, 1100, 9), (10, 30, 60, 1))
"""`fill_rows`: several sheets, out of order."""
COLUMNS_BY_4 = Lattice(5, (9, 2500), (1, 12))
"""`fill_columns`: more than two strips of rows, which all begin at one place in a block."""
COLUMNS_BY_2 = Lattice(6, (9, 2500), (1, 10))
"""`fill_columns`: every second row begins at one place in a block; more than a strip of each."""
COLUMNS_BY_1 = Lattice(7, (9, 4500), (1, 9))
"""`fill_columns`: every fourth row begins at one place in a block."""
COLUMNS_LONG = Lattice(2, (4500, 3), (1, 4501))
"""`fill_columns`: few rows, longer than a strip."""
COLUMNS_IN_SHEETS = Lattice(2**57 + 1, (3, 4, 5, 301), (1, 3 * 5 * 301, 3 * 301, 3))
"""`fill_columns`: several sheets."""
NO_ROWS = Lattice(4, (5, 2100), (4203, 2))
"""`fill_columns`: no two elements are consecutive, so every row has one element."""
LARGE = [
    ROWS_LONG,
    ROWS_SHORT,
    ROWS_FAR,
    COLUMNS_BY_4,
    COLUMNS_BY_2,
    COLUMNS_BY_1,
    COLUMNS_LONG,
    COLUMNS_IN_SHEETS,
    NO_ROWS,
]


@pytest.mark.parametrize("dtype", sorted(PRECISIONS))
@pytest.mark.parametrize("lattice", LARGE)
def test_large_boxes_are_picked_out_of_the_reference(lattice: Lattice, dtype: str) -> None:
    """Every way of writing a box at its full size, whole and less an odd number at each end."""
    wanted = numbers(lattice)
    span = int(wanted[-1]) + 1
    run = element_bytes(NORMAL, dtype, ADDRESS, lattice.offset, span)
    itemsize = PRECISIONS[dtype].itemsize
    for cut in (0, 1, 1033):
        part = slice(cut, lattice.size - cut)
        written = filled(NORMAL, dtype, lattice, part.start, part.stop)
        assert written == picked(run, itemsize, wanted[part])


def test_every_kind_of_box_is_among_the_large_ones() -> None:
    """The axis consecutive in the stream: last, not last, or none; strides of rows mod 4."""
    kinds = {lattice.merged().row()[1] for lattice in LARGE}
    assert {1, 3, 301 * 20} <= kinds
    strides = [lattice.strides[-1] % 4 for lattice in LARGE if lattice.strides[0] == 1]
    assert set(strides) == {0, 1, 2, 3}


@settings(max_examples=600)
@given(
    lattice=lattices(),
    dtype=st.sampled_from(sorted(PRECISIONS)),
    draw=st.sampled_from([NORMAL, SymmetricUniform(1.0), UniformBetween(-1.0, 3.0)]),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@example(COLUMNS_BY_1, "bfloat16", NORMAL, (0.0, 1.0))
@example(COLUMNS_BY_2, "float8_e5m2", NORMAL, (0.1, 0.9))
@example(ROWS_SHORT, "float64", NORMAL, (0.3, 1.0))
def test_any_cut_of_any_box_is_picked_out_of_a_run(
    lattice: Lattice, dtype: str, draw: Draw, ends: tuple[float, float]
) -> None:
    """Up to five axes, any dtype and length of an element; the bytes beside it stay."""
    start, stop = sorted(round(lattice.size * end) for end in ends)
    wanted = numbers(lattice)
    span = int(wanted.max(initial=0)) + 1
    run = filled(draw, dtype, Lattice(lattice.offset, (span,), (1,)), 0, span)
    expected = picked(run, PRECISIONS[dtype].itemsize, wanted[start:stop])
    assert filled(draw, dtype, lattice, start, stop) == expected
