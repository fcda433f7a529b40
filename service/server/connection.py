"""HTTP/1.1 connections: uvicorn's httptools protocol with limits on what a client can cost.

A request is read in pieces of READ_BYTES. The end of its head is found before the parser sees what
follows, so one request is read and answered at a time. Of what a client sends ahead, at most two
pieces are read, and the rest waits in the system's buffers. In each turn of the event loop one of
the requests that were sent ahead begins. So clients that wait for their answers are served first.

Each connection is in a phase (`Phase`), and each phase has a deadline. `service.server.sweeping`
asks each connection once a second to look at its own.
"""

import asyncio
import fcntl
import logging
import re
import struct
import termios
import threading
from asyncio.trsock import TransportSocket
from collections import deque
from enum import Enum
from math import inf
from socket import SO_ERROR, SO_LINGER, SOL_SOCKET
from typing import Any, cast
from urllib.parse import unquote_to_bytes

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.cors import CORS_HEADERS
from service.api.problems import error_message, respond
from service.errors import Problem
from service.models.listing import PATH as MANIFEST_PATH
from service.models.manifest import MOST_MANIFEST_BYTES
from service.server.exchange import Exchange, answer_head
from service.server.heads import (
    HEAD_TOO_LARGE,
    MOST_HEAD_BYTES,
    Fault,
    Headers,
    head_fault,
    unparsed_fault,
)

READ_BYTES = 16 * 1024
"""The most bytes that are read from a socket at once."""

MOST_BODY_BYTES = 256 * 1024
"""The most bytes of a request body with its framing: chunk sizes, chunk extensions and trailers.

No path but that of manifests reads more than 64 KiB (`service.api.requests`). In chunks of two
bytes each they take 224 KiB.
"""

MOST_LONG_BODY_BYTES = MOST_MANIFEST_BYTES + MOST_BODY_BYTES
"""The same for a manifest (POST /v1/models), which may have 1 MiB."""

MOST_TRAILER_BYTES = 4 * 1024
"""The most bytes of the last chunk's line and of the trailers, which no path reads."""

HEAD_SECONDS = 10.0
"""How long a client may take for a head, from its first byte or from the connection on."""

BODY_SECONDS = 20.0
"""How long a client may take for a body, from the end of the head on."""

KEEP_ALIVE_SECONDS = 65.0
"""How long a connection may be idle between two requests.

Longer than a proxy keeps an idle connection (60 s is usual), so that the proxy closes it first. If
the server closed it first, it could do so while the proxy sends the next request.
"""

SEND_SECONDS = 20.0
SEND_BYTES = 64 * 1024
"""Within SEND_SECONDS a client has to take the next SEND_BYTES of what was written, or all of it if
that is less. Otherwise the connection is reset."""

PRESSED_BYTES = 2**20
"""What a stream's client has to take in SEND_SECONDS while other requests wait for a place.

Otherwise the connection is reset.
"""

UNREAD_BYTES = 16 * 1024
UNREAD_SECONDS = 0.1
"""A request that was sent ahead does not begin while its client still has to take more than
UNREAD_BYTES of earlier answers. The server looks again after UNREAD_SECONDS."""

LINGER_SECONDS = 2.0
LINGER_BYTES = 256 * 1024
"""How long the server waits for the client to close after the last answer, and how many bytes it
reads meanwhile.

A close with unread bytes resets the connection, and the client may lose the answer (RFC 9112,
section 9.6).
"""

STALL_SECONDS = 3.0
"""The connection of a client that has taken nothing for this time may be closed to make room."""

_END = b"\r\n\r\n"
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")

_TIMEOUT = Fault(
    408,
    "request_timeout",
    "the request did not arrive in time",
    "send the whole request at once",
)
_BODY_TOO_LARGE = Fault(
    413,
    "payload_too_large",
    "the body with its framing is too large",
    "send a smaller body, with a Content-Length",
)

_TRAILERS_TOO_LARGE = Fault(
    431,
    "header_too_large",
    f"the trailers of the body have more than {MOST_TRAILER_BYTES} bytes",
    "send no trailers; no path reads them",
)

