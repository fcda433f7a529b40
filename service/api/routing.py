"""A route with its OpenAPI operations, and the decoding of paths before routes see them."""

import re
import string
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from service.api.cors import options_response

Operation = dict[str, Any]
"""An OpenAPI 3.1 operation object."""

_ORIGIN = re.compile(rb"https?://[^/]*", re.IGNORECASE)
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_PLAIN = frozenset(f"{string.ascii_letters}{string.digits}-._~@".encode())
"""The characters of Fanin's paths: the unreserved ones (RFC 3986, section 2.3) and `@`."""

_DECODED = {b"%02X" % character: bytes([character]) for character in _PLAIN}
"""The plain characters by their two hexadecimal digits. A path may have 2,700 escapes."""


class PlainRoute(Route):
    """A Starlette route for paths as `routed` decodes them.

    `operations` has an operation for each method, in lower case. These methods and OPTIONS are
    allowed.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], operations: Mapping[str, Operation]
    ) -> None:
        methods = {*map(str.upper, operations), "OPTIONS"}
        super().__init__(path, endpoint, methods=methods)
        self.operations = operations

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive, send)
            if scope["method"] == "OPTIONS":
                response = options_response(request, self.methods or methods)
            else:
                response = await endpoint(request)
            await response(scope, receive, send)

        # Replaces Starlette's wrapper of the endpoint, which handles exceptions. The middleware
        # around all routes handles them as well.
        self.app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and "%" in scope["path"]:
            return Match.NONE, {}
        return super().matches(scope)


RouteTable = Mapping[tuple[str, str], PlainRoute]
"""The route of a method and a path."""


def route_table(routes: Iterable[PlainRoute]) -> RouteTable:
    """The routes whose paths have no parameters, by method and path.

    If two routes match, the first one counts, as in Starlette, which tries all routes in order.
    """
    table: dict[tuple[str, str], PlainRoute] = {}
    for route in routes:
        if "{" not in route.path:
            for method in route.methods or ():
                table.setdefault((method, route.path), route)
    return table


def routed(scope: Scope) -> Scope:
    """An HTTP request's scope with `raw_path` and `path` as the routes need them.

    `raw_path` is the path as sent. The target may be absolute, with scheme and authority, which
    every server has to accept (RFC 9112, section 3.2.2); these are removed. `path` is `raw_path`
    with the escapes of unreserved characters and `@` decoded once. It keeps every other escape, and
    no route matches a path with a `%`.
    """
    raw_path: bytes = scope["raw_path"]
    origin = None if raw_path.startswith(b"/") else _ORIGIN.match(raw_path)
    if origin is None and b"%" not in raw_path:
        return scope
    if origin is not None:
        raw_path = raw_path[origin.end() :] or b"/"
    path = _ESCAPE.sub(_plain_character, raw_path).decode("ascii")
    return {**scope, "raw_path": raw_path, "path": path}


def _plain_character(escape: re.Match[bytes]) -> bytes:
    """The decoded character if it is one of `_PLAIN`, else the escape itself."""
    return _DECODED.get(escape[1].upper(), escape[0])
