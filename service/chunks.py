"""The bytes of a plan in chunks. Each chunk is computed independently on request."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

from service.plan import Plan
from service.plan.work import CHUNK_BYTES as CHUNK_BYTES
from service.plan.work import LARGEST_CHUNK_BYTES as LARGEST_CHUNK_BYTES
from service.plan.work import address_of, blocks_of, body_chunks, tensor_source
from service.plan.work import tensor_filler as tensor_filler
from service.stream.address import Address
from service.stream.fill import Filler
from service.stream.sources import begun

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
        self.materialised = self._filler.source.materialised
        self._chunks = body_chunks(self._filler, largest_chunk)
        self.chunk_count = self._chunks.count or min(1, self.length)
        values = self._chunks.largest * self._filler.itemsize
        self.chunk_bytes = min(self.length, self._head.size + values)

    @cached_property
    def cost(self) -> int:
        """The work of all chunks, in blocks (`service.plan.work.Cost`). Nothing is drawn for it.

        A matrix that another answer has begun is not counted again. So the cost of a materialised
        body must be read when its answer begins.
        """
        if self._chunks.count == 0:
            return 0
        if self.materialised and begun(self._filler.source, self._filler.lattice):
            return self._filler.lattice.size
        return blocks_of(self._filler, self._chunks)

    def at(self, head: bytes, address: Address) -> "TensorBody":
        """The body of a plan that differs only in seed and name, with its head and its address.

        Everything else is shared, so this takes less time than making a body from a plan.
        """
        other = TensorBody.__new__(TensorBody)
        vars(other).update(vars(self))
        if self.materialised:
            # The cost depends on which matrices have been begun by then.
            vars(other).pop("cost", None)
        else:
            other.cost = self.cost
        other._head = np.frombuffer(head, np.uint8)
        longer = other._head.size - self._head.size
        other.length += longer
        other.chunk_bytes += longer
        made = tensor_source(self._plan.tensor, address)
        other._address, other._filler = address, Filler(made, self._filler.lattice)
        return other

    def in_larger_chunks(self) -> "TensorBody":
        """The same bytes in larger chunks, for layouts in which they save time.

        A materialised body is always a new one, because `stop` ends it for all who use it.
        """
        if self.chunk_count == 1 and not self.materialised:
            return self
        larger = TensorBody(self._plan, LARGEST_CHUNK_BYTES)
        return larger.at(self._head.tobytes(), self._address)

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
        """Make a chunk that takes long end soon, because no client waits for its bytes."""
        self._filler.source.stop()

    def chunks(self) -> Iterator[memoryview]:
        """Yield all chunks in order. A chunk is valid until the next one is requested."""
        memory = np.empty(self.chunk_bytes, np.uint8)
        for index in range(self.chunk_count):
            yield self.chunk(index, memory)
