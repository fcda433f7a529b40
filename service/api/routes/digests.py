"""/v1/weights.digests: the SHA-256 of the blocks of a file. A client checks a download with it."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.aside import Aside
from service.api.block_digests import BlockHasher, Listing, listing_of
from service.api.operations import digests_operations
from service.api.readiness import Readiness
from service.api.responses import json_response, not_modified
from service.api.routing import PlainRoute
from service.api.streaming import StreamPool, is_inline, read_body
from service.plan.canonical import PATH


@dataclass(frozen=True, slots=True)
class Digester:
    """The handler of the path and what it needs; `max_bytes` limits the size of a tensor."""

    max_bytes: int
    pool: StreamPool
    readiness: Readiness
    aside: Aside

    def routes(self) -> list[PlainRoute]:
        """The only route."""
        return [PlainRoute(f"{PATH}.digests", self.answer, digests_operations())]

    async def answer(self, request: Request) -> ASGIApp:
        """The digests that the query asks for. HEAD and 304 compute none."""
        query: bytes = request.scope["query_string"]
        listing = await self.aside.run_if_costly(query, partial(listing_of, query, self.max_bytes))
        headers = {"Cache-Control": "no-store"}
        if not listing.drawn:
            headers = {"ETag": listing.tag, "Cache-Control": "no-cache"}
            unchanged = not_modified(request, listing.tag, headers)
            if unchanged is not None:
                return unchanged
        if request.method == "HEAD":
            return json_response(b"", headers | {"Content-Length": str(listing.length)})
        self.readiness.require()
        return DigestsResponse(listing, headers, self.pool)


@dataclass(frozen=True, slots=True)
class DigestsResponse:
    """The answer to a GET.

    Blocks that take little time are hashed on the event loop. Others are computed and hashed in the
    pool's threads, chunk by chunk, and admitted like a stream.
    """

    listing: Listing
    headers: dict[str, str]
    pool: StreamPool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, hasher = self.listing.body, BlockHasher()
        if body is not None:
            if is_inline(body):
                hasher.add(body.chunk(0, np.empty(body.chunk_bytes, np.uint8)))
            elif not await read_body(body, self.pool, receive, hasher.add):
                return
        response = json_response(self.listing.answer(hasher.digests()), self.headers)
        await response(scope, receive, send)
