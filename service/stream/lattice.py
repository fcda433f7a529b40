"""Which elements of the stream an array has, for any layout, order and slice."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class Lattice:
    """The element number at position (j0, j1, ...) of the array is offset + j0 s0 + j1 s1 + ...

    `extents` and `strides` list the axes as they are written, slowest first; strides count
    elements of the stream. A tensor of no axes has one element, at `offset`.
    """

    offset: int
    extents: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of elements written."""
        return prod(self.extents)

    def merged(self) -> "Lattice":
        """Return the same elements in the same order with as few axes as possible."""
        axes: list[tuple[int, int]] = []
        for extent, stride in zip(self.extents, self.strides, strict=True):
            if extent == 1:
                continue
            if axes and axes[-1][1] == extent * stride:
                axes[-1] = (axes[-1][0] * extent, stride)
            else:
                axes.append((extent, stride))
        extents, strides = zip(*axes, strict=True) if axes else ((), ())
        return Lattice(self.offset, tuple(extents), tuple(strides))

    def row(self) -> tuple[int, int]:
        """Return (length, distance) of the axis that is consecutive in the stream.

        Its elements are written `distance` places apart; without such an axis both are 1.
        """
        distance = 1
        for extent, stride in zip(self.extents[::-1], self.strides[::-1], strict=True):
            if stride == 1:
                return extent, distance
            distance *= extent
        return 1, 1

    def boxes(self, start: int, stop: int) -> Iterator["Lattice"]:
        """Cut written positions start ... stop - 1 into boxes, each whole in its lower axes.

        They come in the order in which they are written. There are at most two for each axis, and
        one more.
        """
        if start == stop:
            return
        if not self.extents:
            yield self
            return
        inner = prod(self.extents[1:])
        first, last = -(-start // inner), stop // inner
        if first > last:
            yield from self._row(last).boxes(start - last * inner, stop - last * inner)
            return
        if start < first * inner:
            yield from self._row(first - 1).boxes(start - (first - 1) * inner, inner)
        if first < last:
            offset = self.offset + first * self.strides[0]
            yield Lattice(offset, (last - first, *self.extents[1:]), self.strides)
        if last * inner < stop:
            yield from self._row(last).boxes(0, stop - last * inner)

    def _row(self, index: int) -> "Lattice":
        return Lattice(self.offset + index * self.strides[0], self.extents[1:], self.strides[1:])
