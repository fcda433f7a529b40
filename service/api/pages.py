"""HTML pages that need no script and no other file."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.api.responses import not_modified
from service.plan.tag import entity_tag

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The Content-Security-Policy of pages, pictures and refusals: their own styles, and no more."""


def revalidated_page(request: Request, body: bytes) -> Response:
    """A response with a page in UTF-8, or 304 if the client has it.

    Caches must revalidate it before each use. Raises HTTPException 412 as `not_modified` does.
    """
    tag = entity_tag(body)
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
    fixed = {"X-Content-Type-Options": "nosniff"}
    return not_modified(request, tag, headers) or HTMLResponse(body, headers=headers | fixed)
