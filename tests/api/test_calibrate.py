"""/calibrate as a client sees it; what it computes is tested in tests/calibration."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from service.api.app import create_app
from service.calibration import Measurement
from service.settings import Settings
from tests.application import Answer, ask, problem, serving
from tests.server import Address

URL = "/v1/weights.npy?shape=64,64&scheme=orthogonal&seed=7&name=fc1.weight"
BODY = {"weights_url": URL, "measured_mean": 0.0, "measured_variance": 4}


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with serving(warm_up=lambda: None, max_bytes=2**20) as address:
        yield address


@pytest.fixture(scope="module")
def document() -> Any:
    return create_app(Settings(), warm_up=lambda: None).openapi()


def posted(address: Address, body: bytes, media_type: str = "application/json") -> Answer:
    return ask(address, "/calibrate", "POST", {"Content-Type": media_type}, body)


def test_an_answer_is_json_that_nobody_keeps(address: Address) -> None:
    """Its URL is served, and is canonical."""
    answer = posted(address, json.dumps(BODY).encode())
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "etag" not in answer.headers
    url = json.loads(answer.body)["weights_url"]
    assert url == URL.replace("&seed", "&gain=0.5&seed")
    served = ask(address, url, "HEAD")
    assert served.status == 200
    assert "content-location" not in served.headers
    assert float(served.headers["weights-std"]) == json.loads(answer.body)["std"]


def test_equal_calls_have_equal_answers(address: Address) -> None:
    """Nothing is kept between them, also not between the steps of one layer."""
    body = json.dumps(BODY).encode()
    first = posted(address, body)
    assert posted(address, json.dumps(BODY | {"step": 5}).encode()).status == 200
    assert posted(address, body).body == first.body


@pytest.mark.parametrize(
    ("members", "status", "reason"),
    [
        ({"measured_variance": 0}, 422, "dead_output"),
        ({"measured_variance": -1}, 400, "out_of_range"),
        ({"measured_variance": math.nan}, 400, "malformed_number"),
        ({"measured_variance": math.inf}, 400, "malformed_number"),
        ({"measured_variance": None}, 400, "missing_field"),
        ({"measured_variance": {"a": 1}}, 400, "malformed_number"),
        ({"target_variance": 0}, 400, "out_of_range"),
        ({"weights_url": "https://example.org" + URL}, 400, "bad_weights_url"),
        ({"weights_url": "/recommend?shape=4,4"}, 400, "bad_weights_url"),
        ({"weights_url": "\ud800"}, 400, "malformed_text"),
        ({"weights_url": URL + "&seed=1"}, 400, "duplicate_field"),
        ({"weights_url": None}, 400, "missing_field"),
        ({"weights_url": URL.replace("&seed=7", "")}, 422, "no_seed"),
        ({"weights_url": URL.replace("orthogonal", "zeros")}, 422, "nothing_to_scale"),
        ({"weights_url": URL.replace("64,64", "4096,4096")}, 422, "too_large"),
        ({"format": "npy"}, 400, "unknown_field"),
    ],
)
def test_a_bad_measurement_is_a_problem(
    address: Address, members: dict[str, Any], status: int, reason: str
) -> None:
    """Problem details with a hint, and a page for each reason."""
    answer = posted(address, json.dumps(BODY | members).encode())
    found = problem(answer)
    assert (answer.status, found["reason"]) == (status, reason)
    assert all(error["hint"] for error in found["errors"])
    assert ask(address, found["type"]).status == 200


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"[]", "application/json", 400),
        (b'{"measured_variance": 1' + b"e" * 9 + b"}", "application/json", 400),
        (b'{"weights_url": "/v1/weights.npy?' + b"a&" * 9000 + b'"}', "application/json", 400),
        (b"{}", "text/plain", 415),
        (b" " * 65537, "application/json", 413),
    ],
)
def test_a_bad_body_is_a_problem(
    address: Address, body: bytes, media_type: str, status: int
) -> None:
    """As for every path that reads JSON."""
    assert posted(address, body, media_type).status == status


def test_other_methods_are_told_which_there_are(address: Address) -> None:
    """A measurement is no resource, so there is no GET."""
    answer = ask(address, "/calibrate")
    assert (answer.status, answer.headers["allow"]) == (405, "OPTIONS, POST")
    assert posted(address, b"{}").status == 400
    assert ask(address, "/calibrate?step=1", "POST", {}, b"").status == 400


def test_requests_and_answers_are_what_the_document_says(address: Address, document: Any) -> None:
    """The example of the request is answered, and the answers fit their schema."""
    operation = document["paths"]["/calibrate"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    components = {"components": document["components"]}
    requests = OAS31Validator({**content["schema"], **components})
    fields = {"shape": [8, 8], "scheme": "uniform", "low": -1, "high": 1, "seed": "3"}
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    for body in (
        content["example"],
        BODY | {"measured_variance": 1.05},
        BODY | {"step": 10},
        fields | {"measured_variance": "0.5", "measured_mean": None},
    ):
        requests.validate(body)
        found = json.loads(posted(address, json.dumps(body).encode()).body)
        OAS31Validator({**schema, **components}).validate(found)
        assert set(found) == set(document["components"]["schemas"]["Calibration"]["properties"])
    for wrong in ({"shape": [8, 8]}, {"measured_variance": 1}, BODY | {"step": -1}):
        assert not requests.is_valid(wrong)


def test_every_member_is_documented(document: Any) -> None:
    """With a description, an example that fits, and on the page /docs/plain."""
    members = document["components"]["schemas"]["Measurement"]["properties"]
    assert list(members) == list(Measurement.model_fields)
    for member in members.values():
        assert member["description"]
        assert OAS31Validator(member).is_valid(member["examples"][0])


def test_the_page_of_paths_lists_the_members(address: Address) -> None:
    """Under a heading of their own."""
    page = ask(address, "/docs/plain").body.decode()
    assert "More members of /calibrate" in page
    assert "<code>measured_variance: 1.7</code>" in page
