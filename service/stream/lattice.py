"""The element numbers of an array in any layout, order and slice."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class Lattice:
    """Position (j0, j1, ...) of the array has element number offset + j0 s0 + j1 s1 + ...

    `extents` and `strides` list the axes of the array, slowest first. Strides are distances in
    element numbers. An array without axes has one element, `offset`.
    """

    offset: int
    extents: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of elements."""
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
        """Return (length, distance) of the axis whose element numbers are consecutive.

        Its elements are `distance` positions apart in the array. Without such an axis both are 1.
        """
        distance = 1
        for extent, stride in zip(self.extents[::-1], self.strides[::-1], strict=True):
            if stride == 1:
                return extent, distance
            distance *= extent
        return 1, 1

    def boxes(self, start: int, stop: int) -> Iterator["Lattice"]:
        """Divide positions start ... stop - 1 into boxes, in the order of the array.

        A box is a range of one axis with all positions of the faster axes. There are at most two
        boxes for each axis, and one more.
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
