"""uvicorn's server with an accept loop, deadlines and an end of our own."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from socket import socket

import uvicorn

from service.api.admission import Queue
from service.api.table import Cell, Ending, Row, State, alone
from service.server.accepting import Acceptor, most_connections, raise_file_limit
from service.server.sweeping import expire_all, make_room

ABORT_SECONDS = 0.5
"""How long the application has to notice that connections were cut."""

TICKS_PER_SECOND = 10
"""uvicorn calls `on_tick` ten times a second."""

PRESSED_SECONDS = 5.0
"""How long after a request has waited for a place slow streams are still cut.

A request is refused after a second. This is long enough for its client to try again.
"""

_CLOSE = (b"connection", b"close")


class Worker(uvicorn.Server):
    """Serves `config.app` on the listeners that `run` is given until `row.ending` is not NO.

    If `row.ending` is DRAINING, it accepts for `drain_seconds` more. Then it finishes its answers
    within `config.timeout_graceful_shutdown` seconds, and cuts those that it could not finish.
    `row.table` says whether other processes share the listeners, and which of them have to accept.
    """

    acceptor: Acceptor

    def __init__(
        self, config: uvicorn.Config, row: Row | None = None, drain_seconds: float = 0.0
    ) -> None:
        super().__init__(config)
        self.row = row or alone()
        self._drain_seconds = drain_seconds
        self._accepting = False
        self._accepts_until: float | None = None
        self._pressed_until = 0.0

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle no signals. `service.server.ending` handles them and writes `row.ending`."""
        yield

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start the application, and accept connections if no other process has to."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise SystemExit(uvicorn.config.STARTUP_FAILURE)
        connections = self.server_state.connections
        protocol: Callable[..., asyncio.BaseProtocol] = self.config.http_protocol_class
        new = partial(
            protocol,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        loop = asyncio.get_running_loop()
        self.acceptor = Acceptor(
            sockets or [],
            new,
            connections,
            most_connections(raise_file_limit()),
            lambda: make_room(connections, loop.time()),
        )
        self.servers = []
        if self.row.state in (State.GONE, State.LOADING):
            self.row.state = State.STARTING
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        """Do what is due ten times a second. Returns whether it is time to end."""
        self.row.beat()
        await super().on_tick(counter)
        if counter % TICKS_PER_SECOND == 0:
            await expire_all(self.server_state.connections, self._is_pressed())
        self._accept_or_not()
        self._tell_clients_to_close()
        return self.should_exit or self._has_drained()

    def _is_pressed(self) -> bool:
        """Whether requests have waited for a place, in any process, within PRESSED_SECONDS."""
        now = asyncio.get_running_loop().time()
        queues = (Cell.WAITING + queue for queue in (Queue.STREAM, Queue.MATRIX))
        if any(any(self.row.table.column(queue)) for queue in queues):
            self._pressed_until = now + PRESSED_SECONDS
        return now < self._pressed_until

    def _accept_or_not(self) -> None:
        """Begin or stop accepting, as the states of all processes ask."""
        accepting = self.row.accepts
        if accepting and not self._accepting:
            self.acceptor.open()
        elif self._accepting and not accepting:
            self.acceptor.close()
            # A client that stays would be refused here and served by another process.
            self._close_idle_connections()
        elif accepting:
            self.acceptor.tick()
        self._accepting = accepting

    def _tell_clients_to_close(self) -> None:
        """Close each connection after its answer if another process would serve its client better.

        That is the case while this process ends, and while it starts beside others.
        """
        starts = self.row.state is not State.READY and self.row.table.rows > 1
        headers = [header for header in self.server_state.default_headers if header != _CLOSE]
        if starts or self.row.ending is not Ending.NO:
            headers.append(_CLOSE)
        self.server_state.default_headers = headers

    def _has_drained(self) -> bool:
        if self.row.ending is Ending.NO:
            return False
        now = asyncio.get_running_loop().time()
        if self._accepts_until is None:
            # No load balancer sends anything to a server that was never ready.
            ready = State.READY in self.row.table.column(Cell.STATE)
            self._accepts_until = now + (self._drain_seconds if ready else 0.0)
        return self.row.ending is Ending.CLOSING or now >= self._accepts_until

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Accept no more, let answers finish, cut those that do not, and end the application.

        `row` then has the number of those that were cut.
        """
        self.row.ending = Ending.CLOSING
        self.acceptor.close()
        for listener in sockets or []:
            listener.close()
        self._close_idle_connections()
        if not await self._finished(self.config.timeout_graceful_shutdown or 0):
            self.row.put(Cell.CUT, len(self.server_state.tasks))
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            # The application sees that its clients have left.
            await self._finished(ABORT_SECONDS)
        await self.lifespan.shutdown()

    def _close_idle_connections(self) -> None:
        """Close the connections without a request, and each other one after its answer."""
        for connection in list(self.server_state.connections):
            connection.shutdown()

    async def _finished(self, seconds: float) -> bool:
        """Whether every connection is closed and every task has ended within this time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self.server_state.connections or self.server_state.tasks:
            if loop.time() >= deadline:
                return False
            self.row.beat()
            await expire_all(self.server_state.connections)
            await asyncio.sleep(0.05)
        return True
