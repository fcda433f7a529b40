"""/v1/weights: a tensor's bytes, or its certificate.

FastAPI's dependencies and validation are not used, since they take longer than the plan itself.
"""

from dataclasses import dataclass, field
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from service.api.answers import Answer, AnswerTemplate, RecentlyUsed
from service.api.aside import Aside, is_costly
from service.api.digests import wanted_algorithm
from service.api.headers import location_header, tensor_headers
from service.api.operations import weights_operations, weights_post_operation
from service.api.ranges import partial_content, requested_ranges
from service.api.readiness import Readiness
from service.api.requests import json_body
from service.api.responses import json_response, not_modified, revalidated_json
from service.api.routing import PlainRoute
from service.api.streaming import StreamPool, TensorResponse
from service.chunks import TensorBody
from service.fields import Spec, parse_json, parse_query
from service.fields.identity import split_identity
from service.plan import Plan, seeded_plan
from service.plan.canonical import MOST_URL_BYTES, PATH
from service.wire.formats import FORMATS

MOST_ANSWERS = 512
"""How many answers the cache holds. Each takes a few KiB, since it has no values."""

MOST_TEMPLATES = 512
"""How many templates the cache holds. Each takes a few KiB."""

TemplateKey = tuple[str, bytes, bool]
"""The format, the fields other than seed and name as sent, and whether there is a name."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """The handlers of /v1/weights and what they need.

    `max_bytes` limits the size of a tensor. `answers` are cached by the target as sent. Each of
    `templates` makes the answers that differ only in seed and name.
    """

    max_bytes: int
    pool: StreamPool
    readiness: Readiness
    aside: Aside
    answers: RecentlyUsed[bytes, Answer] = field(default_factory=lambda: RecentlyUsed(MOST_ANSWERS))
    templates: RecentlyUsed[TemplateKey, AnswerTemplate] = field(
        default_factory=lambda: RecentlyUsed(MOST_TEMPLATES)
    )

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
        target = _target(request)
        if is_costly(target):
            answer = await self.aside.run(partial(self._costly_answer, format_name, target))
        else:
            answer = self._answer(format_name, target)
        ranges = None
        if not answer.drawn:
            unchanged = not_modified(request, answer.tag, answer.caching)
            if unchanged is not None:
                return unchanged
            ranges = requested_ranges(request, answer.tag, answer.body.length)
        digest = None
        if request.method != "HEAD":
            self.readiness.require()
            digest = wanted_algorithm(request)
        if ranges is None:
            return TensorResponse(answer.body, answer.headers, self.pool, digest=digest)
        body, headers = partial_content(answer.body, ranges, answer.headers, answer.tag)
        return TensorResponse(body, headers, self.pool, status=206, digest=digest)

    async def certificate(self, request: Request) -> Response:
        """The certificate of the tensor that the query describes."""
        target = _target(request)
        plan, text = await self.aside.run_if_costly(target, partial(self._certificate, target))
        location = location_header(plan.url, target)
        if plan.drawn:
            return json_response(text, {"Cache-Control": "no-store"} | location)
        return revalidated_json(request, text, location)

    async def post(self, request: Request) -> ASGIApp:
        """The tensor that a JSON body describes; `Link` gives the URL of the same bytes."""
        body = await json_body(request)
        plan = await self.aside.run_if_costly(body, partial(self._posted, body))
        headers = {"Cache-Control": "no-store", "Link": f'<{plan.url}>; rel="canonical"'}
        if plan.tensor.format == "json":
            text = await self.aside.run_if_costly(body, plan.certificate_text)
            return json_response(text, headers)
        self.readiness.require()
        lines = tensor_headers(plan, headers, ranges=False)
        digest = wanted_algorithm(request)
        return TensorResponse(TensorBody(plan), lines, self.pool, digest=digest)

    def _certificate(self, target: bytes) -> tuple[Plan, bytes]:
        plan = seeded_plan(parse_query(_query(target)), "json", max_bytes=self.max_bytes)
        return plan, plan.certificate_text()

    def _posted(self, body: bytes) -> Plan:
        spec, format_name = parse_json(body)
        return seeded_plan(spec, format_name, max_bytes=self.max_bytes)

    def _costly_answer(self, format_name: str, target: bytes) -> Answer:
        """The answer to a GET of `target`, made in any thread: without the caches."""
        spec = parse_query(_query(target))
        return self._new_template(spec, format_name).answer(spec.seed, spec.name, target)

    def _answer(self, format_name: str, target: bytes) -> Answer:
        """The answer to a GET of `target`, from the cache if it is there.

        The whole target is the key. Its path implies the format. Two spellings of one path have
        two answers, because only the canonical one is immutable. An answer with a drawn seed is
        not stored: the next request must get another seed.
        """
        known = self.answers.get(target)
        if known is not None:
            return known
        split = split_identity(_query(target))
        if split is None:
            spec = parse_query(_query(target))
            template, seed, name = self._new_template(spec, format_name), spec.seed, spec.name
        else:
            others, seed, name = split
            template = self._template((format_name, others, name != ""))
        answer = template.answer(seed, name, target)
        if template.small and not answer.drawn and len(target) <= MOST_URL_BYTES:
            self.answers.put(target, answer)
        return answer

    def _template(self, key: TemplateKey) -> AnswerTemplate:
        """The template of this key, from the cache if it is there."""
        known = self.templates.get(key)
        if known is not None:
            return known
        format_name, others, _ = key
        template = self._new_template(parse_query(others), format_name)
        if template.small and len(others) <= MOST_URL_BYTES:
            self.templates.put(key, template)
        return template

    def _new_template(self, spec: Spec, format_name: str) -> AnswerTemplate:
        return AnswerTemplate(spec, format_name, max_bytes=self.max_bytes)


def _target(request: Request) -> bytes:
    """The request target as sent: path and query, without scheme and authority."""
    raw_path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return raw_path + b"?" + query


def _query(target: bytes) -> bytes:
    return target.partition(b"?")[2]
