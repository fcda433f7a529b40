"""Accepting connections, within limits on memory and on open files."""

import asyncio
import errno
import logging
import resource
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from socket import socket
from typing import Any

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 4096
"""The most connections of a process, however many files the system allows. It limits memory."""

OTHER_FILES = 96
"""Files that a process needs beside its connections: libraries, pipes, the cache of kernels."""

PAUSE_SECONDS = 1.0
"""How long to accept nothing after the system has run out of files or of memory."""

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_GONE = (errno.ECONNABORTED, errno.EPROTO)
"""The errors of a client that left before its connection was accepted (accept(2))."""


def raise_file_limit() -> int:
    """Raise the limit on open files to the most that the system allows, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS reports a hard limit above what it accepts. The soft limit then stays.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft


def most_connections(file_limit: int) -> int:
    """The most connections under a limit on open files; RLIM_INFINITY means no limit."""
    if file_limit == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(1, min(MOST_CONNECTIONS, file_limit - OTHER_FILES))


class Acceptor:
    """Accepts connections on `listeners` while it is open, at most `most` at a time.

    `connections` are the open ones, and `make_protocol` makes the protocol of a new one. At the
    limit `make_room` is called to close some. It returns whether it closed any. If not, new
    connections wait in the system's queue until `tick` finds room.
    """

    def __init__(
        self,
        listeners: Sequence[socket],
        make_protocol: Callable[[], asyncio.BaseProtocol],
        connections: Collection[Any],
        most: int,
        make_room: Callable[[], bool],
    ) -> None:
        self._listeners = listeners
        self._make_protocol = make_protocol
        self._connections = connections
        self._most = most
        self._make_room = make_room
        self._loop = asyncio.get_running_loop()
        self._starting: set[asyncio.Task[Any]] = set()
        self._open = self._listening = self._warned = False
        self._resume_at = 0.0
        for listener in listeners:
            listener.setblocking(False)

    def open(self) -> None:
        """Begin to accept connections."""
        self._open = True
        self._resume_at = 0.0
        self.tick()

    def close(self) -> None:
        """Accept no more. The listeners stay open: other processes may share them."""
        self._open = False
        self._stop_listening()

    def tick(self) -> None:
        """Accept again if there is room. To be called several times a second."""
        if self._open and not self._listening and self._resume_at <= self._loop.time():
            if len(self._connections) + len(self._starting) >= self._most:
                return
            self._listening = True
            for listener in self._listeners:
                self._loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket) -> None:
        """Accept one connection, so that processes that share a listener take turns."""
        if len(self._connections) + len(self._starting) >= self._most:
            self._warn_once(f"{self._most} connections are open, the most of this process")
            if not self._make_room():
                self._pause(0)
                return
        try:
            client, _ = listener.accept()
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            if error.errno in _EXHAUSTED:
                self._warn_once(f"a connection was not accepted: {error.strerror}")
                self._pause(PAUSE_SECONDS)
            elif error.errno not in _GONE:
                raise
            return
        client.setblocking(False)
        task = self._loop.create_task(
            self._loop.connect_accepted_socket(self._make_protocol, client)
        )
        self._starting.add(task)
        task.add_done_callback(self._started)

    def _started(self, task: "asyncio.Task[Any]") -> None:
        self._starting.discard(task)
        # The client may be gone already. Asking for the exception marks it as seen.
        if not task.cancelled():
            task.exception()

    def _pause(self, seconds: float) -> None:
        self._stop_listening()
        self._resume_at = self._loop.time() + seconds

    def _warn_once(self, what: str) -> None:
        if not self._warned:
            self._warned = True
            logger.warning("%s; those that wait are closed, or new ones wait (logged once)", what)

    def _stop_listening(self) -> None:
        if self._listening:
            self._listening = False
            for listener in self._listeners:
                self._loop.remove_reader(listener)
