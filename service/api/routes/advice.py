"""/recommend: how to initialize a layer's weights, and why."""

from dataclasses import dataclass
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from service.advice import parse_question_json, parse_question_query, recommend
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

    def routes(self) -> list[PlainRoute]:
        """The only route."""
        return [PlainRoute("/recommend", self.answer, recommend_operations())]

    async def answer(self, request: Request) -> Response:
        """The recommendation for the query of a GET, or for the JSON body of a POST."""
        return await (self._post if request.method == "POST" else self._get)(request)

    async def _get(self, request: Request) -> Response:
        query = request.scope["query_string"]
        answer = _cached_answer if len(query) <= MOST_URL_BYTES else _answer
        return revalidated_json(request, answer(query, self.max_bytes))

    async def _post(self, request: Request) -> Response:
        question = parse_question_json(await json_body(request))
        body = recommend(question, max_bytes=self.max_bytes).as_json()
        return json_response(body, {"Cache-Control": "no-store"})


def _answer(query: bytes, max_bytes: int) -> bytes:
    return recommend(parse_question_query(query), max_bytes=max_bytes).as_json()


_cached_answer = lru_cache(maxsize=MOST_ANSWERS)(_answer)
