"""A small HTTP server that serves ranges of some bytes, and breaks answers as it is told."""

import base64
import hashlib
import itertools
import re
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

TAG = '"0123456789abcdef0123456789abcdef"'


@dataclass
class Front:
    """What is served, and what was asked for.

    Each GET of a range takes the next of `faults`, which is the name of a method of _Handler, or ""
    for a right answer. When the faults are used up, the answers are right. `seconds` is the time
    that each of them takes. Each HEAD has the fault `head_fault`.
    """

    content: bytes
    tag: str = TAG
    target: str = "/v1/weights.raw?seed=1"
    faults: list[str] = field(default_factory=list)
    always: str = ""
    seconds: float = 0.0
    digests: bool = False
    more: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[int, int]] = field(default_factory=list)
    wanted: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    head_status: int = 200
    head_fault: str = ""
    lock: Lock = field(default_factory=Lock)

    def next_fault(self) -> str:
        """The fault of the next answer."""
        with self.lock:
            return self.faults.pop(0) if self.faults else self.always

    @property
    def asked_bytes(self) -> int:
        """The bytes of all ranges that were asked for."""
        return sum(stop - start for start, stop in self.asked)


@contextmanager
def serving(front: Front, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of a tensor behind this front while the block runs."""

    class Handler(_Handler):
        served = front

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_port}{front.target}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    """A server that says nothing when a client leaves."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection. Each fault is a method that sends an answer in place of `_right`."""

    protocol_version = "HTTP/1.1"
    served: Front

    def log_message(self, *arguments: object) -> None:
        """Nothing is logged."""

    def do_HEAD(self) -> None:
        front = self.served
        lines = {
            "Content-Length": str(len(front.content)),
            "ETag": front.tag,
            "Accept-Ranges": "bytes",
        }
        self._lines = {name: value for name, value in (lines | front.more).items() if value}
        fault: Callable[[], None] = getattr(self, f"_{front.head_fault or 'described'}")
        try:
            fault()
        except OSError:
            self.close_connection = True

    def do_GET(self) -> None:
        front = self.served
        found = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", self.headers["Range"])
        assert found
        self.start, self.stop = int(found[1]), int(found[2]) + 1
        with front.lock:
            front.asked.append((self.start, self.stop))
            front.wanted.append(dict(self.headers.items()))
            front.times.append(time.monotonic())
        time.sleep(front.seconds)
        fault: Callable[[], None] = getattr(self, f"_{front.next_fault() or 'right'}")
        try:
            fault()
        except OSError:
            self.close_connection = True

    def _described(self) -> None:
        """The answer to HEAD."""
        self._head(self.served.head_status, self._lines)

    def _with_body(self) -> None:
        """An answer to HEAD with a body, which no answer to HEAD may have."""
        self._described()
        self.wfile.write(b"HTTP/1.1 500 is a body\r\n\r\n")

    def _hinted(self) -> None:
        """Three interim answers (RFC 9110, section 15.2) before the answer to HEAD."""
        self._interim()
        self._described()

    def _interim(self) -> None:
        for status in (103, 100, 102):
            self._head(status, {"Link": "</style.css>"})

    @property
    def _part(self) -> bytes:
        return self.served.content[self.start : self.stop]

    def _head(self, status: int, lines: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in lines.items():
            self.send_header(name, value)
        self.end_headers()

    def _partial(self, **changed: str) -> None:
        """The head of a right answer, with changed lines; an empty one is left out."""
        place = f"bytes {self.start}-{self.stop - 1}/{len(self.served.content)}"
        length = str(self.stop - self.start)
        lines = {"ETag": self.served.tag, "Content-Range": place, "Content-Length": length}
        if self.served.digests:
            digest = base64.b64encode(hashlib.sha256(self._part).digest()).decode()
            lines["Content-Digest"] = f"sha-256=:{digest}:"
        lines |= {name.replace("_", "-"): value for name, value in changed.items()}
        self._head(206, {name: value for name, value in lines.items() if value})

    def _right(self) -> None:
        self._partial()
        self.wfile.write(self._part)

    def _after_interim(self) -> None:
        self._interim()
        self._right()

    def _problem(self) -> None:
        content = b'{"errors": [{"field": "seed", "message": "is odd", "hint": "try 2"}]}'
        self._head(404, {"Content-Length": str(len(content))})
        self.wfile.write(content)

    def _cut(self) -> None:
        """Half of the bytes, then the end of the connection."""
        self._partial()
        self.wfile.write(self._part[: (self.stop - self.start) // 2])
        self.close_connection = True

    def _silent(self) -> None:
        """No answer but the end of the connection."""
        self.close_connection = True

    def _flipped(self) -> None:
        """One wrong bit, in the middle."""
        self._partial()
        content = bytearray(self._part)
        content[len(content) // 2] ^= 1
        self.wfile.write(content)

    def _busy(self) -> None:
        self._head(503, {"Retry-After": "1", "Content-Length": "4"})
        self.wfile.write(b"busy")

    def _later(self) -> None:
        self._head(503, {"Retry-After": "30", "Content-Length": "0"})

    def _limited(self) -> None:
        self._head(429, {"Retry-After": "soon", "Content-Length": "0"})

    def _other_tag(self) -> None:
        self._partial(ETag='"another"')
        self.wfile.write(self._part)

    def _weak_tag(self) -> None:
        self._partial(ETag=f"W/{self.served.tag}")
        self.wfile.write(self._part)

    def _other_place(self) -> None:
        place = f"bytes {self.start + 1}-{self.stop}/{len(self.served.content)}"
        self._partial(Content_Range=place)
        self.wfile.write(self._part)

    def _other_length(self) -> None:
        """One byte less than the range has."""
        self._partial(Content_Length=str(self.stop - self.start - 1))
        self.wfile.write(self._part[:-1])

    def _encoded(self) -> None:
        self._partial(Content_Encoding="gzip")
        self.wfile.write(self._part)

    def _whole(self) -> None:
        """200, and everything."""
        length = str(len(self.served.content))
        self._head(200, {"ETag": self.served.tag, "Content-Length": length})
        self.wfile.write(self.served.content)

    def _endless(self) -> None:
        """A right head without a length, and bytes for ever."""
        self._partial(Content_Length="")
        for _ in itertools.repeat(None):
            self.wfile.write(bytes(65536))

    def _drip(self) -> None:
        """A right head, and ten bytes a second."""
        self._partial()
        self._slowly(self._part, 1)

    def _drip_head(self) -> None:
        """The head is never complete."""
        self.wfile.write(b"HTTP/1.1 206 Partial Content\r\nX: ")
        self._slowly(bytes(4096), 1)

    def _drip_problem(self) -> None:
        self._head(404, {"Content-Length": "4096"})
        self._slowly(bytes(4096), 1)

    def _continues(self) -> None:
        """Interim answers for ever, as fast as the client reads."""
        for _ in itertools.repeat(None):
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    def _hints(self) -> None:
        """Interim answers of another kind, ten a second."""
        self._slowly(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000, 28)

    def _steady(self) -> None:
        """1 MiB in a second, in ten pieces."""
        self._partial()
        self._slowly(self._part, 2**20 // 10)

    def _slowly(self, content: bytes, size: int) -> None:
        """Ten pieces of this size in a second."""
        for start in range(0, len(content), size):
            self.wfile.write(content[start : start + size])
            time.sleep(0.1)

    def _missing(self) -> None:
        self._head(404, {"Content-Length": "0"})

    def _no_http(self) -> None:
        self.wfile.write(b"\x00\x01\x02 nothing\r\n\r\n")
        self.close_connection = True
