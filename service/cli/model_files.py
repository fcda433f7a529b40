"""The files of a model in a folder: computed on all cores, and continued after a kill.

NAME.fanin-part and NAME.fanin-part.json are an unfinished file (`service.cli.partial`). A complete
file has a record in the subfolder .fanin. Nothing waits for the disk, so what was written can be
lost when the machine itself stops. Each record has the number of the machine's start; those of an
earlier start are not believed.
"""

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Condition, local

import numpy as np

from service.chunks import CHUNK_BYTES, Memory
from service.cli.partial import Interval, PartialFile, partial_file
from service.cli.progress import complain_above_bar, progress_bar
from service.models.body import FileBody, FileLayout
from service.models.planning import ModelFile, ModelPlan

RECORDS = ".fanin"
"""The subfolder with a record of each complete file."""

NOTE_SECONDS = 0.5
"""How often is noted what is written. A killed process loses so much work at most."""

_WINDOW = 64
"""How many tasks are asked for in advance. Each core has work while one computes a matrix."""

_BATCH = 8
"""The most chunks of a task. Handing over each chunk by itself would take time."""

_MATRIX_MEMORY = 2**30
"""The most memory for matrices that are computed at the same time. One alone may take more."""

_ELEMENT_MEMORY = 20
"""The most bytes for an element of a matrix: 8 for the reflectors, 8 for Q, 4 for the result."""

_START = Path("/proc/sys/kernel/random/boot_id")
"""A number that Linux draws when the machine starts (random(4))."""


class MatrixMemory:
    """Lets threads compute matrices at the same time that take at most `most` bytes together.

    One that takes more is computed alone.
    """

    def __init__(self, most: int) -> None:
        self._most, self._taken = most, 0
        self._changed = Condition()

    @contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """Wait until there are `count` bytes, and take them while the block runs."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + count <= self._most)
            self._taken += count
        try:
            yield
        finally:
            with self._changed:
                self._taken -= count
                self._changed.notify_all()


class _ThreadMemory(local):
    """Memory for chunks. Each thread has its own, and uses it again."""

    def __init__(self) -> None:
        self._usual = np.empty(CHUNK_BYTES, np.uint8)

    def of(self, size: int) -> Memory:
        """At least `size` bytes. Those of a larger chunk are not kept."""
        return self._usual if size <= CHUNK_BYTES else np.empty(size, np.uint8)


@dataclass
class FolderWriter:
    """Writes files of a model to a folder with so many threads.

    With `resume`, unfinished files of the same model are continued, and complete ones are kept.
    """

    plan: ModelPlan
    folder: Path
    threads: int
    resume: bool
    _matrices: MatrixMemory = field(default_factory=lambda: MatrixMemory(_MATRIX_MEMORY))
    _memory: _ThreadMemory = field(default_factory=_ThreadMemory)

    def write(self, files: Sequence[ModelFile]) -> int:
        """Write these files, and return how many bytes were missing.

        A file has its name only when it is complete. Raises BusyError if another process writes
        one, and OSError.
        """
        missing = [each for each in files if not (self.resume and self._is_complete(each))]
        total, left = (sum(each.length for each in some) for some in (files, missing))
        written = 0
        with (
            ThreadPoolExecutor(self.threads) as pool,
            progress_bar(total, total - left) as advance,
        ):
            for each in missing:
                written += self._write(each, pool, advance)
        return written

    def _write(self, file: ModelFile, pool: ThreadPoolExecutor, advance: "_Advance") -> int:
        target = self.folder / file.name
        with partial_file(target, self._tag(file), file.length, anew=not self.resume) as partial:
            if partial.other:
                complain_above_bar(
                    f"{file.name} is begun anew: its unfinished bytes are of another model, or "
                    "from before the machine started"
                )
            elif partial.kept:
                complain_above_bar(
                    f"{file.name} is continued: {partial.kept} of {file.length} bytes are there"
                )
            advance(partial.kept)
            self._fill(FileLayout(self.plan.kinds, file), partial, pool, advance)
            partial.replace_target()
        self._note_complete(file)
        return file.length - partial.kept

    def _fill(
        self,
        layout: FileLayout,
        partial: PartialFile,
        pool: ThreadPoolExecutor,
        advance: "_Advance",
    ) -> None:
        """Compute and write what is missing. What is noted are always the first bytes."""
        body = FileBody(layout)

        place = next((each.start for each in partial.missing(partial.length)), partial.length)
        begin = layout.index_of(place) if place < partial.length else layout.chunk_count
        batch = min(_BATCH, 1 + (layout.chunk_count - begin) // (4 * self.threads))

        def computed(index: int) -> int:
            """Write the chunks of a task, and return the place after them."""
            stop = 0
            for each in range(index, min(index + batch, layout.chunk_count)):
                chunk = layout.chunk(each)
                with self._room(layout, chunk.first, chunk.last):
                    memory = self._memory.of(chunk.stop - chunk.start)
                    partial.put(chunk.start, body.chunk(each, memory))
                stop = chunk.stop
            return stop

        indices = iter(range(begin, layout.chunk_count, batch))
        waiting = deque[Future[int]]()
        noted, moment = place, time.monotonic()
        try:
            while True:
                free = _WINDOW - len(waiting)
                waiting.extend(pool.submit(computed, index) for index in islice(indices, free))
                if not waiting:
                    return
                stop = waiting.popleft().result()
                advance(stop - place)
                place = stop
                if time.monotonic() - moment >= NOTE_SECONDS:
                    partial.complete(Interval(noted, place))
                    noted, moment = place, time.monotonic()
        finally:
            body.stop()
            for each in waiting:
                each.cancel()
            # Threads that still write must end before the file is closed.
            wait(waiting)

    @contextmanager
    def _room(self, layout: FileLayout, first: int, last: int) -> Iterator[None]:
        """The memory for the matrix of a chunk with the parts first ... last - 1, if it has one."""
        kind = layout.kinds[int(layout.file.part_kinds[first])] if first < last else None
        if kind is None or not kind.body.materialised:
            yield
            return
        with self._matrices.taken(_ELEMENT_MEMORY * kind.elements):
            yield

    def _tag(self, file: ModelFile) -> str:
        """What must be equal for bytes to be kept: the model, the file, the machine's start."""
        start = ""
        with suppress(OSError):
            start = _START.read_text().strip()
        return f"{self.plan.tag(file.name)} {start}".rstrip()

    def _is_complete(self, file: ModelFile) -> bool:
        """Whether the folder has this file as this program has written it."""
        with suppress(OSError, ValueError):
            return bool(json.loads(self._record(file).read_bytes()) == self._facts(file))
        return False

    def _note_complete(self, file: ModelFile) -> None:
        record = self._record(file)
        record.parent.mkdir(exist_ok=True)
        new = record.with_name(f"{record.name}.new")
        new.write_text(json.dumps(self._facts(file)))
        os.replace(new, record)

    def _record(self, file: ModelFile) -> Path:
        return self.folder / RECORDS / f"{file.name}.json"

    def _facts(self, file: ModelFile) -> dict[str, str | int]:
        """What the record of a complete file has. Whoever changes the file changes its time."""
        status = os.stat(self.folder / file.name)
        size, moment = status.st_size, status.st_mtime_ns
        return {"etag": self._tag(file), "length": size, "mtime_ns": moment}


_Advance = Callable[[int], object]
