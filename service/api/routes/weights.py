"""/v1/weights: a tensor's bytes, or its certificate.

Lean by intent: no dependencies, and no validation but the spec's own.
"""

from dataclasses import dataclass
from functools import lru_cache, partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from service.api.bodies import json_body
from service.api.conditions import answer_without_body
from service.api.documents import document, json_response
from service.api.headers import caching_headers, fact_headers, location_header, tensor_tag
from service.api.operations import weights_operations, weights_post_operation
from service.api.readiness import Readiness
from service.api.routing import PlainRoute
from service.api.streaming import StreamPool, TensorResponse
from service.chunks import TensorBody
from service.fields import parse_json, parse_query
from service.plan import Plan, seeded_plan
from service.plan.canonical import MOST_URL_BYTES, PATH
from service.wire.formats import FORMATS

ANSWERS_KEPT = 512
"""Answers remembered for clients who come again, without their values: a few KiB each."""


@dataclass(frozen=True, slots=True)
class Answer:
    """All there is to say to the GET of a target before its first value.

    `drawn` says that the seed was nobody's choice, so that no other GET gets this answer.
    """

    drawn: bool
    tag: str
    caching: dict[str, str]
    headers: list[tuple[bytes, bytes]]
    body: TensorBody


@dataclass(frozen=True, slots=True)
class Issuer:
    """What it takes to issue tensors over HTTP."""

    max_bytes: int
    pool: StreamPool
    readiness: Readiness

    def routes(self) -> list[PlainRoute]:
        """A path for each format, and one that takes the fields as JSON."""
        endpoints = {form: partial(self.get, form) for form in FORMATS} | {"json": self.certificate}
        return [
            *(
                PlainRoute(f"{PATH}.{form}", endpoint, weights_operations(form))
                for form, endpoint in endpoints.items()
            ),
            PlainRoute(PATH, self.post, {"post": weights_post_operation()}),
        ]

    async def get(self, form: str, request: Request) -> ASGIApp:
        """The tensor that the query asks for."""
        answer = _answer(form, _target(request), self.max_bytes)
        if not answer.drawn:
            held = answer_without_body(request, answer.tag, answer.caching)
            if held is not None:
                return held
        if request.method != "HEAD":
            self.readiness.require()
        return TensorResponse(answer.body, answer.headers, self.pool)

    async def certificate(self, request: Request) -> Response:
        """Every fact about the tensor that the query asks for."""
        target = _target(request)
        plan = seeded_plan(parse_query(_query(target)), "json", max_bytes=self.max_bytes)
        location = location_header(plan, target)
        if plan.drawn:
            return json_response(plan.certificate_text(), {"Cache-Control": "no-store"} | location)
        return document(request, plan.certificate_text(), location)

    async def post(self, request: Request) -> ASGIApp:
        """The tensor that a JSON body asks for: not to be kept, but its URL may be."""
        spec, form = parse_json(await json_body(request))
        plan = seeded_plan(spec, form, max_bytes=self.max_bytes)
        headers = {"Cache-Control": "no-store", "Link": f'<{plan.url}>; rel="canonical"'}
        if form == "json":
            return json_response(plan.certificate_text(), headers)
        self.readiness.require()
        return TensorResponse(TensorBody(plan), _headers(plan, headers), self.pool)


def _answer(form: str, target: bytes, max_bytes: int) -> Answer:
    """The answer to the GET of `target`, remembered if it is not too long and has its seed.

    It is remembered by the whole target: of the spellings of a path one alone is immutable.
    """
    if len(target) > MOST_URL_BYTES:
        return _new_answer(form, target, max_bytes)
    try:
        return _kept_answer(form, target, max_bytes)
    except _NotToBeKept as made:
        return made.answer


class _NotToBeKept(Exception):
    """An answer that no other request may get."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


@lru_cache(maxsize=ANSWERS_KEPT)
def _kept_answer(form: str, target: bytes, max_bytes: int) -> Answer:
    answer = _new_answer(form, target, max_bytes)
    if answer.drawn:
        raise _NotToBeKept(answer)
    return answer


def _new_answer(form: str, target: bytes, max_bytes: int) -> Answer:
    plan = seeded_plan(parse_query(_query(target)), form, max_bytes=max_bytes)
    tag = tensor_tag(plan)
    caching = caching_headers(plan, tag, target)
    headers = _headers(plan, caching)
    return Answer(plan.drawn, tag, caching, headers, TensorBody(plan))


def _headers(plan: Plan, caching: dict[str, str]) -> list[tuple[bytes, bytes]]:
    everything = fact_headers(plan) | caching
    return [(name.lower().encode(), value.encode()) for name, value in everything.items()]


def _target(request: Request) -> bytes:
    """The request target as it was sent, from the path on."""
    raw_path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return raw_path + b"?" + query


def _query(target: bytes) -> bytes:
    return target.partition(b"?")[2]
