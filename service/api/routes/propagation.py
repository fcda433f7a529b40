"""/propagate and /propagate.svg: variances and gradients through a network.

An answer takes up to seconds, so it is made in a thread, and the event loop answers other requests
meanwhile. A process has one thread for theory and one for simulations. It simulates one network at
a time. `service.api.admission` limits the simulations of all processes together. A request for a
further one is refused. Requests for the theory alone wait for each other.
"""

import asyncio
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from service.api.admission import Admission, Load, retry_seconds
from service.api.encodings import encoded_json
from service.api.operations import picture_operations, propagate_operations
from service.api.pages import POLICY
from service.api.readiness import Readiness
from service.api.requests import json_body
from service.api.responses import json_response, not_modified
from service.api.routing import PlainRoute
from service.errors import Problem, UnavailableError
from service.plan.canonical import MOST_URL_BYTES
from service.plan.tag import entity_tag
from service.propagation import (
    Inquiry,
    parse_network_json,
    parse_stack_query,
    propagate,
    title_of,
)
from service.propagation.drawing import MEDIA_TYPE, svg

MOST_ANSWERS = 32
"""How many answers the cache holds. An answer about 1,000 layers takes 1 MB."""

MOST_WAITING = 8
"""How many requests may wait for the thread of the theory. A long one takes about two seconds."""

LONG_SECONDS = 1.0
"""The least time to assume for a request in a full queue. Short ones do not fill the queue."""

NICENESS = 5
"""The niceness of both threads: the event loop and the threads of tensors run first."""

_SIMULATION = Load(simulations=1)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as JSON and as a picture."""

    json: bytes
    svg: bytes


class Propagator:
    """The handlers of both paths. It belongs to one event loop."""

    def __init__(self, max_bytes: int, readiness: Readiness, admission: Admission) -> None:
        self._max_bytes = max_bytes
        self._readiness = readiness
        self._admission = admission
        self._theory = ThreadPoolExecutor(1, "theory", _be_nice)
        self._simulations = ThreadPoolExecutor(1, "simulation", _be_nice)
        self._waiting = 0
        self._simulating = False
        self._theory_time, self._simulation_time = Duration(), Duration()
        self._kept: OrderedDict[bytes, Answer] = OrderedDict()
        self._making: dict[bytes, asyncio.Task[Answer]] = {}

    def routes(self) -> list[PlainRoute]:
        """The routes of the JSON and of the picture."""
        return [
            PlainRoute("/propagate", self.answer, propagate_operations()),
            PlainRoute("/propagate.svg", self.picture, picture_operations()),
        ]

    def close(self) -> None:
        """End both threads after what they are doing."""
        for thread in (self._theory, self._simulations):
            thread.shutdown(wait=False, cancel_futures=True)

    async def answer(self, request: Request) -> Response:
        """The answer to the query of a GET, or to the JSON body of a POST."""
        if request.method != "POST":
            made = await self._of_query(request.scope["query_string"])
            return encoded_json(request, made.json)
        body = await json_body(request)
        made = await self._made(lambda: parse_network_json(body))
        return json_response(made.json, {"Cache-Control": "no-store"})

    async def picture(self, request: Request) -> Response:
        """The picture of the answer to a query."""
        content = (await self._of_query(request.scope["query_string"])).svg
        tag = entity_tag(content)
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
        fixed = {"Content-Type": MEDIA_TYPE, "X-Content-Type-Options": "nosniff"}
        return not_modified(request, tag, headers) or Response(content, headers=headers | fixed)

    async def _of_query(self, query: bytes) -> Answer:
        """The answer to a query, from the cache or shared with a request that waits for it."""
        kept = self._kept.get(query)
        if kept is not None:
            self._kept.move_to_end(query)
            return kept
        task = self._making.get(query)
        if task is None:
            task = asyncio.create_task(self._made(lambda: parse_stack_query(query)))
            self._making[query] = task
            task.add_done_callback(lambda done: self._keep(query, done))
        return await asyncio.shield(task)

    def _keep(self, query: bytes, task: asyncio.Task[Answer]) -> None:
        del self._making[query]
        # Asking for the exception marks it as seen, also if every client has left.
        if task.cancelled() or task.exception() is not None or len(query) > MOST_URL_BYTES:
            return
        self._kept[query] = task.result()
        while len(self._kept) > MOST_ANSWERS:
            self._kept.popitem(last=False)

    async def _made(self, read: Callable[[], Inquiry]) -> Answer:
        inquiry = await self._in_theory(read)
        if not inquiry.stack.simulate:
            return await self._in_theory(partial(self._answer, inquiry, self._theory_time))
        self._readiness.require()
        if self._simulating or not self._admission.try_to_enter(_SIMULATION):
            hint = "try again after the seconds in Retry-After, or write simulate=false"
            problem = Problem("simulate", "another network is being simulated", hint)
            seconds = retry_seconds(self._simulation_time.seconds)
            raise UnavailableError("too_busy", problem, retry_after=seconds)
        self._simulating = True
        try:
            work = partial(self._answer, inquiry, self._simulation_time)
            return await _in(self._simulations, work)
        finally:
            self._simulating = False
            self._admission.leave(_SIMULATION)

    async def _in_theory(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= MOST_WAITING:
            message = f"{self._waiting} requests wait for the thread that computes the theory"
            hint = "try again after the seconds in Retry-After, or ask another replica"
            each = max(LONG_SECONDS, self._theory_time.seconds)
            seconds = retry_seconds(self._waiting * each)
            raise UnavailableError("too_busy", Problem("", message, hint), retry_after=seconds)
        self._waiting += 1
        try:
            return await _in(self._theory, work)
        finally:
            self._waiting -= 1

    def _answer(self, inquiry: Inquiry, duration: "Duration") -> Answer:
        began = time.monotonic()
        found = propagate(inquiry, max_bytes=self._max_bytes)
        duration.add(time.monotonic() - began)
        return Answer(found.as_json(), svg(found, title_of(inquiry)))


class Duration:
    """How long a kind of work takes: a moving mean, in which each new time counts 1 / LATELY."""

    LATELY = 4

    def __init__(self) -> None:
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Take one more into the mean."""
        self.seconds += (seconds - self.seconds) / self.LATELY


async def _in(thread: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(thread, work)


def _be_nice() -> None:
    # On Linux each thread has its own niceness. Elsewhere it belongs to the whole process.
    if sys.platform == "linux":
        os.nice(NICENESS)
