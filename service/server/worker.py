"""A process that answers requests: uvicorn's server with our own accept loop and deadlines."""

import asyncio
from collections.abc import Callable
from functools import partial
from socket import socket

import uvicorn

from service.server.accepting import Acceptor, most_connections, raise_file_limit
from service.server.connection import expire_all, make_room

TICKS_OF_A_SECOND = 10
"""uvicorn calls `on_tick` ten times a second."""


class Worker(uvicorn.Server):
    """Serves `config.app` on the listeners that `run` is given."""

    acceptor: Acceptor

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start the application, and accept connections."""
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
        self.acceptor = Acceptor(
            sockets or [],
            new,
            connections,
            most_connections(raise_file_limit()),
            partial(make_room, connections),
        )
        self.servers = []
        self.acceptor.open()
        self.started = True

    async def on_tick(self, counter: int) -> bool:
        """Close connections whose deadline has passed, and accept again where there is room."""
        if counter % TICKS_OF_A_SECOND == 0:
            expire_all(self.server_state.connections, asyncio.get_running_loop().time())
        self.acceptor.tick()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Accept no more, and let running answers end."""
        self.acceptor.close()
        await super().shutdown(sockets)
