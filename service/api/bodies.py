"""Request bodies: JSON that says it is, and no more of it than any question needs."""

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

MOST_BODY_BYTES = 64 * 1024
"""Many times the longest spec there can be."""


async def json_body(request: Request) -> bytes:
    """The body of a request that says it is JSON.

    Raises HTTPException: 415 for another media type, 413 for more than MOST_BODY_BYTES.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise HTTPException(415, f"the body is {media_type or 'of no stated type'}, not JSON")
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BODY_BYTES:
                raise HTTPException(413, f"the body has more than {MOST_BODY_BYTES} bytes")
    except ClientDisconnect:
        # Nobody reads this answer; without one the server's log would call it an error.
        raise HTTPException(400, "the body broke off") from None
    return bytes(body)
