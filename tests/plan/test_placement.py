"""Where elements sit: layouts, orders and slices write one tensor, never another."""

from itertools import permutations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ImpossibleError, Problem
from service.fields import Spec
from service.plan import plan
from service.plan.placement import place
from service.stream.lattice import Lattice

Elements = npt.NDArray[np.int64]


def written(lattice: Lattice) -> Elements:
    """The element numbers of a lattice, by its definition, in the order they are written."""
    numbers = np.full(lattice.extents, lattice.offset, np.int64)
    for axis, stride in enumerate(lattice.strides):
        steps = np.arange(lattice.extents[axis]) * stride
        numbers += steps.reshape([-1 if other == axis else 1 for other in range(numbers.ndim)])
    return numbers.ravel()


def counted(shape: tuple[int, ...], letters: str) -> Elements:
    """Element numbers of a whole tensor: counted with its axes in the order E, O, I, D, H, W."""
    order = sorted(range(len(shape)), key=lambda axis: "EOIDHW".index(letters[axis]))
    straight = np.arange(np.prod(shape, dtype=int)).reshape([shape[axis] for axis in order])
    return straight.transpose(np.argsort(order))


@pytest.mark.parametrize("letters", ["".join(letters) for letters in permutations("OIHW")])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_layout_of_a_kernel_is_the_same_kernel(letters: str, order: str) -> None:
    """Transposed back to OIHW, each of the 24 layouts, in both orders, has elements 0, 1, 2 ..."""
    extents = dict(zip("OIHW", (5, 4, 3, 2), strict=True))
    shape = tuple(extents[letter] for letter in letters)
    placement = place(Spec(shape=shape, layout=letters, order=order))
    array = written(placement.lattice).reshape(shape, order="F" if order == "F" else "C")
    kernel = array.transpose([letters.index(letter) for letter in "OIHW"])
    assert (kernel == np.arange(120).reshape(5, 4, 3, 2)).all()


@pytest.mark.parametrize(
    ("shape", "layout", "offset", "extents", "strides"),
    [
        ((2, 3), "OI", 0, (2, 3), (3, 1)),
        ((2, 3), "IO", 0, (2, 3), (1, 2)),
        ((5, 5, 3, 8), "HWIO", 0, (5, 5, 3, 8), (5, 1, 25, 75)),
        ((4, 2, 3), "EIO", 0, (4, 2, 3), (6, 1, 2)),
        ((2, 3, 4, 5), "OOIH", 0, (2, 3, 4, 5), (60, 20, 5, 1)),
        ((2, 3, 4), "IOI", 0, (2, 3, 4), (4, 8, 1)),
    ],
)
def test_strides_follow_the_letters(
    shape: tuple[int, ...],
    layout: str,
    offset: int,
    extents: tuple[int, ...],
    strides: tuple[int, ...],
) -> None:
    """Written out: the last of E, O, I, D, H, W counts fastest; equal letters as they stand."""
    lattice = place(Spec(shape=shape, layout=layout)).lattice
    assert lattice == Lattice(offset, extents, strides)


def test_axes_without_letters_count_row_major() -> None:
    """Three axes and six suggest no layer, and no axis at all has one element."""
    assert place(Spec(shape=(2, 3, 4))).letters is None
    assert place(Spec(shape=(2, 3, 4))).lattice.strides == (12, 4, 1)
    assert place(Spec(shape=(2, 3, 4), layout="keras")).letters is None
    assert place(Spec(shape=(2, 1, 3, 1, 2, 2))).letters is None
    assert place(Spec(shape=(2, 1, 3, 1, 2, 2))).lattice.strides == (12, 12, 4, 4, 2, 1)
    assert place(Spec(shape=())).lattice == Lattice(0, (), ())


@st.composite
def parts(draw: st.DrawFn) -> tuple[Spec, tuple[slice, ...]]:
    """A spec with letters and a slice, and the slice as NumPy takes it."""
    letters = draw(st.permutations("EOIDHW"))
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    slices, items = [], []
    for extent in shape:
        start, stop = sorted(draw(st.tuples(st.integers(0, extent), st.integers(0, extent))))
        negative = draw(st.booleans()) and 0 < start < extent
        items.append(f"{start - extent if negative else start}:{stop}")
        slices.append(slice(start, stop))
    layout = "".join(letters)[: len(shape)]
    order = draw(st.sampled_from("CF"))
    return Spec(shape=shape, layout=layout, order=order, slice=",".join(items)), tuple(slices)


@given(parts())
def test_a_slice_is_the_slice_of_the_whole(part: tuple[Spec, tuple[slice, ...]]) -> None:
    """Any slice of any layout in any order has the elements that NumPy's slice has."""
    spec, slices = part
    placement = place(spec)
    assert spec.layout is not None
    whole = counted(spec.shape, spec.layout)
    expected = whole[slices].ravel(order="F" if spec.order == "F" else "C")
    assert (written(placement.lattice) == expected).all()
    assert placement.shape == whole[slices].shape


@pytest.mark.parametrize(
    ("given_slice", "message", "hint"),
    [
        ("0:9,:", "9 is outside axis 0, whose bounds go from -8 to 8", "write 0:8,:"),
        ("3:9,0:9", "9 is outside axis 0, whose bounds go from -8 to 8", "write 3:8,0:4"),
        ("9:20,:", "9 is outside axis 0, whose bounds go from -8 to 8", "write :,:"),
        ("9:3,:", "9 is outside axis 0, whose bounds go from -8 to 8", "write 3:8,:"),
        ("2:4,-5:", "-5 is outside axis 1, whose bounds go from -4 to 4", "write 2:4,-4:"),
        ("5:3,1:", "axis 0 starts at 5, after its stop at 3", "write 3:5,1:"),
        (":,-1:0", "axis 1 starts at 3, after its stop at 0", "write :,0:3"),
        (":", "the shape has 2 axes, and the slice has items for 1", "write :,:"),
        (":,:,:", "the shape has 2 axes, and the slice has items for 3", "write :,:"),
        ("2:99", "the shape has 2 axes, and the slice has items for 1", "write 2:8,:"),
    ],
)
def test_a_slice_outside_the_tensor_is_refused(given_slice: str, message: str, hint: str) -> None:
    """Bounds are not clamped as NumPy clamps them: a slip would be a shorter tensor.

    The hint is a whole slice that is accepted. It keeps what lies inside the tensor, and the
    possible items of the other axes.
    """
    with pytest.raises(ImpossibleError) as refused:
        place(Spec(shape=(8, 4), slice=given_slice))
    assert refused.value.reason == "impossible_slice"
    assert refused.value.problems == (Problem("slice", message, hint),)
    place(Spec(shape=(8, 4), slice=hint.removeprefix("write ")))


def test_a_scalar_has_no_slice() -> None:
    """There is no axis an item could be for."""
    with pytest.raises(ImpossibleError) as refused:
        place(Spec(shape=(), slice=":"))
    assert refused.value.problems[0].hint == "leave slice out"


def test_sizes_beyond_32_bits_are_exact() -> None:
    """2^40 elements: a slice at the far end has its offset to the last digit."""
    spec = Spec(shape=(2**20, 2**20), layout="IO", scheme="normal", seed=1, slice="1048575:,5:6")
    far = plan(spec, "raw", max_bytes=2**44)
    assert far.tensor.placement.lattice == Lattice(6291455, (1, 1), (1, 1048576))
    assert far.tensor.length == 4
