"""The bytes of a model's file, in chunks: its header, and its tensors one after another.

A large tensor has chunks of its own. Small ones that follow it share its last chunk if they fit.
Others that follow each other share a chunk too, and those of one kind are filled by one call of a
kernel. So a file of 10,000 small tensors is made about as fast as one of a large tensor.
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

    `number` is that of the chunk within a large tensor if it has no bytes of others, else None.
    """

    start: int
    stop: int
    first: int
    last: int
    number: int | None


def is_large(kind: Kind) -> bool:
    """Whether a tensor of this kind has chunks of its own."""
    return kind.size > 0 and (kind.size > SMALL_BYTES or kind.body.materialised)


class FileLayout:
    """How a file is divided into chunks. One layout serves all answers of the file.

    Groups follow each other: the header, large tensors with the small ones after them, and other
    runs of small tensors. For each there is the number of its first chunk. All small tensors of a
    group are in its last chunk.
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
        changes = np.flatnonzero(np.diff(of_parts)) + 1
        self._kind_ends = np.append(changes, of_parts.size)
        self._materialised = np.concatenate(([0], np.cumsum(materialised[of_parts])))
        self._costs = np.concatenate(([0.0], np.cumsum(costs[of_parts])))
        large = [kinds[each].body.chunk_bytes for each in used]
        self.chunk_bytes = min(file.length, max([CHUNK_BYTES, *large]))

    @property
    def memory(self) -> int:
        """About the bytes of memory that the layout takes, without those of the file."""
        return 1000 + 40 * len(self.file.part_names)

    def chunk(self, index: int) -> _Chunk:
        """The chunk of this number, from 0."""
        group = int(np.searchsorted(self._chunks, index, "right")) - 1
        if group == 0:
            start = index * CHUNK_BYTES
            return _Chunk(start, min(len(self.file.head), start + CHUNK_BYTES), 0, 0, None)
        first, last = int(self._firsts[group - 1]), self._end_of(group)
        begin, end = int(self.file.starts[first]), int(self.file.starts[last])
        if not self._is_large(first):
            return _Chunk(begin, end, first, last, None)
        number = index - int(self._chunks[group])
        kind = self.kinds[int(self.file.part_kinds[first])]
        start, stop = (begin + place for place in kind.body.bytes_of_chunk(number))
        if stop < begin + kind.size or stop == end:
            return _Chunk(start, stop, first, first + 1, number)
        return _Chunk(start, end, first, last, None)

    def index_of(self, place: int) -> int:
        """The number of the chunk with this byte of the file."""
        if place < len(self.file.head):
            return place // CHUNK_BYTES
        part = int(np.searchsorted(self.file.starts, place, "right")) - 1
        group = int(np.searchsorted(self._firsts, part, "right"))
        if not self._is_large(part):
            return int(self._chunks[group + 1]) - 1
        kind = self.kinds[int(self.file.part_kinds[part])]
        return int(self._chunks[group]) + kind.body.chunk_of_byte(
            place - int(self.file.starts[part])
        )

    def parts(self, start: int, stop: int) -> tuple[int, int]:
        """The first of the parts that have bytes start ... stop - 1, and the one after the last."""
        starts = self.file.starts
        first = max(int(np.searchsorted(starts, start, "right")) - 1, 0)
        return first, max(int(np.searchsorted(starts, stop, "left")), first)

    def end_of_kind(self, part: int) -> int:
        """The first part after this one that is of another kind, or the number of all parts."""
        return int(self._kind_ends[np.searchsorted(self._kind_ends, part, "right")])

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
        """The first part of each group. A part without bytes begins none.

        `filled` is the size of the last chunk so far. A small part joins it if it fits.
        """
        sizes = np.array([self._last_chunk_of(kind) for kind in self.kinds], np.int64)
        of_parts = self.file.part_kinds
        parts = zip(sizes[of_parts].tolist(), self._large_kinds[of_parts].tolist(), strict=True)
        filled = CHUNK_BYTES
        for part, (size, is_large) in enumerate(parts):
            if size and (is_large or filled + size > CHUNK_BYTES):
                yield part
                filled = size
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
    def _last_chunk_of(kind: Kind) -> int:
        """The bytes of the last chunk of a large tensor, or all bytes of a small one."""
        if not is_large(kind):
            return kind.size
        start, stop = kind.body.bytes_of_chunk(kind.body.chunk_count - 1)
        return stop - start

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
    _latest: tuple[int, TensorBody] | None = None

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
        whole = last - 1 if self.layout.file.starts[last] > stop else last
        return min(whole, self.layout.end_of_kind(part))

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
            if cut.chunk_count == 1 and cut.chunk_bytes == out.size:
                # No element is cut. So there is room for all that is computed.
                cut.chunk(0, out)
                return
            done = 0
            room = np.empty(cut.chunk_bytes, np.uint8)
            for index in range(cut.chunk_count):
                filled = cut.chunk(index, room)
                out[done : done + len(filled)] = np.frombuffer(filled, np.uint8)
                done += len(filled)

    @contextmanager
    def _computed(self, part: int) -> Iterator[TensorBody]:
        """The body of a part, which `stop` ends while the block runs."""
        body = self._body_of(part)
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

    def _body_of(self, part: int) -> TensorBody:
        """The body of a part. The latest is kept: the next chunk is often of the same part."""
        latest = self._latest
        if latest is not None and latest[0] == part:
            return latest[1]
        kind = self._kind(part)
        body = kind.body.at(b"", Address(kind.seed, int(self.layout.file.streams[part])))
        self._latest = part, body
        return body

    def _kind(self, part: int) -> Kind:
        return self.layout.kinds[int(self.layout.file.part_kinds[part])]
