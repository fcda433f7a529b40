"""Draw, dtype and address to bytes, by the kernels: the way in for everything above the stream."""

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.stream.address import Address
from service.stream.draws import Draw
from service.stream.kernels.packing import Packed, pack
from service.stream.kernels.run import STRIP, run, scatter
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS

Bytes = npt.NDArray[np.uint8]


class _Scratch(threading.local):
    """A thread's working memory: blocks, words, values, their bytes, starts of rows."""

    def __init__(self) -> None:
        self.arrays = (
            np.empty(STRIP, np.uint64),
            np.empty((8, STRIP), np.uint32),
            np.empty(4 * STRIP, np.float32),
            np.empty(4 * STRIP, np.float64),
            np.empty(32 * STRIP, np.uint8),
            np.empty(STRIP, np.int64),
        )


_scratch = _Scratch()


@dataclass(frozen=True, slots=True)
class Filler:
    """The values of one tensor, ready to be written from any position on."""

    packed: Packed
    lattice: Lattice
    itemsize: int

    def fill(self, start: int, stop: int, out: Bytes) -> None:
        """Write written positions start ... stop - 1 to `out`, (stop - start) itemsize bytes.

        Work is proportional to stop - start. Runs without the GIL; any number of threads may
        fill parts of the same tensor at once.
        """
        done = 0
        for box in self.lattice.boxes(start, stop):
            size = box.size * self.itemsize
            self._fill_box(box.merged(), out[done : done + size])
            done += size

    def _fill_box(self, box: Lattice, out: Bytes) -> None:
        packed, itemsize = self.packed, self.itemsize
        if not box.extents or box.strides == (1,):
            run(
                packed.kind,
                packed.code,
                itemsize,
                box.offset,
                packed.address,
                packed.constants32,
                packed.constants64,
                packed.bounds,
                _scratch.arrays,
                out,
            )
            return
        row, axes = _rows(box)
        scatter(
            packed.kind,
            packed.code,
            itemsize,
            row,
            axes,
            packed.address,
            packed.constants32,
            packed.constants64,
            packed.bounds,
            _scratch.arrays,
            out,
        )


def filler(draw: Draw, dtype: str, address: Address, lattice: Lattice) -> Filler:
    """Prepare the tensor with these draws, dtype, random words and layout."""
    return Filler(pack(draw, dtype, address), lattice.merged(), PRECISIONS[dtype].itemsize)


def _rows(box: Lattice) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Split a box into rows, sheets of rows and the axes above them, for `scatter`.

    The row is the axis consecutive in the stream, the sheet the most nearly consecutive in `out`.
    """
    steps = [1]
    for extent in box.extents[:0:-1]:
        steps.insert(0, steps[0] * extent)
    axes = list(zip(box.extents, box.strides, steps, strict=True))
    row = next((axis for axis in axes if axis[1] == 1), (1, 0, 0))
    above = [axis for axis in axes if axis != row]
    sheet = above.pop() if above else (1, 0, 0)
    above.sort(key=lambda axis: axis[1], reverse=True)
    corner = [box.offset, row[0], row[2], *sheet]
    return np.array(corner, np.int64), np.array(above, np.int64).reshape(-1, 3).T.copy()
