"""Admission: what all processes of a server together have in flight, and who waits for a place.

A request takes its share of the limits before it begins and gives it back when it ends. The shares
of a process stand in its row of the table, so the parent frees them if the process is killed. A
request that does not fit waits a little, in the order of arrival, whichever process it came to.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from math import ceil

from service.api.table import Cell, Row
from service.errors import Problem, UnavailableError
from service.settings import Settings

BLOCKS_PER_SECOND = 2**27
"""About how many blocks a thread draws in a second. It need not be exact."""

MATRIX_SHARE = 4
"""Materialised answers have at most one in MATRIX_SHARE of the places. One thread computes them,
and they would otherwise take all places for minutes."""

MATRIX_BYTES = 512 * 2**20
"""The most memory of the materialised answers in flight. Each is computed and kept as a whole: a
matrix of 8,192 x 8,192 takes 256 MiB in float32, and 512 MiB in float64."""

WAIT_SECONDS = 1.0
"""How long a request waits for a place before it is refused, unless its caller says otherwise."""

POLL_SECONDS = 0.02
"""How often a process with waiting requests looks for places that other processes have freed."""

STALE_SECONDS = 2.0
"""A process that has not looked for places for so long stands still. Its requests are passed
over."""

LEAST_RETRY_SECONDS = 2
MOST_RETRY_SECONDS = 120
"""The bounds of Retry-After."""


class Queue(IntEnum):
    """Requests that wait for places of the same kind. Nobody overtakes in a queue."""

    SMALL = 0
    """Answers that are computed as a whole. They hold no place while they are sent."""
    STREAM = 1
    MATRIX = 2


@dataclass(frozen=True, slots=True)
class Load:
    """What a request has in flight.

    `cost` is its work in the queues of the threads, in blocks: that of a whole small answer, or of
    one chunk of a stream. A chunk counts from when a thread gets it until it is computed. Later
    chunks do not count, since they are begun when the client has taken the earlier ones.
    `matrix_cost` is the work of a materialised answer. It has no limit, and Retry-After is
    estimated from it.
    """

    streams: int = 0
    cost: int = 0
    matrices: int = 0
    matrix_bytes: int = 0
    matrix_cost: int = 0
    simulations: int = 0

    def cells(self) -> dict[Cell, int]:
        """The numbers by the cells that they are added to."""
        return {
            Cell.STREAMS: self.streams,
            Cell.COST: self.cost,
            Cell.MATRICES: self.matrices,
            Cell.MATRIX_BYTES: self.matrix_bytes,
            Cell.MATRIX_COST: self.matrix_cost,
            Cell.SIMULATIONS: self.simulations,
        }


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that all processes together have in flight."""

    streams: int
    threads: int
    """The threads of all processes, which draw `BLOCKS_PER_SECOND` each."""

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits that these settings give."""
        return cls(settings.max_streams, settings.workers * settings.stream_threads)

    def cells(self) -> dict[Cell, int]:
        """The limits by their cells. The threads do the work in flight in about a second."""
        return {
            Cell.STREAMS: self.streams,
            Cell.COST: self.threads * BLOCKS_PER_SECOND,
            Cell.MATRICES: max(1, self.streams // MATRIX_SHARE),
            Cell.MATRIX_BYTES: MATRIX_BYTES,
            Cell.SIMULATIONS: max(1, self.threads // 2),
        }


_REFUSALS = {
    Cell.STREAMS: "all places for large answers are taken",
    Cell.COST: "the threads have work for the next second",
    Cell.MATRICES: "too many answers wait for the threads that compute matrices",
    Cell.MATRIX_BYTES: "the matrices in flight take all memory that is set aside for them",
    Cell.SIMULATIONS: "other networks are being simulated",
}


class _Waiter:
    """A request that waits. `turn` is done once it has its share."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.since = time.monotonic_ns()
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Admission:
    """The shares of this process, in `row`. It belongs to one event loop."""

    def __init__(self, limits: Limits, row: Row) -> None:
        self._limits = limits
        self._row = row
        self._queues: dict[Queue, deque[_Waiter]] = {queue: deque() for queue in Queue}
        self._polling = False

    async def enter(
        self,
        load: Load,
        queue: Queue,
        departure: "asyncio.Future[None] | None" = None,
        wait: float | None = None,
    ) -> bool:
        """Take a share of the limits, which `leave` gives back. False if the client left first.

        A request that is alone always fits. One that does not fit waits for at most `wait` seconds,
        by default WAIT_SECONDS, and ends waiting when `departure` is done. Raises UnavailableError
        (`too_busy`) after that time. If this raises or the task is cancelled, no share is taken.
        """
        seconds = WAIT_SECONDS if wait is None else wait
        if not self._queues[queue] and self._take(load, queue, time.monotonic_ns()):
            return True
        waiter = _Waiter(load)
        self._queues[queue].append(waiter)
        self._note_first(queue)
        self._poll_later()
        entered = False
        try:
            awaited = [waiter.turn] if departure is None else [waiter.turn, departure]
            await asyncio.wait(awaited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            entered = waiter.turn.done()
        finally:
            if waiter.turn.done() and not entered:
                self.leave(load)
            elif not entered:
                self._queues[queue].remove(waiter)
                self._note_first(queue)
        if not entered and not (departure is not None and departure.done()):
            raise self._too_busy(load)
        return entered

    def try_to_enter(self, load: Load) -> bool:
        """Take a share without waiting, which `leave` gives back. Returns whether it fits."""
        return self._take(load, None, 0)

    def add(self, load: Load) -> None:
        """Take a share without looking at the limits, for a request that has been admitted."""
        for cell, number in load.cells().items():
            self._row.add(cell, number)

    def leave(self, load: Load) -> None:
        """Give back a share."""
        for cell, number in load.cells().items():
            self._row.add(cell, -number)
        self._serve()

    def _take(self, load: Load, queue: Queue | None, since: int) -> bool:
        """Take a share if it fits and nobody in another process has waited longer in the queue."""
        with self._row.table.locked():
            if queue is not None and self._is_overtaking(queue, since):
                return False
            if self._full(load) is not None:
                return False
            for cell, number in load.cells().items():
                self._row.add(cell, number)
        return True

    def _full(self, load: Load) -> Cell | None:
        """The limit that this load would exceed."""
        wanted = load.cells()
        for cell, limit in self._limits.cells().items():
            held = sum(self._row.table.column(cell)) if wanted[cell] else 0
            if held and held + wanted[cell] > limit:
                return cell
        return None

    def _is_overtaking(self, queue: Queue, since: int) -> bool:
        stale = time.monotonic_ns() - int(STALE_SECONDS * 1e9)
        firsts = self._row.table.column(Cell.WAITING + queue)
        polled = self._row.table.column(Cell.POLLED)
        del firsts[self._row.index], polled[self._row.index]
        return any(
            0 < first < since and stale < moment
            for first, moment in zip(firsts, polled, strict=True)
        )

    def _note_first(self, queue: Queue) -> None:
        waiters = self._queues[queue]
        self._row.put(Cell.POLLED, time.monotonic_ns())
        self._row.put(Cell.WAITING + queue, waiters[0].since if waiters else 0)

    def _poll_later(self) -> None:
        if not self._polling:
            self._polling = True
            asyncio.get_running_loop().call_later(POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        self._polling = False
        self._row.put(Cell.POLLED, time.monotonic_ns())
        self._serve()
        if any(self._queues.values()):
            self._poll_later()

    def _serve(self) -> None:
        """Give places to those who wait, in their order."""
        for queue, waiters in self._queues.items():
            while waiters and self._take(waiters[0].load, queue, waiters[0].since):
                waiters.popleft().turn.set_result(None)
                self._note_first(queue)

    def _too_busy(self, load: Load) -> UnavailableError:
        # If no limit is reached any more, the refusal names the first one that counts for the load.
        full = self._full(load) or next(cell for cell in _REFUSALS if load.cells()[cell])
        hint = "try again after the seconds in Retry-After, or ask another replica"
        problem = Problem("", _REFUSALS[full], hint)
        return UnavailableError("too_busy", problem, retry_after=self._seconds_left(full))

    def _seconds_left(self, full: Cell) -> int:
        matrices = full in (Cell.MATRICES, Cell.MATRIX_BYTES)
        cost = sum(self._row.table.column(Cell.MATRIX_COST if matrices else Cell.COST))
        threads = self._row.table.rows if matrices else self._limits.threads
        return retry_seconds(cost / (threads * BLOCKS_PER_SECOND))


def retry_seconds(work: float) -> int:
    """The value of Retry-After for a client that has to wait for so many seconds of work."""
    return max(LEAST_RETRY_SECONDS, min(MOST_RETRY_SECONDS, ceil(work)))
