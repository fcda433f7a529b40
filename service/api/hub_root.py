"""The three endpoints that Hub clients may have in HF_ENDPOINT.

    (the server itself)      `main` is seed 0
    /hub/REVISION            `main` is that revision, such as /hub/seed-9
    /v1/models/TOKEN         every repository has the manifest of the token

The paths of Hub clients follow. The endpoint is taken away before routing, so that there is one
route for all three. It may end in a slash, so that two of them follow each other.
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from starlette.types import Scope

_ROOTED = re.compile(
    r"(?P<prefix>(?:/(?P<kind>hub|v1/models)/(?P<word>[^/]+))?/?)"
    r"(?P<path>/(?:api/(?:models|datasets|spaces)(?:/.*)?|(?:datasets|spaces)/.*"
    r"|[^/]+/(?:[^/]+/)?(?:resolve|raw)/.*))"
)
_KEY = "fanin.hub_root"


@dataclass(frozen=True, slots=True)
class Root:
    """An endpoint: the path that it adds, and the revision or the token in it."""

    prefix: str = ""
    revision: str | None = None
    token: str | None = None


def without_root(scope: Scope) -> Scope:
    """The scope of an HTTP request with the path that follows the endpoint.

    Paths that are not those of Hub clients stay as they are.
    """
    path: str = scope["path"]
    if not path.startswith(("/hub/", "/v1/models/", "//")):
        return scope
    found = _ROOTED.fullmatch(path)
    if found is None:
        return scope
    root = Root(found["prefix"])
    if found["kind"] is not None:
        member = "revision" if found["kind"] == "hub" else "token"
        root = replace(root, **{member: unquote(found["word"])})
    return {**scope, "path": found["path"], _KEY: root}


def root_of(scope: Scope) -> Root:
    """The endpoint of a request."""
    root: Root = scope.get(_KEY, _SERVER)
    return root


_SERVER = Root()
