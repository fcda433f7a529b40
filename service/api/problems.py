"""What Fanin answers when it cannot serve: RFC 9457 bodies, one shape for every error.

The only place that knows which status an error becomes. Codes and titles are in `reasons`.
"""

import difflib
import json
from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.api.reasons import REASONS
from service.errors import (
    FaninError,
    ImpossibleError,
    Listing,
    Problem,
    UnavailableError,
    UnreadableError,
)
from service.plan.canonical import PATH

STATUSES: dict[type[FaninError], int] = {
    UnreadableError: 400,
    ImpossibleError: 422,
    UnavailableError: 503,
}
"""The status of each branch of the error tree."""

STATUS_REASONS: dict[int, str] = {
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    412: "precondition_failed",
    413: "payload_too_large",
    414: "uri_too_long",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    429: "too_many_requests",
    431: "header_too_large",
}
"""The reason of each status that the web framework, rather than the error tree, asks for."""

LISTING_PATHS: dict[Listing, str] = {
    "schemes": "/schemes",
    "activations": "/activations",
    "layers": "/layers",
    "dtypes": "/dtypes",
    "fields": "/docs",
}
"""The path of each table that a problem can name."""

RETRY_AFTER_SECONDS = 2
"""How long a client waits for a slot or for the kernels: short beside either, long beside a
request."""

_MOST_FIELD_CHARACTERS = 80
_MOST_TEXT_CHARACTERS = 800


def install(app: FastAPI) -> None:
    """Let every error of `app` be answered by this module; the server logs unknown ones."""
    for error in (FaninError, HTTPException, Exception):
        app.add_exception_handler(error, _answer)


def problem_response(error: FaninError) -> Response:
    """The answer to a refusal."""
    status = next(STATUSES[branch] for branch in type(error).__mro__ if branch in STATUSES)
    return respond(status, error.reason, *error.problems)


def respond(
    status: int, reason: str, *problems: Problem, headers: Mapping[str, str] | None = None
) -> Response:
    """A problem body (RFC 9457, section 3) of at least one problem, `reason` one of REASONS."""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    body = {
        "type": f"/problems/{reason}",
        "title": REASONS[reason].title,
        "status": status,
        "detail": _carried(problems[0].message, _MOST_TEXT_CHARACTERS) + more,
        "reason": reason,
        "errors": [_entry(problem) for problem in problems],
    }
    fixed = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    if status in (429, 503):
        fixed["retry-after"] = str(RETRY_AFTER_SECONDS)
    return Response(
        json.dumps(body, ensure_ascii=False).encode(),
        status_code=status,
        headers=fixed | dict(headers or {}),
        media_type="application/problem+json",
    )


def listed(hint: str, path: str) -> str:
    """The hint, and the path that lists every accepted word."""
    return f"{hint}; {path} lists all"


def _entry(problem: Problem) -> dict[str, str]:
    hint = problem.hint
    if problem.listing is not None:
        hint = listed(hint, LISTING_PATHS[problem.listing])
    return {
        "field": _carried(problem.field, _MOST_FIELD_CHARACTERS),
        "message": _carried(problem.message, _MOST_TEXT_CHARACTERS),
        "hint": _carried(hint, _MOST_TEXT_CHARACTERS),
    }


def _carried(text: str, most: int) -> str:
    """Text that UTF-8 can carry and a person will read: half surrogate pairs escaped, and cut."""
    if len(text) > most:
        text = text[:most] + "..."
    return text.encode("utf-8", "backslashreplace").decode()


# Handlers are coroutines because Starlette sends plain functions to its thread pool.
async def _answer(request: Request, error: Exception) -> Response:
    match error:
        case FaninError():
            return problem_response(error)
        case HTTPException():
            return _answer_http(request, error)
        case _:
            message = "an error of this server, which it has logged"
            hint = "report it together with the request"
            return respond(500, "internal", Problem("", message, hint))


def _answer_http(request: Request, error: HTTPException) -> Response:
    status, headers = error.status_code, dict(error.headers or {})
    reason = STATUS_REASONS.get(status, "bad_request" if status < 500 else "internal")
    if status == 404:
        path = _sent_path(request)
        message = f"nothing is at {_carried(path, _MOST_FIELD_CHARACTERS)}"
        hint = _nearest_paths(request, path)
    elif status == 405:
        headers["Allow"] = _allowed_methods(request, headers.get("Allow", ""))
        message = f"{request.method} is not allowed here"
        hint = f"use {headers['Allow']}{_other_path(request)}"
    else:
        message, hint = str(error.detail), REASONS[reason].explanation
    return respond(status, reason, Problem("", message, hint), headers=headers)


def _other_path(request: Request) -> str:
    """The path of tensors that has the method, as the end of a hint: fields come in two ways."""
    path = request.url.path
    if path == PATH and request.method in ("GET", "HEAD"):
        return f", or {request.method} {PATH}.npy"
    if path.startswith(f"{PATH}.") and request.method == "POST":
        return f", or POST {PATH}"
    return ""


def _sent_path(request: Request) -> str:
    """The path with its escapes: decoded, a path that leads nowhere could look like one that does.

    A request line that is not ASCII comes to no route.
    """
    raw_path: bytes = request.scope["raw_path"]
    return raw_path.decode("ascii")


def _nearest_paths(request: Request, sent: str) -> str:
    every = (route.path for route in iter_route_contexts(request.app.routes))
    paths = [path for path in every if path and "{" not in path]
    nearest = difflib.get_close_matches(sent[:_MOST_FIELD_CHARACTERS], paths, n=3, cutoff=0.0)
    return listed(f"the nearest are {', '.join(nearest)}", LISTING_PATHS["fields"])


def _allowed_methods(request: Request, found: str) -> str:
    """The methods of every route with this path (RFC 9110, section 10.2.1), in a fixed order.

    Starlette names those of one route only, in the order of a set.
    """
    methods = set(filter(None, found.split(", ")))
    here = getattr(request.scope.get("route"), "path", None)
    for route in iter_route_contexts(request.app.routes):
        if route.path == here:
            methods |= set(route.methods or ())
    return ", ".join(sorted(methods))
