"""A route as Fanin has them: one spelling of its path, no dependencies, its OpenAPI beside it."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.routing import Match, Route
from starlette.types import Scope

Operation = dict[str, Any]
"""An operation object of OpenAPI 3.1."""


class PlainRoute(Route):
    """A Starlette route that knows no escapes: `%2E` is not a second spelling of `.`.

    `operations` describes its methods, in lower case; whatever is described is allowed.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], operations: Mapping[str, Operation]
    ) -> None:
        super().__init__(path, endpoint, methods=[method.upper() for method in operations])
        self.operations = operations

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and b"%" in scope["raw_path"]:
            return Match.NONE, {}
        return super().matches(scope)
