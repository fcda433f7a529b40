"""Bodies over real sockets: whole, in time, and no further than the client goes."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from threading import Event

import httpx2
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from service.api.problems import install
from service.api.streaming import INLINE_BYTES, StreamPool, TensorResponse, send_body
from tests.server import Address, ask, read, running

MIB = 2**20
TIB = 2**40
HEADERS = [(b"content-type", b"application/octet-stream"), (b"etag", b'"1"')]

SOCKETS_HOLD = 16
"""Chunks of 1 MiB that the two kernels' socket buffers and the server can hold: the sending
side's default limit is 4 MiB, the receiving side asks for 64 KiB, the server keeps 3."""


@dataclass
class PatternBody:
    """Chunk k is made of bytes k mod 251; all chunks share one piece of memory.

    The iterators are kept, so that nothing but close() ends one that is not used up.
    """

    length: int
    fails_at: int = -1
    ends_at: int = -1
    made: int = 0
    closed: Event = field(default_factory=Event)
    kept: list[Iterator[memoryview]] = field(default_factory=list)

    def chunks(self) -> Iterator[memoryview]:
        self.kept.append(self._chunks())
        return self.kept[-1]

    def _chunks(self) -> Iterator[memoryview]:
        memory = bytearray(MIB)
        try:
            for start in range(0, self.length, MIB):
                if self.made == self.fails_at:
                    raise ValueError("no such chunk")
                if self.made == self.ends_at:
                    return
                memory[:] = bytes([self.made % 251]) * MIB
                self.made += 1
                yield memoryview(memory)[: min(MIB, self.length - start)]
        finally:
            self.closed.set()

    def expected(self) -> bytes:
        """All the bytes, made another way."""
        whole = b"".join(bytes([k % 251]) * MIB for k in range(-(-self.length // MIB)))
        return whole[: self.length]


def app_for(body: PatternBody, pool: StreamPool) -> FastAPI:
    """`/` answers with the body, `/small` with one byte."""

    async def whole(request: Request) -> TensorResponse:
        return TensorResponse(body, HEADERS, pool)

    async def small(request: Request) -> TensorResponse:
        return TensorResponse(PatternBody(1), HEADERS, pool)

    app = FastAPI(routes=[Route("/", whole), Route("/small", small)])
    install(app)
    return app


@pytest.fixture
def pool() -> Iterator[StreamPool]:
    with closing(StreamPool(max_streams=4, threads=2)) as pool:
        yield pool


@pytest.fixture(autouse=True)
def _no_forgotten_task(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [r.getMessage() for r in caplog.records if r.name == "asyncio"] == []


def settled(body: PatternBody) -> int:
    """The number of chunks made once it has not changed for 0.3 s (10 s at most)."""
    for _ in range(33):
        before = body.made
        time.sleep(0.3)
        if body.made == before:
            return before
    return body.made


def until(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true within 5 s."""
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


async def never() -> Message:
    """A client that says nothing and stays."""
    await asyncio.Event().wait()
    raise AssertionError


def refusal(address: Address) -> httpx2.Response:
    """The answer that refuses a stream; the body of one that does not is left unread."""
    with httpx2.stream("GET", address.url) as answer:
        assert answer.status_code == 503
        answer.read()
    return answer


def serves(address: Address) -> bool:
    """Whether a stream starts."""
    with httpx2.stream("GET", address.url) as answer:
        return answer.status_code == 200


@pytest.mark.parametrize(
    "length", [0, 1, INLINE_BYTES, INLINE_BYTES + 1, MIB, MIB + 1, 5 * MIB + 3]
)
def test_body_arrives_whole_with_its_exact_length(length: int, pool: StreamPool) -> None:
    """Bytes and Content-Length are the body's, though its chunks share their memory."""
    body = PatternBody(length)
    with running(app_for(body, pool)) as address:
        answer = httpx2.get(address.url)
    assert answer.status_code == 200
    assert answer.content == body.expected()
    assert answer.headers["content-length"] == str(length)
    assert "transfer-encoding" not in answer.headers


def test_small_chunks_of_a_small_body_keep_their_bytes(pool: StreamPool) -> None:
    """A small body may reuse its memory from chunk to chunk as well."""

    class Letters:
        length = 3

        def chunks(self) -> Iterator[bytearray]:
            memory = bytearray(1)
            for memory[0] in b"abc":
                yield memory

    sent: list[Message] = []

    async def collect(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await TensorResponse(Letters(), [], pool)({"method": "GET"}, never, collect)

    asyncio.run(run())
    assert sent[1]["body"] == b"abc"


@pytest.mark.parametrize("length", [3, TIB])
def test_head_answers_as_get_would_and_makes_nothing(length: int, pool: StreamPool) -> None:
    """HEAD carries GET's headers and Content-Length, for any size, without one chunk."""
    body = PatternBody(length)
    with running(app_for(body, pool)) as address:
        answer = httpx2.head(address.url)
    assert answer.headers["content-length"] == str(length)
    assert answer.headers["etag"] == '"1"'
    assert answer.content == b""
    assert body.made == 0


def test_nothing_is_made_once_the_client_has_left(pool: StreamPool) -> None:
    """A client takes 1 MiB of 1 TiB and leaves: within 1 s the body is closed."""
    body = PatternBody(TIB)
    with running(app_for(body, pool)) as address:
        with ask(address) as client:
            read(client, MIB)
        assert body.closed.wait(1)
        assert body.made <= 1 + SOCKETS_HOLD


def test_a_sender_that_ignores_the_departure_would_be_seen() -> None:
    """Negative control: without watching receive(), uvicorn takes 300 chunks for nobody."""
    body = PatternBody(300 * MIB)

    async def naive(scope: Scope, receive: Receive, send: Send) -> None:
        length = [(b"content-length", b"%d" % body.length)]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        for chunk in body.chunks():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

    with running(naive, lifespan="off") as address:
        with ask(address) as client:
            read(client, MIB)
        assert body.closed.wait(20)
    assert body.made == 300


def test_a_client_that_reads_nothing_holds_a_few_chunks(pool: StreamPool) -> None:
    """A stalled client stops the making; when it reads on, the making goes on."""
    body = PatternBody(TIB)
    with running(app_for(body, pool)) as address, ask(address) as client:
        assert 0 < settled(body) <= SOCKETS_HOLD
        read(client, 2 * SOCKETS_HOLD * MIB)
        assert body.made > SOCKETS_HOLD


def test_a_stalled_client_who_leaves_is_forgotten(pool: StreamPool) -> None:
    """Leaving without having read anything closes the body within 1 s as well."""
    body = PatternBody(TIB)
    with running(app_for(body, pool)) as address:
        with ask(address):
            settled(body)
        assert body.closed.wait(1)


def test_two_streams_share_one_thread() -> None:
    """Two clients who read in turn both get on, though one thread makes all chunks."""
    with (
        closing(StreamPool(max_streams=2, threads=1)) as pool,
        running(app_for(PatternBody(TIB), pool)) as address,
        ask(address) as one,
        ask(address) as other,
    ):
        for _ in range(8):
            read(one, 4 * MIB)
            read(other, 4 * MIB)


def test_a_stream_too_many_is_told_to_come_back() -> None:
    """With every slot held: 503 too_busy for a large body, no hindrance for a small one."""
    body = PatternBody(TIB)
    with (
        closing(StreamPool(max_streams=1, threads=1)) as pool,
        running(app_for(body, pool)) as address,
    ):
        with ask(address) as client:
            read(client, MIB)
            refused = refusal(address)
            small = httpx2.get(address.url + "/small")
        assert body.closed.wait(1)
        assert until(lambda: serves(address))
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["reason"] == "too_busy"
    assert small.status_code == 200


@pytest.mark.parametrize(
    ("body", "logged"),
    [
        (PatternBody(4 * MIB, fails_at=2), "no such chunk"),
        (PatternBody(4 * MIB, ends_at=2), "the body ended before its length"),
    ],
)
def test_a_body_that_breaks_off_is_a_truncated_answer(
    body: PatternBody, logged: str, pool: StreamPool, caplog: pytest.LogCaptureFixture
) -> None:
    """The client can tell: the connection ends before Content-Length. The log says why."""
    with running(app_for(body, pool)) as address, pytest.raises(httpx2.RemoteProtocolError):
        httpx2.get(address.url)
    assert body.closed.is_set()
    [record] = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert logged in str(record.exc_info[1])


def test_cancellation_closes_the_body_and_leaves_no_task(pool: StreamPool) -> None:
    """A response cancelled while it waits for a stalled client cleans up after itself."""
    body = PatternBody(TIB)

    async def stalled(message: Message) -> None:
        await asyncio.Event().wait()

    async def run() -> set["asyncio.Task[object]"]:
        sending = asyncio.create_task(send_body(body, never, stalled, pool.executor))
        while body.made < 2:
            await asyncio.sleep(0.01)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(run()) == set()
    assert body.closed.wait(1)
    assert body.made == 2
