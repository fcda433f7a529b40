"""/ and /docs, the pages for people, and the files that they need.

A file's path has its version, so that a browser asks for it once. A path with another version of
Fanin's own files has today's files too, because a browser may have the HTML of another release
while replicas are replaced. Such an answer is not kept.
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.api.encodings import encoded
from service.api.operations import file_operations, html_operations
from service.api.routing import PlainRoute
from service.page import edition, explorer, front, own_files, vendored_files

PAGE_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'"
"""The Content-Security-Policy of the page. Plot writes a style into each of its pictures."""

EXPLORER_POLICY = f"{PAGE_POLICY}; img-src 'self' data:"
"""The Content-Security-Policy of the explorer. Swagger UI's styles have pictures as `data:`."""

IMMUTABLE = "public, max-age=31536000, immutable"

_REVALIDATED = "no-cache"

_EXAMPLE = "0123456789ab"
"""An edition for the OpenAPI document, which would change with each style if it had today's."""


def routes() -> list[PlainRoute]:
    """The routes of both pages, of Fanin's own files and of third-party files."""
    return [
        PlainRoute("/", page, html_operations("page", "The page for people")),
        PlainRoute("/docs", documentation, html_operations("explorer", "The explorer of the API")),
        PlainRoute(
            "/page/{edition}/{file}",
            own_file,
            file_operations("page_file", "A file of the pages", edition=_EXAMPLE, file="page.css"),
        ),
        PlainRoute(
            "/vendor/{package}/{file}",
            vendored_file,
            file_operations(
                "vendored_file",
                "A third-party file of the pages",
                package="d3@7.9.2",
                file="d3.min.js",
            ),
        ),
    ]


async def page(request: Request) -> Response:
    """The page. Its scripts read the query, which is a question to /recommend."""
    return encoded(request, front(), _headers(_REVALIDATED, PAGE_POLICY))


async def documentation(request: Request) -> Response:
    """The explorer of the OpenAPI document."""
    return encoded(request, explorer(), _headers(_REVALIDATED, EXPLORER_POLICY))


async def own_file(request: Request) -> Response:
    """A style sheet, a script or a picture of Fanin's own."""
    found = own_files().get(request.path_params["file"])
    if found is None:
        raise HTTPException(404)
    current = request.path_params["edition"] == edition()
    return encoded(request, found, _headers(IMMUTABLE if current else _REVALIDATED, PAGE_POLICY))


async def vendored_file(request: Request) -> Response:
    """A file of a third-party package, or its licence."""
    found = vendored_files().get((request.path_params["package"], request.path_params["file"]))
    if found is None:
        raise HTTPException(404)
    return encoded(request, found, _headers(IMMUTABLE, PAGE_POLICY))


def _headers(caching: str, policy: str) -> dict[str, str]:
    return {"Cache-Control": caching, "Content-Security-Policy": policy}
