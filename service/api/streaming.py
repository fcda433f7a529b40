"""Streaming a body: worker threads compute chunks ahead of the socket.

It stops when the client disconnects. A `Body` knows nothing of HTTP, and this module knows nothing
of what the bytes mean.
"""

import asyncio
import os
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from starlette.types import Receive, Scope, Send

from service.api.admission import Admission, Load, Queue
from service.api.digests import MOST_DIGESTED_BYTES, HeldContent, content_digest
from service.chunks import Body
from service.errors import StoppedError

INLINE_BYTES = 64 * 1024
"""Bodies up to this size are computed on the event loop. Handing them to a thread takes longer."""

INLINE_COST = 2**15
"""The most work of a body that is computed on the event loop, in blocks: 0.15 to 0.3 ms. A costlier
one would delay all other requests. Handing it to a thread takes 0.05 to 0.1 ms."""

AHEAD = 1
"""The number of chunks computed in advance while one is sent, if there are idle threads."""

MOST_HELD = 2 + AHEAD
"""The most chunks of an answer in memory: two that are sent or wait for it, and those ahead."""

LARGE_BODIES = 4
"""The most bodies in flight that have larger chunks. It limits memory if there are many cores."""

NICENESS = 2
"""The niceness of the threads that compute chunks.

With few cores, the event loop runs first, since it can send chunks that are already computed.
"""

PIECE_BYTES = 1 << 20
"""The size of the pieces in which a chunk is passed to the socket."""

Memory = npt.NDArray[np.uint8]


class Turns:
    """Lets one piece pass in each turn of the event loop, in the order in which they came.

    Passing on a piece takes 0.3 ms or more. Without turns a small answer would wait for a piece of
    each large one: with 100 clients that asked for ranges of 1 MiB, for seconds.
    """

    def __init__(self) -> None:
        self._passed = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait until a piece may be passed on."""
        if self._passed or self._waiting:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
        else:
            self._pass()

    def _pass(self) -> None:
        self._passed = True
        asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Begin a turn: the next piece that waits passes."""
        self._passed = False
        while self._waiting:
            future = self._waiting.popleft()
            # It is cancelled if the client has left.
            if not future.done():
                future.set_result(None)
                self._pass()
                return


@dataclass(slots=True)
class Slot:
    """The place of a body in the pool, and the index of the thread that computes its chunks."""

    thread: int


class StreamPool:
    """The threads that compute bodies, and the bodies in flight. `admission` limits their number.

    A body stays with one thread, whose core has the body's memory in its cache. It moves when
    another thread has at least two bodies fewer. Materialised bodies have one thread for
    themselves, so that no other body waits for a matrix. The pool belongs to one event loop; only
    `body.chunk` runs in other threads.
    """

    def __init__(self, threads: int, admission: Admission) -> None:
        self.admission = admission
        self.turns = Turns()
        self._threads = [
            ThreadPoolExecutor(1, f"stream-{number}", _be_nice) for number in range(threads)
        ]
        self._matrix_thread = ThreadPoolExecutor(1, "matrices", _be_nice)
        self._bodies = [0] * threads

    @property
    def roomy(self) -> bool:
        """Whether there are no more bodies than threads, so that computing in advance is useful."""
        return sum(self._bodies) <= len(self._threads)

    @property
    def spacious(self) -> bool:
        """Whether the bodies are few enough for larger chunks (LARGE_BODIES)."""
        return sum(self._bodies) <= min(len(self._threads), LARGE_BODIES)

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """The slot of a body that was admitted, while the block runs."""
        slot = Slot(self._emptiest())
        self._bodies[slot.thread] += 1
        try:
            yield slot
        finally:
            self._bodies[slot.thread] -= 1

    def submit(self, slot: Slot, body: Body, index: int, memory: Memory) -> Future[memoryview]:
        """Compute a chunk in `memory`, in the slot's thread or in that of the matrices.

        The slot moves to another thread first if that one has at least two bodies fewer.
        """
        if body.materialised:
            return self._matrix_thread.submit(body.chunk, index, memory)
        emptiest = self._emptiest()
        if self._bodies[slot.thread] > self._bodies[emptiest] + 1:
            self._bodies[slot.thread] -= 1
            self._bodies[emptiest] += 1
            slot.thread = emptiest
        return self._threads[slot.thread].submit(body.chunk, index, memory)

    def close(self) -> None:
        """Cancel the chunks that no thread has begun, and end the threads."""
        for thread in (*self._threads, self._matrix_thread):
            thread.shutdown(wait=False, cancel_futures=True)

    def _emptiest(self) -> int:
        return self._bodies.index(min(self._bodies))


