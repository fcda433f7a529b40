"""Compute the bytes of positions of a tensor. Modules above the stream use this one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.stream.address import Address
from service.stream.draws import Draw, Repeated
from service.stream.lattice import Lattice
from service.stream.sources import Source, source

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Filler:
    """The values of one tensor. Any range of positions can be computed alone."""

    source: Source
    lattice: Lattice

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.source.itemsize

    def fill(self, start: int, stop: int, out: Bytes) -> None:
        """Write positions start ... stop - 1 to `out`, which has (stop - start) itemsize bytes.

        Several threads may fill parts of one tensor at once.
        """
        if self.lattice.strides == (1,):
            self.source.fill(Lattice(self.lattice.offset + start, (stop - start,), (1,)), out)
            return
        done = 0
        for box in self.lattice.boxes(start, stop):
            size = box.size * self.itemsize
            self.source.fill(box, out[done : done + size])
            done += size


def filler(draw: Draw, dtype: str, address: Address, lattice: Lattice) -> Filler:
    """The filler of a tensor with this draw, dtype, address of random words and lattice.

    The axes of a materialised tensor stay apart: they tell rows from columns. So do those of a
    repeated draw, which tell outputs from inputs.
    """
    made = source(draw, dtype, address)
    apart = made.materialised or isinstance(draw, Repeated)
    return Filler(made, lattice if apart else lattice.merged())
