"""A stand-in for a replica, which answers what a test wants."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.server import Address

IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": '"one"'}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]

    def range(self) -> tuple[int, int]:
        """The first and the last byte of a range with two ends."""
        first, _, last = self.headers["range"].removeprefix("bytes=").partition("-")
        return int(first), int(last)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. If it is cut, the connection ends before these last bytes of the body."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int = 0


Answering = Callable[[Asked], Reply]


def tensor(seed: int = 1) -> str:
    """The canonical URL of a tensor, whose slices may be stored."""
    return f"/v1/weights.raw?shape=4&scheme=normal&seed={seed}&name=w"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, answering: Answering) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answering = answering
        self.asked: list[Asked] = []

    def handle_error(self, *words: object) -> None:
        """Say nothing of clients that leave early."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        assert isinstance(self.server, _Server)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers)
        self.server.asked.append(asked)
        reply = self.server.answering(asked)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if asked.method != "HEAD":
            self.wfile.write(reply.body[: len(reply.body) - reply.cut])
            self.close_connection = self.close_connection or reply.cut > 0

    do_GET = do_HEAD = do_POST = answer

    def log_message(self, *words: object) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Origin:
    """A running stand-in; `asked` are its requests so far."""

    address: Address
    asked: list[Asked]


@contextmanager
def origin(answering: Answering) -> Iterator[Origin]:
    """A stand-in while the block runs."""
    with _Server(answering) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Origin(Address("127.0.0.1", server.server_port), server.asked)
        finally:
            server.shutdown()
            thread.join()


def slices(content: bytes, headers: Mapping[str, str] = IMMUTABLE) -> Answering:
    """Answers each range of two ends with 206, clamped to the content; anything else with 200."""

    def answer(asked: Asked) -> Reply:
        if "range" not in asked.headers:
            return Reply(200, headers, content)
        first, last = asked.range()
        part = content[first : last + 1]
        placed = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
        return Reply(206, {**headers, "Content-Range": placed}, part)

    return answer


def busy(_: Asked) -> Reply:
    """A replica that has no room."""
    return Reply(503, {"Retry-After": "1"}, b"{}")
