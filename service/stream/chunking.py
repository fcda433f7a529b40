"""Dividing the positions of a lattice into chunks, each of which is a single box."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod

from service.stream.counting import PLACES, summed
from service.stream.lattice import Lattice

ROW_ELEMENTS = 16
"""The consecutive elements of the stream, four whole blocks, that a chunk has if they fit."""


@dataclass(frozen=True)
class Chunks:
    """Chunks of `positions` positions of one axis, each with all positions of the faster axes.

    The last chunk along the axis may have fewer. The axes before it are divided into single
    positions. A lattice without axes is one chunk.
    """

    lattice: Lattice
    axis: int
    positions: int

    @property
    def count(self) -> int:
        """The number of chunks; 0 if there is no element."""
        outer = prod(self.lattice.extents[: self.axis])
        return outer * self._along if self._inner else 0

    @property
    def largest(self) -> int:
        """The most elements of a chunk."""
        return self.positions * self._inner

    def range(self, index: int) -> tuple[int, int]:
        """The first position of a chunk in the whole lattice, and the one after its last."""
        if self._is_whole:
            return 0, self.lattice.size
        extent = self.lattice.extents[self.axis]
        outer, piece = divmod(index, max(self._along, 1))
        first = piece * self.positions
        last = min(extent, first + self.positions)
        return (outer * extent + first) * self._inner, (outer * extent + last) * self._inner

    def index_of(self, position: int) -> int:
        """The index of the chunk with a position of the whole lattice."""
        if self._is_whole:
            return 0
        outer, along = divmod(position // self._inner, self.lattice.extents[self.axis])
        return outer * self._along + along // self.positions

    def total(self, of_box: Callable[[Lattice], int]) -> int:
        """The sum of `of_box` over all chunks. `of_box` depends on the offset only modulo 4."""
        lattice, axis = self.lattice, self.axis
        if self.count <= 1:
            return of_box(lattice) if self.count else 0
        inner, strides = lattice.extents[axis + 1 :], lattice.strides[axis:]

        def of_place(positions: int) -> Callable[[int], int]:
            def count(place: int) -> int:
                offset = lattice.offset + (place - lattice.offset) % PLACES
                return of_box(Lattice(offset, (positions, *inner), strides))

            return count

        outer = list(zip(lattice.extents[:axis], lattice.strides[:axis], strict=True))
        whole, rest = divmod(lattice.extents[axis], self.positions)
        step = self.positions * strides[0]
        pieces = [*outer, (whole, step)]
        total = summed(lattice.offset % PLACES, pieces, of_place(self.positions))
        if rest:
            last = (lattice.offset + whole * step) % PLACES
            total += summed(last, outer, of_place(rest))
        return total

    @property
    def _is_whole(self) -> bool:
        """Whether there is one chunk."""
        extents = self.lattice.extents
        return not extents or (self.axis == 0 and self.positions >= extents[0])

    @cached_property
    def _inner(self) -> int:
        return prod(self.lattice.extents[self.axis + 1 :])

    @cached_property
    def _along(self) -> int:
        """The chunks along the axis that is divided."""
        if not self.lattice.extents:
            return 1
        return -(-self.lattice.extents[self.axis] // max(self.positions, 1))


def one_chunk(lattice: Lattice) -> Chunks:
    """The whole lattice as a chunk."""
    return Chunks(lattice, 0, lattice.extents[0] if lattice.extents else 1)


def chunks_of(lattice: Lattice, usual: int, most: int) -> Chunks:
    """Chunks of about `usual` elements and not more, or larger ones that use blocks whole.

    In permuted layouts consecutive elements of the stream are far apart in the bytes. A chunk that
    contains only part of a block computes the whole block and discards the rest. A chunk has up to
    `most` elements if it then has four whole blocks of each of its rows, or a whole block.
    """
    extents = lattice.extents
    if lattice.size <= usual:
        return one_chunk(lattice)
    inner = [prod(extents[axis + 1 :]) for axis in range(len(extents))]
    axis, together = next(axis for axis, size in enumerate(inner) if size <= usual), 1
    for shared in _axes_in_blocks(lattice):
        found = [n for n in _together(extents[shared]) if n * inner[shared] <= most]
        if shared <= axis and found:
            axis, together = shared, found[0]
            break
    positions = _whole(usual // inner[axis], together)
    if axis > 0 and positions < extents[axis]:
        # The axis is divided once for each position of the axes before it, so a short last chunk
        # would be repeated. All chunks therefore get about the same size.
        pieces = -(-extents[axis] // positions)
        positions = min(positions, _whole(-(-extents[axis] // pieces) + together - 1, together))
    return Chunks(lattice, axis, min(extents[axis], positions))


def _axes_in_blocks(lattice: Lattice) -> list[int]:
    """The axes along which neighbours may be in one block, slowest first."""
    axes = enumerate(zip(lattice.extents, lattice.strides, strict=True))
    return [axis for axis, (extent, stride) in axes if extent > 1 and stride < PLACES]


def _together(extent: int) -> tuple[int, int]:
    """The positions of an axis that a chunk should have, and those that it should have at least."""
    return min(extent, ROW_ELEMENTS), min(extent, PLACES)


def _whole(number: int, unit: int) -> int:
    """The largest multiple of a unit that is not above the number; at least the unit."""
    return max(1, number // unit) * unit
