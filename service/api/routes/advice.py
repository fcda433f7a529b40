"""/recommend: what a layer's weights should start as, and why."""

from dataclasses import dataclass
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from service.advice import parse_question_json, parse_question_query, recommend
from service.api.bodies import json_body
from service.api.documents import document, json_response
from service.api.operations import recommend_operations
from service.api.routing import PlainRoute
from service.plan.canonical import MOST_URL_BYTES

ANSWERS_KEPT = 256
"""Answers remembered for clients who come again: some 10 KiB each."""


@dataclass(frozen=True, slots=True)
class Adviser:
    """What it takes to recommend over HTTP: tensors beyond `max_bytes` are not."""

    max_bytes: int

    def routes(self) -> list[PlainRoute]:
        """The one path."""
        return [PlainRoute("/recommend", self.answer, recommend_operations())]

    async def answer(self, request: Request) -> Response:
        """The recommendation for a query, or for a JSON body."""
        return await (self._post if request.method == "POST" else self._get)(request)

    async def _get(self, request: Request) -> Response:
        query = request.scope["query_string"]
        kept = len(query) <= MOST_URL_BYTES
        return document(request, (_kept_answer if kept else _answer)(query, self.max_bytes))

    async def _post(self, request: Request) -> Response:
        question = parse_question_json(await json_body(request))
        body = recommend(question, max_bytes=self.max_bytes).as_json()
        return json_response(body, {"Cache-Control": "no-store"})


def _answer(query: bytes, max_bytes: int) -> bytes:
    return recommend(parse_question_query(query), max_bytes=max_bytes).as_json()


_kept_answer = lru_cache(maxsize=ANSWERS_KEPT)(_answer)
