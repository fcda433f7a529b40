"""Connections to a server of HTTP, which read what urllib3 alone does not."""

import http.client

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection

_INTERIM = range(102, 200)
"""The statuses of interim answers. The library skips 100. After 101 there is no more HTTP."""


class Connections(PoolManager):
    """The pools of urllib3 with the answers of this module."""

    def __init__(self, *, num_pools: int, maxsize: int, timeout: Timeout) -> None:
        super().__init__(num_pools, maxsize=maxsize, timeout=timeout)
        self.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class _Answer(http.client.HTTPResponse):
    """The answer to one request. Interim answers (RFC 9110, section 15.2) before it are skipped."""

    def begin(self) -> None:
        """Read the status and the headers."""
        super().begin()
        while self.status in _INTERIM:
            # The method of the library skips 100 only. It reads nothing if there are headers.
            self.headers = None  # type: ignore[assignment]
            super().begin()


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
