"""The bytes of a plan, or of a range of them, in chunks. Each chunk is computed independently."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Protocol

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
from service.stream.sources.elementwise import ElementwiseSource

Memory = npt.NDArray[np.uint8]


class Body(Protocol):
    """`length` bytes in `chunk_count` chunks. Computing a chunk needs `chunk_bytes` of memory.

    `cost` is the work of all chunks in blocks of four random words (`service.plan.work.Cost`).
    `materialised`: a chunk may take seconds, because whole matrices are computed for it. After
    `stop`, which any thread may call, such a chunk raises StoppedError soon.
    """

    @property
    def length(self) -> int: ...
    @property
    def chunk_count(self) -> int: ...
    @property
    def chunk_bytes(self) -> int: ...
    @property
    def materialised(self) -> bool: ...
    @property
    def cost(self) -> int: ...

    def chunk(self, index: int, memory: Memory) -> memoryview:
        """Compute a chunk in `memory`, in any thread, and return the part that holds its bytes."""

    def stop(self) -> None:
        """Make a chunk that takes long end soon: nobody wants its bytes any more."""

    def in_larger_chunks(self) -> "Body":
        """The same bytes in larger chunks, if these save time; else the body itself."""


class WholeBody(Body, Protocol):
    """A body of which ranges can be asked for."""

    def part(self, start: int, stop: int) -> Body:
        """The bytes start ... stop - 1, at least one. Nothing else is computed for them."""


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

    @property
    def cost(self) -> int:
        """The work of all chunks, in blocks (`service.plan.work.Cost`). Nothing is drawn for it.

        A matrix that another answer has begun is not counted again. So the cost of a materialised
        body changes, and must be read when its answer begins.
        """
        if self.materialised and begun(self._filler.source, self._filler.lattice):
            return self._filler.lattice.size
        return self._blocks

    @cached_property
    def _blocks(self) -> int:
        """The work if no other answer has begun a matrix of this body."""
        return blocks_of(self._filler, self._chunks)

    def at(self, head: bytes, address: Address) -> "TensorBody":
        """The body of a plan that differs only in seed and name, with its head and its address.

        Everything else is shared, so this takes less time than making a body from a plan.
        """
        other = TensorBody.__new__(TensorBody)
        vars(other).update(vars(self))
        other._blocks = self._blocks
        other._head = np.frombuffer(head, np.uint8)
        longer = other._head.size - self._head.size
        other.length += longer
        other.chunk_bytes += longer
        made = tensor_source(self._plan.tensor, address)
        other._address, other._filler = address, Filler(made, self._filler.lattice)
        return other

    def part(self, start: int, stop: int) -> "BodyPart":
        """The bytes start ... stop - 1, at least one. Nothing else is computed for them."""
        return BodyPart(self, start, stop)

    @property
    def run_source(self) -> ElementwiseSource | None:
        """The source of the values if these are the first elements of one elementwise draw."""
        lattice, source = self._filler.lattice, self._filler.source
        run = lattice.offset == 0 and lattice.strides in ((), (1,))
        return source if run and isinstance(source, ElementwiseSource) else None

    def bytes_of_chunk(self, index: int) -> tuple[int, int]:
        """The first byte of a chunk's values, counted without the head, and the one after them."""
        start, stop = self._chunks.range(index)
        return start * self._filler.itemsize, stop * self._filler.itemsize

    def chunk_of_byte(self, place: int) -> int:
        """The index of the chunk with a byte of the values, counted without the head."""
        return self._chunks.index_of(place // self._filler.itemsize)

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
        start, stop = self._chunks.range(index)
        return self._filled(start, stop, memory, with_head=index == 0)

    def stop(self) -> None:
        """Make a chunk that takes long end soon, because no client waits for its bytes."""
        self._filler.source.stop()

    def chunks(self) -> Iterator[memoryview]:
        """Yield all chunks in order. A chunk is valid until the next one is requested."""
        memory = np.empty(self.chunk_bytes, np.uint8)
        for index in range(self.chunk_count):
            yield self.chunk(index, memory)

    def _filled(self, start: int, stop: int, memory: Memory, *, with_head: bool) -> memoryview:
        """Positions start ... stop - 1 in `memory`, after the head if it is wanted."""
        head = self._head.size if with_head else 0
        memory[:head] = self._head[:head]
        end = head + (stop - start) * self._filler.itemsize
        self._filler.fill(start, stop, memory[head:end])
        return memory.data[:end]


class BodyPart:
    """The bytes start ... stop - 1 of a tensor's body, at least one, in chunks.

    Its chunks are those of the whole body, of which the first and the last are cut. So a part in a
    permuted layout takes no more work than its share of the whole.
    """

    def __init__(self, whole: TensorBody, start: int, stop: int) -> None:
        self._whole, self._start, self._stop = whole, start, stop
        self.length = stop - start
        self.materialised = whole.materialised
        # `start` or `stop` may be within an element, or within the head.
        head, itemsize = whole._head.size, whole._filler.itemsize
        self._first = max(start - head, 0) // itemsize
        self._last = max(-(-(stop - head) // itemsize), 0)
        chunks = whole._chunks
        self._begin = chunks.index_of(self._first) if start >= head else 0
        end = chunks.index_of(self._last - 1) if self._last else 0
        self.chunk_count = end - self._begin + 1
        room = (self._last - self._first) * itemsize + (head if start < head else 0)
        self.chunk_bytes = min(room, whole.chunk_bytes)

    @cached_property
    def cost(self) -> int:
        """The work of all chunks, in blocks, as in TensorBody.

        It is exact for the first chunk and the last, which may be cut to a few bytes. The chunks
        between them are counted with the average of the whole body.
        """
        ends = sum(self._cost_of(index) for index in {0, self.chunk_count - 1})
        between = self.chunk_count - 2
        if between <= 0:
            return ends
        return ends + self._whole.cost * between // self._whole.chunk_count

    def _cost_of(self, index: int) -> int:
        start, stop = self._positions(index)
        filler = self._whole._filler
        boxes = list(filler.lattice.boxes(start, stop))
        if self.materialised and all(begun(filler.source, box) for box in boxes):
            return stop - start
        drawn = sum(filler.source.cost(box) for box in boxes)
        # Several boxes may be parts of one matrix, which costs them all no more than the whole.
        return min(drawn, self._whole.cost) if self.materialised else drawn

    def _positions(self, index: int) -> tuple[int, int]:
        """The first position of chunk `index` in the whole tensor, and the one after its last."""
        start, stop = self._whole._chunks.range(self._begin + index)
        return max(start, self._first), min(stop, self._last)

    def in_larger_chunks(self) -> "BodyPart":
        """The same bytes in larger chunks, as in TensorBody."""
        if self.chunk_count == 1 and not self.materialised:
            return self
        return BodyPart(self._whole.in_larger_chunks(), self._start, self._stop)

    def chunk(self, index: int, memory: Memory) -> memoryview:
        """Compute chunk `index` in `memory`, as in TensorBody."""
        whole = self._whole
        head, itemsize = whole._head.size, whole._filler.itemsize
        start, stop = self._positions(index)
        with_head = self._begin + index == 0 and self._start < head
        filled = whole._filled(start, stop, memory, with_head=with_head)
        place = 0 if with_head else head + start * itemsize
        return filled[max(self._start - place, 0) : self._stop - place]

    def stop(self) -> None:
        """Make a chunk that takes long end soon."""
        self._whole.stop()


class TextBody:
    """Bytes that are there already: a text, or what is between the parts of a multipart body."""

    materialised = False
    cost = 0

    def __init__(self, text: bytes | memoryview) -> None:
        self._text = memoryview(text)
        self.length = len(text)
        self.chunk_bytes = min(self.length, CHUNK_BYTES)
        self.chunk_count = -(-self.length // CHUNK_BYTES)

    def part(self, start: int, stop: int) -> "TextBody":
        """The bytes start ... stop - 1."""
        return TextBody(self._text[start:stop])

    def in_larger_chunks(self) -> "TextBody":
        """The body itself."""
        return self

    def chunk(self, index: int, memory: Memory) -> memoryview:
        """Copy a part of the text to `memory`."""
        part = self._text[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]
        memory[: len(part)] = np.frombuffer(part, np.uint8)
        return memory.data[: len(part)]

    def stop(self) -> None:
        """Nothing takes long."""


class JoinedBody:
    """Bodies one after another."""

    def __init__(self, bodies: Sequence[Body]) -> None:
        self._bodies = bodies
        self.length = sum(body.length for body in bodies)
        self._ends = [*accumulate(body.chunk_count for body in bodies)]
        self.chunk_count = self._ends[-1]
        self.chunk_bytes = max(body.chunk_bytes for body in bodies)
        self.materialised = any(body.materialised for body in bodies)

    @property
    def cost(self) -> int:
        """The work of all bodies, in blocks."""
        return sum(body.cost for body in self._bodies)

    def in_larger_chunks(self) -> "JoinedBody":
        """The same bytes, each body in larger chunks if these save time."""
        return JoinedBody([body.in_larger_chunks() for body in self._bodies])

    def chunk(self, index: int, memory: Memory) -> memoryview:
        """Compute chunk `index` of all chunks in `memory`."""
        place = bisect_right(self._ends, index)
        body = self._bodies[place]
        return body.chunk(index - self._ends[place] + body.chunk_count, memory)

    def stop(self) -> None:
        """Make a chunk that takes long end soon, in whichever body it is."""
        for body in self._bodies:
            body.stop()
