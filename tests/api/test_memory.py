"""Chunks made ahead in memory that goes round: when, in which thread, and never too early."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import numpy as np
import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.streaming import (
    LARGE_BODIES,
    NICENESS,
    Memory,
    ReadAhead,
    Slot,
    StreamPool,
    TensorResponse,
    Turns,
    send_body,
)
from service.server.connection import Connection
from service.server.worker import Worker
from tests.api.patterns import MIB, TIB, PatternBody, pool_of, settled
from tests.server import ask, read, running

KIB = 1024


@pytest.fixture
def pool() -> Iterator[StreamPool]:
    with closing(pool_of(threads=1, streams=4)) as pool:
        yield pool


async def never() -> Message:
    """A client that says nothing and stays."""
    await asyncio.Event().wait()
    raise AssertionError


class OneMemory(PatternBody):
    """What must not be: every chunk in the same place, whatever place is offered."""

    def __init__(self, length: int, chunk_bytes: int) -> None:
        super().__init__(length, chunk_bytes)
        self.only = np.empty(chunk_bytes, np.uint8)

    def chunk(self, index: int, memory: Memory) -> memoryview:
        return super().chunk(index, self.only)


def sent(body: PatternBody, pool: StreamPool) -> list[tuple[Message, bytes, bytes]]:
    """Each message of a body, its bytes when it was given and before the next send returns.

    That is how long a transport may hold on to them; meanwhile the threads have time to write.
    """
    messages: list[Message] = []
    first: list[bytes] = []
    last: list[bytes] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            time.sleep(0.002)
            await asyncio.sleep(0)
            last.extend(bytes(each["body"]) for each in messages[-1:])
            messages.append(message)
            first.append(bytes(message["body"]))

    asyncio.run(TensorResponse(body, [], pool)({"method": "GET"}, never, send))
    return list(zip(messages, first, [*last, first[-1]], strict=True))


def overwritten(body: PatternBody, pool: StreamPool) -> int:
    """How many messages lost their bytes too early."""
    return sum(given != kept for _, given, kept in sent(body, pool))


def thread_of(slot: Slot, pool: StreamPool) -> int:
    """The thread that makes the slot's next chunk, when it has done everything before."""
    body = PatternBody(1)
    pool.submit(slot, body, 0, np.empty(1, np.uint8)).result()
    return body.threads.pop()


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("chunk_bytes", [100_000, MIB, 2 * MIB + 1])
def test_a_chunk_is_left_alone_until_the_send_after_it(
    chunk_bytes: int, others: int, pool: StreamPool
) -> None:
    """Alone and in a crowd; what arrives is the body."""
    body = PatternBody(9 * chunk_bytes + 1, chunk_bytes)
    with ExitStack() as held:
        for _ in range(others):
            held.enter_context(pool.slot())
        messages = sent(body, pool)
    assert all(given == kept for _, given, kept in messages)
    assert b"".join(kept for _, _, kept in messages) == body.expected()


def test_a_chunk_that_is_not_left_alone_would_be_seen(pool: StreamPool) -> None:
    """Negative control: with a single piece of memory the bytes change under the socket."""
    assert overwritten(OneMemory(20 * MIB, MIB), pool) > 0


def test_memory_goes_round(pool: StreamPool) -> None:
    """Forty chunks take three pieces of memory: given, being given, in the making."""
    messages = sent(PatternBody(40 * 70_000, 70_000), pool)
    assert len(messages) == 40
    assert len({id(message["body"].obj) for message, _, _ in messages}) == 3


