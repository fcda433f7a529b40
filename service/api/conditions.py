"""Conditional requests: entity tags, and what a client already has (RFC 9110, section 13)."""

import re
from collections.abc import Mapping
from hashlib import sha256

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_ENTITY_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_DIGEST_CHARACTERS = 32


def entity_tag(content: bytes) -> str:
    """The strong tag (RFC 9110, section 8.8.3) of whatever these bytes are or stand for."""
    return f'"{sha256(content).hexdigest()[:_DIGEST_CHARACTERS]}"'


def answer_without_body(request: Request, tag: str, headers: Mapping[str, str]) -> Response | None:
    """304 if the client has the representation of this tag; None if it has to be sent.

    `headers` are those that a 304 repeats (section 15.4.5). Raises HTTPException 412 where
    If-Match names other tags only. The order is that of section 13.2.2.
    """
    wanted = _field(request, "if-match")
    if wanted is not None and not _names(wanted, tag, weakly=False):
        raise HTTPException(412, f"this is {tag}, and If-Match names it not")
    held = _field(request, "if-none-match")
    if held is not None and _names(held, tag, weakly=True):
        return Response(status_code=304, headers=headers)
    return None


def _field(request: Request, name: str) -> str | None:
    """A list field's value, its lines joined (section 5.3)."""
    lines = request.headers.getlist(name)
    return ", ".join(lines) if lines else None


def _names(value: str, tag: str, *, weakly: bool) -> bool:
    """Whether a list of tags holds this one; weak tags count for weak comparison only."""
    if value.strip() == "*":
        return True
    return any(
        opaque == tag and (weakly or not weak) for weak, opaque in _ENTITY_TAG.findall(value)
    )
