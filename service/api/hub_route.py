"""Routes of the Hub endpoint: their paths, and refusals that Hub clients understand."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from service.api.cors import options_response
from service.api.problems import RETRY_AFTER_SECONDS, error_message, error_response, respond
from service.api.routing import Operation, PlainRoute
from service.errors import FaninError, Problem, UnavailableError
from service.hub.errors import HubError

_PARAMETERS = {
    "{namespace}/{name}": r"(?P<repo>[^/]+(?:/[^/]+)?)",
    "{revision}": r"(?P<revision>[^/]+)",
    "{kind}": "(?P<kind>datasets|spaces)",
    "{rest}": "(?P<rest>.*)",
    "{file}": r"(?P<file>.+)",
    "{folder}": r"(?P<folder>.+)",
}
"""The pattern of each variable part. A repo id of one segment is no route's own: it is refused with
words, because real Hubs have some."""

_OLD_CLIENT = re.compile(r"\bhf_hub/0\.")
"""The User-Agent of huggingface_hub before release 1."""


class HubRoute(PlainRoute):
    """A route whose path may have escapes in its variable parts, which are decoded once.

    Its refusals have X-Error-Code and X-Error-Message. A request that must be repeated later is
    answered with 429, which huggingface_hub repeats from release 1 on, or with 503 if the client is
    an older one, which repeats that.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], operations: Mapping[str, Operation]
    ) -> None:
        super().__init__(path, endpoint, operations)
        pattern = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
        for name, part in _PARAMETERS.items():
            pattern = pattern.replace(name, part)
        self._pattern = re.compile(pattern)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive, send)
            try:
                if scope["method"] == "OPTIONS":
                    response = options_response(request, self.methods or (), ["Authorization"])
                else:
                    response = await endpoint(request)
                await response(scope, receive, send)
            except (HubError, FaninError, HTTPException) as error:
                # They are raised before the first byte of an answer is sent.
                refusal = await _refusal(request, error)
                await refusal(scope, receive, send)

        self.app = app

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for this path. Other methods are refused as Hub clients need it."""
        if scope["method"] in (self.methods or ()):
            await self.app(scope, receive, send)
            return
        error = HTTPException(405, headers={"Allow": ", ".join(self.methods or ())})
        refusal = await _refusal(Request(scope, receive, send), error)
        await refusal(scope, receive, send)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = self._pattern.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            return Match.NONE, {}
        parameters = {name: unquote(part) for name, part in found.groupdict().items()}
        is_allowed = scope["method"] in (self.methods or ())
        child = {"endpoint": self.endpoint, "path_params": parameters}
        return Match.FULL if is_allowed else Match.PARTIAL, child


def not_found(error: HubError, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to what is not there, with these headers."""
    told = {"X-Error-Code": error.code, "X-Error-Message": error.message} | dict(headers or {})
    match error.code:
        case "RepoNotFound":
            problem = Problem("", error.message, "GET /hub lists what repo ids may name")
            return respond(404, "repo_not_found", problem, headers=told)
        case "RevisionNotFound":
            problem = Problem("", error.message, "use main, seed-42 or seed-42-bfloat16")
            return respond(404, "revision_not_found", problem, headers=told)
        case "EntryNotFound":
            hint = "GET /api/models/REPO/tree/REVISION lists all files"
            problem = Problem("", error.message, hint)
            return respond(404, "entry_not_found", problem, headers=told)


async def _refusal(request: Request, error: Exception) -> Response:
    match error:
        case HubError():
            return not_found(error)
        case UnavailableError():
            seconds = str(error.retry_after or RETRY_AFTER_SECONDS)
            response = respond(
                503 if _OLD_CLIENT.search(request.headers.get("user-agent", "")) else 429,
                error.reason,
                *error.problems,
                headers={"retry-after": seconds},
            )
        case _:
            response = await error_response(request, error)
    response.headers["X-Error-Message"] = error_message(response)
    return response