# A bad request is a client's mistake and not worth a log line. Errors of the application are logged
# by the same logger at level ERROR.
_LOGGER = logging.getLogger("uvicorn.error.connection")
_LOGGER.setLevel(logging.ERROR)


class Phase(Enum):
    """What a connection is doing. In every phase but ANSWER the server waits for the client."""

    HEAD = "waits for a request, or reads its head"
    BODY = "reads the body of a request that is being answered"
    ANSWER = "has the whole request, and answers it"
    LINGER = "has answered the last request, and waits for the client to close"


class _Shared(threading.local):
    """What the connections of an event loop share. Each loop runs in a thread of its own.

    Bytes are read into `buffer` and copied out before the next read. `ahead` are the connections
    whose next request was sent ahead and may begin. `unread` are those whose next request was sent
    ahead, and whose clients have not taken the earlier answers.
    """

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(READ_BYTES))
        self.ahead: deque[Connection] = deque()
        self.unread: list[Connection] = []


_shared = _Shared()


class Connection(HttpToolsProtocol, asyncio.BufferedProtocol):
    """The asyncio protocol that the server creates for each connection."""

    cycle: Exchange

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.logger = _LOGGER
        self.parser = httptools.HttpRequestParser(self)
        self.phase = Phase.HEAD
        self.since = self.loop.time()
        """When the phase began."""
        self._deadline = self.since + HEAD_SECONDS
        self._head = b""
        self._empty_lines = 0
        self._held = b""
        self._head_read = self._request_read = self._upgrading = False
        self._chunked = False
        self._line = b""
        self._body_left = self._body_bytes = self._trailer_bytes = self._lingered = 0
        self._most_body = MOST_BODY_BYTES
        self._written = self._taken = self._goal = 0
        self._progress_at = self.since
        self._pressed_at, self._pressed_goal = -inf, 0
        self._next_when_written = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set the write buffer limit to 0.

        `send` then waits until a piece is written out. `service.api.streaming` uses the piece's
        memory again after that.
        """
        super().connection_made(cast(asyncio.Transport, transport))
        self.transport.set_write_buffer_limits(0)
        self._socket: TransportSocket = transport.get_extra_info("socket")

    def get_buffer(self, sizehint: int) -> memoryview:
        """The memory to read into."""
        return _shared.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        self.data_received(bytes(_shared.buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Handle what was read, as the phase requires."""
        match self.phase:
            case Phase.HEAD:
                self._read_head(data)
            case Phase.BODY:
                self._read_body(data)
            case Phase.ANSWER:
                self._hold(data)
            case Phase.LINGER:
                self._lingered += len(data)
                if self._lingered > LINGER_BYTES:
                    # A close would reset the connection now. The client still has time to read.
                    self.flow.pause_reading()

    def _hold(self, data: bytes) -> None:
        """Keep what belongs to later requests. Pause reading once there are READ_BYTES of it.

        Until then reading goes on, because asyncio notices the end of a connection by reading.
        """
        self._held += data
        if len(self._held) >= READ_BYTES:
            self.flow.pause_reading()

    def _read_head(self, data: bytes) -> None:
        if not self._head:
            data = self._without_empty_lines(data)
            if not data:
                return
        before = len(self._head)
        head = self._head + data
        end = head.find(_END, max(0, before - len(_END) + 1))
        size = len(head) if end < 0 else end + len(_END)
        self._head = head[:size]
        if size > MOST_HEAD_BYTES:
            self._refuse(unparsed_fault(self._head))
            return
        if not self._parsed(self._head[before:]):
            self._refuse(unparsed_fault(self._head))
        elif self._head_read:
            self._begin(head[size:])
        elif end >= 0:
            self._refuse(unparsed_fault(self._head))

    def _without_empty_lines(self, data: bytes) -> bytes:
        """The data of a request from its request line on (RFC 9112, section 2.2).

        The first byte of a request begins the time for its head.
        """
        if self._empty_lines == 0:
            self._enter(Phase.HEAD, HEAD_SECONDS)
        line = data.lstrip(b"\r\n")
        self._empty_lines += len(data) - len(line)
        if self._empty_lines > MOST_HEAD_BYTES:
            self._refuse(HEAD_TOO_LARGE)
            return b""
        return line

    def _parsed(self, data: bytes) -> bool:
        """Whether the parser accepts the next part of a request."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._upgrading = True
        except httptools.HttpParserError:
            return False
        return True

    def _begin(self, rest: bytes) -> None:
        """Start to answer the request whose head has been read; `rest` is what follows the head."""
        fault = head_fault(self._head, self.headers)
        if fault is not None:
            self._refuse(fault)
            return
        if self._upgrading:
            self._ignore_upgrade()
        fields = dict(self.headers)
        self._chunked = b"transfer-encoding" in fields
        self._body_left = int(fields.get(b"content-length", b"0"))
        self._body_bytes, self._line, self._trailer_bytes = 0, b"", 0
        self.cycle = self._exchange()
        is_manifest = self.cycle.scope["path"] == MANIFEST_PATH
        self._most_body = MOST_LONG_BODY_BYTES if is_manifest else MOST_BODY_BYTES
        self._enter(Phase.BODY, BODY_SECONDS)
        if self._request_read:
            self._end_request(rest)
        else:
            self._read_body(rest)
        if self.phase is not Phase.LINGER:
            self._start_asgi_task(self.cycle, self.app)

    def _ignore_upgrade(self) -> None:
        """Let a new parser read the body, if there is one (RFC 9110, section 7.8).

        httptools ends a request with an upgrade at the end of its head, and would take its body for
        the next request.
        """
        self._upgrading = self._request_read = False
        self.parser = httptools.HttpRequestParser(self)
        framing = [
            b"%b: %b\r\n" % header
            for header in self.headers
            if header[0] in (b"content-length", b"transfer-encoding")
        ]
        self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(framing))

    def _exchange(self) -> Exchange:
        line, _, _ = self._head.partition(b"\r\n")
        method, target, protocol = line.split(b" ")
        raw_path, _, query = target.partition(b"?")
        version = protocol.removeprefix(b"HTTP/").decode("ascii")
        scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "headers": self.headers,
            "state": self.app_state.copy(),
            "method": method.decode("ascii"),
            "path": _decoded(raw_path),
            "raw_path": raw_path,
            "query_string": query,
        }
        return Exchange(
            self.write,
            self.loop,
            scope=cast(Any, scope),
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=version != "1.0" and self.expect_100_continue,
            keep_alive=version != "1.0" and _keeps_alive(self.headers),
            on_response=self.on_response_complete,
        )

    def _read_body(self, data: bytes) -> None:
        """Read a part of the body, and hold what follows the body."""
        start = 0
        while start < len(data) and not self._request_read:
            stop = start + self._next_part(data[start:])
            if not self._parsed(data[start:stop]):
                self._refuse(unparsed_fault(b""))
                return
            start = stop
        self._body_bytes += start
        if self._body_bytes > self._most_body:
            self._refuse(_BODY_TOO_LARGE)
        elif self._trailer_bytes > MOST_TRAILER_BYTES:
            self._refuse(_TRAILERS_TOO_LARGE)
        elif self._request_read:
            self._end_request(data[start:])

    def _next_part(self, data: bytes) -> int:
        """How many bytes of a body the parser gets next. No part passes the end of the body.

        The parts of a chunked body are the lines with the sizes of chunks, whole chunks, and the
        lines of the trailers (RFC 9112, section 7.1). The parser checks them. A line may be cut.
        """
        if self._body_left > 0 or not self._chunked:
            size = min(len(data), self._body_left)
            self._body_left -= size
            return size or len(data)
        size = data.find(b"\n") + 1
        self._line += data[:size] if size else data
        if size:
            digits = _CHUNK_SIZE.match(self._line)
            if digits is not None and int(digits[0], 16) > 0 and self._trailer_bytes == 0:
                # A chunk ends with a line break of its own.
                self._body_left = int(digits[0], 16) + len(b"\r\n")
            else:
                self._trailer_bytes += len(self._line)
            self._line = b""
        return size or len(data)

    def _end_request(self, rest: bytes) -> None:
        self._enter(Phase.ANSWER)
        self.cycle.more_body = False
        self.cycle.message_event.set()
        self._hold(rest)

    def _enter(self, phase: Phase, seconds: float = 0.0) -> None:
        self.phase = phase
        self.since = self.loop.time()
        self._deadline = self.since + seconds

    # What httptools calls.

    def on_message_begin(self) -> None:
        """Begin a request. The parser that `_ignore_upgrade` makes does not begin another one."""
        if not self._head_read:
            self.headers: Headers = []
            self.expect_100_continue = self._request_read = False

    def on_url(self, url: bytes) -> None:
        """The target is taken from the head, as it was sent."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header of the head. Trailers of a body are of no use, and are dropped."""
        if not self._head_read:
            name, value = name.lower(), value.rstrip(b" \t")
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head has ended."""
        self._head_read = True

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, unless the answer does not depend on it any more."""
        if not self.cycle.response_complete:
            self.cycle.body += body
            self.cycle.message_event.set()
            if len(self.cycle.body) > MOST_BODY_BYTES:
                self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """The request has ended."""
        self._request_read = True

    # The end of an answer, and of the connection.

    def on_response_complete(self) -> None:
        """Go on to the next request, or wait for the client to close."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if not self.cycle.keep_alive:
            self._linger()
        elif self.flow.write_paused:
            self._next_when_written = True
        else:
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the request, which refers to the connection.

        Without this cycle both are freed at once, and not by the garbage collector.
        """
        super().connection_lost(exc)
        del self.cycle

    def resume_writing(self) -> None:
        """Everything is written out."""
        super().resume_writing()
        if self._next_when_written:
            self._next_when_written = False
            self._next()

    def _next(self) -> None:
        """Wait for the next request, or read it if the client has sent it already."""
        self._head, self._empty_lines, self._head_read = b"", 0, False
        if self._chunked:
            # The parser would let a trailer decide whether the connection stays open.
            self.parser = httptools.HttpRequestParser(self)
        if self._held:
            _line_up(self)
        else:
            self._enter(Phase.HEAD, KEEP_ALIVE_SECONDS)

    def read_ahead(self) -> None:
        """Read the next request, which the client has sent already."""
        if not self.transport.is_closing():
            self._enter(Phase.HEAD, KEEP_ALIVE_SECONDS)
            data, self._held = self._held, b""
            self.flow.resume_reading()
            self.data_received(data)

    def _linger(self) -> None:
        self._enter(Phase.LINGER, inf)
        self._head = self._held = b""
        self.flow.resume_reading()
        try:
            self.transport.write_eof()
        except OSError:
            # The client has left already.
            self.transport.abort()

    def shutdown(self) -> None:
        """Close the connection if it is idle; else close it after the answer."""
        if self.phase in (Phase.BODY, Phase.ANSWER):
            self.cycle.keep_alive = False
        elif self.phase is Phase.HEAD:
            self.transport.close()

    def write(self, data: bytes | memoryview) -> None:
        """Write to the client, if it is there."""
        if not self.transport.is_closing():
            self._written += len(data)
            self.transport.write(data)

    def _refuse(self, fault: Fault) -> None:
        """Answer a request that cannot be read, and close the connection.

        If its answer has begun, the connection is cut: a problem would become part of that answer.
        """
        begun = self.phase is Phase.BODY
        if begun and self.cycle.response_started:
            self.transport.abort()
            return
        if begun:
            # A route works on the request already. Tell it that its client has left.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        answer = respond(fault.status, fault.reason, Problem("", fault.message, fault.hint))
        # The path may be one of Hub clients, and it may not have been read.
        answer.headers["X-Error-Message"] = error_message(answer)
        headers = [*self.server_state.default_headers, *answer.raw_headers, *CORS_HEADERS]
        head = answer_head(answer.status_code, [*headers, (b"connection", b"close")])
        self.write(head if self._head.startswith(b"HEAD ") else head + bytes(answer.body))
        self._linger()

    # Deadlines.

    def expire(self, now: float, pressed: bool) -> None:
        """Close the connection if a deadline of its client has passed.

        `pressed`: other requests wait for a place, and this connection's stream may have one.
        """
        if self.transport.is_closing():
            return
        if self.flow.read_paused and self._has_failed():
            self.transport.abort()
        elif self.bytes_under_way() == 0:
            self._progress_at = now
            self._expire_phase(now)
        elif pressed and self._is_slow_stream(now):
            self._reset()
        elif self._taken >= self._goal:
            self._goal, self._progress_at = min(self._written, self._taken + SEND_BYTES), now
        elif now >= self._progress_at + SEND_SECONDS:
            self._reset()

    def _is_slow_stream(self, now: float) -> bool:
        """Whether a stream's client takes less than PRESSED_BYTES in SEND_SECONDS.

        The time begins when other requests begin to wait.
        """
        if not self._answers or self.cycle.left == 0:
            return False
        if self._pressed_at < now - 2 * SEND_SECONDS or self._taken >= self._pressed_goal:
            self._pressed_at, self._pressed_goal = now, self._taken + PRESSED_BYTES
        return now >= self._pressed_at + SEND_SECONDS

    @property
    def _answers(self) -> bool:
        """Whether the server no longer waits for the request.

        It has all of it, or the answer began before the end and does not depend on the rest.
        """
        unwanted = self.phase is Phase.BODY and self.cycle.response_started
        return unwanted or self.phase is Phase.ANSWER

    def _expire_phase(self, now: float) -> None:
        if self._answers:
            return
        if self.phase is Phase.LINGER and self._deadline == inf:
            # The time for lingering begins when the client has got the answer.
            self._deadline = now + LINGER_SECONDS
        if now < self._deadline:
            return
        if self.phase is Phase.BODY or (self.phase is Phase.HEAD and self._head):
            self._refuse(_TIMEOUT)
        else:
            self.transport.close()

    def bytes_under_way(self) -> int:
        """Bytes that were written and that the client's system has not acknowledged."""
        if self._taken < self._written and not self.transport.is_closing():
            waiting = self.transport.get_write_buffer_size() + _unacknowledged(self._socket)
            self._taken = self._written - waiting
        return self._written - self._taken

    def _has_failed(self) -> bool:
        """Whether the client has reset the connection. While reading is paused, asyncio does not
        notice.
        """
        return self._socket.getsockopt(SOL_SOCKET, SO_ERROR) != 0

    def _reset(self) -> None:
        """Close the connection, and drop what the client has not taken.

        Without SO_LINGER the system would keep the bytes for as long as the client is there.
        """
        self._socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def waits_since(self, now: float) -> float | None:
        """Since when this connection waits for its client; None if it does not.

        A client that is slow to read has STALL_SECONDS before it counts.
        """
        if not self._answers:
            return self.since
        stalled = self.bytes_under_way() > 0 and now >= self._progress_at + STALL_SECONDS
        return self._progress_at if stalled else None

    def make_way(self) -> None:
        """Close a connection that waits for its client, so that another one can be accepted."""
        if self.phase in (Phase.BODY, Phase.ANSWER):
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._reset()


