"""A file of which some ranges are there: written at any place, kept when the process is killed.

FILE.fanin-part has the bytes, and FILE.fanin-part.json says which of them are complete. Both are
beside FILE, which they replace at the end.
"""

import fcntl
import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from service.cli.files import status_of, take_over


class Interval(NamedTuple):
    """The bytes start ... stop - 1."""

    start: int
    stop: int


class BusyError(OSError):
    """Another process writes the file."""


class PartialFile:
    """The bytes of a tensor of `length` bytes and entity tag `tag` that are there so far.

    `kept` is the number of bytes that an earlier process left. `other` says that it left bytes of
    another tensor, which are dropped.
    """

    def __init__(
        self, target: Path, descriptor: int, tag: str, length: int, *, anew: bool = False
    ) -> None:
        """Raises OSError. The file `descriptor` must be locked. `anew` drops what is there."""
        self.length = length
        self._target, self._descriptor, self._tag = target, descriptor, tag
        self._state = _state_of(target)
        found = None if anew else self._read_state()
        self.other = found is not None and found[0] != (tag, length)
        self._done: list[Interval] = [] if found is None or self.other else found[1]
        self.kept = sum(each.stop - each.start for each in self._done)
        if not self._done:
            # The old list must be gone before the bytes that it names.
            self._state.unlink(missing_ok=True)
            if os.fstat(descriptor).st_size:
                # After this, ext4 writes the file to the disk when it is closed.
                os.ftruncate(descriptor, 0)
            os.ftruncate(descriptor, length)

    def missing(self, most: int) -> Iterator[Interval]:
        """The intervals that are missing now, in order, each of at most `most` bytes."""
        place = 0
        for done in [*self._done, Interval(self.length, self.length)]:
            for start in range(place, done.start, most):
                yield Interval(start, min(start + most, done.start))
            place = done.stop

    def write(self, start: int, content: bytes) -> None:
        """Write bytes at this place and wait for the disk; raises OSError. Any thread may call it.

        A list on the disk must not name bytes that a power failure loses.
        """
        self.put(start, memoryview(content))
        os.fdatasync(self._descriptor)

    def put(self, start: int, content: memoryview) -> None:
        """Write bytes at this place; raises OSError. Any thread may call it."""
        while content:
            written = os.pwrite(self._descriptor, content, start)
            content, start = content[written:], start + written

    def complete(self, interval: Interval) -> None:
        """Note that the bytes of an interval are written; raises OSError."""
        self._done = merged([*self._done, interval])
        state = {"etag": self._tag, "length": self.length, "complete": self._done}
        new = _new_state_of(self._target)
        new.write_text(json.dumps(state))
        os.replace(new, self._state)

    def replace_target(self) -> None:
        """Give the file its name and the permissions of the file that it replaces."""
        old = status_of(self._target)
        if old is not None:
            take_over(self._descriptor, old)
        os.replace(part_of(self._target), self._target)
        self._state.unlink(missing_ok=True)

    def _read_state(self) -> tuple[tuple[str, int], list[Interval]] | None:
        """The tag, the length and the complete intervals that the list names.

        None if there is no list, if it cannot be read, or if the file has another length.
        """
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            state = json.loads(self._state.read_bytes())
            done = [Interval(int(start), int(stop)) for start, stop in state["complete"]]
            tag, length = str(state["etag"]), int(state["length"])
            if os.fstat(self._descriptor).st_size == length and _fit(done, length):
                return (tag, length), done
        return None


@contextmanager
def partial_file(
    target: Path, tag: str, length: int, *, anew: bool = False
) -> Iterator[PartialFile]:
    """The partial file of `target`, opened and locked. `anew` drops what an earlier process left.

    Raises BusyError if another process has it, and OSError. An existing target must be writable.
    """
    old = status_of(target)
    if old is not None:
        os.close(os.open(target, os.O_WRONLY))
    part = part_of(target)
    # As long as the target is absent, the umask decides who may read the bytes.
    descriptor = os.open(
        part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666 if old is None else 0o600
    )
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"another process writes {part}") from None
        now = status_of(part)
        if now is None or not os.path.samestat(now, os.fstat(descriptor)):
            raise BusyError("another process has just finished it")
        yield PartialFile(target, descriptor, tag, length, anew=anew)
    finally:
        os.close(descriptor)


def part_of(target: Path) -> Path:
    """The file with the bytes that are there so far."""
    return target.with_name(f"{target.name}.fanin-part")


def _state_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.fanin-part.json")


def _new_state_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.fanin-part.json.new")


def irregular_file(target: Path) -> Path | None:
    """The target, or a file beside it that a download uses, if it is no regular file.

    To open a pipe would wait for its other end. Raises OSError.
    """
    if not is_regular_or_absent(target):
        return target
    beside = [part_of(target), _state_of(target), _new_state_of(target)]
    return next((each for each in beside if not is_regular_or_absent(each)), None)


def is_regular_or_absent(path: Path) -> bool:
    """Whether a file can be opened without waiting, and replaced; raises OSError."""
    status = status_of(path)
    return status is None or stat.S_ISREG(status.st_mode)


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same bytes in as few intervals as possible, in order."""
    apart: list[Interval] = []
    for start, stop in sorted(intervals):
        if apart and start <= apart[-1].stop:
            apart[-1] = Interval(apart[-1].start, max(stop, apart[-1].stop))
        else:
            apart.append(Interval(start, stop))
    return apart


def _fit(intervals: list[Interval], length: int) -> bool:
    """Whether the intervals are in order, apart and within the file."""
    places = [0, *(place for each in intervals for place in each), length]
    return places == sorted(places) and intervals == merged(intervals)
