"""Repeated draws: several outputs of a tensor are copies of one output of a smaller draw."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from service.stream.draws import Elements, Repeated
from service.stream.lattice import Lattice
from service.stream.sources.index import element_numbers, pieces
from service.stream.sources.protocol import Source


@dataclass(frozen=True, slots=True)
class RepeatedSource:
    """Computes each element of the smaller draw once for the copies that are near each other."""

    draw: Repeated
    values: Source

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.values.itemsize

    @property
    def materialised(self) -> bool:
        """Whether the smaller draw is materialised."""
        return self.values.materialised

    def stop(self) -> None:
        """Stop the smaller draw."""
        self.values.stop()

    def fill(self, box: Lattice, out: npt.NDArray[np.uint8]) -> None:
        """Write the elements of a box."""
        for piece, part in pieces(box, self.itemsize, out):
            copied = copied_elements(self.draw, element_numbers(piece))
            needed, places = np.unique(copied, return_inverse=True)
            values = np.empty((needed.size, self.itemsize), np.uint8)
            for first, stop in _runs(needed):
                run = Lattice(int(needed[first]), (stop - first,), (1,))
                self.values.fill(run, values[first:stop].reshape(-1))
            part.reshape(-1, self.itemsize)[...] = values[places.reshape(-1)]


def copied_elements(draw: Repeated, elements: Elements) -> Elements:
    """The element numbers in the smaller draw whose values these elements copy."""
    whole, place = elements // draw.inner, elements % draw.inner
    copy, output = whole // (draw.outputs * draw.times), whole % (draw.outputs * draw.times)
    source = output // draw.times if draw.consecutive else output % draw.outputs
    return (copy * draw.outputs + source) * draw.inner + place


def _runs(numbers: Elements) -> Iterator[tuple[int, int]]:
    """First and stop place of each run of consecutive numbers. `numbers` increase."""
    ends = np.flatnonzero(numbers[1:] - numbers[:-1] != 1) + 1
    edges = [0, *ends.tolist(), len(numbers)]
    return pairwise(edges)
