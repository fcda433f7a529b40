"""HTTP/1.1 connections of uvicorn and h11, with a limit on the request head.

An unparseable request gets a problem body, as every other refused request does.
"""

import logging
import sys
from typing import Any

import h11
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from service.api.cors import CORS_HEADERS
from service.api.problems import respond
from service.api.reasons import REASONS
from service.errors import Problem

MOST_HEAD_BYTES = 16 * 1024
"""The limit for request line and headers together.

A request line of 8,000 bytes has to fit (RFC 9112, section 3).
"""

MOST_TARGET_BYTES = 8 * 1024

TOO_LARGE = 431
"""The status of a head that is too large (RFC 6585, section 5)."""

LINGER_SECONDS = 2.0
"""How long a refused client may go on sending before the connection is closed.

A close with unread bytes resets the connection, and the client may lose the answer (RFC 9112,
section 9.6).
"""

# An unparseable request is a client's mistake and not worth a log line. Errors of the application
# are logged by the same logger at level ERROR.
_LOGGER = logging.getLogger("uvicorn.error.connection")
_LOGGER.setLevel(logging.ERROR)


class BoundedConnection(h11.Connection):
    """The server's side of a connection, with a limit on the size of the request head.

    `request_line` is the line as received, of the request being read or read last, valid or not.
    `method` is empty until h11 has parsed that request's head.
    """

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MOST_HEAD_BYTES)
        self.request_line = b""
        self.method = b""

    @property
    def target(self) -> bytes:
        """The second word of the request line."""
        return b"".join(self.request_line.split(b" ", 2)[1:2]).rstrip(b"\r")

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next event of h11; raises RemoteProtocolError for a head that it cannot accept.

        h11 limits only a head that is still incomplete. A head that arrived in one piece is
        measured here, so that the limit does not depend on how the network splits it.
        """
        if self.their_state is not h11.IDLE:
            return super().next_event()
        received = self.trailing_data[0]
        self.request_line, self.method = received.partition(b"\n")[0], b""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.method = event.method
            head_bytes = len(received) - len(self.trailing_data[0])
            if head_bytes > MOST_HEAD_BYTES or len(event.target) > MOST_TARGET_BYTES:
                raise h11.RemoteProtocolError("the head is too large", TOO_LARGE)
        return event

    # h11 has an overload for each kind of event. uvicorn needs only the most general one.
    def send(self, event: h11.Event) -> bytes | None:  # type: ignore[override]
        """The bytes to write for an event; a piece of a body is passed on without a copy."""
        pieces = self.send_with_data_passthrough(event)
        if pieces is None:
            return None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class ProblemProtocol(H11Protocol):
    """The asyncio protocol that uvicorn creates for each connection."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn: BoundedConnection = BoundedConnection()
        self.logger = _LOGGER
        self._refused = False

    def connection_made(self, transport: Any) -> None:
        """Set the write buffer limit to 0.

        uvicorn's `send` then waits until a piece is written out. `service.api.streaming` uses the
        piece's memory again after that.
        """
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)

    def data_received(self, data: bytes) -> None:
        """Pass data to h11; ignore it after the connection's last request was refused."""
        if not self._refused:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answer a request that h11 could not parse, and close the connection.

        uvicorn calls this while it handles h11's exception. If another answer is being sent, the
        connection is closed without a word, which would become part of that answer.
        """
        self._refused = True
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        self._send(_answer(self.conn, sys.exception()))
        if self.cycle is not None:
            # A route still works on the request. Tell it that its client has left.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.flow.resume_reading()
        self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _send(self, answer: Response) -> None:
        headers = [*answer.raw_headers, *CORS_HEADERS, (b"connection", b"close")]
        events = (
            h11.Response(
                status_code=answer.status_code,
                headers=headers,
                reason=STATUS_PHRASES[answer.status_code],
            ),
            h11.Data(data=b"" if self.conn.method == b"HEAD" else bytes(answer.body)),
            h11.EndOfMessage(),
        )
        for event in events:
            self.transport.write(self.conn.send(event) or b"")


def _answer(conn: BoundedConnection, error: BaseException | None) -> Response:
    """The answer to the request that `conn` has just refused.

    h11's own message is not repeated: it quotes the client's bytes as a Python literal.
    """
    if len(conn.target) > MOST_TARGET_BYTES:
        message = f"the request target has more than {MOST_TARGET_BYTES} bytes"
        return _problem(414, "uri_too_long", message, REASONS["uri_too_long"].explanation)
    if getattr(error, "error_status_hint", 400) == TOO_LARGE:
        message = f"the request line and the headers have more than {MOST_HEAD_BYTES} bytes"
        hint = REASONS["header_too_large"].explanation
        return _problem(TOO_LARGE, "header_too_large", message, hint)
    if not conn.request_line.isascii():
        return _problem(400, "bad_request", "the request line is not ASCII", _ESCAPES)
    message = "the request line, a header or the body's framing is not HTTP/1.1"
    return _problem(400, "bad_request", message, "let curl or an HTTP library write the request")


_ESCAPES = (
    "percent-encode UTF-8, for example name=gr%C3%B6%C3%9Fe; curl -G --data-urlencode does it"
)


def _problem(status: int, reason: str, message: str, hint: str) -> Response:
    return respond(status, reason, Problem("", message, hint))
