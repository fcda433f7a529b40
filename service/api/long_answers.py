"""Long answers of JSON: the listing of a model may have 100 MB.

They are sent in pieces, so that the transport holds one piece and not a copy of all. Their bytes
are in memory until the client has taken the last piece. So all of them together have a limit.
"""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.errors import Problem, UnavailableError

SHORT_BYTES = 1 << 20
"""An answer of at most so many bytes is sent at once and does not count."""

MOST_BYTES = 256 << 20
"""The most bytes of all long answers that a process is sending. One alone may be longer."""

PIECE_BYTES = 256 << 10

RETRY_SECONDS = 10


class LongAnswers:
    """The long answers that are being sent. It belongs to one event loop."""

    def __init__(self) -> None:
        self.bytes = 0

    def sent(self, answer: Response) -> Response:
        """The same answer, in pieces if it is long.

        Raises UnavailableError (`too_busy`) if the others have too many bytes.
        """
        size = len(answer.body)
        if size <= SHORT_BYTES:
            return answer
        if self.bytes and self.bytes + size > MOST_BYTES:
            message = f"long answers of {self.bytes} bytes are being sent"
            hint = "try again after the seconds in Retry-After, or ask another replica"
            problem = Problem("", message, hint)
            raise UnavailableError("too_busy", problem, retry_after=RETRY_SECONDS)
        return _InPieces(self, bytes(answer.body), answer.headers)


class _InPieces(Response):
    """An answer with status 200 that is sent piece by piece."""

    def __init__(self, answers: LongAnswers, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(body, headers=headers)
        self._answers = answers
        # From now on, since the body is in memory.
        answers.bytes += len(body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            view = memoryview(self.body)
            for first in range(0, len(view), PIECE_BYTES):
                piece = view[first : first + PIECE_BYTES]
                more = first + len(piece) < len(view)
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        finally:
            self._answers.bytes -= len(self.body)
