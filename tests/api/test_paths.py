"""How a path may be spelled, and what its spellings have in common."""

from collections.abc import Iterator

import pytest

from tests.application import ask, parsed, problem, ready, send
from tests.server import Address

QUERY = "?shape=4,3&scheme=he_normal&seed=1&name=w"
CANONICAL = f"/v1/weights.npy{QUERY}"
IMMUTABLE = "public, max-age=31536000, immutable, no-transform"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.mark.parametrize(
    "path",
    [
        "/v1/weights%2Enpy",
        "/v1/weights%2enpy",
        "/%76%31/%77eights.npy",
        "/v1/weights.%6E%70%79",
    ],
)
def test_a_respelled_path_is_the_same_tensor(address: Address, path: str) -> None:
    """The bytes and the tag of the canonical URL, which it names; never immutable, asked twice."""
    canonical = ask(address, CANONICAL)
    assert canonical.headers["cache-control"] == IMMUTABLE
    assert "content-location" not in canonical.headers
    for _ in range(2):
        answer = ask(address, path + QUERY)
        assert (answer.status, answer.body) == (200, canonical.body)
        assert answer.headers["content-location"] == CANONICAL
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["etag"] == canonical.headers["etag"]
    held = ask(address, path + QUERY, headers={"If-None-Match": canonical.headers["etag"]})
    assert (held.status, held.headers["cache-control"]) == (304, "no-cache")
    assert held.headers["content-location"] == CANONICAL
    assert ask(address, CANONICAL).headers["cache-control"] == IMMUTABLE


def test_a_respelled_path_asked_first_spoils_nothing(address: Address) -> None:
    """The answers that are remembered: whichever spelling comes first."""
    query = QUERY.replace("seed=1", "seed=2")
    respelled = ask(address, f"/v1/weights%2Enpy{query}")
    canonical = ask(address, f"/v1/weights.npy{query}")
    assert respelled.headers["cache-control"] == "no-cache"
    assert canonical.headers["cache-control"] == IMMUTABLE
    assert "content-location" not in canonical.headers


def test_a_path_may_be_respelled_without_a_canonical_query(address: Address) -> None:
    """The issue's own example; no seed is told, since none is drawn without a random scheme."""
    answer = ask(address, "/v1/weights%2Enpy?shape=3")
    assert answer.status == 200
    assert answer.headers["content-location"] == "/v1/weights.npy?shape=3&scheme=zeros"


def test_a_respelled_certificate_names_its_url(address: Address) -> None:
    """Content-Location also where the query is canonical."""
    answer = ask(address, f"/v1/weights%2Ejson{QUERY}")
    assert answer.headers["content-location"] == f"/v1/weights.json{QUERY}"
    assert answer.body == ask(address, f"/v1/weights.json{QUERY}").body


@pytest.mark.parametrize(
    ("respelled", "path"),
    [
        ("/schemes/he_normal%401", "/schemes/he_normal@1"),
        ("/schemes/he%5Fnormal", "/schemes/he_normal"),
        ("/schemes/%68e_normal", "/schemes/he_normal"),
        ("/problems/not%5ffound", "/problems/not_found"),
        ("/%61ctivations", "/activations"),
        ("/openapi%2Ejson", "/openapi.json"),
    ],
)
def test_a_respelled_document_is_served(address: Address, respelled: str, path: str) -> None:
    """No document is fresh without being asked for, so it needs no other URL."""
    answer, plain = ask(address, respelled), ask(address, path)
    assert (answer.status, answer.body) == (200, plain.body)
    assert answer.headers["cache-control"] == plain.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/v1%2Fweights.npy",
        "/v1%2fweights.npy",
        "/schemes/he_normal%2F",
        "/schemes/he_normal%2540",
        "/v1/weights%252Enpy",
        "/v1/weights%25%32Enpy",
        "/v1/weights.npy%0A",
        "/v1/weights.npy%00",
        "/v1/weights.npy%3Fshape=3",
        "/v1/weights.npy%20",
        "/v1/%2E%2E/v1/weights.npy%3B",
        "/schemes/he_normal%C3%A9",
        "/schemes/he_normal%zz",
        "/schemes/he_normal%4",
        "/schemes/he_normal%",
    ],
)
def test_any_other_escape_leads_nowhere_and_is_shown(address: Address, path: str) -> None:
    """404 with the path as it was sent: decoded, it could look like one that is served."""
    answer = ask(address, f"{path}?shape=3")
    found = problem(answer)
    assert (answer.status, found["reason"]) == (404, "not_found")
    assert found["errors"][0]["message"] == f"nothing is at {path}"


@pytest.mark.parametrize("path", ["/v1/x/%2E%2E/weights.npy", "/v1/%2E/weights.npy"])
def test_dots_are_no_steps_however_they_are_spelled(address: Address, path: str) -> None:
    """A path is compared, not walked."""
    assert ask(address, f"{path}?shape=3").status == 404


def test_an_absolute_target_may_be_respelled(address: Address) -> None:
    """Scheme and authority are left out first; what they hold is not decoded into the path."""
    start = b"GET http://example%2Eorg/v1/weights%2Enpy?shape=3 HTTP/1.1\r\nHost: x\r\n"
    answer = parsed(send(address, start + b"Connection: close\r\n\r\n"))
    assert answer.status == 200
    assert answer.headers["content-location"] == "/v1/weights.npy?shape=3&scheme=zeros"