@dataclass(frozen=True, slots=True)
class TensorResponse:
    """An ASGI response of exactly `body.length` bytes. A HEAD request computes none of them.

    `headers` are all headers except Content-Length. A body of at most INLINE_BYTES and INLINE_COST
    is computed on the event loop and needs no admission. A small one that costs more is computed in
    a thread and then sent, so a slow client delays no other request. Other bodies are sent chunk by
    chunk. So is every materialised body, because a small one may need a large matrix.

    `digest` is the algorithm of a Content-Digest. With one, a body of at most MOST_DIGESTED_BYTES
    is computed and hashed as a whole before the head is sent. It holds its place, like a stream,
    until it is sent. A longer body, and the answer to HEAD, has no digest.

    `wait` is how many seconds the answer waits for its place, by default WAIT_SECONDS.
    """

    body: Body
    headers: list[tuple[bytes, bytes]]
    pool: StreamPool
    status: int = 200
    digest: str | None = None
    wait: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await self._start(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif self.body.chunk_count == 0:
            await self._send_whole(b"", send)
        elif not is_small(self.body):
            await self._send_large(receive, send)
        elif is_inline(self.body):
            memory = np.empty(self.body.chunk_bytes, np.uint8)
            await self._send_whole(self.body.chunk(0, memory), send)
        else:
            content = await self._computed(receive)
            if content is not None:
                await self._send_whole(content, send)

    async def _send_large(self, receive: Receive, send: Send) -> None:
        if self.digest is not None and self.body.length <= MOST_DIGESTED_BYTES:
            await self._hold(self.digest, receive, send)
        else:
            await self._stream(receive, send)

    async def _computed(self, receive: Receive) -> memoryview | None:
        """The whole body, computed in a thread; None if the client left."""
        load = Load(cost=self.body.cost)
        async with (
            departed(receive) as departure,
            _admitted(self.pool, Queue.SMALL, load, departure, self.wait) as admitted,
        ):
            if not admitted:
                return None
            with self.pool.slot() as slot:
                memory = np.empty(self.body.chunk_bytes, np.uint8)
                made = self.pool.submit(slot, self.body, 0, memory)
                chunk = asyncio.wrap_future(made)
                first: list[asyncio.Future[Any]] = [chunk, departure]
                try:
                    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    # A chunk that cannot be cancelled has been begun.
                    begun = not made.cancel()
                return await chunk if begun else None

    async def _stream(self, receive: Receive, send: Send) -> None:
        async with (
            departed(receive) as departure,
            _admitted(self.pool, *_share(self.body), departure, self.wait) as admitted,
        ):
            if not admitted:
                return
            with self.pool.slot() as slot:
                await self._start(send)
                body = _in_fitting_chunks(self.body, self.pool)
                chunks = ReadAhead(body, self.pool, slot)
                await send_body(chunks, self.pool.turns, body.length, departure, send)

    async def _hold(self, digest: str, receive: Receive, send: Send) -> None:
        """Compute the whole body, then send its digest in the head, then the body."""
        share = _share(self.body, held=self.body.length)
        async with (
            departed(receive) as departure,
            _admitted(self.pool, *share, departure, self.wait) as admitted,
        ):
            if not admitted:
                return
            content = HeldContent(self.body.length, digest)
            if await _read(self.body, self.pool, departure, content.add):
                await self._start(send, content.header())
                await _send_pieces(content.bytes, self.pool.turns, departure, send)

    async def _start(self, send: Send, *more: tuple[bytes, bytes]) -> None:
        length = (b"content-length", str(self.body.length).encode())
        headers = [*self.headers, length, *more]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})

    async def _send_whole(self, content: bytes | memoryview, send: Send) -> None:
        more = () if self.digest is None else (content_digest(self.digest, content),)
        await self._start(send, *more)
        await send({"type": "http.response.body", "body": content, "more_body": False})


