"""/v1/audit and /v1/audit.svg: the values of a spec beside what they should be.

The values are computed in the threads of the pool, chunk by chunk, and admitted like a stream. They
are counted there and discarded, so an audit takes constant memory. The last answers are kept, so a
page that shows the JSON and the picture computes the values once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service import __version__
from service.api.admission import retry_seconds
from service.api.answers import RecentlyUsed
from service.api.aside import Aside
from service.api.operations import audit_operations, audit_picture_operations
from service.api.pages import POLICY
from service.api.readiness import Readiness
from service.api.responses import json_response, not_modified
from service.api.routing import PlainRoute
from service.api.streaming import StreamPool, read_body
from service.audit.spec.of_spec import SpecAudit, SpecAuditor, refuse_many_elements
from service.audit.spec.picture import MEDIA_TYPE, svg
from service.errors import Problem, UnavailableError
from service.fields.parsing import parse_query
from service.plan import Plan, seeded_plan
from service.plan.tag import entity_tag, tensor_tag

PATH = "/v1/audit"

MOST_AUDITS = 4
"""The audits whose values a process computes at a time. Each takes a thread as long as chunks are
counted, unlike a stream, which waits for its client."""

LONG_SECONDS = 5.0
"""Retry-After, in seconds, of a refused audit. The largest takes 3 to 13 s alone on a thread."""

MOST_ANSWERS = 16

_JSON, _PICTURE = PATH, f"{PATH}.svg"

_POLICIES = {_JSON: dict[str, str](), _PICTURE: {"Content-Security-Policy": POLICY}}


@dataclass(slots=True)
class Places:
    """How many audits compute values. It belongs to one event loop."""

    taken: int = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place while the block runs. Raises UnavailableError (`too_busy`)."""
        if self.taken >= MOST_AUDITS:
            hint = "try again after the seconds in Retry-After, or ask another replica"
            problem = Problem("", f"{self.taken} audits are being computed", hint)
            seconds = retry_seconds(LONG_SECONDS)
            raise UnavailableError("too_busy", problem, retry_after=seconds)
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


@dataclass(frozen=True, slots=True)
class Auditor:
    """The handlers of both paths and what they need; `max_bytes` limits the size of a tensor."""

    max_bytes: int
    pool: StreamPool
    readiness: Readiness
    aside: Aside
    places: Places = field(default_factory=Places)
    answers: RecentlyUsed[str, SpecAudit] = field(
        default_factory=lambda: RecentlyUsed(MOST_ANSWERS)
    )

    def routes(self) -> list[PlainRoute]:
        """The routes of the JSON and of the picture."""
        return [
            PlainRoute(_JSON, partial(self.answer, _JSON), audit_operations()),
            PlainRoute(_PICTURE, partial(self.answer, _PICTURE), audit_picture_operations()),
        ]

    async def answer(self, path: str, request: Request) -> ASGIApp:
        """The audit of the tensor that the query describes. HEAD and 304 compute no value."""
        query: bytes = request.scope["query_string"]
        plan = await self.aside.run_if_costly(query, partial(_planned, query, self.max_bytes))
        headers = {"Cache-Control": "no-store"} | _POLICIES[path]
        if not plan.drawn:
            tag = _tag(path, plan)
            headers |= {"ETag": tag, "Cache-Control": "no-cache"}
            unchanged = not_modified(request, tag, headers)
            if unchanged is not None:
                return unchanged
        if request.method == "HEAD":
            response = _response(path, b"", headers)
            # The length of the answer is not known before it is computed.
            del response.headers["Content-Length"]
            return response
        self.readiness.require()
        return AuditResponse(self, path, plan, headers)

    async def made(self, plan: Plan, receive: Receive) -> SpecAudit | None:
        """The audit of a plan, from the cache or computed now; None if the client left first."""
        key = tensor_tag(plan.url, plan.drafts)
        known = self.answers.get(key)
        if known is not None:
            return known
        with self.places.place():
            auditor = await self.aside.run(partial(SpecAuditor, plan))
            if auditor.body.chunk_count and not await read_body(
                auditor.body, self.pool, receive, auditor.take
            ):
                return None
        made = auditor.answer()
        if not plan.drawn:
            self.answers.put(key, made)
        return made


@dataclass(frozen=True, slots=True)
class AuditResponse:
    """The answer to a GET of `path`."""

    auditor: Auditor
    path: str
    plan: Plan
    headers: dict[str, str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        made = await self.auditor.made(self.plan, receive)
        if made is None:
            return
        content = made.as_json() if self.path == _JSON else svg(made, self.plan.name)
        response = _response(self.path, content, self.headers)
        await response(scope, receive, send)


def _planned(query: bytes, max_bytes: int) -> Plan:
    """The plan of the values in format raw.

    Raises UnreadableError, the errors of `service.plan.seeded_plan`, and those of
    `refuse_many_elements`.
    """
    spec = parse_query(query)
    plan = seeded_plan(spec, "raw", max_bytes=max_bytes)
    refuse_many_elements(spec)
    return plan


def _tag(path: str, plan: Plan) -> str:
    """The entity tag of an audit, computed without its values: what determines them, and the
    release."""
    determined = (path, plan.url, tensor_tag(plan.url, plan.drafts), __version__)
    return entity_tag("\n".join(determined).encode("ascii"))


def _response(path: str, content: bytes, headers: dict[str, str]) -> Response:
    if path == _JSON:
        return json_response(content, headers)
    fixed = {"Content-Type": MEDIA_TYPE, "X-Content-Type-Options": "nosniff"}
    return Response(content, headers=fixed | headers)
