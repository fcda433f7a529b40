"""Sparse draws: an exact number of the elements of each unit is 0."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from service.stream.address import Address
from service.stream.draws import Sparse
from service.stream.kernels.sparse import clear, column_bits, mask
from service.stream.lattice import Lattice
from service.stream.sources.elementwise import ElementwiseSource
from service.stream.sources.index import element_pieces

FACTOR, PASS = 2, 4
"""The time of four elements of the mask, and that of a pass for them, in that of a block of normal
values in float32."""


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
        """The draws of the values, and the passes of the mask.

        Of the numbers that are permuted `length` are places. A place is permuted until it comes to
        one of them, which takes numbers / length passes on average.
        """
        values, length = self.values.cost(box), self.draw.length
        if self.draw.zeros == 0:
            return values
        bits = int(column_bits(length))
        passes = PASS * (-(-length >> bits) << bits)
        return values + -(-(FACTOR * length + passes) * box.size // (4 * length))

    def stop(self) -> None:
        """Nothing: a fill does not take long."""

    def fill(self, box: Lattice, out: npt.NDArray[np.uint8]) -> None:
        """Write the elements of a box."""
        self.values.fill(box, out)
        if self.draw.zeros == 0:
            return
        for elements, part in element_pieces(box, self.itemsize, out):
            zero = mask(self.draw, self.address, elements)
            clear(zero, self.itemsize, part)