def is_small(body: Body) -> bool:
    """Whether a body of at least one byte is one small chunk that needs no matrix."""
    return body.length <= INLINE_BYTES and body.chunk_count == 1 and not body.materialised


def is_inline(body: Body) -> bool:
    """Whether a body is so small and cheap that it is computed on the event loop."""
    return is_small(body) and body.cost <= INLINE_COST


async def read_body(
    body: Body, pool: StreamPool, receive: Receive, take: Callable[[memoryview], None]
) -> bool:
    """Compute a body in the threads of the pool, and give its chunks to `take` in their order.

    `take` is called in the thread that computed the chunk, and must not keep it, because memory is
    reused. The body is admitted like one that is sent. Returns False if the client left first.
    Raises UnavailableError (`too_busy`), and whatever the body raises.
    """
    async with (
        departed(receive) as departure,
        _admitted(pool, *_share(body), departure) as admitted,
    ):
        return admitted and await _read(body, pool, departure, take)


async def _read(
    body: Body,
    pool: StreamPool,
    departure: "asyncio.Future[None]",
    take: Callable[[memoryview], None],
) -> bool:
    """As `read_body`, for a body that was admitted."""
    with pool.slot() as slot:
        taken = _TakenBody(_in_fitting_chunks(body, pool), take)
        # Two chunks at once could be in two threads, and `take` would get them in any order.
        chunks = ReadAhead(taken, pool, slot, ahead=0)
        departure.add_done_callback(lambda _: chunks.close())
        try:
            for _ in range(taken.chunk_count):
                if departure.done():
                    return False
                await chunks.next()
        except (asyncio.CancelledError, StoppedError):
            if not departure.done():
                raise
            return False
        finally:
            chunks.close()
    return True


@asynccontextmanager
async def _admitted(
    pool: StreamPool,
    queue: Queue,
    load: Load,
    departure: "asyncio.Task[None]",
    wait: float | None = None,
) -> AsyncIterator[bool]:
    """Hold a share while the block runs. False if the client left before there was one."""
    admitted = await pool.admission.enter(load, queue, departure, wait)
    try:
        yield admitted
    finally:
        if admitted:
            pool.admission.leave(load)


def _share(body: Body, held: int = 0) -> tuple[Queue, Load]:
    """The place of a body that is computed chunk by chunk; `held` bytes are kept beside a chunk."""
    if body.materialised:
        # A multipart answer has several chunks, which are together about as long as the answer.
        chunks = min(max(body.length, body.chunk_bytes), MOST_HELD * body.chunk_bytes)
        memory = chunks + held
        return Queue.MATRIX, Load(1, 0, matrices=1, matrix_bytes=memory, matrix_cost=body.cost)
    return Queue.STREAM, Load(streams=1)


def _in_fitting_chunks(body: Body, pool: StreamPool) -> Body:
    """The body in larger chunks, if these save time and there is memory for them."""
    # A materialised body may be stopped, so it must not be the one in the cache.
    own = pool.spacious or body.materialised
    return body.in_larger_chunks() if own else body


def _be_nice() -> None:
    # On Linux each thread has its own niceness. Elsewhere it belongs to the whole process.
    if sys.platform == "linux":
        os.nice(NICENESS)


