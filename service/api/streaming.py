"""Sending a tensor: chunks made in worker threads, one ahead of the socket, for a client who stays.

Knows nothing of what the bytes mean; whoever makes them knows nothing of HTTP.
"""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from starlette.types import Receive, Scope, Send

from service.errors import Problem, UnavailableError

Chunk = bytes | bytearray | memoryview

INLINE_BYTES = 64 * 1024
"""Bodies up to this size are made on the event loop: going to a thread would take longer."""


class Body(Protocol):
    """`length` bytes, made piece by piece by whoever iterates."""

    @property
    def length(self) -> int:
        """The exact number of bytes that `chunks` yields in all."""

    def chunks(self) -> Iterator[Chunk]:
        """Pieces of about 1 MiB; the memory of one may be used again for the next."""


class StreamPool:
    """The bodies in flight: at most `max_streams` at a time, made by `threads` threads.

    Belongs to one event loop; only the making of chunks leaves it.
    """

    def __init__(self, max_streams: int, threads: int) -> None:
        self.executor = ThreadPoolExecutor(threads, thread_name_prefix="stream")
        self._max_streams = max_streams
        self._in_flight = 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the places; raises UnavailableError (`too_busy`) when all are held."""
        if self._in_flight >= self._max_streams:
            raise UnavailableError(
                "too_busy",
                Problem(
                    "",
                    f"all {self._max_streams} streams of this process are in use",
                    "try again after the seconds in Retry-After, or ask another replica",
                ),
            )
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    def close(self) -> None:
        """Make nothing more."""
        self.executor.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class TensorResponse:
    """An ASGI response of exactly `body.length` bytes; HEAD makes none of them.

    `headers` are all but Content-Length. A body that fits INLINE_BYTES takes no slot, since it
    leaves nothing to be made while the client reads.
    """

    body: Body
    headers: list[tuple[bytes, bytes]]
    pool: StreamPool
    status: int = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await self._send_whole(b"", send)
        elif self.body.length <= INLINE_BYTES:
            # Copied one by one: a list of chunks would share one piece of memory.
            await self._send_whole(b"".join(map(bytes, self.body.chunks())), send)
        else:
            with self.pool.slot():
                await self._start(send)
                await send_body(self.body, receive, send, self.pool.executor)

    async def _start(self, send: Send) -> None:
        length = (b"content-length", str(self.body.length).encode())
        headers = [*self.headers, length]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})

    async def _send_whole(self, content: bytes, send: Send) -> None:
        await self._start(send)
        await send({"type": "http.response.body", "body": content, "more_body": False})


async def send_body(body: Body, receive: Receive, send: Send, executor: Executor) -> None:
    """Send a body of at least one byte after its response has started.

    While one chunk is being sent the next is made in `executor`. Returns early, and makes no more
    chunks, when the client leaves. Raises what the body raises, and RuntimeError when the body
    ends before its length: the server then cuts the connection, which the client can tell.
    """
    async with _departure(receive) as departure:
        ahead = _ReadAhead(body.chunks(), executor)
        remaining = body.length
        try:
            # uvicorn's send() returns as if nothing were wrong once the client has left.
            while remaining > 0 and not departure.done():
                chunk = await ahead.next()
                remaining -= len(chunk)
                more = remaining > 0
                await send({"type": "http.response.body", "body": chunk, "more_body": more})
        finally:
            ahead.close()


class _ReadAhead:
    """The chunks of a body, the next one always in the making."""

    def __init__(self, chunks: Iterator[Chunk], executor: Executor) -> None:
        self._chunks = chunks
        self._executor = executor
        self._next = executor.submit(self._make)

    async def next(self) -> bytes:
        chunk = await asyncio.wrap_future(self._next)
        if chunk is None:
            raise RuntimeError("the body ended before its length")
        self._next = self._executor.submit(self._make)
        return chunk

    def _make(self) -> bytes | None:
        chunk = next(self._chunks, None)
        # A transport may keep a reference beyond send(); bytes pass through h11 uncopied.
        return None if chunk is None else bytes(chunk)

    def close(self) -> None:
        """Close the iterator as soon as no thread is inside it."""
        self._next.cancel()
        self._next.add_done_callback(lambda _: self._close_chunks())

    def _close_chunks(self) -> None:
        if isinstance(self._chunks, Generator):
            self._chunks.close()


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