def _line_up(connection: Connection) -> None:
    """Let a connection read what its client has sent ahead, in its turn."""
    if connection.bytes_under_way() > UNREAD_BYTES:
        _shared.unread.append(connection)
        if len(_shared.unread) == 1:
            connection.loop.call_later(UNREAD_SECONDS, _line_up_again)
        return
    _shared.ahead.append(connection)
    if len(_shared.ahead) == 1:
        connection.loop.call_soon(_take_turn)


def _line_up_again() -> None:
    unread, _shared.unread = _shared.unread, []
    for connection in unread:
        if not connection.transport.is_closing():
            _line_up(connection)


def _take_turn() -> None:
    connection = _shared.ahead.popleft()
    if _shared.ahead:
        connection.loop.call_soon(_take_turn)
    connection.read_ahead()


def _decoded(raw_path: bytes) -> str:
    if b"%" in raw_path:
        raw_path = unquote_to_bytes(raw_path)
    return raw_path.decode("utf-8", "replace")


def _keeps_alive(headers: Headers) -> bool:
    """Whether the client wants the connection to stay open (RFC 9112, section 9.3)."""
    return not any(name == b"connection" and b"close" in value.lower() for name, value in headers)


def _unacknowledged(socket: TransportSocket) -> int:
    """Bytes in the system's send queue (SIOCOUTQ of tcp(7)); 0 where the system does not tell."""
    try:
        told = fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return 0
    waiting: int = struct.unpack("i", told)[0]
    return waiting
