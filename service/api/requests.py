"""Reading requests: JSON bodies, and the rejection of query fields where a path takes none."""

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from service.fields.errors import FieldError, refusal
from service.fields.syntax import split_query

MOST_BODY_BYTES = 64 * 1024
"""Many times the size of the longest possible spec."""


def refuse_fields(request: Request, hint: str) -> None:
    """Check that the query is empty.

    Raises UnreadableError (`unknown_field`) with a problem for each field; `hint` says what to do
    instead.
    """
    fields, errors = split_query(request.scope["query_string"])
    unread = [
        (field, FieldError("unknown_field", "no field is read here", hint)) for field, _ in fields
    ]
    if unread or errors:
        raise refusal([*unread, *errors])


async def json_body(request: Request, most: int = MOST_BODY_BYTES) -> bytes:
    """The body of a request without a query, of at most so many bytes.

    The query and the headers are checked before the body is read. So a client that sends
    `Expect: 100-continue` gets a refusal before it sends the body (RFC 9110, section 10.1.1).

    Raises UnreadableError for fields in the query; HTTPException 413 for more bytes, and 415 for a
    media type other than JSON or for a content coding.
    """
    refuse_fields(request, "put it into the body")
    if int(request.headers.get("content-length", "0")) > most:
        raise _too_large(most)
    if _content_codings(request) - {"identity"}:
        # A 415 for a content coding names those that would do (RFC 9110, section 12.5.3).
        headers = {"Accept-Encoding": "identity"}
        raise HTTPException(415, "the body has a Content-Encoding; send it without one", headers)
    _require_json(request)
    return await _read(request, most)


def _content_codings(request: Request) -> set[str]:
    """The content codings of the body. Several lines are one list (RFC 9110, section 5.3)."""
    lines = ",".join(request.headers.getlist("content-encoding"))
    return {coding.strip().lower() for coding in lines.split(",")} - {""}


def _require_json(request: Request) -> None:
    """Check that the only Content-Type is application/json. Raises HTTPException 415."""
    lines = request.headers.getlist("content-type")
    media_types = [line.partition(";")[0].strip().lower() for line in lines]
    if media_types != ["application/json"]:
        given = " and ".join(each or "empty" for each in media_types) or "missing"
        raise HTTPException(415, f"the Content-Type is {given}; it must be application/json")


async def _read(request: Request, most: int) -> bytes:
    """The body; stops reading as soon as it is too large."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > most:
                raise _too_large(most)
    except ClientDisconnect:
        # The client is gone and gets no answer. An exception that is not an HTTPException would
        # be logged as an error of the server.
        raise HTTPException(400, "the client left before the body ended") from None
    return bytes(body)


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"the body has more than {most} bytes")
