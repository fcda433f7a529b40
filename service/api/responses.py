"""JSON responses, entity tags and conditional requests (RFC 9110, section 13)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.plan.tag import entity_tag

# RFC 9110, section 8.8.3: `W/` marks a weak tag; the quotes belong to the tag.
_ENTITY_TAG = r'(W/)?("[\u0021\u0023-\u007e\u0080-\u00ff]*")'
_ENTITY_TAGS = re.compile(_ENTITY_TAG)

TAG_LIST = rf"\*|{_ENTITY_TAG}(?:[ \t]*,[ \t]*{_ENTITY_TAG})*"
"""The pattern of If-Match and If-None-Match: `*`, or entity tags joined by commas."""


def json_response(body: bytes, headers: Mapping[str, str]) -> Response:
    """A response with JSON bytes and these headers."""
    fixed = {"Content-Type": "application/json", "X-Content-Type-Options": "nosniff"}
    return Response(body, headers=fixed | dict(headers))


def revalidated_json(
    request: Request, body: bytes, location: Mapping[str, str] | None = None
) -> Response:
    """A response with JSON bytes, or 304 if the client has them.

    Caches must revalidate it before each use, since any release may change it. Raises
    HTTPException 412 as `not_modified` does.
    """
    return Document.of(body).answer(request, location)


@dataclass(frozen=True, slots=True)
class Document:
    """JSON bytes with their entity tag. Making the tag takes half a millisecond for a megabyte."""

    body: bytes
    tag: str

    @classmethod
    def of(cls, body: bytes) -> "Document":
        """The document of these bytes."""
        return cls(body, entity_tag(body))

    def answer(self, request: Request, location: Mapping[str, str] | None = None) -> Response:
        """The answer of `revalidated_json`."""
        headers = {"ETag": self.tag, "Cache-Control": "no-cache"} | dict(location or {})
        return not_modified(request, self.tag, headers) or json_response(self.body, headers)


def not_modified(request: Request, tag: str, headers: Mapping[str, str]) -> Response | None:
    """The 304 response if the client has the representation with this tag, else None.

    `headers` are those that a 304 repeats (RFC 9110, section 15.4.5). Raises HTTPException 412 if
    the request has an If-Match that does not list the tag. If-Match is evaluated before
    If-None-Match (section 13.2.2).
    """
    if_match = field_value(request, b"if-match")
    if if_match is not None and not _lists(if_match, tag, weak_comparison=False):
        raise HTTPException(412, f"the current ETag is {tag}; If-Match does not list it")
    if_none_match = field_value(request, b"if-none-match")
    if if_none_match is not None and _lists(if_none_match, tag, weak_comparison=True):
        return Response(status_code=304, headers=headers)
    return None


def field_value(request: Request, name: bytes) -> str | None:
    """The value of a header field, its lines joined by commas (RFC 9110, section 5.3).

    `name` is in lower case. None if there is no such line.
    """
    # request.headers would decode every header.
    lines = [value for field, value in request.scope["headers"] if field == name]
    return b", ".join(lines).decode("latin-1") if lines else None


def _lists(value: str, tag: str, *, weak_comparison: bool) -> bool:
    """Whether a list of entity tags contains `tag`, which is strong; `*` contains every tag.

    A weak tag in the list equals a strong one by weak comparison only (RFC 9110, section 8.8.3.2).
    """
    if value.strip() == "*":
        return True
    return any(
        opaque == tag and (weak_comparison or not weak)
        for weak, opaque in _ENTITY_TAGS.findall(value)
    )
