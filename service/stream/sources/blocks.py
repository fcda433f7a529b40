"""Tensors of several blocks along the outputs. Each block has its own draw."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.stream.lattice import Lattice
from service.stream.sources.protocol import Source

CALL = 4000
"""The time of a call that fills a piece, apart from its elements: 18 us, in blocks."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class BlockSource:
    """The values of a tensor of blocks along its outputs. `sources` has one source for each block.

    Element number e has output (e // inner) % outputs. Block b has the outputs from edges[b] to
    edges[b + 1] - 1.
    """

    sources: tuple[Source, ...]
    edges: tuple[int, ...]
    inner: int

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.sources[0].itemsize

    @property
    def materialised(self) -> bool:
        """Whether the source of a block is materialised."""
        return any(each.materialised for each in self.sources)

    def cost(self, box: Lattice) -> int:
        """The cost if the costliest block had all outputs, and CALL for each block."""
        return max(each.cost(box) for each in self.sources) + CALL * len(self.sources)

    def stop(self) -> None:
        """Stop the source of each block."""
        for each in self.sources:
            each.stop()

    def fill(self, box: Lattice, out: Bytes) -> None:
        """Write the elements of a box."""
        array = out.reshape(*box.extents, self.itemsize)
        for block, piece, place in self._pieces(box):
            part = array[place]
            if part.flags.c_contiguous:
                self.sources[block].fill(piece, part.reshape(-1))
                continue
            values = np.empty(piece.size * self.itemsize, np.uint8)
            self.sources[block].fill(piece, values)
            part[...] = values.reshape(part.shape)

    def _pieces(self, box: Lattice) -> Iterator[tuple[int, Lattice, tuple[slice, ...]]]:
        """Divide the box at the ends of blocks. Yields each piece with its block and its place.

        A step along an axis of outputs is `step` outputs. Consecutive positions whose outputs are
        all in one block make one piece. A position with outputs in several blocks is divided along
        the other axes.
        """
        first, last = self._outputs(box)
        block = self._block(first)
        if last < self.edges[block + 1]:
            yield block, box, (slice(None),) * len(box.extents)
            return
        axis, step = self._widest_axis(box)
        for start, stop in self._cuts(first, last, step, box.extents[axis]):
            extents = (*box.extents[:axis], stop - start, *box.extents[axis + 1 :])
            offset = box.offset + start * box.strides[axis]
            for block, piece, place in self._pieces(Lattice(offset, extents, box.strides)):
                inside = place[axis].indices(stop - start)
                moved = slice(start + inside[0], start + inside[1])
                yield block, piece, (*place[:axis], moved, *place[axis + 1 :])

    def _cuts(self, first: int, last: int, step: int, extent: int) -> Iterator[tuple[int, int]]:
        """Ranges of an axis of outputs. Each range is in one block or is a single position."""
        width = last - first - (extent - 1) * step
        start = 0
        while start < extent:
            lowest = first + start * step
            edge = self.edges[self._block(lowest) + 1]
            whole = max((edge - 1 - width - lowest) // step + 1, 1)
            stop = min(start + whole, extent)
            yield start, stop
            start = stop

    def _outputs(self, box: Lattice) -> tuple[int, int]:
        """The lowest and the highest output in a box."""
        first = box.offset // self.inner % self.edges[-1]
        return first, first + sum(int(step * (n - 1)) for _, n, step in self._axes(box))

    def _widest_axis(self, box: Lattice) -> tuple[int, int]:
        """The axis of outputs with the largest step among those longer than 1, and its step."""
        axis, _, step = max(self._axes(box), key=lambda each: each[2])
        return axis, step

    def _axes(self, box: Lattice) -> list[tuple[int, int, int]]:
        """Number, extent and step in outputs of each axis of outputs with an extent above 1.

        The strides show which axes are outputs, because elements are counted in the order E, O, I,
        D, H, W.
        """
        return [
            (axis, extent, stride // self.inner)
            for axis, (extent, stride) in enumerate(zip(box.extents, box.strides, strict=True))
            if extent > 1 and self.inner <= stride < self.inner * self.edges[-1]
        ]

    def _block(self, output: int) -> int:
        return next(block for block, edge in enumerate(self.edges[1:]) if output < edge)