def test_a_long_chunk_is_sent_in_pieces(pool: StreamPool) -> None:
    """At most 1 MiB each; only the last says that nothing follows."""
    messages = [message for message, _, _ in sent(PatternBody(5 * MIB + 5, 5 * MIB // 2), pool)]
    half = MIB // 2
    assert [len(each["body"]) for each in messages] == [MIB, MIB, half, MIB, MIB, half, 5]
    assert [each["more_body"] for each in messages] == [True] * 6 + [False]


@pytest.mark.parametrize(("others", "made"), [(0, 2), (1, 1), (2, 1)])
def test_nothing_is_made_ahead_in_a_crowd(others: int, made: int, pool: StreamPool) -> None:
    """With more bodies than threads only the chunk that is asked for is made."""
    body = PatternBody(TIB)

    async def ask_for_one() -> None:
        with ExitStack() as held:
            for _ in range(others):
                held.enter_context(pool.slot())
            slot = held.enter_context(pool.slot())
            await ReadAhead(body, pool, slot).next()
            thread_of(slot, pool)

    asyncio.run(ask_for_one())
    assert body.made == made


def test_a_crowd_that_comes_and_goes_loses_no_chunk(pool: StreamPool) -> None:
    """Chunks stay in order, and what was made ahead before the crowd came is used."""
    body = PatternBody(60, 5)

    async def collect() -> bytes:
        received = b""
        with pool.slot() as slot:
            chunks = ReadAhead(body, pool, slot)
            for index in range(12):
                with ExitStack() as held:
                    if index % 5 > 2:
                        held.enter_context(pool.slot())
                    received += await chunks.next()
        return received

    assert asyncio.run(collect()) == body.expected()
    assert body.made == 12


def test_bodies_are_spread_over_the_threads() -> None:
    """Each has the thread with the fewest, and keeps it."""
    with closing(pool_of(threads=3, streams=6)) as pool, ExitStack() as held:
        slots = [held.enter_context(pool.slot()) for _ in range(6)]
        threads = [thread_of(slot, pool) for slot in slots]
        assert len(set(threads[:3])) == 3
        assert sorted(threads[:3]) == sorted(threads[3:])
        assert [thread_of(slot, pool) for slot in slots] == threads


def test_a_body_moves_to_a_thread_that_is_left_alone() -> None:
    """Of two that share a thread, one takes over the thread of a third that has ended."""
    with closing(pool_of(threads=2, streams=3)) as pool, pool.slot() as first:
        with pool.slot(), pool.slot() as third:
            assert thread_of(first, pool) == thread_of(third, pool)
            kept = thread_of(first, pool)
        with pool.slot() as second, pool.slot() as third:
            assert len({thread_of(slot, pool) for slot in (first, second)}) == 2
            assert thread_of(third, pool) == kept


@pytest.mark.parametrize(("threads", "few"), [(1, 1), (2, 2), (32, LARGE_BODIES)])
def test_few_bodies_may_take_more_memory(threads: int, few: int) -> None:
    """As many as there are threads are asked for larger chunks, and never many."""
    larger = PatternBody(4 * MIB, 2 * MIB)

    class Permuted(PatternBody):
        def in_larger_chunks(self) -> PatternBody:
            return larger

    with closing(pool_of(threads=threads, streams=64)) as pool, ExitStack() as held:
        for _ in range(few - 1):
            held.enter_context(pool.slot())
        assert [len(kept) for _, _, kept in sent(Permuted(4 * MIB), pool)] == [MIB] * 4
        assert larger.made == 2
        held.enter_context(pool.slot())
        sent(Permuted(4 * MIB), pool)
        assert larger.made == 2


def test_the_event_loop_goes_first(pool: StreamPool) -> None:
    """On Linux the threads that make chunks are nicer than the rest of the process."""
    added = NICENESS if sys.platform == "linux" else 0
    found: list[int] = []

    class Noting(PatternBody):
        def chunk(self, index: int, memory: Memory) -> memoryview:
            found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
            return super().chunk(index, memory)

    with pool.slot() as slot:
        pool.submit(slot, Noting(1), 0, np.empty(1, np.uint8)).result()
    assert found == [min(19, os.getpriority(os.PRIO_PROCESS, 0) + added)]


def cancelled(body: Any, pool: StreamPool, ready: Callable[[], bool]) -> int:
    """Cancel the sending to a client who takes nothing; return how many tasks are left."""

    async def stalled(message: Message) -> None:
        await asyncio.Event().wait()

    async def run() -> int:
        with pool.slot() as slot:
            chunks = ReadAhead(body, pool, slot)
            stays = asyncio.get_running_loop().create_future()
            sending = asyncio.create_task(send_body(chunks, Turns(), body.length, stays, stalled))
            async with asyncio.timeout(10):
                while not ready():
                    await asyncio.sleep(0.01)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
        return len(asyncio.all_tasks()) - 1

    return asyncio.run(run())


def test_cancellation_stops_the_making_and_leaves_no_task(pool: StreamPool) -> None:
    """A response cancelled while it waits for a stalled client cleans up after itself."""
    body = PatternBody(TIB)
    assert cancelled(body, pool, lambda: body.made == 2) == 0
    with pool.slot() as slot:
        thread_of(slot, pool)
    assert body.made == 2


def test_cancellation_does_not_wait_for_a_chunk(pool: StreamPool) -> None:
    """One that is being made is left to its thread; the one that waits for it is never begun."""
    begun, end = threading.Event(), threading.Event()

    class Slow(PatternBody):
        def chunk(self, index: int, memory: Memory) -> memoryview:
            begun.set()
            assert end.wait(10)
            return super().chunk(index, memory)

    body = Slow(TIB)
    assert cancelled(body, pool, begun.is_set) == 0
    assert body.made == 0
    end.set()
    with pool.slot() as slot:
        thread_of(slot, pool)
    assert body.made == 1


def test_a_piece_is_not_copied_on_its_way() -> None:
    """What the connection writes is the very piece that the application has sent."""
    written: list[bytes | memoryview] = []
    piece = memoryview(bytes(MIB))

    class Watched(Connection):
        def write(self, data: bytes | memoryview) -> None:
            written.append(data)
            super().write(data)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        length = [(b"content-length", b"%d" % MIB)]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": piece, "more_body": False})

    with running(app, http=Watched, lifespan="off") as address, ask(address) as client:
        read(client, MIB)
    assert written[-1] is piece


def held_back(
    protocol: type[HttpToolsProtocol], server_class: type[uvicorn.Server]
) -> tuple[int, int]:
    """Bytes left in the server for a client that reads nothing, given 1 KiB at a time.

    The second number tells how many pieces were taken.
    """
    made: list[HttpToolsProtocol] = []
    taken = 0

    def watched(*given: Any, **named: Any) -> HttpToolsProtocol:
        made.append(protocol(*given, **named))
        return made[-1]

    async def copious(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal taken
        length = [(b"content-length", b"%d" % (20 * MIB))]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        for _ in range(20 * KIB):
            await send({"type": "http.response.body", "body": bytes(KIB), "more_body": True})
            taken += 1

    with running(copious, 0, server_class, http=watched, lifespan="off") as address, ask(address):
        settled(lambda: taken)
        return made[0].transport.get_write_buffer_size(), taken


def test_a_piece_has_left_before_the_next_is_taken() -> None:
    """With a client that reads nothing, one piece at most waits in this process."""
    waiting, taken = held_back(Connection, Worker)
    assert 0 < waiting <= KIB
    assert 10 < taken < 20 * KIB


def test_pieces_that_pile_up_would_be_seen() -> None:
    """Negative control: the server's usual protocol takes several more than the socket does."""
    waiting, _ = held_back(HttpToolsProtocol, uvicorn.Server)
    assert waiting > 2 * KIB
