"""Answers that are sent compressed if the client prefers it (RFC 9110, sections 8.4 and 12.5.3)."""

import gzip
import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from service.api.responses import field_value, not_modified
from service.page import PageFile, Sent

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_WEIGHT = r"[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)"
_ITEM = re.compile(rf"({_TOKEN})(?:{_WEIGHT})?")
"""A coding with its weight (RFC 9110, section 12.4.2)."""

_FAST = 1
"""The level of gzip for what is sent once: 4 ms for a megabyte of JSON, and a sixth is left."""

_SAME_AS_GZIP = "x-gzip"
"""RFC 9110, section 8.4.1.3."""


def encoded(request: Request, file: PageFile, headers: Mapping[str, str]) -> Response:
    """A file as the client prefers it, or 304 if the client has it.

    Each encoding has a tag of its own. Raises HTTPException 412 as `not_modified` does.
    """
    compressed = prefers_gzip(field_value(request, b"accept-encoding"))
    sent = file.compressed if compressed else file.plain
    return _answer(request, sent, file.media_type, headers, compressed=compressed)


def encoded_json(request: Request, body: bytes) -> Response:
    """JSON bytes of one request as `encoded` sends a file. Caches must revalidate them."""
    compressed = prefers_gzip(field_value(request, b"accept-encoding"))
    sent = Sent.of(gzip.compress(body, _FAST, mtime=0) if compressed else body)
    headers = {"Cache-Control": "no-cache"}
    return _answer(request, sent, "application/json", headers, compressed=compressed)


def _answer(
    request: Request,
    sent: Sent,
    media_type: str,
    headers: Mapping[str, str],
    *,
    compressed: bool,
) -> Response:
    told = dict(headers) | {"ETag": sent.tag, "Vary": "Accept-Encoding"}
    fixed = {"Content-Type": media_type, "X-Content-Type-Options": "nosniff"}
    if compressed:
        fixed["Content-Encoding"] = "gzip"
    return not_modified(request, sent.tag, told) or Response(sent.body, headers=told | fixed)


def prefers_gzip(value: str | None) -> bool:
    """Whether an Accept-Encoding accepts gzip and does not give the plain file a larger weight.

    None means that the client did not send one. A text that cannot be read accepts nothing, since
    the plain file is right for every client. Of a coding that is given twice the least weight
    counts.
    """
    weights: dict[str, float] = {}
    for item in (value or "").split(","):
        if not (bare := item.strip(" \t")):
            continue
        if (read := _ITEM.fullmatch(bare)) is None:
            return False
        coding, weight = read[1].lower(), float(read[2] or 1)
        coding = "gzip" if coding == _SAME_AS_GZIP else coding
        weights[coding] = min(weight, weights.get(coding, weight))
    rest = weights.get("*", 0.0)
    small, plain = weights.get("gzip", rest), weights.get("identity", rest)
    return small > 0 and small >= plain
