"""/recommend as a client sees it; what it says is tested in tests/advice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from service.advice import Question
from tests.application import ask, serving
from tests.server import Address

TARGET = "/recommend?shape=64,3,7,7&activation=relu&depth=30&name=conv1.weight&seed=42"
BODY = {"shape": [64, 3, 7, 7], "activation": "relu", "depth": 30, "name": "conv1.weight"}
COMMITTED = Path(__file__).parents[2] / "openapi" / "openapi.json"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with serving(warm_up=lambda: None, max_bytes=2**20) as address:
        yield address


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(COMMITTED.read_text(encoding="utf-8"))


def posted(address: Address, body: bytes, media_type: str = "application/json") -> Any:
    """The answer to a JSON question."""
    return ask(address, "/recommend", "POST", {"Content-Type": media_type}, body)


def test_an_answer_may_be_kept_and_is_asked_for_anew(address: Address) -> None:
    """no-cache with the body's own tag: 304 to who has it, and HEAD has GET's headers."""
    answer = ask(address, TARGET)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = ask(address, TARGET, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert ask(address, TARGET, headers={"If-Match": '"other"'}).status == 412
    head = ask(address, TARGET, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers | {"date": ""} == answer.headers | {"date": ""}


def test_json_asks_the_same_question(address: Address) -> None:
    """The same body, not to be kept."""
    answer = posted(address, json.dumps(BODY | {"seed": 42}).encode())
    assert answer.body == ask(address, TARGET).body
    assert answer.headers["cache-control"] == "no-store"


def test_null_is_absent_and_a_byte_order_mark_is_passed_over(address: Address) -> None:
    """RFC 8259, section 8.1; a null in a list is no number, and null as the shape is no shape."""
    plain = posted(address, json.dumps(BODY).encode())
    nulls = dict.fromkeys(set(Question.model_fields) - set(BODY))
    marked = posted(address, json.dumps(BODY | nulls).encode("utf-8-sig"))
    assert (marked.status, marked.body) == (200, plain.body)
    for shape, reason in ((None, "missing_field"), ([8, None], "malformed_shape")):
        answer = posted(address, json.dumps(BODY | {"shape": shape}).encode())
        assert (answer.status, json.loads(answer.body)["reason"]) == (400, reason)


def test_its_url_is_served(address: Address) -> None:
    """weights_url, and what it needs for a seed, are /v1's own."""
    url = json.loads(ask(address, TARGET).body)["weights_url"]
    served = ask(address, url, "HEAD")
    assert served.status == 200
    assert "content-location" not in served.headers
    assert float(served.headers["weights-std"]) == json.loads(ask(address, TARGET).body)["std"]


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("", 400, "missing_field"),
        ("shape=8,4&depht=3", 400, "unknown_field"),
        ("shape=8,4&position=top", 400, "unknown_word"),
        ("shape=8,4&format=npy", 400, "unknown_field"),
        ("shape=8,4&std=-1", 422, "not_positive"),
        ("shape=scalar", 422, "no_fan"),
        ("shape=1024,1024", 422, "too_large"),
    ],
)
def test_a_bad_question_is_a_problem(
    address: Address, query: str, status: int, reason: str
) -> None:
    """The statuses and reasons of the byte routes."""
    answer = ask(address, f"/recommend?{query}")
    assert (answer.status, json.loads(answer.body)["reason"]) == (status, reason)


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b'{"shape": [8, 4], "format": "npy"}', "application/json", 400),
        (b"[]", "application/json", 400),
        (b"shape=8,4", "application/x-www-form-urlencoded", 415),
        (b" " * 65537, "application/json", 413),
    ],
)
def test_a_bad_body_is_a_problem(
    address: Address, body: bytes, media_type: str, status: int
) -> None:
    """As for /v1/weights."""
    assert posted(address, body, media_type).status == status


def test_other_methods_are_told_which_there_are(address: Address) -> None:
    """405 with all three."""
    answer = ask(address, "/recommend", "PUT")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


@pytest.mark.parametrize(
    "target",
    [
        TARGET,
        "/recommend?shape=64",
        "/recommend?shape=64,64&distribution=truncated_normal&std=0.01&activation=tanh",
    ],
)
def test_an_answer_is_what_the_document_says(address: Address, document: Any, target: str) -> None:
    """It fits its schema, whose members are all there and no others."""
    reference = {"$ref": "#/components/schemas/Recommendation"}
    found = json.loads(ask(address, target).body)
    OAS31Validator({**reference, "components": document["components"]}).validate(found)
    assert set(found) == set(document["components"]["schemas"]["Recommendation"]["properties"])


def test_every_field_of_a_question_is_documented(document: Any) -> None:
    """As a parameter with an example that fits, and as a member of the body."""
    listed = document["paths"]["/recommend"]["get"]["parameters"]
    names = [entry["$ref"].rpartition("/")[2] for entry in listed]
    assert names[: len(Question.model_fields)] == list(Question.model_fields)
    assert list(document["components"]["schemas"]["Question"]["properties"]) == (
        list(Question.model_fields)
    )
    for field in ("input_activation", "normalization", "depth", "residual", "position"):
        parameter = document["components"]["parameters"][field]
        assert parameter["description"]
        assert OAS31Validator(parameter["schema"]).is_valid(parameter["example"])


def test_the_documented_question_has_an_answer(address: Address, document: Any) -> None:
    """The example of the request body."""
    body = document["paths"]["/recommend"]["post"]["requestBody"]["content"]["application/json"]
    assert posted(address, json.dumps(body["example"]).encode()).status == 200
