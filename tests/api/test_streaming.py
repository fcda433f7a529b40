"""Bodies over real sockets: whole, in time, and no further than the client goes."""

import logging
import random
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import httpx2
import numpy as np
import pytest
from starlette.types import Receive, Scope, Send

from service.api.streaming import INLINE_BYTES, Memory, StreamPool
from service.errors import StoppedError
from tests.api.patterns import MIB, TIB, PatternBody, app_for, pool_of, serving, settled
from tests.server import Address, ask, read

SOCKETS_HOLD = 16
"""Chunks of 1 MiB that the two kernels' socket buffers and the server can hold: the sending
side's default limit is 4 MiB, the receiving side asks for 64 KiB, the server keeps 3."""


@pytest.fixture
def pool() -> Iterator[StreamPool]:
    with closing(pool_of(threads=2, streams=4)) as pool:
        yield pool


@pytest.fixture(autouse=True)
def _no_forgotten_task(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [r.getMessage() for r in caplog.records if r.name == "asyncio"] == []


def until(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true within 5 s."""
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


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


def read_oddly(client: socket.socket, seed: int, length: int) -> bytes:
    """The body of an answer, read in pieces of 1 byte to 400 kB, now and then after a pause."""
    sizes = random.Random(seed)
    received = bytearray()
    while b"\r\n\r\n" not in received:
        received += client.recv(1)
    del received[:]
    while len(received) < length:
        piece = client.recv(sizes.choice([1, 7, 1000, 65_537, 400_003]))
        assert piece, "the server hung up"
        received += piece
        time.sleep(sizes.choice([0, 0, 0, 0.0005]))
    return bytes(received)


@pytest.mark.parametrize(
    "length", [0, 1, INLINE_BYTES, INLINE_BYTES + 1, MIB, MIB + 1, 5 * MIB + 3]
)
def test_body_arrives_whole_with_its_exact_length(length: int, pool: StreamPool) -> None:
    """Bytes and Content-Length are the body's."""
    body = PatternBody(length)
    with serving(app_for(body, pool)) as address:
        answer = httpx2.get(address.url)
    assert answer.status_code == 200
    assert answer.content == body.expected()
    assert answer.headers["content-length"] == str(length)
    assert "transfer-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("length", "chunk_bytes"), [(3, 1), (1000, 7), (9 * MIB + 1, 4 * MIB), (10 * MIB, 2_500_001)]
)
def test_chunks_may_have_any_size(length: int, chunk_bytes: int, pool: StreamPool) -> None:
    """Many in a small body, longer than what the socket is given at a time, uneven."""
    body = PatternBody(length, chunk_bytes)
    with serving(app_for(body, pool)) as address:
        assert httpx2.get(address.url).content == body.expected()


@pytest.mark.parametrize("chunk_bytes", [MIB, 3 * MIB + 1])
def test_slow_clients_get_their_bytes(chunk_bytes: int, pool: StreamPool) -> None:
    """Four at once, more than threads, each in its own odd steps; memory goes round meanwhile."""
    body = PatternBody(20 * MIB + 5, chunk_bytes)
    with serving(app_for(body, pool)) as address, ThreadPoolExecutor(4) as readers:
        clients = [ask(address) for _ in range(4)]
        reading = [
            readers.submit(read_oddly, client, seed, body.length)
            for seed, client in enumerate(clients)
        ]
        received = [each.result() for each in reading]
        for client in clients:
            client.close()
    assert all(each == body.expected() for each in received)
    assert len(body.threads) == 2


@pytest.mark.parametrize("length", [3, TIB])
def test_head_answers_as_get_would_and_makes_nothing(length: int, pool: StreamPool) -> None:
    """HEAD carries GET's headers and Content-Length, for any size, without one chunk."""
    body = PatternBody(length)
    with serving(app_for(body, pool)) as address:
        answer = httpx2.head(address.url)
    assert answer.headers["content-length"] == str(length)
    assert answer.headers["etag"] == '"1"'
    assert answer.content == b""
    assert body.made == 0


def test_nothing_is_made_once_the_client_has_left(pool: StreamPool) -> None:
    """A client takes 1 MiB of 1 TiB and leaves: within 1 s the body is let go."""
    body = PatternBody(TIB)
    with serving(app_for(body, pool)) as address:
        with ask(address) as client:
            read(client, MIB)
        assert body.answered.wait(1)
        assert settled(lambda: body.made) <= 1 + SOCKETS_HOLD


def test_a_sender_that_ignores_the_departure_would_be_seen() -> None:
    """Negative control: without watching receive(), uvicorn takes 300 chunks for nobody."""
    body = PatternBody(300 * MIB)

    async def naive(scope: Scope, receive: Receive, send: Send) -> None:
        length = [(b"content-length", b"%d" % body.length)]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        for index in range(body.chunk_count):
            chunk = body.chunk(index, np.empty(MIB, np.uint8))
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        body.answered.set()

    with serving(naive, lifespan="off") as address:
        with ask(address) as client:
            read(client, MIB)
        assert body.answered.wait(20)
    assert body.made == 300


def test_a_client_that_reads_nothing_holds_a_few_chunks(pool: StreamPool) -> None:
    """A stalled client stops the making; when it reads on, the making goes on."""
    body = PatternBody(TIB)
    with serving(app_for(body, pool)) as address, ask(address) as client:
        assert 0 < settled(lambda: body.made) <= SOCKETS_HOLD
        read(client, 2 * SOCKETS_HOLD * MIB)
        assert body.made > SOCKETS_HOLD


def test_a_stalled_client_who_leaves_is_forgotten(pool: StreamPool) -> None:
    """Leaving without having read anything lets the body go within 1 s as well."""
    body = PatternBody(TIB)
    with serving(app_for(body, pool)) as address:
        with ask(address):
            settled(lambda: body.made)
        assert body.answered.wait(1)


def test_two_streams_share_one_thread() -> None:
    """Two clients who read in turn both get on, though one thread makes all chunks."""
    with (
        closing(pool_of(threads=1, streams=2)) as pool,
        serving(app_for(PatternBody(TIB), pool)) as address,
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
        closing(pool_of(threads=1, streams=1)) as pool,
        serving(app_for(body, pool)) as address,
    ):
        with ask(address) as client:
            read(client, MIB)
            refused = refusal(address)
            small = httpx2.get(address.url + "/small")
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
    with serving(app_for(body, pool)) as address, pytest.raises(httpx2.RemoteProtocolError):
        httpx2.get(address.url)
    assert body.answered.is_set()
    [record] = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert logged in str(record.exc_info[1])


class StoppableBody(PatternBody):
    """A materialised body that gives no chunk once it was stopped."""

    stopped = False

    def chunk(self, index: int, memory: Memory) -> memoryview:
        if self.stopped:
            raise StoppedError
        return super().chunk(index, memory)

    def stop(self) -> None:
        self.stopped = True

    def in_larger_chunks(self) -> "StoppableBody":
        return StoppableBody(self.length, materialised=True)


@pytest.mark.parametrize("held", [0, 3])
def test_a_body_in_the_cache_of_answers_is_never_stopped(held: int) -> None:
    """An answer that has ended stops its own body, also while other answers hold places."""
    body = StoppableBody(3 * MIB, materialised=True)
    with closing(pool_of(threads=1, streams=16)) as pool, ExitStack() as places:
        for _ in range(held):
            places.enter_context(pool.slot())
        with serving(app_for(body, pool)) as address:
            for _ in range(2):
                assert httpx2.get(address.url).content == body.expected()
    assert not body.stopped
