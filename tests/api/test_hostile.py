"""Hostile requests over a real socket: always 4xx, always a problem that says what to do."""

from collections.abc import Iterator

import pytest

from tests.api.hostile_cases import BODIES, PATHS, QUERIES, SHAPES, UNPARSABLE, WORDS
from tests.application import ask, parsed, post, problem, send, serving
from tests.server import Address

START = "/v1/weights.npy?shape=4,3&seed=1&name=w"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """Nothing here comes as far as a kernel."""
    with serving(warm_up=lambda: None) as address:
        yield address


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
def test_a_near_path_is_another_one(address: Address, path: str) -> None:
    """Slashes, dots, case and escapes of reserved characters make a path that is not there."""
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


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/weights.npy", "GET, HEAD, OPTIONS"),
        ("DELETE", "/schemes", "GET, HEAD, OPTIONS"),
        ("GET", "/v1/weights", "OPTIONS, POST"),
        ("HEAD", "/v1/weights", "OPTIONS, POST"),
        ("PATCH", "/livez", "GET, HEAD, OPTIONS"),
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
