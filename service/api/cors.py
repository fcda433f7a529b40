"""Cross-origin requests (the CORS protocol of the Fetch standard): any page may read any answer.

The service uses no cookies and no credentials, so an answer depends on nothing but the request.
The value `*` is the same for every origin, so no answer needs `Vary: Origin`.
"""

from collections.abc import Awaitable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Send

CORS_HEADERS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"*"),
)
"""The headers of every answer, refusals included.

`*` lets a page read every header. A list of their names would not fit into the 3 KiB that the
headers of a tensor with the longest URL may take.
"""

_REQUEST_HEADERS = (
    *("Content-Type", "If-Match", "If-None-Match", "If-Range", "Range"),
    "Want-Content-Digest",
)
_MAX_AGE_SECONDS = 86400
"""How long a browser may cache a preflight answer. Browsers have shorter limits of their own."""


class CorsSend:
    """An ASGI `send` that adds CORS_HEADERS to the answer. `started`: the answer has begun."""

    __slots__ = ("_send", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    def __call__(self, message: Message) -> Awaitable[None]:
        if not self.started:
            self.started = True
            message["headers"] = [*message["headers"], *CORS_HEADERS]
        return self._send(message)


def options_response(
    request: Request, methods: Iterable[str], more_headers: Iterable[str] = ()
) -> Response:
    """The answer to OPTIONS on a path with these methods, for preflight requests and others.

    `more_headers` are headers of requests that this path allows beside those of every path.
    """
    allowed = ", ".join(sorted(methods))
    headers = {"Allow": allowed}
    if "access-control-request-method" in request.headers:
        headers |= {
            "Access-Control-Allow-Methods": allowed,
            "Access-Control-Allow-Headers": ", ".join((*more_headers, *_REQUEST_HEADERS)),
            "Access-Control-Max-Age": str(_MAX_AGE_SECONDS),
        }
    return Response(status_code=204, headers=headers)