class ReadAhead:
    """The chunks of a body in order, with `ahead` of them computed in advance if the pool is roomy.

    Memory is reused. When a chunk is requested, `send` may still hold the previous one; the memory
    of older chunks is free.
    """

    def __init__(self, body: Body, pool: StreamPool, slot: Slot, ahead: int = AHEAD) -> None:
        self._body = body
        self._ahead = ahead
        self._pool = pool
        self._slot = slot
        self._free: list[Memory] = []
        self._given: deque[Memory] = deque()
        self._making: deque[tuple[Memory, asyncio.Future[memoryview]]] = deque()
        self._begun = 0
        work = 0 if body.materialised else body.cost // body.chunk_count
        self._load = Load(cost=work)

    async def next(self) -> memoryview:
        """The next chunk; raises RuntimeError if there is none, and whatever the body raises.

        After `close` it raises CancelledError if no thread has begun the chunk, and StoppedError
        if a thread has, and the chunk takes long.
        """
        while len(self._given) > 1:
            self._free.append(self._given.popleft())
        wanted = 1 + self._ahead if self._pool.roomy else 1
        while self._begun < self._body.chunk_count and len(self._making) < wanted:
            self._begin()
        if not self._making:
            raise RuntimeError("the body ended before its length")
        memory, made = self._making[0]
        chunk = await made
        self._making.popleft()
        self._given.append(memory)
        return chunk

    def _begin(self) -> None:
        memory = self._free.pop() if self._free else np.empty(self._body.chunk_bytes, np.uint8)
        made = asyncio.wrap_future(self._pool.submit(self._slot, self._body, self._begun, memory))
        # A chunk counts while it waits for its thread and is computed, not while it is sent.
        self._pool.admission.add(self._load)
        made.add_done_callback(lambda _: self._pool.admission.leave(self._load))
        self._making.append((memory, made))
        self._begun += 1

    def close(self) -> None:
        """Cancel the chunks that no thread has begun, and stop one that takes long."""
        for _, made in self._making:
            made.cancel()
        self._body.stop()


class _TakenBody:
    """A body whose chunks are given to `take` in the thread that computes them."""

    def __init__(self, body: Body, take: Callable[[memoryview], None]) -> None:
        self._body, self._take = body, take
        self.length = body.length
        self.chunk_count = body.chunk_count
        self.chunk_bytes = body.chunk_bytes
        self.materialised = body.materialised

    @property
    def cost(self) -> int:
        """The work of all chunks, in blocks, without that of `take`."""
        return self._body.cost

    def in_larger_chunks(self) -> "_TakenBody":
        """The same bytes in larger chunks, if these save time."""
        return _TakenBody(self._body.in_larger_chunks(), self._take)

    def chunk(self, index: int, memory: Memory) -> memoryview:
        """Compute a chunk in `memory`, and give it to `take`."""
        chunk = self._body.chunk(index, memory)
        self._take(chunk)
        return chunk

    def stop(self) -> None:
        """Make a chunk that takes long end soon."""
        self._body.stop()


async def _send_pieces(
    content: memoryview, turns: Turns, departure: "asyncio.Future[None]", send: Send
) -> None:
    """Send a content of at least one byte. Returns early if the client disconnects."""
    for start in range(0, len(content), PIECE_BYTES):
        if departure.done():
            return
        piece = content[start : start + PIECE_BYTES]
        more = start + len(piece) < len(content)
        await turns.take()
        await send({"type": "http.response.body", "body": piece, "more_body": more})


async def send_body(
    chunks: ReadAhead, turns: Turns, length: int, departure: "asyncio.Future[None]", send: Send
) -> None:
    """Send a body of `length` bytes, at least one, after the response has started.

    Returns early if the client disconnects, which is when `departure` is done. Raises what `chunks`
    raises; the server then closes the connection, and the client sees that bytes are missing.

    `send` must wait until its previous piece has left the process, because memory is reused. It
    does with a write buffer limit of 0, which `service.server.connection` sets.
    """
    # A client may leave while its chunk waits for the thread behind matrices of other clients, or
    # while its own matrix is computed. `close` ends both.
    departure.add_done_callback(lambda _: chunks.close())
    try:
        # The server's send() does not raise after the client has disconnected.
        while length > 0 and not departure.done():
            chunk = await chunks.next()
            for start in range(0, len(chunk), PIECE_BYTES):
                piece = chunk[start : start + PIECE_BYTES]
                length -= len(piece)
                more = length > 0
                await turns.take()
                await send({"type": "http.response.body", "body": piece, "more_body": more})
    except (asyncio.CancelledError, StoppedError):
        if not departure.done():
            raise
    finally:
        chunks.close()


@asynccontextmanager
async def departed(receive: Receive) -> AsyncIterator["asyncio.Task[None]"]:
    """A task that is done once the client has disconnected."""
    departure = asyncio.create_task(_wait_for_disconnect(receive))
    try:
        yield departure
    finally:
        departure.cancel()
        await asyncio.gather(departure, return_exceptions=True)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
