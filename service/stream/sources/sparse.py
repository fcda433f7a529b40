"""Sparse draws: an exact number of the elements of each unit is 0."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from service.stream.address import Address
from service.stream.draws import Sparse
from service.stream.kernels.sparse import mask
from service.stream.lattice import Lattice
from service.stream.sources.elementwise import ElementwiseSource
from service.stream.sources.index import element_numbers, pieces

FACTOR = 24
"""The time of four elements of the mask in that of a block of normal values in float32."""


@dataclass(frozen=True, slots=True)
class SparseSource:
    """The time is proportional to the number of elements written, for any size of the tensor."""

    materialised: ClassVar[bool] = False

    draw: Sparse
    address: Address
    values: ElementwiseSource

    @classmethod
    def of(cls, draw: Sparse, dtype: str, address: Address) -> "SparseSource":
        """Prepare the inner draw's constants for the kernels."""
        return cls(draw, address, ElementwiseSource.of(draw.draw, dtype, address))

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.values.itemsize

    def cost(self, box: Lattice) -> int:
        """The draws of the values, and FACTOR for every four elements of the mask."""
        return self.values.cost(box) + -(-FACTOR * box.size // 4)

    def stop(self) -> None:
        """Nothing: a fill does not take long."""

    def fill(self, box: Lattice, out: npt.NDArray[np.uint8]) -> None:
        """Write the elements of a box."""
        self.values.fill(box, out)
        for piece, part in pieces(box, self.itemsize, out):
            zero = mask(self.draw, self.address, element_numbers(piece))
            np.copyto(part.view(f"u{self.itemsize}"), 0, where=zero)
