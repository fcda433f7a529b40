"""Answers that are sent compressed if the client accepts it (RFC 9110, sections 8.4 and 12.5.3)."""

import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from service.api.responses import field_value, not_modified
from service.page import PageFile
from service.plan.tag import entity_tag

_WEIGHT = re.compile(r"[ \t]*q[ \t]*=[ \t]*([01](?:\.\d{0,3})?)[ \t]*", re.IGNORECASE)


def encoded(request: Request, file: PageFile, headers: Mapping[str, str]) -> Response:
    """A file as the client accepts it, or 304 if the client has it.

    Each encoding has a tag of its own. Raises HTTPException 412 as `not_modified` does.
    """
    compressed = accepts_gzip(field_value(request, b"accept-encoding"))
    body = file.compressed if compressed else file.plain
    tag = entity_tag(body)
    told = dict(headers) | {"ETag": tag, "Vary": "Accept-Encoding"}
    fixed = {"Content-Type": file.media_type, "X-Content-Type-Options": "nosniff"}
    if compressed:
        fixed["Content-Encoding"] = "gzip"
    return not_modified(request, tag, told) or Response(body, headers=told | fixed)


def accepts_gzip(value: str | None) -> bool:
    """Whether an Accept-Encoding accepts gzip. None means that the client did not send one.

    A text that cannot be read accepts nothing, since the plain file is right for every client.
    """
    weights: dict[str, float] = {}
    for item in (value or "").split(","):
        coding, separator, parameter = item.partition(";")
        weight = _WEIGHT.fullmatch(parameter) if separator else None
        if separator and weight is None:
            continue
        weights[coding.strip().lower()] = float(weight[1]) if weight else 1.0
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0
