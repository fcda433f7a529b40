"""Index functions: each element is a function of its element number, without random words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from service.stream.chunking import Chunks, chunks_of
from service.stream.draws import Elements, Float64, IndexFunction
from service.stream.kernels.rounding import encode
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS

PIECE = 1 << 13
"""The elements that are computed at a time. Their numbers and values fit a second-level cache.

For an array of 128 KiB or more NumPy gets new memory from the system (glibc's `mmap` threshold).
The page faults of that memory took up to three quarters of the time."""

FACTOR = 10
"""The time of four elements in that of a block of normal values in float32.

Measured: 2 to 7 for most functions, 9 for Gabor filters and 12 for a Fourier transform with a
Blackman window. With 10, no body that is computed on the event loop takes much longer than
others."""


@dataclass(frozen=True, slots=True)
class IndexSource:
    """The time is proportional to the number of elements written, for any size of the tensor."""

    materialised: ClassVar[bool] = False

    draw: IndexFunction
    dtype: str

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return PRECISIONS[self.dtype].itemsize

    def cost(self, box: Lattice) -> int:
        """FACTOR for every four elements."""
        return -(-FACTOR * box.size // 4)

    def stop(self) -> None:
        """Nothing: a fill does not take long."""

    def fill(self, box: Lattice, out: npt.NDArray[np.uint8]) -> None:
        """Write the elements of a box."""
        values_of = self._prepared()
        for elements, part in element_pieces(box, self.itemsize, out):
            encode(values_of(elements), self.dtype, part)

    def _prepared(self) -> Callable[[Elements], Float64]:
        draw = self.draw
        if draw.kernel is not None:
            return draw.kernel(*draw.numbers)
        return lambda elements: draw.function(elements, *draw.numbers)


def pieces(
    chunks: Chunks, itemsize: int, out: npt.NDArray[np.uint8]
) -> Iterator[tuple[Lattice, npt.NDArray[np.uint8]]]:
    """The chunks of a box in its order, each with its part of `out`."""
    for index in range(chunks.count):
        start, stop = chunks.range(index)
        for piece in chunks.lattice.boxes(start, stop):
            yield piece, out[start * itemsize : stop * itemsize]


def pieces_of(box: Lattice) -> Chunks:
    """Boxes of about PIECE elements, or up to four times as many where these use blocks whole."""
    return chunks_of(box.merged(), PIECE, 4 * PIECE)


def element_pieces(
    box: Lattice, itemsize: int, out: npt.NDArray[np.uint8]
) -> Iterator[tuple[Elements, npt.NDArray[np.uint8]]]:
    """The element numbers of a box in its order, in pieces, each with its part of `out`."""
    chunks = chunks_of(box.merged(), PIECE, PIECE)
    for piece, part in pieces(chunks, itemsize, out):
        yield element_numbers(piece), part


def element_numbers(box: Lattice) -> Elements:
    """The element numbers of a box in its order, int64, shape (box.size,)."""
    numbers = np.full(1, box.offset, np.int64)
    for extent, stride in zip(box.extents, box.strides, strict=True):
        steps = np.arange(extent, dtype=np.int64)
        if stride != 1:
            steps *= stride
        if numbers.size == 1:
            steps += numbers
            numbers = steps
        else:
            numbers = (numbers[:, np.newaxis] + steps).reshape(-1)
    return numbers
