"""Connections to a server of HTTP, which end if an answer makes no progress.

The time limit of a socket holds for each read of it alone: one byte a minute would be enough.
"""

import http.client
import io
import socket
import time
from typing import TYPE_CHECKING

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SECONDS = 60
"""How long an answer may make no progress. The head of an answer has so many seconds in all."""

LEAST_BYTES = 2**16
"""Progress: so many bytes of a body have arrived."""

_INTERIM = range(102, 200)
"""The statuses of interim answers. The library skips 100. After 101 there is no more HTTP."""


class Connections(PoolManager):
    """The pools of urllib3 with the answers of this module."""

    def __init__(self, *, num_pools: int, maxsize: int, timeout: Timeout) -> None:
        super().__init__(num_pools, maxsize=maxsize, timeout=timeout)
        self.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class _Watched(io.RawIOBase):
    """The bytes of one answer as they arrive. Reads raise TimeoutError if there is no progress."""

    def __init__(self, arriving: io.RawIOBase) -> None:
        super().__init__()
        self._arriving = arriving
        self._in_body = False
        self._wait_for_progress()

    def begin_body(self) -> None:
        """The head is complete. From now on bytes are progress."""
        self._in_body = True
        self._wait_for_progress()

    def _wait_for_progress(self) -> None:
        self._count, self._deadline = 0, time.monotonic() + SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, memory: "WriteableBuffer") -> int | None:
        count = self._arriving.readinto(memory)
        self._count += count or 0
        if self._in_body and self._count >= LEAST_BYTES:
            self._wait_for_progress()
        elif time.monotonic() > self._deadline:
            raise TimeoutError
        return count

    def close(self) -> None:
        self._arriving.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """The answer to one request. Interim answers (RFC 9110, section 15.2) before it are skipped."""

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self._watched = _Watched(self.fp.detach())
        self.fp = io.BufferedReader(self._watched)

    def begin(self) -> None:
        """Read the status and the headers."""
        super().begin()
        while self.status in _INTERIM:
            # The method of the library skips 100 only. It reads nothing if there are headers.
            self.headers = None  # type: ignore[assignment]
            super().begin()
        self._watched.begin_body()


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
