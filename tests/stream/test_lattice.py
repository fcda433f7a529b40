"""Any part of any layout holds the same numbers as the whole in stream order."""

from math import prod

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from service.stream.address import Address
from service.stream.draws import Normal
from service.stream.fill import filler
from service.stream.lattice import Lattice

ADDRESS = Address(99, 2**63)


@st.composite
def lattices(draw: st.DrawFn) -> Lattice:
    """A permuted and sliced array of up to four axes, somewhere in the stream."""
    whole = draw(st.lists(st.integers(1, 9), max_size=4))
    bounds = [sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in whole]
    strides = [prod(whole[axis + 1 :]) for axis in range(len(whole))]
    first = draw(st.sampled_from([0, 1, 2**34 - 3, 2**40 + 1]))
    offset = first + sum(low * s for (low, _), s in zip(bounds, strides, strict=True))
    axes = draw(st.permutations(range(len(whole))))
    extents = tuple(bounds[axis][1] - bounds[axis][0] for axis in axes)
    return Lattice(offset, extents, tuple(strides[axis] for axis in axes))


def element_numbers(lattice: Lattice) -> npt.NDArray[np.int64]:
    numbers = np.array(lattice.offset, np.int64)
    for extent, stride in zip(lattice.extents, lattice.strides, strict=True):
        numbers = np.add.outer(numbers, np.arange(extent) * stride)
    return numbers.reshape(-1)


def filled(lattice: Lattice, start: int, stop: int) -> npt.NDArray[np.float32]:
    out = np.empty((stop - start) * 4, np.uint8)
    filler(Normal(0.0, 1.0), "float32", ADDRESS, lattice).fill(start, stop, out)
    return out.view(np.float32)


@given(lattice=lattices())
def test_merging_axes_keeps_every_element_where_it_is(lattice: Lattice) -> None:
    """The merged lattice lists the same element numbers in the same order."""
    merged = lattice.merged()
    assert element_numbers(merged).tolist() == element_numbers(lattice).tolist()


@given(lattice=lattices(), data=st.data())
def test_boxes_cover_a_range_in_written_order(lattice: Lattice, data: st.DataObject) -> None:
    """Their element numbers, one after the other, are those of the range."""
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, lattice.size)] * 2)))
    boxes = list(lattice.boxes(start, stop))
    found = [number for box in boxes for number in element_numbers(box).tolist()]
    assert found == element_numbers(lattice)[start:stop].tolist()


@given(lattice=lattices(), data=st.data())
def test_a_part_of_a_layout_has_the_streams_numbers(lattice: Lattice, data: st.DataObject) -> None:
    """Written position j holds the element whose number the lattice gives for j."""
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, lattice.size)] * 2)))
    numbers = element_numbers(lattice)[start:stop]
    least = int(numbers.min(initial=2**62)) if numbers.size else 0
    span = int(numbers.max(initial=0)) - least + 1 if numbers.size else 0
    consecutive = filled(Lattice(least, (span,), (1,)), 0, span)
    assert filled(lattice, start, stop).tolist() == consecutive[numbers - least].tolist()


def test_a_long_transposed_array_is_the_transpose() -> None:
    """Rows longer than a strip, and more rows than fit one."""
    rows, columns = 5000, 37
    plain = filled(Lattice(0, (rows, columns), (columns, 1)), 0, rows * columns)
    turned = filled(Lattice(0, (columns, rows), (1, columns)), 0, rows * columns)
    assert np.array_equal(turned.reshape(columns, rows).T, plain.reshape(rows, columns))
    long = filled(Lattice(0, (3, 70_000), (1, 3)), 0, 210_000)
    assert np.array_equal(
        long.reshape(3, -1).T.reshape(-1), filled(Lattice(0, (210_000,), (1,)), 0, 210_000)
    )
