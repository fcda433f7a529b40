"""Hostile requests over a real socket: always 4xx, always a problem that says what to do."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.hostile_cases import BODIES, PATHS, QUERIES, SHAPES, UNPARSABLE, WORDS
from tests.application import Answer, ask, post, send, serving
from tests.server import Address

START = "/v1/weights.npy?shape=4,3&seed=1&name=w"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """Nothing here comes as far as a kernel."""
    with serving(warm_up=lambda: None) as address:
        yield address


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


def parsed(raw: bytes) -> Answer:
    """Raw bytes from a socket as an answer."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Answer(int(status.split()[1]), headers, body)


@pytest.mark.parametrize(("query", "reason", "field"), QUERIES)
def test_a_bad_field_is_named(address: Address, query: str, reason: str, field: str) -> None:
    """Reason and field say which item of the query is wrong, the status whose fault it is."""
    answer = ask(address, f"{START}&{query}")
    found = problem(answer)
    assert answer.status in (400, 422)
    assert (found["reason"], found["errors"][0]["field"]) == (reason, field)


@pytest.mark.parametrize(("shape", "reason"), SHAPES)
def test_a_bad_shape_is_named(address: Address, shape: str, reason: str) -> None:
    """No shape is guessed at, and none overflows."""
    found = problem(ask(address, f"/v1/weights.npy?shape={shape}&scheme=zeros"))
    assert (found["reason"], found["errors"][0]["field"]) == (reason, "shape")


@pytest.mark.parametrize(("body", "reason", "field"), BODIES)
def test_a_bad_body_is_named(address: Address, body: bytes, reason: str, field: str) -> None:
    """JSON of any depth, size and content is read strictly or refused."""
    answer = post(address, body)
    found = problem(answer)
    assert answer.status == 400
    assert (found["reason"], found["errors"][0]["field"]) == (reason, field)


@pytest.mark.parametrize(("query", "hint"), WORDS)
def test_a_near_miss_is_shown_the_word(address: Address, query: str, hint: str) -> None:
    """Another framework's spelling gets its replacement, a slip the nearest words."""
    found = problem(ask(address, f"/v1/weights.npy?shape=4,3&{query}"))
    assert found["errors"][0]["hint"].startswith(hint)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_has_one_spelling(address: Address, path: str) -> None:
    """Escapes, slashes, dots and case make another path, which is not there; nobody is sent on."""
    answer = ask(address, f"{path}?shape=4,3&seed=1&name=w&scheme=normal")
    assert answer.status == 404
    assert problem(answer)["reason"] == "not_found"
    assert "location" not in answer.headers


@pytest.mark.parametrize("request_bytes", UNPARSABLE)
def test_what_is_no_http_is_answered_all_the_same(address: Address, request_bytes: bytes) -> None:
    """A problem, and the connection is closed."""
    answer = parsed(send(address, request_bytes))
    assert answer.status == 400
    assert problem(answer)["reason"] == "bad_request"


def test_too_large_a_header_is_refused(address: Address) -> None:
    """More than 16 KiB of request line and headers that do not end: 431."""
    answer = parsed(send(address, b"GET /v1/weights.npy?x=" + b"a" * 17_000))
    assert answer.status == 431
    assert problem(answer)["reason"] == "header_too_large"


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "json", "application/jsonx"],
)
def test_a_body_says_that_it_is_json(address: Address, media_type: str) -> None:
    """Anything but application/json is refused unread."""
    answer = post(address, b'{"shape": [4, 3]}', media_type)
    assert (answer.status, problem(answer)["reason"]) == (415, "unsupported_media_type")


def test_a_body_of_no_stated_type_is_refused(address: Address) -> None:
    """No Content-Type is not JSON either."""
    answer = ask(address, "/v1/weights", "POST", body=b'{"shape": [4, 3]}')
    assert (answer.status, problem(answer)["reason"]) == (415, "unsupported_media_type")


def test_json_may_state_its_charset(address: Address) -> None:
    """Neither a parameter of the media type nor its case makes a difference: it is read."""
    found = problem(post(address, b"{}", "Application/JSON; charset=utf-8"))
    assert found["reason"] == "missing_field"


@pytest.mark.parametrize("size", [64 * 1024 + 1, 2**20])
def test_too_large_a_body_is_refused(address: Address, size: int) -> None:
    """64 KiB is the most that is read."""
    answer = post(address, b'{"name": "' + b"a" * size + b'"}')
    assert (answer.status, problem(answer)["reason"]) == (413, "payload_too_large")


def test_a_body_in_chunks_is_bounded_too(address: Address) -> None:
    """Without a Content-Length the bytes are counted as they come."""
    start = b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    request = start + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 3
    answer = parsed(send(address, request + b"0\r\n\r\n"))
    assert (answer.status, problem(answer)["reason"]) == (413, "payload_too_large")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/weights.npy", "GET, HEAD"),
        ("OPTIONS", "/v1/weights.npy", "GET, HEAD"),
        ("DELETE", "/schemes", "GET, HEAD"),
        ("GET", "/v1/weights", "POST"),
        ("HEAD", "/v1/weights", "POST"),
        ("BREW", "/livez", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    address: Address, method: str, path: str, allowed: str
) -> None:
    """405 with Allow, whatever the method."""
    answer = ask(address, path, method)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    if method != "HEAD":
        assert problem(answer)["reason"] == "method_not_allowed"


def test_a_client_who_leaves_in_the_middle_of_a_body_harms_nobody(
    address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    """The server logs no error and serves the next."""
    start = b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection((address.host, address.port)) as client:
        client.sendall(start + b"Content-Length: 100\r\n\r\n{")
    assert ask(address, "/livez").status == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
