"""Request bodies: JSON that says it is, and no more of it than any question needs."""

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from service.api.queries import refuse_fields

MOST_BODY_BYTES = 64 * 1024
"""Many times the longest spec there can be."""


async def json_body(request: Request) -> bytes:
    """The body of a request that says it is JSON, and nothing beside it in its URL.

    Whatever the head tells is refused before a byte is read: who asked whether to send the body
    (RFC 9110, section 10.1.1) is told not to.

    Raises UnreadableError for fields in the query; HTTPException: 413 for more than
    MOST_BODY_BYTES, 415 for another media type or an encoding.
    """
    refuse_fields(request, "put it into the body")
    if int(request.headers.get("content-length", "0")) > MOST_BODY_BYTES:
        raise _too_large()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        headers = {"Accept-Encoding": "identity"}
        raise HTTPException(415, "the body is encoded, and only identity is read", headers)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise HTTPException(415, f"the body is {media_type or 'of no stated type'}, not JSON")
    return await _read(request)


async def _read(request: Request) -> bytes:
    """The body, of which no more is read than allowed."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BODY_BYTES:
                raise _too_large()
    except ClientDisconnect:
        # Nobody reads this answer; without one the server's log would call it an error.
        raise HTTPException(400, "the body broke off") from None
    return bytes(body)


def _too_large() -> HTTPException:
    return HTTPException(413, f"the body has more than {MOST_BODY_BYTES} bytes")
