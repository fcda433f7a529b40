"""A plan's bytes, piece by piece: head and elements, computed as they are asked for."""

from collections.abc import Iterator

import numpy as np

from service.plan import Plan
from service.stream.address import Address, stream_of
from service.stream.fill import filler

CHUNK_BYTES = 1 << 20
"""Large enough that handing a chunk over costs little, small enough for a second-level cache."""


class TensorBody:
    """The whole representation of one planned tensor, `length` bytes.

    Every seed has to be settled before: see `Plan.needs_seed`.
    """

    def __init__(self, plan: Plan) -> None:
        self.length = plan.length
        self._head = plan.head
        self._size = plan.lattice.size
        address = Address(plan.spec.seed or 0, stream_of(plan.spec.name))
        self._filler = filler(plan.draw, plan.dtype, address, plan.lattice)

    def chunks(self) -> Iterator[memoryview]:
        """Yield the bytes in order, about CHUNK_BYTES at a time, the head with the first.

        Two buffers take turns, so a chunk stays valid until the next but one is asked for.
        """
        longest = min(self.length, CHUNK_BYTES)
        buffers = [np.empty(longest, np.uint8), np.empty(longest, np.uint8)]
        itemsize = self._filler.itemsize
        used = len(self._head)
        buffers[0][:used] = np.frombuffer(self._head, np.uint8)
        start = 0
        while used or start < self._size:
            buffer = buffers[0]
            stop = min(self._size, start + (longest - used) // itemsize)
            end = used + (stop - start) * itemsize
            self._filler.fill(start, stop, buffer[used:end])
            yield buffer.data[:end]
            start, used = stop, 0
            buffers.reverse()
