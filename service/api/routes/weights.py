"""/v1/weights: a tensor's bytes, or its certificate.

FastAPI's dependencies and validation are not used, since they take longer than the plan itself.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from service.api.headers import caching_headers, location_header, tensor_headers, tensor_tag
from service.api.operations import weights_operations, weights_post_operation
from service.api.readiness import Readiness
from service.api.requests import json_body
from service.api.responses import json_response, not_modified, revalidated_json
from service.api.routing import PlainRoute
from service.api.streaming import StreamPool, TensorResponse
from service.chunks import TensorBody
from service.fields import parse_json, parse_query
from service.plan import Plan, seeded_plan
from service.plan.canonical import MOST_URL_BYTES, PATH, is_small
from service.wire.formats import FORMATS

MOST_ANSWERS = 512
"""How many answers the cache holds. Each takes a few KiB, since it has no values."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything in the answer to a GET except the values.

    `drawn`: the request had no seed, so one was drawn at random for this answer alone. `kept`: the
    cache may hold it. It holds none that was drawn and none of many blocks, each of which takes
    memory.
    """

    drawn: bool
    kept: bool
    tag: str
    caching: dict[str, str]
    headers: list[tuple[bytes, bytes]]
    body: TensorBody


class AnswerCache:
    """The answers to the targets asked for most recently, at most MOST_ANSWERS."""

    def __init__(self) -> None:
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, target: bytes) -> Answer | None:
        """The answer to this target, if it is in the cache."""
        answer = self._answers.get(target)
        if answer is not None:
            self._answers.move_to_end(target)
        return answer

    def put(self, target: bytes, answer: Answer) -> None:
        """Add an answer; drop the least recently used one if there are more than MOST_ANSWERS."""
        self._answers[target] = answer
        if len(self._answers) > MOST_ANSWERS:
            self._answers.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Issuer:
    """The handlers of /v1/weights and what they need.

    `max_bytes` limits the size of a tensor.
    """

    max_bytes: int
    pool: StreamPool
    readiness: Readiness
    answers: AnswerCache = field(default_factory=AnswerCache)

    def routes(self) -> list[PlainRoute]:
        """A route for each format, and one that takes the fields as JSON."""
        endpoints = {name: partial(self.get, name) for name in FORMATS} | {"json": self.certificate}
        return [
            *(
                PlainRoute(f"{PATH}.{format_name}", endpoint, weights_operations(format_name))
                for format_name, endpoint in endpoints.items()
            ),
            PlainRoute(PATH, self.post, {"post": weights_post_operation()}),
        ]

    async def get(self, format_name: str, request: Request) -> ASGIApp:
        """The bytes of the tensor that the query describes."""
        answer = self._answer(format_name, _target(request))
        if not answer.drawn:
            unchanged = not_modified(request, answer.tag, answer.caching)
            if unchanged is not None:
                return unchanged
        if request.method != "HEAD":
            self.readiness.require()
        return TensorResponse(answer.body, answer.headers, self.pool)

    async def certificate(self, request: Request) -> Response:
        """The certificate of the tensor that the query describes."""
        target = _target(request)
        plan = seeded_plan(parse_query(_query(target)), "json", max_bytes=self.max_bytes)
        location = location_header(plan, target)
        if plan.drawn:
            return json_response(plan.certificate_text(), {"Cache-Control": "no-store"} | location)
        return revalidated_json(request, plan.certificate_text(), location)

    async def post(self, request: Request) -> ASGIApp:
        """The tensor that a JSON body describes; `Link` gives the URL of the same bytes."""
        spec, format_name = parse_json(await json_body(request))
        plan = seeded_plan(spec, format_name, max_bytes=self.max_bytes)
        headers = {"Cache-Control": "no-store", "Link": f'<{plan.url}>; rel="canonical"'}
        if format_name == "json":
            return json_response(plan.certificate_text(), headers)
        self.readiness.require()
        return TensorResponse(TensorBody(plan), _headers(plan, headers), self.pool)

    def _answer(self, format_name: str, target: bytes) -> Answer:
        """The answer to a GET of `target`, from the cache if it is there.

        The whole target is the key. Its path implies the format. Two spellings of one path have
        two answers, because only the canonical one is immutable. An answer with a drawn seed is
        not stored: the next request must get another seed.
        """
        known = self.answers.get(target)
        if known is not None:
            return known
        answer = _new_answer(format_name, target, self.max_bytes)
        if answer.kept and len(target) <= MOST_URL_BYTES:
            self.answers.put(target, answer)
        return answer


def _new_answer(format_name: str, target: bytes, max_bytes: int) -> Answer:
    plan = seeded_plan(parse_query(_query(target)), format_name, max_bytes=max_bytes)
    tag = tensor_tag(plan)
    caching = caching_headers(plan, tag, target)
    headers = _headers(plan, caching)
    kept = not plan.drawn and is_small(plan.spec)
    return Answer(plan.drawn, kept, tag, caching, headers, TensorBody(plan))


def _headers(plan: Plan, caching: dict[str, str]) -> list[tuple[bytes, bytes]]:
    everything = tensor_headers(plan, caching)
    return [(name.lower().encode(), value.encode()) for name, value in everything.items()]


def _target(request: Request) -> bytes:
    """The request target as sent: path and query, without scheme and authority."""
    raw_path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return raw_path + b"?" + query


def _query(target: bytes) -> bytes:
    return target.partition(b"?")[2]
