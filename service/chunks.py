"""A plan's bytes in chunks, each computed by itself, when and where it is asked for."""

from collections.abc import Iterator
from math import prod

import numpy as np
import numpy.typing as npt

from service.plan import Plan
from service.plan.tensor import Tensor
from service.stream.address import Address, stream_of
from service.stream.fill import Filler, filler
from service.stream.lattice import Lattice
from service.stream.sources import Source, source
from service.stream.sources.blocks import BlockSource

CHUNK_BYTES = 1 << 20
"""Large enough that handing a chunk over costs little, small enough for a second-level cache."""

LARGEST_CHUNK_BYTES = 16 * CHUNK_BYTES
"""Where memory can be had, and a smaller chunk would draw most random words more than once."""

Memory = npt.NDArray[np.uint8]


class TensorBody:
    """The whole representation of one planned tensor: `length` bytes, `chunk_count` chunks.

    A chunk takes `chunk_bytes` of memory at most. `materialised` says that a chunk may take
    seconds, because whole matrices are computed for it. Every seed has to be settled before: see
    `Plan.needs_seed`.
    """

    def __init__(self, plan: Plan, largest_chunk: int = CHUNK_BYTES) -> None:
        tensor = plan.tensor
        self.length = tensor.length
        self._plan = plan
        self._head = np.frombuffer(tensor.head, np.uint8)
        self._filler = tensor_filler(tensor)
        self._size = self._filler.lattice.size
        self.materialised = self._filler.source.materialised
        itemsize = self._filler.itemsize
        self._elements = elements_of_a_chunk(self._filler.lattice, itemsize, largest_chunk)
        self.chunk_count = -(-self._size // self._elements) or min(1, self.length)
        self.chunk_bytes = min(self.length, self._head.size + self._elements * itemsize)

    def in_larger_chunks(self) -> "TensorBody":
        """The same bytes, in chunks that take more memory where that saves time."""
        return TensorBody(self._plan, LARGEST_CHUNK_BYTES)

    def chunk(self, index: int, memory: Memory) -> memoryview:
        """Make chunk 0, 1, ... in `memory`, the head with the first; return what of it is used.

        Any number of threads may make chunks of one body at once, each in memory of its own.
        """
        head = self._head.size if index == 0 else 0
        memory[:head] = self._head[:head]
        start = index * self._elements
        stop = min(self._size, start + self._elements)
        end = head + (stop - start) * self._filler.itemsize
        self._filler.fill(start, stop, memory[head:end])
        return memory.data[:end]

    def chunks(self) -> Iterator[memoryview]:
        """Yield all chunks in order; one is valid until the next is asked for."""
        memory = np.empty(self.chunk_bytes, np.uint8)
        for index in range(self.chunk_count):
            yield self.chunk(index, memory)


def tensor_filler(tensor: Tensor) -> Filler:
    """The values of a tensor, of one block or several."""
    spec, lattice = tensor.spec, tensor.placement.lattice
    address = Address(spec.seed or 0, stream_of(spec.name))
    if len(tensor.blocks) == 1:
        return filler(tensor.law.draw, spec.dtype, address, lattice)
    edges, sources = [0], list[Source]()
    for block in tensor.blocks:
        edges.append(edges[-1] + block.outputs)
        sources.append(source(block.law.draw, spec.dtype, address))
    inner = elements_of_an_output(tensor.placement.letters or "", spec.shape)
    return Filler(BlockSource(tuple(sources), tuple(edges), inner), lattice)


def elements_of_an_output(letters: str, shape: tuple[int, ...]) -> int:
    """How many consecutive elements belong to one output: inputs times kernel."""
    axes = zip(letters, shape, strict=True)
    return prod(extent for letter, extent in axes if letter in "IDHW")


def elements_of_a_chunk(lattice: Lattice, itemsize: int, largest_chunk: int) -> int:
    """As many elements as CHUNK_BYTES have room for, or what lets blocks be used whole.

    In permuted layouts neighbours in the stream are written far apart: a chunk that holds one of
    them and not the other draws their block in vain.
    """
    usual = CHUNK_BYTES // itemsize
    length, distance = lattice.row()
    if distance > 1:
        for count in (min(length, 16), 4):
            span = count * distance
            if 0 < span * itemsize <= largest_chunk:
                return max(1, usual // span) * span
    return usual
