"""Sending a tensor: chunks made in worker threads, ahead of the socket, for a client who stays.

Knows nothing of what the bytes mean; whoever makes them knows nothing of HTTP.
"""

import asyncio
import os
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from starlette.types import Receive, Scope, Send

from service.errors import Problem, UnavailableError

INLINE_BYTES = 64 * 1024
"""Bodies up to this size are made on the event loop: going to a thread would take longer."""

AHEAD = 1
"""Chunks in the making while one is being sent, unless others keep the threads busy."""

LARGE_BODIES = 4
"""Bodies at a time that may have larger chunks: their memory does not grow with the machine."""

NICENESS = 2
"""Of the threads that make chunks: where cores are few the event loop goes first, which has
clients to serve with what is made already."""

PIECE_BYTES = 1 << 20
"""Given to the socket at a time."""

Memory = npt.NDArray[np.uint8]


class Body(Protocol):
    """`length` bytes in `chunk_count` chunks, each of which takes `chunk_bytes` at most.

    `materialised` says that a chunk may take seconds, because whole matrices are computed for it.
    """

    @property
    def length(self) -> int: ...
    @property
    def chunk_count(self) -> int: ...
    @property
    def chunk_bytes(self) -> int: ...
    @property
    def materialised(self) -> bool: ...

    def chunk(self, index: int, memory: Memory) -> memoryview:
        """Make a chunk in `memory`, in any thread, and return the part of it that is used."""

    def in_larger_chunks(self) -> "Body":
        """The same bytes, in chunks that take more memory if that saves time."""


@dataclass(slots=True)
class Slot:
    """What a body in flight holds: a right to be made, by one thread at a time."""

    thread: int


class StreamPool:
    """The bodies in flight: at most `max_streams` at a time, made by `threads` threads.

    A body stays with one thread, whose cache has its memory, unless others are idle. Materialised
    bodies have one thread for themselves, so that no other body waits for a matrix. Belongs to one
    event loop; only the making of chunks leaves it.
    """

    def __init__(self, max_streams: int, threads: int) -> None:
        self._max_streams = max_streams
        self._threads = [
            ThreadPoolExecutor(1, f"stream-{number}", _be_nice) for number in range(threads)
        ]
        self._matrix_thread = ThreadPoolExecutor(1, "matrices", _be_nice)
        self._bodies = [0] * threads

    @property
    def roomy(self) -> bool:
        """Whether there are no more bodies than threads: in a crowd each has enough to do."""
        return sum(self._bodies) <= len(self._threads)

    @property
    def spacious(self) -> bool:
        """Whether the bodies are few enough for larger chunks."""
        return sum(self._bodies) <= min(len(self._threads), LARGE_BODIES)

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """Hold one of the places; raises UnavailableError (`too_busy`) when all are held."""
        if sum(self._bodies) >= self._max_streams:
            raise UnavailableError(
                "too_busy",
                Problem(
                    "",
                    f"all {self._max_streams} streams of this process are in use",
                    "try again after the seconds in Retry-After, or ask another replica",
                ),
            )
        slot = Slot(self._emptiest())
        self._bodies[slot.thread] += 1
        try:
            yield slot
        finally:
            self._bodies[slot.thread] -= 1

    def submit(self, slot: Slot, body: Body, index: int, memory: Memory) -> Future[memoryview]:
        """Have a chunk made in `memory`, in the slot's thread or in that of matrices."""
        if body.materialised:
            return self._matrix_thread.submit(body.chunk, index, memory)
        emptiest = self._emptiest()
        if self._bodies[slot.thread] > self._bodies[emptiest] + 1:
            self._bodies[slot.thread] -= 1
            self._bodies[emptiest] += 1
            slot.thread = emptiest
        return self._threads[slot.thread].submit(body.chunk, index, memory)

    def close(self) -> None:
        """Make nothing more."""
        for thread in (*self._threads, self._matrix_thread):
            thread.shutdown(wait=False, cancel_futures=True)

    def _emptiest(self) -> int:
        return self._bodies.index(min(self._bodies))


