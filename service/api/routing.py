"""A route as Fanin has them: one spelling of its path, no dependencies, its OpenAPI beside it."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

Operation = dict[str, Any]
"""An operation object of OpenAPI 3.1."""

_ORIGIN = re.compile(rb"https?://[^/]*", re.IGNORECASE)


class PlainRoute(Route):
    """A Starlette route that knows no escapes: `%2E` is not a second spelling of `.`.

    `operations` describes its methods, in lower case; whatever is described is allowed.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], operations: Mapping[str, Operation]
    ) -> None:
        super().__init__(path, endpoint, methods=[method.upper() for method in operations])
        self.operations = operations

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Request(scope, receive, send))
            await response(scope, receive, send)

        # Starlette's own catches errors for handlers; the middleware around all routes does too.
        self.app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and b"%" in scope["raw_path"]:
            return Match.NONE, {}
        return super().matches(scope)


def origin_form(scope: Scope) -> Scope:
    """The same request without the scheme and authority that a target may begin with.

    That is for proxies, but every server has to accept it (RFC 9112, section 3.2.2).
    """
    if scope["type"] != "http" or scope["raw_path"].startswith(b"/"):
        return scope
    origin = _ORIGIN.match(scope["raw_path"])
    if not origin:
        return scope
    raw_path = scope["raw_path"][origin.end() :] or b"/"
    return {**scope, "raw_path": raw_path, "path": unquote(raw_path.decode("ascii"))}
