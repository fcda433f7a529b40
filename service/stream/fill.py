"""Draw, dtype and address to bytes, by the kernels: the way in for everything above the stream."""

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.stream.address import Address
from service.stream.draws import Draw
from service.stream.kernels.boxes import Sheet, scatter
from service.stream.kernels.memory import new_scratch
from service.stream.kernels.parameters import KernelParameters, kernel_parameters
from service.stream.kernels.run import run
from service.stream.lattice import Lattice

Bytes = npt.NDArray[np.uint8]


class _Memory(threading.local):
    """Each thread's own."""

    def __init__(self) -> None:
        self.scratch = new_scratch()


_memory = _Memory()


@dataclass(frozen=True, slots=True)
class Filler:
    """The values of one tensor, ready to be written from any position on."""

    parameters: KernelParameters
    lattice: Lattice

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.parameters.itemsize

    def fill(self, start: int, stop: int, out: Bytes) -> None:
        """Write written positions start ... stop - 1 to `out`, (stop - start) itemsize bytes.

        Work is proportional to stop - start. Runs without the GIL; any number of threads may
        fill parts of the same tensor at once.
        """
        if self.lattice.strides == (1,):
            run(self.parameters, self.lattice.offset + start, _memory.scratch, out)
            return
        done = 0
        for box in self.lattice.boxes(start, stop):
            size = box.size * self.itemsize
            self._fill_box(box.merged(), out[done : done + size])
            done += size

    def _fill_box(self, box: Lattice, out: Bytes) -> None:
        if not box.extents or box.strides == (1,):
            run(self.parameters, box.offset, _memory.scratch, out)
        else:
            sheet, axes = _sheet(box)
            scatter(self.parameters, box.offset, sheet, axes, _memory.scratch, out)


def filler(draw: Draw, dtype: str, address: Address, lattice: Lattice) -> Filler:
    """Prepare the tensor with these draws, dtype, random words and layout."""
    return Filler(kernel_parameters(draw, dtype, address), lattice.merged())


def _sheet(box: Lattice) -> tuple[Sheet, npt.NDArray[np.int64]]:
    """Split a box into sheets and the axes above them, for `scatter`.

    Rows go along the axis consecutive in the stream, sheets along the most nearly consecutive one
    in `out`.
    """
    steps = [1]
    for extent in box.extents[:0:-1]:
        steps.insert(0, steps[0] * extent)
    axes = list(zip(box.extents, box.strides, steps, strict=True))
    row = next((axis for axis in axes if axis[1] == 1), (1, 0, 0))
    above = [axis for axis in axes if axis != row]
    rows, stride, step = above.pop() if above else (1, 0, 0)
    above.sort(key=lambda axis: axis[1], reverse=True)
    sheet = Sheet(row[0], row[2], rows, stride, step)
    return sheet, np.array(above, np.int64).reshape(-1, 3).T.copy()
