"""uvicorn's HTTP/1.1 protocol, but that what cannot be parsed is answered like everything else."""

import logging
import sys
from typing import Any

import h11
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from service.api.connection import (
    MOST_HEAD_BYTES,
    MOST_TARGET_BYTES,
    TOO_LARGE,
    BoundedConnection,
)
from service.api.cors import CORS_HEADERS
from service.api.problems import respond
from service.api.reasons import REASONS
from service.errors import Problem

LINGER_SECONDS = 2.0
"""How long a refused client may go on sending (RFC 9112, section 9.6): a connection closed before
its bytes are read is reset, and the answer with it."""

# What strangers send is worth no line in the log; an error of the application is.
_LOGGER = logging.getLogger("uvicorn.error.connection")
_LOGGER.setLevel(logging.ERROR)


class ProblemProtocol(H11Protocol):
    """Called by uvicorn for each connection."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn: BoundedConnection = BoundedConnection()
        self.logger = _LOGGER
        self._refused = False

    def connection_made(self, transport: Any) -> None:
        """Call a body's piece sent only when none of it is left here: its memory is used again."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)

    def data_received(self, data: bytes) -> None:
        """Let h11 read, unless nothing that comes can matter any more."""
        if not self._refused:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answer what h11 could not parse, and hang up.

        uvicorn calls this while it handles h11's error. In the middle of another answer nothing
        is said, since it would become a part of that.
        """
        self._refused = True
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        self._send(_answer(self.conn, sys.exception()))
        if self.cycle is not None:
            # A route that is at work on the request has nobody to answer.
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
    """The problem with the request that `conn` has just refused.

    h11's own words are not repeated: they hold what the stranger sent, as Python writes it.
    """
    if len(conn.target) > MOST_TARGET_BYTES:
        message = f"the request target has more than {MOST_TARGET_BYTES} bytes"
        return _problem(414, "uri_too_long", message, REASONS["uri_too_long"].explanation)
    if getattr(error, "error_status_hint", 400) == TOO_LARGE:
        message = f"the request line and the headers have more than {MOST_HEAD_BYTES} bytes"
        return _problem(TOO_LARGE, "header_too_large", message, _HEADERS_HINT)
    if not conn.request_line.isascii():
        return _problem(400, "bad_request", "the request line is not ASCII", _ESCAPES)
    message = "the request line, a header or the body's framing is not HTTP/1.1"
    return _problem(400, "bad_request", message, "let curl or an HTTP library write the request")


_HEADERS_HINT = REASONS["header_too_large"].explanation
_ESCAPES = (
    "percent-encode UTF-8, for example name=gr%C3%B6%C3%9Fe; curl -G --data-urlencode does it"
)


def _problem(status: int, reason: str, message: str, hint: str) -> Response:
    return respond(status, reason, Problem("", message, hint))
