"""Cross-origin requests: a page of any origin may ask, and read every answer."""

import json
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from service.api.app import create_app
from service.api.routing import PlainRoute
from service.settings import Settings
from tests.application import Answer, ask, parsed, ready, send, serving
from tests.server import Address, running

ORIGIN = {"Origin": "https://example.org"}
TENSOR = "/v1/weights.npy?shape=4,3&scheme=he_normal&seed=1&name=w"
LARGE = "/v1/weights.raw?shape=1024,1024&scheme=he_normal&seed=1&name=w"
JSON = {"Content-Type": "application/json"}

PATHS: dict[str, Any] = create_app(Settings(), warm_up=lambda: None).openapi()["paths"]
"""What the OpenAPI document says of each route."""


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def check_readable(answer: Answer) -> None:
    """Any page may read the answer and all of its headers, since no credentials are asked for.

    `*` exposes every header to a request without credentials, and no other request may read an
    answer that allows the origin `*` (Fetch standard, CORS protocol).
    """
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-expose-headers"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert "origin" not in answer.headers.get("vary", "").lower()


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        ("GET", TENSOR, {}, 200),
        ("HEAD", TENSOR, {}, 200),
        ("GET", LARGE, {}, 200),
        ("GET", TENSOR, {"If-None-Match": "*"}, 304),
        ("GET", TENSOR, {"If-Match": '"x"'}, 412),
        ("GET", "/v1/weights.json?shape=4,3&scheme=normal", {}, 200),
        ("GET", "/v1/weights.npy?shape=4,3&scheme=he_norml", {}, 400),
        ("GET", "/v1/weights.npy?shape=4,3&scheme=normal&std=0", {}, 422),
        ("POST", "/v1/weights", JSON, 200),
        ("POST", "/v1/weights", {}, 415),
        ("GET", "/v1/weights", {}, 405),
        ("GET", "/nowhere", {}, 404),
        ("GET", "/v1%2Fweights.npy", {}, 404),
        ("GET", "/recommend?shape=4,3", {}, 200),
        ("GET", "/schemes/he_normal", {}, 200),
        ("GET", "/problems/internal", {}, 200),
        ("GET", "/readyz", {}, 200),
        ("GET", "/docs", {}, 200),
        ("GET", "/docs/plain", {}, 200),
        ("GET", "/", {}, 200),
        ("GET", "/openapi.json", {}, 200),
    ],
)
@pytest.mark.parametrize("origin", [ORIGIN, {}], ids=["page", "program"])
def test_every_answer_may_be_read(
    address: Address,
    method: str,
    target: str,
    headers: dict[str, str],
    status: int,
    origin: dict[str, str],
) -> None:
    """Whether or not an Origin is sent: a cache keeps one answer for pages and programs."""
    body = b'{"shape": [4, 3], "seed": "1"}' if method == "POST" else None
    answer = ask(address, target, method, headers | origin, body)
    assert answer.status == status
    check_readable(answer)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 17000 + b"\r\n\r\n", 431),
    ],
)
def test_what_no_route_sees_may_be_read(
    address: Address, request_bytes: bytes, status: int
) -> None:
    """Refusals of the protocol, before there is an application to ask."""
    answer = parsed(send(address, request_bytes))
    assert answer.status == status
    check_readable(answer)


def test_an_error_of_the_server_may_be_read() -> None:
    """500, which the framework answers outside of all routes."""

    async def broken(request: Request) -> Response:
        raise RuntimeError

    app = create_app(Settings(), warm_up=lambda: None)
    app.router.routes.append(PlainRoute("/broken", broken, {"get": {}}))
    with running(app) as address:
        answer = ask(address, "/broken", headers=ORIGIN)
    assert answer.status == 500
    check_readable(answer)


def test_not_ready_yet_may_be_read() -> None:
    """503 with a Retry-After that a page can obey."""
    compiled = Event()

    def compiling() -> None:
        compiled.wait(30)

    with serving(warm_up=compiling) as address:
        answer = ask(address, TENSOR, headers=ORIGIN)
        compiled.set()
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    check_readable(answer)


def test_an_answer_without_it_would_be_noticed() -> None:
    """Negative control: an application without the wrapper fails the check."""
    with running(FastAPI()) as address:
        answer = ask(address, "/docs", headers=ORIGIN)
    with pytest.raises(KeyError):
        check_readable(answer)


def test_the_headers_are_sent_once(address: Address) -> None:
    """Browsers refuse an answer that allows an origin twice."""
    head = send(address, f"GET {LARGE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head = head.partition(b"\r\n\r\n")[0].lower()
    assert head.count(b"access-control-allow-origin:") == 1
    assert head.count(b"access-control-expose-headers:") == 1


def preflight(address: Address, path: str, method: str, headers: str) -> Answer:
    """What a browser asks before it sends a request that a form could not send."""
    asked = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    return ask(address, path, "OPTIONS", ORIGIN | asked)


def words(value: str) -> set[str]:
    """A header's list."""
    return {word.strip().lower() for word in value.split(",")}


@pytest.mark.parametrize("path", sorted(PATHS))
def test_a_preflight_is_answered_on_every_route(address: Address, path: str) -> None:
    """204 that allows the path's methods, the headers of both kinds of request, for a day."""
    target = path.replace("{name}", "he_normal").replace("{reason}", "internal")
    target = target.replace("{kind}", "datasets")
    for method, headers in (
        ("GET", "if-none-match,if-range,range"),
        ("POST", "content-type"),
    ):
        answer = preflight(address, target, method, headers)
        assert (answer.status, answer.body) == (204, b"")
        assert "content-length" not in answer.headers
        check_readable(answer)
        assert words(answer.headers["access-control-allow-methods"]) >= set(PATHS[path])
        assert words(answer.headers["access-control-allow-headers"]) >= words(headers)
        assert answer.headers["access-control-max-age"] == "86400"


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/v1/weights", "POST", True),
        ("/v1/weights", "PUT", False),
        ("/v1/weights.npy", "GET", True),
        ("/v1/weights.npy", "DELETE", False),
        ("/recommend", "POST", True),
        ("/schemes", "POST", False),
    ],
)
def test_a_preflight_allows_what_the_path_knows(
    address: Address, path: str, method: str, allowed: bool
) -> None:
    """Nothing else; the query that follows makes no difference, right or wrong."""
    for query in ("", "?shape=x"):
        answer = preflight(address, path + query, method, "content-type")
        assert (method.lower() in words(answer.headers["access-control-allow-methods"])) == allowed


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v1/weights", "OPTIONS, POST"),
        ("/v1/weights.npy", "GET, HEAD, OPTIONS"),
        ("/recommend", "GET, HEAD, OPTIONS, POST"),
        ("/livez", "GET, HEAD, OPTIONS"),
        ("/v1/weights%2Enpy", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_tells_the_methods(address: Address, path: str, allow: str) -> None:
    """204 with Allow, and nothing of a preflight answer, since none was asked for."""
    answer = ask(address, path, "OPTIONS")
    assert (answer.status, answer.body, answer.headers["allow"]) == (204, b"", allow)
    assert "access-control-allow-methods" not in answer.headers
    check_readable(answer)


@pytest.mark.parametrize("asked", [{}, {"Access-Control-Request-Method": "GET"}])
def test_options_on_an_unknown_path_is_not_found(address: Address, asked: dict[str, str]) -> None:
    """404, whose problem a program can read."""
    answer = ask(address, "/v1/weights.npz", "OPTIONS", ORIGIN | asked)
    assert (answer.status, json.loads(answer.body)["reason"]) == (404, "not_found")
    check_readable(answer)
