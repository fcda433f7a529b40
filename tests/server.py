"""A real uvicorn on a free loopback port, in a thread of the test process.

And a client that reads only as far as it is told to.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import SystemRandom
from threading import Thread
from typing import Any

import uvicorn

from service.server.connection import Connection
from service.server.listening import listen
from service.server.worker import Worker

START_SECONDS = 30.0
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a running server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The origin, without a slash at the end."""
        return f"http://{self.host}:{self.port}"


@contextmanager
def running(
    app: Callable[..., Any] | str,
    port: int = 0,
    server_class: type[uvicorn.Server] = Worker,
    **config: Any,
) -> Iterator[Address]:
    """Serve an ASGI app, or the import string of one, while the block runs.

    Port 0 is any free one. `config` goes to `uvicorn.Config`. Log records stay with pytest, and
    streams that are left over at the end are cancelled after one second.
    """
    defaults = {
        "http": Connection,
        "log_config": None,
        "access_log": False,
        "timeout_graceful_shutdown": 1,
    }
    server = server_class(uvicorn.Config(app, **(defaults | config)))
    (listener,) = listen("127.0.0.1", port)
    with listener:
        thread = Thread(target=server.run, args=([listener],), name="uvicorn", daemon=True)
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield Address(*listener.getsockname())
        finally:
            server.should_exit = True
            thread.join(STOP_SECONDS)
        if thread.is_alive():
            raise RuntimeError(f"uvicorn did not stop within {STOP_SECONDS} s")


def _wait_until_started(server: uvicorn.Server, thread: Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("uvicorn did not start")
        time.sleep(0.01)


def free_port() -> int:
    """A port of the loopback interface that only this test uses, also while nothing listens on it.

    Linux gives ports from 32768 on to clients and to servers that ask for port 0
    (`ip_local_port_range` of ip(7)). This one is below them, so no other test gets it by chance.
    """
    while True:
        port = SystemRandom().randrange(10_000, 32_768)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def ask(address: Address, target: str = "/", fields: str = "") -> socket.socket:
    """A client with a small receive buffer that has sent its GET and read nothing.

    `fields` are more lines of the head, each with its line break.
    """
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    client.settimeout(10)
    client.connect((address.host, address.port))
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n".encode())
    return client


def read(client: socket.socket, count: int) -> None:
    """Read `count` bytes, whatever they are."""
    while count > 0:
        received = client.recv(min(count, 2**20))
        assert received, "the server hung up"
        count -= len(received)


def rest(client: socket.socket) -> bytes:
    """Everything that arrives until the server closes the connection."""
    return b"".join(iter(lambda: client.recv(65536), b""))


def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether the condition comes true within this time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()
