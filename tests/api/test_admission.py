"""Shares of what all processes have in flight: who gets one, who waits, and who gives it back."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from typing import Any

import httpx2
import pytest

from service.api import admission
from service.api.admission import (
    BLOCKS_PER_SECOND,
    MATRIX_BYTES,
    Admission,
    Limits,
    Load,
    Queue,
    retry_seconds,
)
from service.api.app import create_app
from service.api.streaming import INLINE_BYTES, INLINE_COST, Memory
from service.api.table import Cell, Row, State, Table, alone
from service.errors import UnavailableError
from service.settings import Settings
from tests.api.patterns import MIB, TIB, PatternBody, app_for, pool_of, serving
from tests.application import ask as http_ask
from tests.application import problem, wait_until_ready
from tests.server import Address, ask, read, running, until

ONE = Load(streams=1)

WAIT_SECONDS = 0.3


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "WAIT_SECONDS", WAIT_SECONDS)
    monkeypatch.setattr(admission, "STALE_SECONDS", 2 * WAIT_SECONDS)


def two(streams: int = 2) -> tuple[Admission, Admission, Table]:
    """The admissions of two processes that share a table of three rows."""
    table = Table(3)
    limits = Limits(streams, threads=1)
    return Admission(limits, Row(table, 0)), Admission(limits, Row(table, 1)), table


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> float:
    """Run a coroutine; returns the seconds that it took."""
    began = time.monotonic()
    asyncio.run(work())
    return time.monotonic() - began


def held(table: Table) -> int:
    """Streams in flight in all processes."""
    return sum(table.column(Cell.STREAMS))


def test_the_places_of_all_processes_are_the_same() -> None:
    """What one takes the other does not get, until it is given back."""
    here, there, table = two(streams=3)

    async def work() -> None:
        for each in (here, there, here):
            assert await each.enter(ONE, Queue.STREAM)
        with pytest.raises(UnavailableError, match="places for large answers") as refused:
            await there.enter(ONE, Queue.STREAM)
        assert refused.value.reason == "too_busy"
        assert refused.value.retry_after == 2
        here.leave(ONE)
        assert await there.enter(ONE, Queue.STREAM)
        assert held(table) == 3

    assert run(work) == pytest.approx(WAIT_SECONDS, abs=0.15)


def test_a_place_that_becomes_free_elsewhere_is_found() -> None:
    """Within a moment: a process with waiting requests looks at the table again and again."""
    here, there, _ = two(streams=1)

    async def work() -> None:
        assert await here.enter(ONE, Queue.STREAM)
        waiting = asyncio.create_task(there.enter(ONE, Queue.STREAM))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        here.leave(ONE)
        assert await waiting

    assert run(work) < 0.5


def test_nobody_is_overtaken() -> None:
    """Places go round in the order of arrival, through both processes; newcomers wait as well."""
    here, there, _ = two(streams=1)
    served: list[int] = []

    async def client(number: int, process: Admission) -> None:
        assert await process.enter(ONE, Queue.STREAM)
        served.append(number)
        process.leave(ONE)

    async def work() -> None:
        assert await here.enter(ONE, Queue.STREAM)
        tasks = []
        for number in range(8):
            tasks.append(asyncio.create_task(client(number, (here, there)[number % 2])))
            await asyncio.sleep(0.01)
        here.leave(ONE)
        await asyncio.gather(*tasks)

    run(work)
    assert served == list(range(8))


def test_a_process_that_stands_still_does_not_stop_the_others() -> None:
    """It has not looked for places for STALE_SECONDS, so others are let in before its request."""
    here, _, table = two(streams=1)
    for cell in (Cell.WAITING + Queue.STREAM, Cell.POLLED):
        table.put(1, cell, time.monotonic_ns())

    async def work() -> None:
        with pytest.raises(UnavailableError):
            await here.enter(ONE, Queue.STREAM)
        await asyncio.sleep(1.5 * WAIT_SECONDS)
        assert await here.enter(ONE, Queue.STREAM)

    run(work)


def test_a_process_that_moves_keeps_its_turn() -> None:
    """However long its request waits: the process looks for places all the time."""
    here, there, _ = two(streams=1)

    async def work() -> None:
        assert await here.enter(ONE, Queue.STREAM)
        patient = asyncio.create_task(there.enter(ONE, Queue.STREAM, wait=20 * WAIT_SECONDS))
        await asyncio.sleep(3 * WAIT_SECONDS)
        newcomer = asyncio.create_task(here.enter(ONE, Queue.STREAM, wait=20 * WAIT_SECONDS))
        await asyncio.sleep(0)
        here.leave(ONE)
        assert await patient
        assert not newcomer.done()
        there.leave(ONE)
        assert await newcomer

    run(work)


def test_a_request_may_say_how_long_it_waits() -> None:
    here, _, _ = two(streams=1)

    async def work() -> None:
        assert await here.enter(ONE, Queue.STREAM)
        with pytest.raises(UnavailableError):
            await here.enter(ONE, Queue.STREAM, wait=3 * WAIT_SECONDS)

    assert run(work) == pytest.approx(3 * WAIT_SECONDS, abs=0.15)


def test_a_queue_does_not_wait_for_another_one() -> None:
    """Small answers are computed while streams and matrices wait."""
    here, there, _ = two(streams=4)
    matrix = Load(1, 0, matrices=1, matrix_bytes=1, matrix_cost=1)

    async def work() -> None:
        assert await here.enter(matrix, Queue.MATRIX)
        waiting = [
            asyncio.create_task(here.enter(matrix, Queue.MATRIX)),
            asyncio.create_task(there.enter(matrix, Queue.MATRIX)),
        ]
        await asyncio.sleep(0.05)
        assert await there.enter(Load(cost=1), Queue.SMALL)
        assert await here.enter(ONE, Queue.STREAM)
        here.leave(matrix)
        assert await waiting[0]
        here.leave(matrix)
        assert await waiting[1]

    assert run(work) < 0.5


@pytest.mark.parametrize(
    ("load", "queue", "message"),
    [
        (Load(cost=2 * BLOCKS_PER_SECOND), Queue.SMALL, "threads have work"),
        (Load(1, matrices=1, matrix_bytes=2 * MATRIX_BYTES), Queue.MATRIX, "matrices"),
    ],
)
def test_one_alone_is_never_too_large(load: Load, queue: Queue, message: str) -> None:
    """One request is let in although it exceeds the limit. A second one is refused everywhere."""
    here, there, _ = two(streams=64)

    async def work() -> None:
        assert await here.enter(load, queue)
        for process in (here, there):
            with pytest.raises(UnavailableError, match=message):
                await process.enter(load, queue)

    run(work)


def test_matrices_hold_a_share_of_the_places() -> None:
    """A quarter, and at least one, so that answers without matrices are always served."""
    matrix = Load(1, matrices=1, matrix_bytes=1, matrix_cost=7 * BLOCKS_PER_SECOND)

    async def work() -> None:
        here, there, _ = two(streams=8)
        for process in (here, there):
            assert await process.enter(matrix, Queue.MATRIX)
        with pytest.raises(UnavailableError, match="wait for the threads") as refused:
            await here.enter(matrix, Queue.MATRIX)
        # 14 s of work for three processes with one thread of matrices each.
        assert refused.value.retry_after == 5
        for _ in range(6):
            assert await there.enter(ONE, Queue.STREAM)
        assert await two(streams=2)[0].enter(matrix, Queue.MATRIX)

    run(work)


def test_simulations_are_refused_at_once() -> None:
    """One for every two threads of all processes, and at least one."""
    here, there, _ = two()
    simulation = Load(simulations=1)
    assert here.try_to_enter(simulation)
    assert not there.try_to_enter(simulation)
    here.leave(simulation)
    assert there.try_to_enter(simulation)


@pytest.mark.parametrize("end", ["departure", "cancellation", "refusal"])
def test_who_does_not_enter_takes_nothing(end: str) -> None:
    """A client that leaves gives up its turn, and the one behind it moves up."""
    here, there, table = two(streams=1)

    async def work() -> None:
        assert await here.enter(ONE, Queue.STREAM)
        departure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        first = asyncio.create_task(there.enter(ONE, Queue.STREAM, departure))
        await asyncio.sleep(0.1)
        behind = asyncio.create_task(there.enter(ONE, Queue.STREAM))
        await asyncio.sleep(0.1)
        if end == "departure":
            departure.set_result(None)
            assert await first is False
        elif end == "cancellation":
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
        else:
            with pytest.raises(UnavailableError):
                await first
        assert held(table) == 1
        here.leave(ONE)
        assert await behind
        there.leave(ONE)
        assert held(table) == 0
        assert table.column(Cell.WAITING + Queue.STREAM) == [0, 0, 0]

    run(work)


def test_who_is_cancelled_with_a_place_in_hand_gives_it_back() -> None:
    """The place is given and the task cancelled before it runs again."""
    here, _, table = two(streams=1)

    async def work() -> None:
        assert await here.enter(ONE, Queue.STREAM)
        waiting = asyncio.create_task(here.enter(ONE, Queue.STREAM))
        await asyncio.sleep(0.05)
        here.leave(ONE)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert held(table) == 0
        assert await here.enter(ONE, Queue.STREAM)

    run(work)


def in_a_fork(work: Callable[[], None]) -> int:
    """Run this in another process; returns its process id."""
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            work()
            os._exit(0)
        os._exit(1)
    return pid


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_processes_that_compete_take_no_place_twice() -> None:
    """Four processes take and give back as fast as they can; there are never more than three."""
    table = Table(5)
    limits = Limits(streams=3, threads=1)

    def compete(index: int) -> None:
        mine = Admission(limits, Row(table, index))
        most = 0
        until = time.monotonic() + 0.7
        while time.monotonic() < until:
            if mine.try_to_enter(ONE):
                most = max(most, held(table))
                mine.leave(ONE)
        table.put(index, Cell.CUT, most)

    pids = [in_a_fork(partial(compete, index)) for index in range(4)]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
    assert held(table) == 0
    assert 1 <= max(table.column(Cell.CUT)) <= 3


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_lock_of_a_killed_process_is_free() -> None:
    """It is killed while it holds the lock. Its share is free once its row is cleared."""
    table = Table(2)

    def hold() -> None:
        with table.locked():
            table.put(1, Cell.STREAMS, 64)
            signal.pause()

    pid = in_a_fork(hold)
    while table.get(1, Cell.STREAMS) == 0:
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    table.clear(1)
    assert Admission(Limits(1, 1), Row(table, 0)).try_to_enter(ONE)


@pytest.mark.parametrize(("work", "seconds"), [(0.0, 2), (2.1, 3), (16.0, 16), (1e9, 120)])
def test_retry_after_is_the_work_that_waits(work: float, seconds: int) -> None:
    """In whole seconds, within bounds."""
    assert retry_seconds(work) == seconds


def test_who_accepts() -> None:
    """Every ready process; else the first that starts; else the first that failed. Never a row
    without a process, nor one that has stopped accepting."""
    table = Table(4)
    rows = [Row(table, index) for index in range(4)]

    def accepting(*states: State) -> list[int]:
        for row, state in zip(rows, states, strict=True):
            row.state = state
        return [row.index for row in rows if row.accepts]

    gone, loading, starting, ready, failed = State
    assert accepting(loading, loading, gone, loading) == []
    assert accepting(loading, starting, starting, gone) == [1]
    assert accepting(starting, starting, starting, gone) == [0]
    assert accepting(starting, ready, starting, ready) == [1, 3]
    assert accepting(failed, starting, failed, gone) == [1]
    assert accepting(failed, failed, gone, gone) == [0]


# Over sockets.


def computed(cost: int) -> PatternBody:
    """A small body of this cost."""
    return PatternBody(INLINE_BYTES, cost=cost)


@pytest.mark.parametrize(("cost", "threads"), [(INLINE_COST, 0), (INLINE_COST + 1, 1)])
def test_a_small_answer_that_costs_much_is_computed_in_a_thread(cost: int, threads: int) -> None:
    """The event loop is free meanwhile. A cheap one is computed on it (control)."""
    names: set[str] = set()

    class Noting(PatternBody):
        def chunk(self, index: int, memory: Memory) -> memoryview:
            names.add(threading.current_thread().name)
            return super().chunk(index, memory)

    body = Noting(INLINE_BYTES, cost=cost)
    with closing(pool_of(threads=1)) as pool, serving(app_for(body, pool)) as address:
        assert httpx2.get(address.url).content == body.expected()
    assert sum(name.startswith("stream-") for name in names) == threads


def test_silent_readers_do_not_hold_up_small_answers() -> None:
    """Every place for a stream is taken; costly small answers need none."""
    body = computed(INLINE_COST + 1)
    with closing(pool_of(threads=1, streams=1)) as pool:
        large, small = app_for(PatternBody(TIB), pool), app_for(body, pool)
        with serving(large) as there, serving(small) as here, ask(there) as client:
            read(client, MIB)
            assert httpx2.get(here.url).status_code == 200


COSTLY = "/v1/weights.raw?shape=256,256&scheme=dct&dtype=float8_e5m2"
PLAIN = "/v1/weights.raw?shape=8,8&scheme=zeros"


@contextmanager
def beside_a_busy_process() -> Iterator[tuple[Address, Row]]:
    """A process of one thread, and the row of another one with ten seconds of work."""
    table = Table(2)
    busy = Row(table, 1)
    busy.add(Cell.COST, 10 * BLOCKS_PER_SECOND)
    app = create_app(Settings(threads=1), warm_up=lambda: None, row=Row(table, 0))
    with running(app) as address:
        wait_until_ready(address)
        yield address, busy


def test_a_costly_answer_waits_a_little_and_is_refused() -> None:
    """503 with Retry-After, the seconds of work in flight. Answers that cost little do not wait."""
    with beside_a_busy_process() as (address, _):
        began = time.monotonic()
        refused = http_ask(address, COSTLY)
        waited = time.monotonic() - began
        told = {path: http_ask(address, path).status for path in ("/livez", "/readyz", PLAIN)}
        head = http_ask(address, COSTLY, "HEAD")
    assert (refused.status, problem(refused)["reason"]) == (503, "too_busy")
    assert refused.headers["retry-after"] == "10"
    assert WAIT_SECONDS <= waited < 10 * WAIT_SECONDS
    assert told == {"/livez": 200, "/readyz": 200, PLAIN: 200}
    assert head.status == 200


def test_a_costly_answer_is_computed_once_there_is_room() -> None:
    """Control: the other process finishes its work while the request waits."""
    with beside_a_busy_process() as (address, busy), ThreadPoolExecutor(1) as client:
        waiting = client.submit(http_ask, address, COSTLY)
        time.sleep(WAIT_SECONDS / 2)
        assert not waiting.done()
        busy.put(Cell.COST, 0)
        assert waiting.result().status == 200


def test_a_client_that_leaves_while_it_waits_gives_up_its_turn() -> None:
    """Its request stops waiting at once, long before WAIT_SECONDS is over."""
    row = alone()
    pool = pool_of(threads=1)
    pool.admission = Admission(Limits(1, 1), row)
    with closing(pool), serving(app_for(PatternBody(TIB), pool)) as address, ask(address) as first:
        read(first, MIB)
        with ask(address):
            assert until(lambda: row.get(Cell.WAITING + Queue.STREAM) > 0)
        began = time.monotonic()
        assert until(lambda: row.get(Cell.WAITING + Queue.STREAM) == 0)
        assert time.monotonic() - began < WAIT_SECONDS / 2
        assert row.get(Cell.STREAMS) == 1


@pytest.mark.parametrize("end", ["whole", "departure", "failure", "short"])
@pytest.mark.parametrize("kind", ["stream", "matrix", "small"])
def test_every_end_of_an_answer_gives_its_share_back(end: str, kind: str) -> None:
    """The row of the process is 0 again in every cell."""
    row = alone()
    ends: dict[str, dict[str, Any]] = {
        "whole": {},
        "departure": {},
        "failure": {"fails_at": 0},
        "short": {"ends_at": 1},
    }
    length = {"small": INLINE_BYTES, "stream": 2 * MIB, "matrix": 2 * MIB}[kind]
    if end == "departure" and kind != "small":
        length = TIB
    body = PatternBody(
        length, materialised=kind == "matrix", cost=BLOCKS_PER_SECOND // 8, **ends[end]
    )
    with closing(pool_of(threads=1)) as pool:
        pool.admission = Admission(Limits(4, 1), row)
        with serving(app_for(body, pool)) as address, ExitStack() as stack:
            client = stack.enter_context(ask(address))
            if end == "departure":
                read(client, 1000)
                assert kind == "small" or row.get(Cell.STREAMS) == 1
                client.close()
            else:
                client.settimeout(0.2)
                while not body.answered.is_set():
                    with suppress(TimeoutError, ConnectionError):
                        client.recv(2**20)
            assert body.answered.wait(5)
            cells = [row.get(cell) for cell in Load().cells()]
    assert cells == [0] * len(cells)


def test_a_share_that_is_kept_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: where `leave` does nothing, the row is not 0 after an answer."""
    monkeypatch.setattr(Admission, "leave", lambda admission, load: None)
    row = alone()
    pool = pool_of(threads=1)
    pool.admission = Admission(Limits(4, 1), row)
    with closing(pool), serving(app_for(PatternBody(2 * MIB), pool)) as address:
        assert len(httpx2.get(address.url).content) == 2 * MIB
    assert row.get(Cell.STREAMS) == 1
