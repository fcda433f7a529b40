"""Reading requests: JSON bodies, and the rejection of query fields where a path takes none."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from service.errors import Problem, UnavailableError
from service.fields.errors import FieldError, refusal
from service.fields.syntax import split_query

MOST_BODY_BYTES = 64 * 1024
"""Many times the size of the longest possible spec."""

MOST_LONG_BODIES = 64
"""How many bodies of more than MOST_BODY_BYTES a process reads at once. Clients may send slowly,
and each body takes up to 1 MiB."""

LONG_BODY_SECONDS = 5
"""Retry-After for a client that has to wait for one of these places. A body takes at most 20 s."""


class LongBodies:
    """The places for bodies of more than MOST_BODY_BYTES. It belongs to one event loop."""

    def __init__(self) -> None:
        self._taken = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place while the block runs. Raises UnavailableError (`too_busy`)."""
        if self._taken >= MOST_LONG_BODIES:
            message = f"{self._taken} long bodies are being read"
            hint = "try again after the seconds in Retry-After, or ask another replica"
            problem = Problem("", message, hint)
            raise UnavailableError("too_busy", problem, retry_after=LONG_BODY_SECONDS)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


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


async def json_body(
    request: Request, most: int = MOST_BODY_BYTES, places: LongBodies | None = None
) -> bytes:
    """The body of a request without a query, of at most so many bytes.

    A body of more than MOST_BODY_BYTES holds one of `places` while it is read.

    The query and the headers are checked before the body is read. So a client that sends
    `Expect: 100-continue` gets a refusal before it sends the body (RFC 9110, section 10.1.1).

    Raises UnreadableError for fields in the query; HTTPException 413 for more bytes, and 415 for a
    media type other than JSON or for a content coding; UnavailableError if no place is free.
    """
    refuse_fields(request, "put it into the body")
    _, body = await typed_body(request, ("application/json",), most, places)
    return body


async def typed_body(
    request: Request,
    media_types: Collection[str],
    most: int = MOST_BODY_BYTES,
    places: LongBodies | None = None,
) -> tuple[str, bytes]:
    """The media type of a request, which is one of these, and its body, as in `json_body`."""
    if int(request.headers.get("content-length", "0")) > most:
        raise _too_large(most)
    if _content_codings(request) - {"identity"}:
        # A 415 for a content coding names those that would do (RFC 9110, section 12.5.3).
        headers = {"Accept-Encoding": "identity"}
        raise HTTPException(415, "the body has a Content-Encoding; send it without one", headers)
    media_type = _media_type(request, media_types)
    return media_type, await _read(request, most, places or LongBodies())


def _content_codings(request: Request) -> set[str]:
    """The content codings of the body. Several lines are one list (RFC 9110, section 5.3)."""
    lines = ",".join(request.headers.getlist("content-encoding"))
    return {coding.strip().lower() for coding in lines.split(",")} - {""}


def _media_type(request: Request, known: Collection[str]) -> str:
    """The only Content-Type, if it is one of these. Raises HTTPException 415."""
    lines = request.headers.getlist("content-type")
    media_types = [line.partition(";")[0].strip().lower() for line in lines]
    if len(media_types) != 1 or media_types[0] not in known:
        given = " and ".join(each or "empty" for each in media_types) or "missing"
        raise HTTPException(415, f"the Content-Type is {given}; it must be {' or '.join(known)}")
    return media_types[0]


async def _read(request: Request, most: int, places: LongBodies) -> bytes:
    """The body; stops reading as soon as it is too large."""
    body = bytearray()
    try:
        with ExitStack() as held:
            async for piece in request.stream():
                if len(body) <= MOST_BODY_BYTES < len(body) + len(piece):
                    held.enter_context(places.place())
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
