"""The bytes of a plan in chunks. Each chunk is computed independently on request."""

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
        self._address = address_of(tensor)
        self._head = np.frombuffer(tensor.head, np.uint8)
        self._filler = tensor_filler(tensor)
        self._size = self._filler.lattice.size
        self.materialised = self._filler.source.materialised
        itemsize = self._filler.itemsize
        self._elements = max(self._size, 1)
        if not self.materialised:
            self._elements = elements_of_a_chunk(self._filler.lattice, itemsize, largest_chunk)
        self.chunk_count = -(-self._size // self._elements) or min(1, self.length)
        self.chunk_bytes = min(self.length, self._head.size + self._elements * itemsize)

    def at(self, head: bytes, address: Address) -> "TensorBody":
        """The body of a plan that differs only in seed and name, with its head and its address.

        Everything else is the same, so this takes less time than making a body.
        """
        other = TensorBody.__new__(TensorBody)
        vars(other).update(vars(self))
        other._head = np.frombuffer(head, np.uint8)
        longer = other._head.size - self._head.size
        other.length += longer
        other.chunk_bytes += longer
        made = tensor_source(self._plan.tensor, address)
        other._address, other._filler = address, Filler(made, self._filler.lattice)
        return other

    def in_larger_chunks(self) -> "TensorBody":
        """The same bytes in larger chunks, for layouts in which they save time."""
        larger = TensorBody(self._plan, LARGEST_CHUNK_BYTES)
        return larger.at(self._head.tobytes(), self._address)

    def chunk(self, index: int, memory: Memory) -> memoryview:
        """Compute chunk `index`, from 0, in `memory`. Return the part of `memory` that it fills.

        The first chunk begins with the head. Several threads may compute chunks of one body at
        once, each in its own memory. Raises StoppedError soon after `stop`, if it would take long.
        """
        head = self._head.size if index == 0 else 0
        memory[:head] = self._head[:head]
        start = index * self._elements
        stop = min(self._size, start + self._elements)
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


def address_of(tensor: Tensor) -> Address:
    """The address of the random words of a tensor."""
    return Address(tensor.spec.seed or 0, stream_of(tensor.spec.name))


def tensor_filler(tensor: Tensor) -> Filler:
    """The filler of a tensor of one or several blocks."""
    address, lattice = address_of(tensor), tensor.placement.lattice
    if len(tensor.blocks) == 1:
        return filler(tensor.law.draw, tensor.spec.dtype, address, lattice)
    return Filler(tensor_source(tensor, address), lattice)


def tensor_source(tensor: Tensor, address: Address) -> Source:
    """The source of the values that a tensor of one or several blocks has at an address."""
    spec = tensor.spec
    if len(tensor.blocks) == 1:
        return source(tensor.law.draw, spec.dtype, address)
    edges, sources = [0], list[Source]()
    for block in tensor.blocks:
        edges.append(edges[-1] + block.outputs)
        sources.append(source(block.law.draw, spec.dtype, address))
    inner = elements_of_an_output(tensor.placement.letters or "", spec.shape)
    return BlockSource(tuple(sources), tuple(edges), inner)


def elements_of_an_output(letters: str, shape: tuple[int, ...]) -> int:
    """The number of consecutive elements of one output: inputs times kernel."""
    axes = zip(letters, shape, strict=True)
    return prod(extent for letter, extent in axes if letter in "IDHW")


def elements_of_a_chunk(lattice: Lattice, itemsize: int, largest_chunk: int) -> int:
    """The elements of a chunk: those that fit CHUNK_BYTES, or a number that uses blocks whole.

    In permuted layouts consecutive elements of the stream are far apart in the bytes. A chunk that
    contains only part of a Philox block computes the whole block and discards the rest.
    """
    usual = CHUNK_BYTES // itemsize
    length, distance = lattice.row()
    if distance > 1:
        for count in (min(length, 16), 4):
            span = count * distance
            if 0 < span * itemsize <= largest_chunk:
                return max(1, usual // span) * span
    return usual
