"""Every error is one shape of problem body, and every reason code has a page."""

import ast
import json
import logging
import re
from collections.abc import Iterator

import httpx2
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from service.api.problems import (
    RETRY_AFTER_SECONDS,
    STATUS_REASONS,
    STATUSES,
    install,
    problem_response,
)
from service.api.reasons import REASONS
from service.errors import (
    FaninError,
    ImpossibleError,
    Problem,
    UnavailableError,
    UnreadableError,
)
from tests.reasons import modules, reasons_of
from tests.server import Address, running

SECRET = "the password is swordfish"


def app() -> FastAPI:
    """Paths that go wrong in every way a route can."""
    app = FastAPI()
    install(app)

    @app.get("/v1/weights.npy")
    async def weights() -> None:
        raise ImpossibleError("reserved_name", Problem("name", "taken", "choose another"))

    @app.get("/recommend")
    @app.post("/recommend")
    async def recommend() -> None:
        raise RuntimeError(SECRET)

    @app.get("/raised/{status}")
    async def raised(status: int) -> None:
        raise HTTPException(status, "said by the framework")

    return app


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with running(app()) as address:
        yield address


def test_body_is_the_shape_of_the_interface() -> None:
    """One refusal, written out: every member and header."""
    first = Problem("shape", "no axis", "write 64,3")
    response = problem_response(ImpossibleError("reserved_name", first, Problem("", "b", "c")))
    assert json.loads(bytes(response.body)) == {
        "type": "/problems/reserved_name",
        "title": "The format reserves the name",
        "status": 422,
        "detail": "no axis (and 1 more)",
        "reason": "reserved_name",
        "errors": [
            {"field": "shape", "message": "no axis", "hint": "write 64,3"},
            {"field": "", "message": "b", "hint": "c"},
        ],
    }
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (UnreadableError, 400, None),
        (ImpossibleError, 422, None),
        (UnavailableError, 503, str(RETRY_AFTER_SECONDS)),
    ],
)
def test_class_of_the_error_decides_the_status(
    error: type[FaninError], status: int, retry_after: str | None
) -> None:
    """Subclasses answer as their branch does; only "not now" says when to come back."""
    subclass = type("Special", (error,), {})
    response = problem_response(subclass("too_busy", Problem("", "m", "h")))
    assert response.status_code == status
    assert response.headers.get("retry-after") == retry_after


def test_every_branch_of_the_error_tree_has_a_status() -> None:
    """No direct subclass of FaninError of the service is without a row."""
    branches = {c for c in FaninError.__subclasses__() if c.__module__.startswith("service.")}
    assert branches == set(STATUSES)


@pytest.mark.parametrize(
    "text",
    [
        "\ud800",
        "a\udfffb\x00\x1b[31m",
        '"}]}\\',
        "NaN",
        "x" * 10**6,
        "\ud800" * 10**5,
        "重\U0001f600",
    ],
    ids=["surrogate", "control", "quotes", "nan", "long", "long surrogates", "wide"],
)
def test_no_text_of_a_stranger_breaks_the_body(text: str) -> None:
    """Whatever the field, message and hint hold, the body is short strict UTF-8 JSON."""
    response = problem_response(UnreadableError("bad_request", Problem(text, text, text)))
    body = bytes(response.body)
    assert len(body) < 20_000
    [entry] = json.loads(body.decode("utf-8"))["errors"]
    assert not re.search("[\ud800-\udfff]", entry["field"] + entry["message"] + entry["hint"])


def test_half_a_surrogate_pair_is_shown_as_its_escape() -> None:
    """What UTF-8 cannot carry is spelled out, and what it can is left alone."""
    error = UnreadableError("bad_request", Problem("name", "\ud800 after 重", "h"))
    [entry] = json.loads(bytes(problem_response(error).body))["errors"]
    assert entry["message"] == "\\ud800 after 重"


def test_a_refusal_in_a_route_is_answered(address: Address) -> None:
    """An error of the tree that leaves a route becomes its problem body."""
    answer = httpx2.get(address.url + "/v1/weights.npy")
    assert (answer.status_code, answer.json()["reason"]) == (422, "reserved_name")


def test_a_lost_path_is_shown_the_nearest(address: Address) -> None:
    """404 names up to three paths that are spelled alike, and is short for a long path.

    What it names can be asked for: `/raised/{status}` is a path of nothing.
    """
    answer = httpx2.get(address.url + "/v1/weight.npy" + "/" * 5000)
    [entry] = answer.json()["errors"]
    assert (answer.status_code, answer.json()["reason"]) == (404, "not_found")
    assert entry["hint"].startswith("the nearest are /v1/weights.npy, ")
    [lost] = httpx2.get(address.url + "/raised").json()["errors"]
    assert "{" not in lost["hint"]
    assert len(answer.content) < 1000


@pytest.mark.parametrize("path", ["/%ED%A0%80", "/%00", "/%FF%FE", "/%22%7D"])
def test_a_hostile_path_is_just_not_found(address: Address, path: str) -> None:
    """Bytes that are no UTF-8, NUL and quotes in a path give a readable 404."""
    answer = httpx2.get(address.url + path)
    assert answer.status_code == 404
    assert answer.json()["reason"] == "not_found"


def test_a_wrong_method_is_told_the_right_ones(address: Address) -> None:
    """405 carries Allow, in a fixed order, and repeats it for people."""
    answer = httpx2.put(address.url + "/recommend")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    assert answer.json()["reason"] == "method_not_allowed"
    assert answer.json()["errors"][0]["hint"] == "use GET, POST"


def test_an_unknown_error_says_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    """500 keeps the exception's text from the client and leaves it in the log."""
    with running(app()) as address:
        answer = httpx2.get(address.url + "/recommend")
    assert (answer.status_code, answer.json()["reason"]) == (500, "internal")
    assert SECRET not in answer.text
    [record] = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == SECRET


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (413, "payload_too_large"),
        (415, "unsupported_media_type"),
        (418, "bad_request"),
        (507, "internal"),
    ],
)
def test_a_status_of_the_framework_gets_its_reason(
    address: Address, status: int, reason: str
) -> None:
    """What the web framework raises keeps its status; one without a row gets a general reason."""
    answer = httpx2.get(f"{address.url}/raised/{status}")
    assert answer.status_code == answer.json()["status"] == status
    assert answer.json()["reason"] == reason
    assert answer.json()["detail"] == "said by the framework"


def test_every_reason_has_a_row_and_every_row_a_use() -> None:
    """The table holds exactly the codes that the service can answer."""
    assert set(REASONS) == reasons_of(modules("")) | set(STATUS_REASONS.values())


def test_the_search_for_reasons_finds_them() -> None:
    """Control: a code given by position, by name, by condition and through a function counts."""
    source = """
class Fault(ValueError):
    def __init__(self, reason, message): ...
@dataclass
class Found:
    message: str
    reason: str
def refuse(field, reason): ...
raise ImpossibleError("a", Problem("not_this", "", ""))
raise errors.UnreadableError(reason="b")
raise UnavailableError("c" if x else "d", Problem())
refuse("nor_this", "e")
Fault("f", "nor that")
Found("nor_that_either", "g")
"""
    assert reasons_of([ast.parse(source)]) == {"a", "b", "c", "d", "e", "f", "g"}
