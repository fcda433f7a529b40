"""A relay before a replica. It counts what the replica sends, and can delay or stop it."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread

from tests.server import Address

_REQUEST = re.compile(rb"^([A-Z]+ \S+) HTTP/1\.1\r$", re.MULTILINE)
_BUFFER = 64 * 1024


class Gate:
    """Passes bytes on in both directions.

    `sent` counts the bytes that came from the replica, with all heads. `requests` are the methods
    and targets that went to it. `delay` is how many seconds each request waits.
    """

    def __init__(self, replica: Address) -> None:
        self.replica = replica
        self.sent = 0
        self.requests: list[bytes] = []
        self.delay = 0.0
        self._lock = Lock()
        self._ends = Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = Address(*self._listener.getsockname())

    def accept(self) -> None:
        """Relay connections until `close`."""
        while not self._ends.is_set():
            with suppress(OSError):
                client, _ = self._listener.accept()
                self._relay(client)

    def close(self) -> None:
        """Accept no more."""
        self._ends.set()
        # A connection of its own wakes `accept`.
        with suppress(OSError):
            socket.create_connection((self.address.host, self.address.port)).close()
        self._listener.close()

    def _relay(self, client: socket.socket) -> None:
        # Small buffers: what waits in them has been computed, and nobody has asked for it.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        replica = socket.socket()
        replica.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        try:
            replica.connect((self.replica.host, self.replica.port))
        except OSError:
            client.close()
            return
        Thread(target=self._forth, args=(client, replica), daemon=True).start()
        Thread(target=self._back, args=(replica, client), daemon=True).start()

    def _forth(self, client: socket.socket, replica: socket.socket) -> None:
        """What the client sends, and then the end of the connection."""
        with suppress(OSError):
            while received := client.recv(_BUFFER):
                found = _REQUEST.findall(received)
                with self._lock:
                    self.requests += found
                time.sleep(self.delay)
                replica.sendall(received)
        _end(replica)

    def _back(self, replica: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while received := replica.recv(_BUFFER):
                with self._lock:
                    self.sent += len(received)
                client.sendall(received)
        _end(client)
        replica.close()
        client.close()


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def gate(replica: Address) -> Iterator[Gate]:
    """A gate before this replica while the block runs."""
    made = Gate(replica)
    thread = Thread(target=made.accept, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join(5)
