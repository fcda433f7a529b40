"""/v1/weights: a tensor's bytes, or its certificate.

Lean by intent: no dependencies, and no validation but the spec's own.
"""

from dataclasses import dataclass
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from service.api.conditions import answer_without_body
from service.api.documents import document, json_response
from service.api.headers import caching_headers, fact_headers, location_header, tensor_tag
from service.api.operations import weights_operations, weights_post_operation
from service.api.readiness import Readiness
from service.api.routing import PlainRoute
from service.api.streaming import StreamPool, TensorResponse
from service.chunks import TensorBody
from service.plan.canonical import PATH
from service.plan.issuing import Issue, issue
from service.spec import parse_json, parse_query
from service.wire.formats import FORMATS

MOST_BODY_BYTES = 64 * 1024
"""Many times the longest spec there can be."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """What it takes to issue tensors over HTTP."""

    max_bytes: int
    pool: StreamPool
    readiness: Readiness

    def routes(self) -> list[PlainRoute]:
        """A path for each format, and one that takes the fields as JSON."""
        return [
            *(
                PlainRoute(f"{PATH}.{form}", partial(self.get, form), weights_operations(form))
                for form in FORMATS
            ),
            PlainRoute(PATH, self.post, {"post": weights_post_operation()}),
        ]

    async def get(self, form: str, request: Request) -> ASGIApp:
        """The tensor that the query asks for."""
        target = request.scope["raw_path"] + b"?" + request.scope["query_string"]
        spec = parse_query(request.scope["query_string"])
        issued = issue(spec, form, max_bytes=self.max_bytes)
        if form == "json":
            return _certificate(request, issued, target)
        tag = tensor_tag(issued)
        headers = caching_headers(issued, tag, target)
        held = None if issued.drawn else answer_without_body(request, tag, headers)
        if held is not None:
            return held
        if request.method != "HEAD":
            self.readiness.require()
        return self._tensor(issued, headers)

    async def post(self, request: Request) -> ASGIApp:
        """The tensor that a JSON body asks for: not to be kept, but its URL may be."""
        spec, form = parse_json(await _json_body(request))
        issued = issue(spec, form, max_bytes=self.max_bytes)
        headers = {"Cache-Control": "no-store", "Link": f'<{issued.url}>; rel="canonical"'}
        if form == "json":
            return json_response(issued.certificate(), headers)
        self.readiness.require()
        return self._tensor(issued, headers)

    def _tensor(self, issued: Issue, headers: dict[str, str]) -> TensorResponse:
        everything = fact_headers(issued.plan) | headers
        encoded = [(name.lower().encode(), value.encode()) for name, value in everything.items()]
        return TensorResponse(TensorBody(issued.plan), encoded, self.pool)


def _certificate(request: Request, issued: Issue, target: bytes) -> Response:
    location = location_header(issued, target)
    if issued.drawn:
        return json_response(issued.certificate(), {"Cache-Control": "no-store"} | location)
    return document(request, issued.certificate(), location)


async def _json_body(request: Request) -> bytes:
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
