"""Replicas that end and come back while clients ask the front."""

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from tests.process import Served, server
from tests.server import Address

REPLICAS = 3

END_SECONDS = 30.0
"""How long a replica may take for its end."""


class Replica:
    """A process of the service that can be ended and started again at the same address."""

    def __init__(self, drain_seconds: float = 0.0) -> None:
        self._environment = {"FANIN_DRAIN_SECONDS": str(drain_seconds)}
        self._process = ExitStack()
        # This socket is bound and does not listen. So connections are refused while the process is
        # down, and the system gives the port to nobody else.
        self._port = socket.socket()
        self._port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._port.bind(("127.0.0.1", 0))
        self.address = Address(*self._port.getsockname())
        self._served = self._started()

    def kill(self) -> None:
        """End the process with SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the process with SIGTERM, and wait until it has drained and ended."""
        assert self._end(signal.SIGTERM) == 0

    def start(self) -> None:
        """Start the process again, and wait until it is ready."""
        self._served = self._started()

    def close(self) -> None:
        """End the process, if it runs, and give the port up."""
        with closing(self._port):
            self._process.close()

    def _started(self) -> Served:
        served = self._process.enter_context(
            server(environment=self._environment, port=self.address.port)
        )
        assert "is ready after" in served.wait_until_all_ready()
        return served

    def _end(self, number: int) -> int:
        self._served.signal(number)
        status = self._served.end(END_SECONDS)
        self._process.close()
        return status


@contextmanager
def replicas(drain_seconds: float = 0.0) -> Iterator[list[Replica]]:
    """Three replicas, which are ready."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Replica(drain_seconds))) for _ in range(REPLICAS)]
