"""The whole application behind a real socket, and a client that sends what it is told.

httpx respells URLs; `ask` sends a request target as it stands.
"""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from service.api.app import create_app
from service.settings import Settings
from service.stream.selfcheck import warm_up
from tests.server import Address, running

READY_SECONDS = 300
"""A first run compiles every kernel."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@contextmanager
def serving(warm_up: Callable[[], None] = warm_up, **settings: Any) -> Iterator[Address]:
    """The application as `serve` runs it, ready or not."""
    app = create_app(Settings(**settings), warm_up=warm_up)
    with running(app) as address:
        yield address


@contextmanager
def ready(**settings: Any) -> Iterator[Address]:
    """The application as `serve` runs it, once it issues bytes."""
    with serving(**settings) as address:
        wait_until_ready(address)
        yield address


def wait_until_ready(address: Address) -> None:
    """Wait for /readyz; fail at once where it says that it never will be."""
    deadline = time.monotonic() + READY_SECONDS
    while (answer := ask(address, "/readyz")).status != 200:
        assert b"did not pass" not in answer.body, "the kernels give other bits: see DIGEST"
        assert time.monotonic() < deadline, "never ready"
        time.sleep(0.05)


def ask(
    address: Address,
    target: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """One request with this very target."""
    with closing(http.client.HTTPConnection(address.host, address.port, timeout=30)) as client:
        client.request(method, target, body=body, headers=dict(headers or {}))
        answer = client.getresponse()
        received = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, received, answer.read())


def post(address: Address, body: bytes, media_type: str = "application/json") -> Answer:
    """The fields as JSON."""
    return ask(address, "/v1/weights", "POST", {"Content-Type": media_type}, body)


def send(address: Address, request: bytes) -> bytes:
    """These bytes as they are; everything that comes back until the server hangs up."""
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.sendall(request)
        received = bytearray()
        while piece := client.recv(65536):
            received += piece
        return bytes(received)


def parsed(raw: bytes) -> Answer:
    """Raw bytes from a socket as an answer."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Answer(int(status.split()[1]), headers, body)


def problem(answer: Answer) -> Any:
    """The answer's problem, whose form is checked: it is whole, strict JSON and never cached."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    body = json.loads(answer.body.decode("utf-8"), parse_constant=refuse)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert body["status"] == answer.status
    assert body["type"] == f"/problems/{body['reason']}"
    assert body["errors"]
    assert all(entry["message"] and entry["hint"] for entry in body["errors"])
    assert len(answer.body) < 8000
    return body
