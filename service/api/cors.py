"""Cross-origin requests (the CORS protocol of the Fetch standard): any page may read any answer.

The service knows no cookies, no credentials and no secrets: an answer depends on the request alone.
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
"""What every answer carries, refusals included.

A page may read every header of it. Named one by one, the headers of a tensor with the longest URL
would not fit into 3 KiB.
"""

_REQUEST_HEADERS = ("Content-Type", "If-Match", "If-None-Match", "If-Range", "Range")
_MAX_AGE_SECONDS = 86400
"""How long a browser may remember a preflight answer; browsers shorten it to their own limit."""


def with_cors(send: Send) -> Send:
    """An ASGI `send` that adds CORS_HEADERS to the answer."""

    def send_with_cors(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *CORS_HEADERS]
        return send(message)

    return send_with_cors


def options_response(request: Request, methods: Iterable[str]) -> Response:
    """The answer to OPTIONS on a path with these methods, a browser's preflight request or not."""
    allowed = ", ".join(sorted(methods))
    headers = {"Allow": allowed}
    if "access-control-request-method" in request.headers:
        headers |= {
            "Access-Control-Allow-Methods": allowed,
            "Access-Control-Allow-Headers": ", ".join(_REQUEST_HEADERS),
            "Access-Control-Max-Age": str(_MAX_AGE_SECONDS),
        }
    return Response(status_code=204, headers=headers)
