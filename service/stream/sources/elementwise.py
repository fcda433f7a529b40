"""Elementwise draws: each element is a function of its own random words. Kernels compute it."""

import threading
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from service.stream.address import Address
from service.stream.draws import Elementwise
from service.stream.kernels import evaluate as transforms
from service.stream.kernels.boxes import scatter
from service.stream.kernels.gather import gather
from service.stream.kernels.memory import new_scratch
from service.stream.kernels.parameters import KernelParameters, kernel_parameters
from service.stream.kernels.run import run, run_each
from service.stream.lattice import Lattice
from service.stream.sources.walks import Gathered, Run, Sheets, Walk, walk

CONSTANTS = (transforms.CONSTANT_32, transforms.CONSTANT_64)
"""The transforms whose values are all equal."""

FACTORS = {
    transforms.NORMAL_64: 3,
    transforms.WIDE_TRUNCATED_32: 2,
    transforms.TRUNCATED_BETWEEN_32: 5,
    transforms.CENTRAL_TRUNCATED_64: 3,
    transforms.WIDE_TRUNCATED_64: 6,
    transforms.TRUNCATED_BETWEEN_64: 7,
}
"""How many times as long a block takes as one of normal values in float32, rounded up. Others: 1.

Measured in float32 and float64. Encoding a block in 8 bits takes 0.4 of that time in addition."""


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

    def cost(self, box: Lattice) -> int:
        """The blocks that are drawn, times the FACTORS of what is made of them."""
        return self._factor * self._walk(box).blocks(box.offset % 4)

    def stop(self) -> None:
        """Nothing: a fill does not take long."""

    def fill(self, box: Lattice, out: npt.NDArray[np.uint8]) -> None:
        """Write the elements of a box."""
        if out.size == 0:
            return
        if box.strides == (1,):
            # Most small tensors are a run. For some of them `walk` would take as long as the draw.
            run(self.parameters, box.offset, _memory.scratch, out)
            return
        way = self._walk(box)
        match way:
            case Run():
                run(self.parameters, box.offset, _memory.scratch, out)
            case Sheets():
                axes = way.axes()
                scatter(self.parameters, box.offset, way.sheet, axes, _memory.scratch, out)
            case Gathered():
                gather(
                    self.parameters,
                    box.offset,
                    way.axes(),
                    way.cut,
                    way.size,
                    _memory.scratch,
                    out,
                )

    def fill_each(
        self, seed: int, streams: npt.NDArray[np.uint64], out: npt.NDArray[np.uint8]
    ) -> None:
        """Write the first elements of each of several streams, equally many of each stream.

        One call of a kernel takes less time than one for each stream.
        """
        words = np.array([seed & 0xFFFFFFFF, seed >> 32, 0, 0], np.uint32)
        run_each(self.parameters._replace(address=words), streams, _memory.scratch, out)

    def _walk(self, box: Lattice) -> Walk:
        """The walk through a box. Elements that are all equal need no order."""
        if box.strides == (1,) or self.parameters.transform in CONSTANTS:
            return Run(box.size)
        return walk(box)

    @property
    def _factor(self) -> int:
        return FACTORS.get(self.parameters.transform, 1)
