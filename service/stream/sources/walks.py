"""Walks: the order in which the elements of a box are computed, and how many blocks it draws.

There are three walks: along a run of consecutive elements, sheet by sheet (`kernels.boxes`), or in
the order of the stream (`kernels.gather`). Sheets take the least time if they are large and their
rows share no blocks. A block that several rows share is drawn again for each of them. The walk
depends only on the box, so the number of blocks is known before they are drawn.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from service.stream.counting import blocks_of_run, distinct_blocks, summed
from service.stream.kernels.boxes import Sheet
from service.stream.kernels.gather import PART, parts_of
from service.stream.lattice import Lattice

Axes = npt.NDArray[np.int64]
"""Shape (3, m): the extent, the stride and the step in the bytes of each axis, in elements."""

LONG_ROW = 8
"""Rows of at least this many elements share few of their blocks with other rows."""

SMALLEST_SHEET = 256
"""Sheets take the least time if at least this many of their elements are evaluated together."""

LEAST_ROWS = 16
"""The least rows of such a sheet if neighbours in the bytes are in different rows."""

MOST_GATHERED = 2**17
"""The most elements of a box that is gathered although its sheets are large.

Gathering writes to places that are far apart, and a larger box does not fit a cache. Sheets draw a
block at most twice on average, which takes less time."""


class Axis(NamedTuple):
    """The extent of an axis, and the distance of neighbours in the stream and in the bytes."""

    extent: int
    stride: int
    step: int


@dataclass(frozen=True, slots=True)
class Run:
    """`length` consecutive elements."""

    length: int

    def blocks(self, place: int) -> int:
        """The blocks that are drawn if the first element has this place in its block."""
        return blocks_of_run(place, self.length)


@dataclass(frozen=True, slots=True)
class Sheets:
    """A sheet for each position of the axes `above`, the axis with the largest stride first."""

    sheet: Sheet
    above: tuple[Axis, ...]

    def blocks(self, place: int) -> int:
        """The blocks that are drawn: those of each row, even if another row has them, too."""
        axes = [(self.sheet.rows, self.sheet.stride), *(axis[:2] for axis in self.above)]
        return summed(place, axes, lambda row: blocks_of_run(row, self.sheet.length))

    def axes(self) -> Axes:
        """The axes above, as the kernel takes them."""
        return _array(self.above)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Parts of a box in the order of the stream; the axes have the largest stride first.

    A part is cut from axis `cut`. It has `size` elements at each position of that axis.
    """

    order: tuple[Axis, ...]
    cut: int
    size: int

    def blocks(self, place: int) -> int:
        """The blocks that are drawn: each once in a part."""
        extent, stride, _ = self.order[self.cut]
        each = min(PART // self.size, extent)
        outer = [axis[:2] for axis in self.order[: self.cut]]
        inner = [axis[:2] for axis in self.order[: self.cut : -1]]
        whole, rest = divmod(extent, each)
        parts = [*outer, (whole, each * stride)]
        total = summed(place, parts, lambda p: distinct_blocks(p, [*inner, (each, stride)]))
        if rest:
            last = (place + whole * each * stride) % 4
            total += summed(last, outer, lambda p: distinct_blocks(p, [*inner, (rest, stride)]))
        return total

    def axes(self) -> Axes:
        """All axes, as the kernel takes them."""
        return _array(self.order)


Walk = Run | Sheets | Gathered


def walk(box: Lattice) -> Walk:
    """The walk through a box, which depends on its offset only modulo 4. It has an element."""
    if box.strides != (1,):
        box = box.merged()
    if not box.extents or box.strides == (1,):
        return Run(box.size)
    axes = _axes(box)
    row = next((axis for axis in axes if axis.stride == 1), Axis(1, 0, 0))
    others = [axis for axis in axes if axis is not row]
    # The second axis of a sheet is the one with the smallest step in the bytes.
    across = others[-1]
    alone = box.size > MOST_GATHERED or not _share_blocks(box.offset % 4, row, others)
    if alone and _is_large(row, across):
        above = sorted(others[:-1], key=lambda axis: axis.stride, reverse=True)
        return Sheets(Sheet(row.extent, row.step, *across), tuple(above))
    order = tuple(sorted(axes, key=lambda axis: axis.stride, reverse=True))
    return Gathered(order, *parts_of(tuple(axis.extent for axis in order)))


def _axes(box: Lattice) -> list[Axis]:
    steps = [1]
    for extent in box.extents[:0:-1]:
        steps.insert(0, steps[0] * extent)
    return [Axis(*each) for each in zip(box.extents, box.strides, steps, strict=True)]


def _is_large(row: Axis, across: Axis) -> bool:
    """Whether enough elements of a sheet are evaluated together.

    Of rows that are neighbours in the bytes, those that begin at the same place in a block are
    evaluated together: every row, every second row or every fourth one.
    """
    if row.step == 1:
        return row.extent >= LONG_ROW and row.extent * across.extent >= SMALLEST_SHEET
    rows = across.extent // (1 if across.stride % 4 == 0 else 2 if across.stride % 2 == 0 else 4)
    return rows >= LEAST_ROWS and rows * row.extent >= SMALLEST_SHEET


def _share_blocks(place: int, row: Axis, others: list[Axis]) -> bool:
    """Whether many rows share blocks with other rows, so that sheets draw these repeatedly."""
    if row.extent >= LONG_ROW:
        return False
    pitch = min(axis.stride for axis in others)
    aligned = all(axis.stride % 4 == 0 for axis in others) and place + row.extent <= pitch
    return not aligned and pitch < row.extent + 2


def _array(axes: tuple[Axis, ...]) -> Axes:
    return np.array(axes, np.int64).reshape(-1, 3).T.copy()
