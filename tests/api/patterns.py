"""Bodies whose every byte is known, and servers of them. Not a test."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import numpy as np
from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.admission import Admission, Limits
from service.api.problems import install
from service.api.streaming import Memory, StreamPool, TensorResponse
from service.api.table import alone
from tests.server import Address, running

MIB = 2**20
TIB = 2**40
PERIOD = 251
"""A prime: no two neighbouring chunks of any power of two bytes begin alike."""

TABLE = np.resize(np.arange(PERIOD, dtype=np.uint8), 4 * MIB + PERIOD)
HEADERS = [(b"content-type", b"application/octet-stream"), (b"etag", b'"1"')]


@dataclass
class PatternBody:
    """Byte p is p mod 251. It notes how many chunks were made, and in which threads.

    `answered` is set once `app_for` has nothing more to do with it.
    """

    length: int
    chunk_bytes: int = MIB
    fails_at: int = -1
    ends_at: int | None = None
    made: int = 0
    threads: set[int] = field(default_factory=set)
    answered: Event = field(default_factory=Event)
    materialised: bool = False
    cost: int = 0

    @property
    def chunk_count(self) -> int:
        whole = -(-self.length // self.chunk_bytes)
        return whole if self.ends_at is None else self.ends_at

    def chunk(self, index: int, memory: Memory) -> memoryview:
        if index == self.fails_at:
            raise ValueError("no such chunk")
        start = index * self.chunk_bytes
        size = min(self.chunk_bytes, self.length - start)
        memory[:size] = TABLE[start % PERIOD :][:size]
        self.made += 1
        self.threads.add(threading.get_ident())
        return memory.data[:size]

    def stop(self) -> None:
        """Nothing: chunks are quick, and those that are not end on their own."""

    def in_larger_chunks(self) -> "PatternBody":
        return self

    def expected(self) -> bytes:
        """All the bytes, made another way."""
        return (bytes(range(PERIOD)) * (self.length // PERIOD + 1))[: self.length]


def pool_of(threads: int, streams: int = 64) -> StreamPool:
    """The pool of a process that is alone."""
    return StreamPool(threads, Admission(Limits(streams, threads), alone()))


def app_for(body: PatternBody, pool: StreamPool) -> FastAPI:
    """`/` answers with the body, `/small` with one byte."""

    async def whole(request: Request) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await TensorResponse(body, HEADERS, pool)(scope, receive, send)
            finally:
                body.answered.set()

        return answer

    async def small(request: Request) -> TensorResponse:
        return TensorResponse(PatternBody(1), HEADERS, pool)

    app = FastAPI(routes=[Route("/", whole), Route("/small", small)])
    install(app)
    return app


@contextmanager
def serving(app: Callable[..., Any], **config: Any) -> Iterator[Address]:
    """The app behind the protocol that `serve` uses."""
    with running(app, **config) as address:
        yield address


def settled(count: Callable[[], int]) -> int:
    """What is counted, once it has not changed for 0.3 s (10 s at most)."""
    for _ in range(33):
        before = count()
        time.sleep(0.3)
        if count() == before:
            return before
    return count()
