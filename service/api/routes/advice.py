"""/recommend: how to initialize a layer's weights, and why.

A recommendation plans several tensors, which takes 2 to 8 ms. A thread makes those that are not in
the cache.
"""

from dataclasses import dataclass, field
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from service.advice import parse_question_json, parse_question_query, recommend
from service.api.answers import RecentlyUsed
from service.api.aside import Aside
from service.api.operations import recommend_operations
from service.api.requests import json_body
from service.api.responses import json_response, revalidated_json
from service.api.routing import PlainRoute
from service.plan.canonical import MOST_URL_BYTES

MOST_ANSWERS = 256
"""How many answers the cache holds. Each takes about 10 KiB."""


@dataclass(frozen=True, slots=True)
class Adviser:
    """The handlers of /recommend; `max_bytes` limits the size of a tensor."""

    max_bytes: int
    aside: Aside
    answers: RecentlyUsed[bytes, bytes] = field(default_factory=lambda: RecentlyUsed(MOST_ANSWERS))

    def routes(self) -> list[PlainRoute]:
        """The only route."""
        return [PlainRoute("/recommend", self.answer, recommend_operations())]

    async def answer(self, request: Request) -> Response:
        """The recommendation for the query of a GET, or for the JSON body of a POST."""
        return await (self._post if request.method == "POST" else self._get)(request)

    async def _get(self, request: Request) -> Response:
        query = request.scope["query_string"]
        answer = self.answers.get(query)
        if answer is None:
            answer = await self.aside.run(partial(self._of_query, query))
            if len(query) <= MOST_URL_BYTES:
                self.answers.put(query, answer)
        return revalidated_json(request, answer)

    async def _post(self, request: Request) -> Response:
        body = await json_body(request)
        answer = await self.aside.run(partial(self._of_json, body))
        return json_response(answer, {"Cache-Control": "no-store"})

    def _of_query(self, query: bytes) -> bytes:
        return recommend(parse_question_query(query), max_bytes=self.max_bytes).as_json()

    def _of_json(self, body: bytes) -> bytes:
        return recommend(parse_question_json(body), max_bytes=self.max_bytes).as_json()
