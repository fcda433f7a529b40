"""The bytes of a plan in chunks. Each chunk is computed independently on request."""

from collections.abc import Iterator
from functools import cached_property
from math import prod

import numpy as np
import numpy.typing as npt

from service.plan import Plan
from service.plan.tensor import Tensor
from service.stream.address import Address, stream_of
from service.stream.chunking import chunks_of, one_chunk
from service.stream.fill import Filler, filler
from service.stream.sources import Source, source
from service.stream.sources.blocks import BlockSource

CHUNK_BYTES = 1 << 20
"""The usual chunk. It fits a second-level cache, and the cost of passing it on is small."""

LARGEST_CHUNK_BYTES = 16 * CHUNK_BYTES
"""The largest chunk, for layouts in which smaller chunks compute most random words repeatedly."""

Memory = npt.NDArray[np.uint8]


class TensorBody:
    """The head and the values of a planned tensor: `length` bytes in `chunk_count` chunks.

    A chunk takes at most `chunk_bytes` of memory. `materialised` says that a chunk may take
    seconds, because whole matrices are computed for it. Such a tensor is one chunk: in permuted
    layouts each part of it needs all columns of its matrices. The plan must have a seed if it needs
    one (`Plan.needs_seed`).
    """

    def __init__(self, plan: Plan, largest_chunk: int = CHUNK_BYTES) -> None:
        tensor = plan.tensor
        self.length = tensor.length
        self._plan = plan
        self._head = np.frombuffer(tensor.head, np.uint8)
        self._filler = tensor_filler(tensor)
        lattice, itemsize = self._filler.lattice, self._filler.itemsize
        self.materialised = self._filler.source.materialised
        self._chunks = one_chunk(lattice)
        if not self.materialised:
            self._chunks = chunks_of(lattice, CHUNK_BYTES // itemsize, largest_chunk // itemsize)
        self.chunk_count = self._chunks.count or min(1, self.length)
        self.chunk_bytes = min(self.length, self._head.size + self._chunks.largest * itemsize)

    @cached_property
    def cost(self) -> int:
        """The work of all chunks, in units of a block of normal values in float32.

        Computing it draws nothing. `Source.cost` says of which draws it is exact.
        """
        return self._chunks.total(self._filler.source.cost)

    def in_larger_chunks(self) -> "TensorBody":
        """The same bytes in larger chunks, for layouts in which they save time."""
        return TensorBody(self._plan, LARGEST_CHUNK_BYTES)

    def chunk(self, index: int, memory: Memory) -> memoryview:
        """Compute chunk `index`, from 0, in `memory`. Return the part of `memory` that it fills.

        The first chunk begins with the head. Several threads may compute chunks of one body at
        once, each in its own memory. Raises StoppedError soon after `stop`, if it would take long.
        """
        head = self._head.size if index == 0 else 0
        memory[:head] = self._head[:head]
        start, stop = self._chunks.range(index)
        end = head + (stop - start) * self._filler.itemsize
        self._filler.fill(start, stop, memory[head:end])
        return memory.data[:end]

    def stop(self) -> None:
        """Make a chunk that takes long end soon: nobody wants its bytes any more."""
        self._filler.source.stop()

    def chunks(self) -> Iterator[memoryview]:
        """Yield all chunks in order. A chunk is valid until the next one is requested."""
        memory = np.empty(self.chunk_bytes, np.uint8)
        for index in range(self.chunk_count):
            yield self.chunk(index, memory)


def tensor_filler(tensor: Tensor) -> Filler:
    """The filler of a tensor of one or several blocks."""
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
    """The number of consecutive elements of one output: inputs times kernel."""
    axes = zip(letters, shape, strict=True)
    return prod(extent for letter, extent in axes if letter in "IDHW")
