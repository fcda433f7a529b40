"""Elementwise draws: each element is a function of its own random words. Kernels compute it."""

import threading
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from service.stream.address import Address
from service.stream.draws import Elementwise
from service.stream.kernels.boxes import Sheet, scatter
from service.stream.kernels.memory import new_scratch
from service.stream.kernels.parameters import KernelParameters, kernel_parameters
from service.stream.kernels.run import run
from service.stream.lattice import Lattice


class _Memory(threading.local):
    """Scratch memory of the kernels, one for each thread."""

    def __init__(self) -> None:
        self.scratch = new_scratch()


_memory = _Memory()


@dataclass(frozen=True, slots=True)
class ElementwiseSource:
    """The time is proportional to the number of elements. Kernels release the GIL."""

    materialised: ClassVar[bool] = False

    parameters: KernelParameters

    @classmethod
    def of(cls, draw: Elementwise, dtype: str, address: Address) -> "ElementwiseSource":
        """Prepare the draw's constants for the kernels."""
        return cls(kernel_parameters(draw, dtype, address))

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.parameters.itemsize

    def stop(self) -> None:
        """Nothing: a fill does not take long."""

    def fill(self, box: Lattice, out: npt.NDArray[np.uint8]) -> None:
        """Write the elements of a box."""
        if box.strides != (1,):
            box = box.merged()
        if not box.extents or box.strides == (1,):
            run(self.parameters, box.offset, _memory.scratch, out)
        else:
            sheet, axes = _sheet(box)
            scatter(self.parameters, box.offset, sheet, axes, _memory.scratch, out)


def _sheet(box: Lattice) -> tuple[Sheet, npt.NDArray[np.int64]]:
    """Split a box into sheets and outer axes, for `scatter`.

    Rows lie along the axis with consecutive element numbers. The second axis of a sheet is the one
    with the smallest step in `out`.
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
