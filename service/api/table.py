"""The table that all processes of a server share: what each of them does and has in flight.

It is anonymous memory that the parent maps before it forks. Each process has a row and writes only
that row. The parent clears the row of a process that has ended, which frees the shares of that
process. A cell is an integer of 8 bytes, which the processor reads and writes in one step.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from mmap import mmap

_CELL_BYTES = 8


class State(IntEnum):
    """What a process does. A row of zeros has no process."""

    GONE = 0
    LOADING = 1
    """It imports the application."""
    STARTING = 2
    """Its event loop runs. The kernels are being compiled and checked."""
    READY = 3
    FAILED = 4
    """The kernels failed their check. The process issues no tensor."""


class Ending(IntEnum):
    """How far the end of a process has come."""

    NO = 0
    DRAINING = 1
    """Its end is announced, and it still accepts connections."""
    CLOSING = 2
    """It accepts no more connections and finishes its answers."""


class Cell(IntEnum):
    """The cells of a row."""

    STATE = 0
    ENDING = 1
    HEARTBEAT = 2
    """When the event loop last moved, in nanoseconds of the monotonic clock."""
    CUT = 3
    """Answers that were cut when the process ended."""
    STREAMS = 4
    """Large answers that are being sent."""
    COST = 5
    """The work in the queues of the threads, in blocks (`Load.cost`)."""
    MATRICES = 6
    """Materialised answers in flight."""
    MATRIX_BYTES = 7
    """The memory of the materialised answers."""
    MATRIX_COST = 8
    """The work of the materialised answers, in blocks."""
    SIMULATIONS = 9
    POLLED = 10
    """When the process last looked for places for its requests that wait, in nanoseconds of the
    monotonic clock."""
    WAITING = 11
    """The first of several cells, one for each queue: since when its first request waits, in
    nanoseconds of the monotonic clock; 0 for nobody."""


QUEUES = 3
_CELLS = Cell.WAITING + QUEUES


class Table:
    """`rows` rows of zeros."""

    def __init__(self, rows: int = 1) -> None:
        self.rows = rows
        self._cells = memoryview(mmap(-1, rows * _CELLS * _CELL_BYTES)).cast("q")
        # A process that is alone needs no lock.
        self._lock = None if rows == 1 else _file_without_name()

    def get(self, row: int, cell: int) -> int:
        """The number in a cell."""
        return self._cells[row * _CELLS + cell]

    def put(self, row: int, cell: int, number: int) -> None:
        """Write a number into a cell."""
        self._cells[row * _CELLS + cell] = number

    def column(self, cell: int) -> list[int]:
        """The numbers of all rows in this cell."""
        return self._cells[cell::_CELLS].tolist()

    def clear(self, row: int) -> None:
        """Write zeros into a row, whose process has ended."""
        for cell in range(_CELLS):
            self.put(row, cell, 0)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """A block that only one process runs at a time.

        The kernel frees the lock of a process that ends (fcntl(2)).
        """
        if self._lock is None:
            yield
            return
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)


def _file_without_name() -> int:
    """The descriptor of an empty file: in memory if the system can do that, else on disk.

    A container may have no writable folder.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create("fanin")
    descriptor, path = tempfile.mkstemp()
    os.unlink(path)
    return descriptor


class Row:
    """The row of this process."""

    def __init__(self, table: Table, index: int) -> None:
        self.table = table
        self.index = index

    @property
    def state(self) -> State:
        """What this process does."""
        return State(self.get(Cell.STATE))

    @state.setter
    def state(self, state: State) -> None:
        self.put(Cell.STATE, state)

    @property
    def ending(self) -> Ending:
        """How far the end of this process has come."""
        return Ending(self.get(Cell.ENDING))

    @ending.setter
    def ending(self, ending: Ending) -> None:
        self.put(Cell.ENDING, ending)

    def get(self, cell: int) -> int:
        """The number in a cell of this row."""
        return self.table.get(self.index, cell)

    def put(self, cell: int, number: int) -> None:
        """Write a number into a cell of this row."""
        self.table.put(self.index, cell, number)

    def add(self, cell: int, number: int) -> None:
        """Add a number to a cell of this row."""
        self.put(cell, self.get(cell) + number)

    def beat(self) -> None:
        """Note that the event loop moves."""
        self.put(Cell.HEARTBEAT, time.monotonic_ns())

    @property
    def accepts(self) -> bool:
        """Whether this process has to accept connections.

        Every ready process accepts. While none is ready, the first one in the table that is
        starting accepts: it answers the probes and refuses work. If none is starting, the first one
        whose kernels failed accepts.
        """
        endings = self.table.column(Cell.ENDING)
        if endings[self.index] == Ending.CLOSING:
            return False
        states = [
            State.GONE if ending == Ending.CLOSING else state
            for state, ending in zip(self.table.column(Cell.STATE), endings, strict=True)
        ]
        for state in (State.READY, State.STARTING, State.FAILED):
            if state in states:
                first = states.index(state) == self.index
                return self.state is state and (first or state is State.READY)
        return False


def alone() -> Row:
    """A row for a process that is alone and has just been started."""
    row = Row(Table(), 0)
    row.state = State.LOADING
    return row
