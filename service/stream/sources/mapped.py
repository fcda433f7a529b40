"""Functions of elementwise draws, such as the logarithm of a uniform variate."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from service.stream.address import Address
from service.stream.draws import Mapped
from service.stream.kernels.rounding import encode
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS
from service.stream.sources.elementwise import ElementwiseSource
from service.stream.sources.index import pieces, pieces_of

FACTOR = 8
"""The time of four values of a function in that of a block of normal values in float32; measured 4
to 8."""


@dataclass(frozen=True, slots=True)
class MappedSource:
    """The time is proportional to the number of elements.

    The draw is computed in float64 for every dtype. The values of the function are rounded once.
    """

    materialised: ClassVar[bool] = False

    draw: Mapped
    dtype: str
    values: ElementwiseSource

    @classmethod
    def of(cls, draw: Mapped, dtype: str, address: Address) -> "MappedSource":
        """Prepare the inner draw's constants for the kernels."""
        return cls(draw, dtype, ElementwiseSource.of(draw.draw, "float64", address))

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return PRECISIONS[self.dtype].itemsize

    def cost(self, box: Lattice) -> int:
        """The draws of all pieces, and FACTOR for every four elements."""
        moved = Lattice(box.offset + self.draw.shift, box.extents, box.strides)
        return pieces_of(moved).total(self.values.cost) + FACTOR * box.size // 4

    def stop(self) -> None:
        """Nothing: a fill does not take long."""

    def fill(self, box: Lattice, out: npt.NDArray[np.uint8]) -> None:
        """Write the elements of a box."""
        for piece, part in pieces(pieces_of(box), self.itemsize, out):
            wide = np.empty(8 * piece.size, np.uint8)
            moved = Lattice(piece.offset + self.draw.shift, piece.extents, piece.strides)
            self.values.fill(moved, wide)
            encode(self.draw.function(wide.view(np.float64), *self.draw.numbers), self.dtype, part)