@dataclass(frozen=True, slots=True)
class TensorResponse:
    """An ASGI response of exactly `body.length` bytes; HEAD makes none of them.

    `headers` are all but Content-Length. A body that fits INLINE_BYTES takes no slot, since it
    leaves nothing to be made while the client reads. A materialised one always does: however
    small it is, its matrix may not be.
    """

    body: Body
    headers: list[tuple[bytes, bytes]]
    pool: StreamPool
    status: int = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD" or self.body.chunk_count == 0:
            await self._send_whole(b"", send)
        elif self._fits_inline:
            memory = np.empty(self.body.chunk_bytes, np.uint8)
            await self._send_whole(self.body.chunk(0, memory), send)
        else:
            with self.pool.slot() as slot:
                body = self.body.in_larger_chunks() if self.pool.spacious else self.body
                await self._start(send)
                await send_body(ReadAhead(body, self.pool, slot), body.length, receive, send)

    @property
    def _fits_inline(self) -> bool:
        small = self.body.length <= INLINE_BYTES and self.body.chunk_count == 1
        return small and not self.body.materialised

    async def _start(self, send: Send) -> None:
        length = (b"content-length", str(self.body.length).encode())
        headers = [*self.headers, length]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})

    async def _send_whole(self, content: bytes | memoryview, send: Send) -> None:
        await self._start(send)
        await send({"type": "http.response.body", "body": content, "more_body": False})


def _be_nice() -> None:
    # Linux gives each thread a niceness of its own; elsewhere it is the process's.
    if sys.platform == "linux":
        os.nice(NICENESS)


class ReadAhead:
    """The chunks of a body in order, AHEAD of them in the making as long as the pool is roomy.

    Memory goes round: when a chunk is asked for, `send` has been given the one before it, and has
    let go of those before that.
    """

    def __init__(self, body: Body, pool: StreamPool, slot: Slot) -> None:
        self._body = body
        self._pool = pool
        self._slot = slot
        self._free: list[Memory] = []
        self._given: deque[Memory] = deque()
        self._making: deque[tuple[Memory, Future[memoryview]]] = deque()
        self._begun = 0

    async def next(self) -> memoryview:
        """The next chunk; raises what the body raises, and RuntimeError if there is none."""
        while len(self._given) > 1:
            self._free.append(self._given.popleft())
        wanted = 1 + AHEAD if self._pool.roomy else 1
        while self._begun < self._body.chunk_count and len(self._making) < wanted:
            self._begin()
        if not self._making:
            raise RuntimeError("the body ended before its length")
        memory, made = self._making.popleft()
        self._given.append(memory)
        return await asyncio.wrap_future(made)

    def _begin(self) -> None:
        memory = self._free.pop() if self._free else np.empty(self._body.chunk_bytes, np.uint8)
        made = self._pool.submit(self._slot, self._body, self._begun, memory)
        self._making.append((memory, made))
        self._begun += 1

    def close(self) -> None:
        """Make nothing more."""
        for _, made in self._making:
            made.cancel()


async def send_body(chunks: ReadAhead, length: int, receive: Receive, send: Send) -> None:
    """Send a body of `length` bytes, at least one, after its response has started.

    Returns early, and makes no more chunks, when the client leaves. Raises what `chunks` raises:
    the server then cuts the connection, which the client can tell.

    `send` has to wait until what it was given before is out of this process, as it does at a
    write buffer limit of 0: memory is used again.
    """
    async with _departure(receive) as departure:
        try:
            # uvicorn's send() returns as if nothing were wrong once the client has left.
            while length > 0 and not departure.done():
                chunk = await chunks.next()
                for start in range(0, len(chunk), PIECE_BYTES):
                    piece = chunk[start : start + PIECE_BYTES]
                    length -= len(piece)
                    more = length > 0
                    await send({"type": "http.response.body", "body": piece, "more_body": more})
        finally:
            chunks.close()


@asynccontextmanager
async def _departure(receive: Receive) -> AsyncIterator[asyncio.Task[None]]:
    """A task that is done once the client has left."""
    departure = asyncio.create_task(_wait_for_disconnect(receive))
    try:
        yield departure
    finally:
        departure.cancel()
        await asyncio.gather(departure, return_exceptions=True)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
