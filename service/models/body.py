"""The bytes of a model's file, in chunks: its header, and its tensors one after another.

A large tensor has chunks of its own. Small ones that follow each other share a chunk, and those of
one kind are filled by one call of a kernel. So a file of 10,000 small tensors is made about as fast
as one of a large tensor.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import numpy.typing as npt

from service.chunks import CHUNK_BYTES, TensorBody
from service.models.planning import Kind, ModelFile
from service.stream.address import Address

Memory = npt.NDArray[np.uint8]

SMALL_BYTES = CHUNK_BYTES // 4
"""A tensor of at most so many bytes may share a chunk."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Bytes start ... stop - 1 of the file: of the header, or of the parts first ... last - 1.

    `number` is that of the chunk within a large tensor, and None for small ones.
    """

    start: int
    stop: int
    first: int
    last: int
    number: int | None


def is_large(kind: Kind) -> bool:
    """Whether a tensor of this kind has chunks of its own."""
    return kind.size > SMALL_BYTES or kind.body.materialised


class FileLayout:
    """How a file is divided into chunks. One layout serves all answers of the file.

    Groups follow each other: the header, large tensors, and runs of small tensors. For each there
    is the number of its first chunk.
    """

    def __init__(self, kinds: tuple[Kind, ...], file: ModelFile) -> None:
        self.kinds, self.file = kinds, file
        of_parts = file.part_kinds
        # A file of several, or one with some tensors alone, does not have all kinds.
        used = np.unique(of_parts).tolist()
        chunks = np.zeros(len(kinds), np.int64)
        chunks[used] = [self._chunks_of(kinds[each]) for each in used]
        materialised = np.zeros(len(kinds), np.bool_)
        materialised[used] = [kinds[each].body.materialised for each in used]
        costs = np.zeros(len(kinds), np.float64)
        costs[used] = [self._cost_of(kinds[each]) for each in used]
        self._large_kinds = np.zeros(len(kinds), np.bool_)
        self._large_kinds[used] = [is_large(kinds[each]) for each in used]
        groups = list(self._groups())
        firsts = np.array(groups, np.int64)
        counts = chunks[of_parts[firsts]] if groups else np.zeros(0, np.int64)
        head_chunks = -(-len(file.head) // CHUNK_BYTES)
        self._firsts = firsts
        self._chunks = np.concatenate(
            ([0, head_chunks], head_chunks + np.cumsum(np.maximum(counts, 1)))
        ).astype(np.int64)
        self.chunk_count = int(self._chunks[-1])
        self._materialised = np.concatenate(([0], np.cumsum(materialised[of_parts])))
        self._costs = np.concatenate(([0.0], np.cumsum(costs[of_parts])))
        large = [kinds[each].body.chunk_bytes for each in used]
        self.chunk_bytes = min(file.length, max([CHUNK_BYTES, *large]))

    def chunk(self, index: int) -> _Chunk:
        """The chunk of this number, from 0."""
        group = int(np.searchsorted(self._chunks, index, "right")) - 1
        if group == 0:
            start = index * CHUNK_BYTES
            return _Chunk(start, min(len(self.file.head), start + CHUNK_BYTES), 0, 0, None)
        first = int(self._firsts[group - 1])
        last = self._end_of(group)
        begin = int(self.file.starts[first])
        if not self._is_large(first):
            return _Chunk(begin, int(self.file.starts[last]), first, last, None)
        number = index - int(self._chunks[group])
        kind = self.kinds[int(self.file.part_kinds[first])]
        start, stop = kind.body.bytes_of_chunk(number)
        return _Chunk(begin + start, begin + stop, first, first + 1, number)

    def index_of(self, place: int) -> int:
        """The number of the chunk with this byte of the file."""
        if place < len(self.file.head):
            return place // CHUNK_BYTES
        part = int(np.searchsorted(self.file.starts, place, "right")) - 1
        group = int(np.searchsorted(self._firsts, part, "right"))
        chunk = int(self._chunks[group])
        if not self._is_large(part):
            return chunk
        kind = self.kinds[int(self.file.part_kinds[part])]
        return chunk + kind.body.chunk_of_byte(place - int(self.file.starts[part]))

    def parts(self, start: int, stop: int) -> tuple[int, int]:
        """The first of the parts that have bytes start ... stop - 1, and the one after the last."""
        starts = self.file.starts
        first = max(int(np.searchsorted(starts, start, "right")) - 1, 0)
        return first, max(int(np.searchsorted(starts, stop, "left")), first)

    def materialised(self, start: int, stop: int) -> bool:
        """Whether a matrix is needed for these bytes."""
        first, last = self.parts(start, stop)
        return bool(self._materialised[last] > self._materialised[first])

    def cost(self, start: int, stop: int) -> int:
        """The work for these bytes, in blocks. Parts that are cut count with their share."""
        return max(0, int(self._cost_before(stop) - self._cost_before(start)))

    def _cost_before(self, place: int) -> float:
        part = int(np.searchsorted(self.file.starts, place, "right")) - 1
        if part < 0:
            return 0.0
        if part >= len(self.file.part_names):
            return float(self._costs[-1])
        begin, end = int(self.file.starts[part]), int(self.file.starts[part + 1])
        before, after = float(self._costs[part]), float(self._costs[part + 1])
        return before + (after - before) * (place - begin) / max(end - begin, 1)

    def _groups(self) -> Iterator[int]:
        """The first part of each group. A part without bytes begins none."""
        sizes = np.diff(self.file.starts)
        large = self._large_kinds[self.file.part_kinds]
        filled, open_group = 0, False
        for part, (size, is_large) in enumerate(zip(sizes.tolist(), large.tolist(), strict=True)):
            if size == 0:
                continue
            if is_large:
                yield part
                open_group = False
            elif not open_group or filled + size > CHUNK_BYTES:
                yield part
                filled, open_group = size, True
            else:
                filled += size

    def _end_of(self, group: int) -> int:
        following = group < len(self._firsts)
        return int(self._firsts[group]) if following else len(self.file.part_names)

    def _is_large(self, part: int) -> bool:
        return bool(self._large_kinds[self.file.part_kinds[part]])

    @staticmethod
    def _chunks_of(kind: Kind) -> int:
        return kind.body.chunk_count if is_large(kind) else 1

    @staticmethod
    def _cost_of(kind: Kind) -> int:
        return kind.body.cost if kind.size else 0


@dataclass
class FileBody:
    """The bytes start ... stop - 1 of a file, or all of them, in chunks.

    Several threads may compute chunks at once.
    """

    layout: FileLayout
    start: int = 0
    stop_place: int = -1
    _computing: list[TensorBody] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)
    _stopped: bool = False

    def __post_init__(self) -> None:
        if self.stop_place < 0:
            self.stop_place = self.layout.file.length
        self.length = self.stop_place - self.start
        self._begin = self.layout.index_of(self.start)
        self.chunk_count = self.layout.index_of(self.stop_place - 1) - self._begin + 1
        self.chunk_bytes = min(self.length, self.layout.chunk_bytes)
        self.materialised = self.layout.materialised(self.start, self.stop_place)

    @property
    def cost(self) -> int:
        """The work of all chunks, in blocks."""
        return self.layout.cost(self.start, self.stop_place)

    def part(self, start: int, stop: int) -> "FileBody":
        """The bytes start ... stop - 1, at least one. Nothing else is computed for them."""
        return FileBody(self.layout, self.start + start, self.start + stop)

    def in_larger_chunks(self) -> "FileBody":
        """The same bytes. It is a new body, because `stop` ends it for all who use it."""
        return FileBody(self.layout, self.start, self.stop_place)

    def chunk(self, index: int, memory: Memory) -> memoryview:
        """Compute chunk `index` in `memory`, and return the part of `memory` that it fills.

        Raises StoppedError soon after `stop`, if it would take long.
        """
        chunk = self.layout.chunk(self._begin + index)
        start, stop = max(chunk.start, self.start), min(chunk.stop, self.stop_place)
        out = memory[: stop - start]
        if chunk.first == chunk.last:
            out[:] = np.frombuffer(self.layout.file.head, np.uint8)[start:stop]
        elif chunk.number is not None and (start, stop) == (chunk.start, chunk.stop):
            self._large(chunk.first, chunk.number, out)
        else:
            self._parts(start, stop, out)
        return out.data

    def stop(self) -> None:
        """Make a chunk that takes long end soon."""
        with self._lock:
            self._stopped = True
            for body in self._computing:
                body.stop()

    def _large(self, part: int, number: int, out: Memory) -> None:
        """A whole chunk of a large tensor."""
        with self._computed(part) as body:
            body.chunk(number, out)

    def _parts(self, start: int, stop: int, out: Memory) -> None:
        """These bytes of tensors, the first and the last of which may be cut."""
        file = self.layout.file
        part, last = self.layout.parts(start, stop)
        while part < last:
            begin, end = int(file.starts[part]), int(file.starts[part + 1])
            if begin < start or end > stop:
                cut, place = max(begin, start), min(end, stop)
                self._cut(part, cut - begin, place - begin, out[cut - start : place - start])
                part += 1
                continue
            same = self._of_one_kind(part, last, stop)
            self._whole(part, same, out[begin - start : int(file.starts[same]) - start])
            part = same

    def _of_one_kind(self, part: int, last: int, stop: int) -> int:
        """The part after the whole parts from `part` on that have its kind."""
        file, after = self.layout.file, part + 1
        while (
            after < last
            and file.part_kinds[after] == file.part_kinds[part]
            and file.starts[after + 1] <= stop
        ):
            after += 1
        return after

    def _whole(self, part: int, after: int, out: Memory) -> None:
        """Whole tensors of one kind."""
        if not out.size:
            return
        file, kind = self.layout.file, self._kind(part)
        if kind.counts:
            out[:] = 0
            return
        source = kind.body.run_source
        if source is not None:
            source.fill_each(kind.seed, file.streams[part:after], out)
            return
        for each in range(part, after):
            first = (each - part) * kind.size
            self._cut(each, 0, kind.size, out[first : first + kind.size])

    def _cut(self, part: int, start: int, stop: int, out: Memory) -> None:
        """The bytes start ... stop - 1 of a tensor."""
        if start == stop:
            return
        if self._kind(part).counts:
            out[:] = 0
            return
        with self._computed(part) as body:
            cut = body.part(start, stop)
            done = 0
            room = np.empty(cut.chunk_bytes, np.uint8)
            for index in range(cut.chunk_count):
                filled = cut.chunk(index, room)
                out[done : done + len(filled)] = np.frombuffer(filled, np.uint8)
                done += len(filled)

    @contextmanager
    def _computed(self, part: int) -> Iterator[TensorBody]:
        """The body of a part, which `stop` ends while the block runs."""
        kind, file = self._kind(part), self.layout.file
        body = kind.body.at(b"", Address(kind.seed, int(file.streams[part])))
        if not body.materialised:
            yield body
            return
        with self._lock:
            self._computing.append(body)
            if self._stopped:
                body.stop()
        try:
            yield body
        finally:
            with self._lock:
                self._computing.remove(body)

    def _kind(self, part: int) -> Kind:
        return self.layout.kinds[int(self.layout.file.part_kinds[part])]
