"""The way past FastAPI's middleware gives the same answers as the way through it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import IncompleteRead

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.api.app import Application, create_app
from service.api.problems import install
from service.api.routing import PlainRoute, route_table
from service.settings import Settings
from tests.application import Answer, ask, problem, wait_until_ready
from tests.server import Address, running

TENSOR = "/v1/weights.npy?shape=4,3&scheme=he_normal&seed=1&name=w"
JSON = {"Content-Type": "application/json"}

REQUESTS = [
    ("GET", TENSOR, {}),
    ("HEAD", TENSOR, {}),
    ("GET", TENSOR, {"If-None-Match": "*"}),
    ("GET", TENSOR, {"If-Match": '"x"'}),
    ("GET", "/v1/weights.json?shape=4,3&scheme=normal&seed=1", {}),
    ("GET", "/v1/weights.npy?shape=4,3&scheme=he_norml", {}),
    ("GET", "/v1/weights.npy?shape=4,3&scheme=normal&std=0", {}),
    ("GET", "/v1/weights%2Enpy?shape=4,3&scheme=zeros", {}),
    ("GET", "http://example.org/v1/weights.npy?shape=4,3&scheme=zeros", {}),
    ("OPTIONS", "/v1/weights.npy", {}),
    ("OPTIONS", "/v1/weights", {"Access-Control-Request-Method": "POST"}),
    ("POST", "/v1/weights", JSON),
    ("POST", "/v1/weights", {}),
    ("POST", "/v1/weights.npy", JSON),
    ("GET", "/v1/weights", {}),
    ("DELETE", "/v1/weights.npy", {}),
    ("PROPFIND", "/recommend", {}),
    ("GET", "/recommend?shape=4,3", {}),
    ("GET", "/livez", {}),
    ("GET", "/readyz", {}),
    ("GET", "/schemes", {}),
    ("GET", "/schemes/he_normal", {}),
    ("GET", "/schemes/{name}", {}),
    ("GET", "/openapi.json", {}),
    ("GET", "/", {}),
    ("GET", "/v1/weights.npy/", {}),
    ("GET", "/v1%2Fweights.npy", {}),
    ("GET", "/nowhere", {}),
]


@contextmanager
def served(app: Application) -> Iterator[Address]:
    with running(app) as address:
        wait_until_ready(address)
        yield address


@pytest.fixture(scope="module")
def short_way() -> Iterator[Address]:
    """The application as it is."""
    with served(create_app(Settings())) as address:
        yield address


@pytest.fixture(scope="module")
def long_way() -> Iterator[Address]:
    """The application without its table, so that FastAPI finds every route."""
    app = create_app(Settings())
    app._table = {}
    with served(app) as address:
        yield address


def asked(address: Address, method: str, target: str, headers: dict[str, str]) -> Answer:
    body = b'{"shape": [4, 3], "seed": 1}' if headers == JSON else None
    answer = ask(address, target, method, headers, body)
    # `Connection: close` depends on whether the body has arrived before the refusal.
    received = {f: text for f, text in answer.headers.items() if f not in ("date", "connection")}
    return replace(answer, headers=received)


@pytest.mark.parametrize(("method", "target", "headers"), REQUESTS)
def test_both_ways_answer_alike(
    short_way: Address, long_way: Address, method: str, target: str, headers: dict[str, str]
) -> None:
    """Status, headers and body, of answers and of every kind of refusal."""
    short = asked(short_way, method, target, headers)
    assert short == asked(long_way, method, target, headers)


async def fail(request: Request) -> Response:
    raise LookupError("an error of the service")


class Half(Response):
    """An answer that begins and does not end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"9")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise LookupError("an error of the service")


async def fail_late(request: Request) -> Response:
    return Half()


@contextmanager
def failing() -> Iterator[Address]:
    """An application with an error in each of two routes. The log is whole once it has ended."""
    routes = [PlainRoute("/early", fail, {"get": {}}), PlainRoute("/late", fail_late, {"get": {}})]
    app = Application(routes)
    install(app)
    with running(app) as address:
        yield address


def errors_of(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_an_unexpected_error_is_answered_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets a problem without a word of the error. The log has its traceback."""
    with failing() as address:
        answer = ask(address, "/early")
    assert (answer.status, problem(answer)["reason"]) == (500, "internal")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert b"an error of the service" not in answer.body
    [record] = errors_of(caplog)
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


def test_an_error_after_the_answer_has_begun_cuts_it(caplog: pytest.LogCaptureFixture) -> None:
    """The client sees that bytes are missing. A problem would become part of the answer."""
    with failing() as address, pytest.raises(IncompleteRead):
        ask(address, "/late")
    [record] = errors_of(caplog)
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


def test_the_table_has_the_first_route_of_each_path() -> None:
    """As Starlette, which asks the routes in their order. A path with a parameter is not in it."""
    first = PlainRoute("/a", fail, {"get": {}})
    second = PlainRoute("/a", fail, {"get": {}, "post": {}})
    table = route_table([first, second, PlainRoute("/a/{b}", fail, {"get": {}})])
    assert {method for method, _ in table} == {"GET", "HEAD", "POST", "OPTIONS"}
    assert {path for _, path in table} == {"/a"}
    assert table["GET", "/a"] is table["HEAD", "/a"] is table["OPTIONS", "/a"] is first
    assert table["POST", "/a"] is second
