"""Answers to refused requests: problem bodies (RFC 9457), the same members for every error.

This is the only module that gives an error its status. Codes and titles are in `reasons`.
"""

import json
from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.api.pages import POLICY
from service.api.reasons import REASONS
from service.errors import (
    FaninError,
    ImpossibleError,
    Listing,
    Problem,
    UnavailableError,
    UnreadableError,
)
from service.hub.errors import hub_text
from service.initializers.nearest import nearest_words
from service.plan.canonical import PATH

STATUSES: dict[type[FaninError], int] = {
    UnreadableError: 400,
    ImpossibleError: 422,
    UnavailableError: 503,
}
"""The status of each branch of the error tree."""

STATUS_REASONS: dict[int, str] = {
    404: "not_found",
    405: "method_not_allowed",
    412: "precondition_failed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
}
"""The reason of each status that is raised as an HTTPException.

Starlette raises 404 and 405, `requests`, `responses` and `ranges` the others.
"""

LISTING_PATHS: dict[Listing, str] = {
    "schemes": "/schemes",
    "activations": "/activations",
    "layers": "/layers",
    "dtypes": "/dtypes",
    "fields": "/docs",
    "recipes": "/recipes",
}
"""The path of each table that a problem can name."""

RETRY_AFTER_SECONDS = 2
"""The value of Retry-After if nothing better is known.

It is short beside the time until a stream ends or the kernels are compiled, and long beside the
time that a refusal takes.
"""

_MOST_FIELD_CHARACTERS = 80
_MOST_TEXT_CHARACTERS = 800


def install(app: FastAPI) -> None:
    """Make this module answer every error of `app`; the server logs the unexpected ones."""
    for error in (FaninError, HTTPException, Exception):
        app.add_exception_handler(error, error_response)


def problem_response(error: FaninError) -> Response:
    """The answer to an error of the tree in `service.errors`."""
    status = next(STATUSES[branch] for branch in type(error).__mro__ if branch in STATUSES)
    headers = {}
    if isinstance(error, UnavailableError) and error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    return respond(status, error.reason, *error.problems, headers=headers)


def respond(
    status: int,
    reason: str,
    *problems: Problem,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, str] | None = None,
) -> Response:
    """The answer with a problem body (RFC 9457, section 3).

    `reason` is a key of REASONS; at least one problem is given. `members` are further members of
    the body (section 3.2).
    """
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    body = {
        "type": f"/problems/{reason}",
        "title": REASONS[reason].title,
        "status": status,
        "detail": _carried(problems[0].message, _MOST_TEXT_CHARACTERS) + more,
        "reason": reason,
        "errors": [_entry(problem) for problem in problems],
        **(members or {}),
    }
    fixed = {
        "cache-control": "no-store",
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
    }
    if status == 503:
        fixed["retry-after"] = str(RETRY_AFTER_SECONDS)
    return Response(
        json.dumps(body, ensure_ascii=False).encode(),
        status_code=status,
        headers=fixed | dict(headers or {}),
        media_type="application/problem+json",
    )


def error_message(answer: Response) -> str:
    """The value of X-Error-Message for an answer of `respond`: its first error, in one line."""
    [first, *_] = json.loads(bytes(answer.body))["errors"]
    return hub_text(f"{Problem(**first).line}; {first['hint']}")


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
    """The text cut to `most` characters, its lone surrogates escaped: UTF-8 cannot encode them."""
    if len(text) > most:
        text = text[:most] + "..."
    return text.encode("utf-8", "backslashreplace").decode()


# A handler is a coroutine because Starlette sends plain functions to its thread pool.
async def error_response(request: Request, error: Exception) -> Response:
    """The answer to an error that a route has raised."""
    match error:
        case FaninError():
            return problem_response(error)
        case HTTPException():
            return _answer_http(request, error)
        case _:
            message = "the server made an error and logged it"
            hint = "report it with the request"
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
    """The end of a hint: the path of tensors that does allow the method.

    GET takes the fields in the query of one path, POST in the body of another.
    """
    path = request.url.path
    if path == PATH and request.method in ("GET", "HEAD"):
        return f", or {request.method} {PATH}.npy"
    if path.startswith(f"{PATH}.") and request.method == "POST":
        return f", or POST {PATH}"
    return ""


def _sent_path(request: Request) -> str:
    """The path as sent, with its escapes.

    A decoded path could look like a known one. The path is ASCII: `Connection` refuses every other
    request line.
    """
    raw_path: bytes = request.scope["raw_path"]
    return raw_path.decode("ascii")


def _nearest_paths(request: Request, sent: str) -> str:
    every = (route.path for route in iter_route_contexts(request.app.routes))
    paths = [path for path in every if path and "{" not in path]
    nearest = nearest_words(sent[:_MOST_FIELD_CHARACTERS], dict.fromkeys(paths))
    return listed(f"the nearest are {', '.join(nearest)}", LISTING_PATHS["fields"])


def _allowed_methods(request: Request, found: str) -> str:
    """The methods of all routes with this path (RFC 9110, section 10.2.1), sorted.

    Starlette lists the methods of one route only, in the order of a set.
    """
    methods = set(filter(None, found.split(", ")))
    here = getattr(request.scope.get("route"), "path", None)
    for route in iter_route_contexts(request.app.routes):
        if route.path == here:
            methods |= set(route.methods or ())
    return ", ".join(sorted(methods))
