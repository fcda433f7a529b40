"""uvicorn's HTTP/1.1 protocol, but that what cannot be parsed is answered like everything else."""

import sys

import h11
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from service.api.problems import respond
from service.api.reasons import REASONS
from service.errors import Problem

MOST_HEADER_BYTES = 16 * 1024
"""Request line and headers together; a request line of 8,000 bytes has to fit (RFC 9112, 3)."""

_TOO_LARGE = 431


class ProblemProtocol(H11Protocol):
    """Called by uvicorn for each connection."""

    def send_400_response(self, msg: str) -> None:
        """Answer what h11 could not parse, and hang up.

        uvicorn calls this while it handles h11's error. In the middle of another answer nothing
        is said, since it would become a part of that.
        """
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            error = sys.exception()
            too_large = getattr(error, "error_status_hint", 400) == _TOO_LARGE
            self._send(_too_large() if too_large else _unreadable(error))
        self.transport.close()

    def _send(self, answer: Response) -> None:
        headers = [*answer.raw_headers, (b"connection", b"close")]
        events = (
            h11.Response(
                status_code=answer.status_code,
                headers=headers,
                reason=STATUS_PHRASES[answer.status_code],
            ),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        )
        for event in events:
            self.transport.write(self.conn.send(event) or b"")


def _too_large() -> Response:
    message = f"the request line and the headers have more than {MOST_HEADER_BYTES} bytes"
    hint = REASONS["header_too_large"].explanation
    return respond(_TOO_LARGE, "header_too_large", Problem("", message, hint))


def _unreadable(error: BaseException | None) -> Response:
    problem = Problem("", f"this is not HTTP/1.1: {error}", "let a library write the request")
    return respond(400, "bad_request", problem)
