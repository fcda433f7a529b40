"""The limit on connections: who waits, who is closed to make room, and what is logged."""

import asyncio
import errno
import os
import resource
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pytest
from starlette.responses import PlainTextResponse

from service.server import accepting
from service.server.accepting import MOST_CONNECTIONS, OTHER_FILES, Acceptor, most_connections
from tests.server import running


class Echo(asyncio.Protocol):
    """A connection that counts itself."""

    def __init__(self, connections: "set[Echo]") -> None:
        self.connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)


@asynccontextmanager
async def accepting_on(
    listener: socket.socket, most: int, *, makes_room: bool = False
) -> AsyncIterator[tuple[Acceptor, set[Echo]]]:
    """An acceptor of at most `most` connections, and the connections."""
    connections: set[Echo] = set()

    def make_room() -> bool:
        if makes_room:
            next(iter(connections)).transport.close()
        return makes_room

    acceptor = Acceptor([listener], lambda: Echo(connections), connections, most, make_room)
    acceptor.open()
    yield acceptor, connections
    acceptor.close()
    for each in list(connections):
        each.transport.close()
    await asyncio.sleep(0)


async def settled() -> None:
    """Let everything happen that can."""
    await asyncio.sleep(0.1)


def clients(listener: socket.socket, count: int, stack: ExitStack) -> list[socket.socket]:
    """Connected clients, accepted or in the queue."""
    made = [
        stack.enter_context(socket.create_connection(listener.getsockname())) for _ in range(count)
    ]
    return made


def test_no_more_than_the_limit_are_open(caplog: pytest.LogCaptureFixture) -> None:
    """The others wait until one leaves, and one line says so."""

    async def scenario() -> None:
        with ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            async with accepting_on(listener, 3) as (acceptor, connections):
                made = clients(listener, 5, stack)
                await settled()
                acceptor.tick()
                await settled()
                assert len(connections) == 3
                made[0].close()
                made[1].close()
                await settled()
                acceptor.tick()
                await settled()
                assert len(connections) == 3

    asyncio.run(scenario())
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "3 connections are open" in caplog.text


def test_room_is_made_where_that_is_possible(caplog: pytest.LogCaptureFixture) -> None:
    """Then nobody waits. The limit is logged all the same, once."""

    async def scenario() -> None:
        with ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            async with accepting_on(listener, 3, makes_room=True) as (_, connections):
                made = list[socket.socket]()
                for _ in range(5):
                    made += clients(listener, 1, stack)
                    await settled()
                assert len(connections) == 3
                assert sum(_is_closed(client) for client in made) == 2

    asyncio.run(scenario())
    assert len(caplog.records) == 1
    assert "3 connections are open" in caplog.text


def _is_closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False


def test_nothing_is_accepted_after_close() -> None:
    """The listener stays open, for another process."""

    async def scenario() -> None:
        with ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            async with accepting_on(listener, 3) as (acceptor, connections):
                acceptor.close()
                clients(listener, 1, stack)
                acceptor.tick()
                await settled()
                assert len(connections) == 0
                acceptor.open()
                await settled()
                assert len(connections) == 1

    asyncio.run(scenario())


class Exhausted(socket.socket):
    """A listener for which the system has run out of files."""

    accepts = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.accepts += 1
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_running_out_of_files_costs_one_line(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is left alone for a while. Without that, a full queue takes a core."""
    monkeypatch.setattr(accepting, "PAUSE_SECONDS", 0.1)

    async def scenario() -> int:
        with ExitStack() as stack:
            listener = stack.enter_context(Exhausted(socket.AF_INET, socket.SOCK_STREAM))
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            async with accepting_on(listener, 3) as (acceptor, _):
                clients(listener, 2, stack)
                for _ in range(30):
                    acceptor.tick()
                    await asyncio.sleep(0.01)
            return listener.accepts

    assert 1 < asyncio.run(scenario()) < 6
    assert [record.message for record in caplog.records] == [
        "a connection was not accepted: Too many open files; those that wait are closed, or new "
        "ones wait (logged once)"
    ]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS reports a limit that it refuses")
def test_the_file_limit_is_raised_at_start() -> None:
    """From the soft limit to the hard one."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = 256, before[1]
    assert hard != soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        with running(PlainTextResponse("here"), lifespan="off"):
            assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("limit", "most"),
    [
        (1024, 1024 - OTHER_FILES),
        (50, 1),
        (2**20, MOST_CONNECTIONS),
        (resource.RLIM_INFINITY, MOST_CONNECTIONS),
    ],
)
def test_connections_stay_below_the_file_limit(limit: int, most: int) -> None:
    """Some files are for other things, and memory is a limit of its own."""
    assert most_connections(limit) == most
