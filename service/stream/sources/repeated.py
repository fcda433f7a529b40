"""Repeated draws: several outputs of a tensor are copies of one output of a smaller draw."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Event

import numpy as np
import numpy.typing as npt

from service.errors import StoppedError
from service.stream.chunking import chunks_of
from service.stream.draws import Elements, Repeated
from service.stream.lattice import Lattice
from service.stream.sources.index import element_numbers
from service.stream.sources.protocol import Source

Bytes = npt.NDArray[np.uint8]

PIECE = 1 << 16
"""The elements of the tensor that are computed at a time."""

FACTOR = 2
"""The time of four copies in that of a block of normal values in float32."""


@dataclass(frozen=True, slots=True)
class RepeatedSource:
    """Computes a box of the smaller draw, and copies its outputs to their places.

    The axes of a box tell outputs, whose step is `inner` elements, from the elements of an output
    and from copies along E. A merged axis may be of two of these kinds. Such a box is computed
    element by element, which takes longer.
    """

    draw: Repeated
    values: Source
    _stopped: Event = field(default_factory=Event, compare=False, repr=False)

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.values.itemsize

    @property
    def materialised(self) -> bool:
        """Whether the smaller draw is materialised."""
        return self.values.materialised

    def cost(self, box: Lattice) -> int:
        """The cost of as many elements of the smaller draw, and FACTOR for every four elements."""
        drawn = chunks_of(box, PIECE, PIECE).total(self.values.cost)
        return drawn + -(-FACTOR * box.size // 4)

    def stop(self) -> None:
        """Stop the smaller draw if it takes long."""
        if self.materialised:
            self._stopped.set()
            self.values.stop()

    def fill(self, box: Lattice, out: Bytes) -> None:
        """Write the elements of a box. Raises StoppedError soon after `stop`."""
        chunks = chunks_of(box, PIECE, PIECE)
        for index in range(chunks.count):
            start, stop = chunks.range(index)
            part = out[start * self.itemsize : stop * self.itemsize]
            for piece in box.boxes(start, stop):
                if self._is_separate(piece):
                    self._fill_box(piece, part.reshape(*piece.extents, self.itemsize))
                else:
                    self._fill_elements(piece, part.reshape(-1, self.itemsize))

    def _is_separate(self, box: Lattice) -> bool:
        """Whether each axis runs within an output, along the outputs, or along E."""
        draw, axis = self.draw, self._output_axis(box)
        total = draw.outputs * draw.times
        whole, place = divmod(box.offset, draw.inner)
        for number, (extent, step) in enumerate(zip(box.extents, box.strides, strict=True)):
            if number == axis:
                if whole % total + extent > total:
                    return False
            elif step < draw.inner:
                place += (extent - 1) * step
            elif extent > 1 and step % (draw.inner * total) != 0:
                return False
        return place < draw.inner

    def _fill_box(self, box: Lattice, out: Bytes) -> None:
        """Write a box with separate axes; `out` has its extents and an axis of bytes."""
        for part, place in self._parts(box):
            if self._stopped.is_set():
                raise StoppedError
            self._fill(part, out[place])

    def _fill_elements(self, box: Lattice, out: Bytes) -> None:
        """Write any box; `out` has the shape (box.size, itemsize)."""
        copied = copied_elements(self.draw, element_numbers(box))
        needed, places = np.unique(copied, return_inverse=True)
        values = np.empty((needed.size, self.itemsize), np.uint8)
        edges = [0, *(np.flatnonzero(needed[1:] - needed[:-1] != 1) + 1).tolist(), needed.size]
        for first, stop in pairwise(edges):
            if self._stopped.is_set():
                raise StoppedError
            run = Lattice(int(needed[first]), (stop - first,), (1,))
            self.values.fill(run, values[first:stop].reshape(-1))
        out[...] = values[places.reshape(-1)]

    def _parts(self, box: Lattice) -> Iterator[tuple[Lattice, tuple[slice, ...]]]:
        """Boxes that copy all outputs, or outputs that follow each other, each with its place."""
        axis = self._output_axis(box)
        everything = (slice(None),) * len(box.extents)
        consecutive = self.draw.consecutive
        if axis is None or consecutive or box.extents[axis] >= self.draw.outputs:
            yield box, everything
            return
        first = box.offset // self.draw.inner % self.draw.outputs
        start, extent = 0, box.extents[axis]
        while start < extent:
            stop = min(extent, start + self.draw.outputs - (first + start) % self.draw.outputs)
            extents = (*box.extents[:axis], stop - start, *box.extents[axis + 1 :])
            offset = box.offset + start * self.draw.inner
            place = (*everything[:axis], slice(start, stop), *everything[axis + 1 :])
            yield Lattice(offset, extents, box.strides), place
            start = stop

    def _fill(self, box: Lattice, out: Bytes) -> None:
        """Write a box; `out` has its extents and an axis of bytes."""
        draw, axis = self.draw, self._output_axis(box)
        whole, place = divmod(box.offset, draw.inner)
        copy, output = divmod(whole, draw.outputs * draw.times)
        count = 1 if axis is None else box.extents[axis]
        outputs = np.arange(output, output + count)
        copied = outputs // draw.times if draw.consecutive else outputs % draw.outputs
        first, last = int(copied.min()), int(copied.max())
        extents = list(box.extents)
        if axis is not None:
            extents[axis] = last - first + 1
        beyond = draw.inner * draw.outputs * draw.times
        strides = [step // draw.times if step >= beyond else step for step in box.strides]
        offset = (copy * draw.outputs + first) * draw.inner + place
        smaller = Lattice(offset, tuple(extents), tuple(strides))
        values = np.empty(smaller.size * self.itemsize, np.uint8)
        self.values.fill(smaller, values)
        made = values.reshape(*extents, self.itemsize)
        out[...] = made if axis is None else made.take(copied - first, axis=axis)

    def _output_axis(self, box: Lattice) -> int | None:
        """The axis of outputs, if one has more than one position."""
        beyond = self.draw.inner * self.draw.outputs * self.draw.times
        return next(
            (
                axis
                for axis, (extent, step) in enumerate(zip(box.extents, box.strides, strict=True))
                if extent > 1 and step == self.draw.inner < beyond
            ),
            None,
        )


def copied_elements(draw: Repeated, elements: Elements) -> Elements:
    """The element numbers in the smaller draw whose values these elements copy."""
    whole, place = elements // draw.inner, elements % draw.inner
    copy, output = whole // (draw.outputs * draw.times), whole % (draw.outputs * draw.times)
    source = output // draw.times if draw.consecutive else output % draw.outputs
    return (copy * draw.outputs + source) * draw.inner + place
