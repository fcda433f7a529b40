"""JSON answers: small enough to be made whole, each with the tag of its own body."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from service.api.conditions import answer_without_body, entity_tag


def json_response(body: bytes, headers: Mapping[str, str]) -> Response:
    """JSON as it is."""
    fixed = {"Content-Type": "application/json", "X-Content-Type-Options": "nosniff"}
    return Response(body, headers=fixed | dict(headers))


def document(request: Request, body: bytes, location: Mapping[str, str] | None = None) -> Response:
    """JSON that may be kept and is asked for anew each time, since any release may change it."""
    tag = entity_tag(body)
    headers = {"ETag": tag, "Cache-Control": "no-cache"} | dict(location or {})
    return answer_without_body(request, tag, headers) or json_response(body, headers)
