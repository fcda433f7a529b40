"""The OpenAPI document: committed, valid, complete, and true of what is answered."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from service.api.app import create_app
from service.api.headers import FACTS
from service.api.routing import PlainRoute
from service.fields import FIELDS
from service.settings import Settings
from tests.application import ask, serving
from tests.server import Address

COMMITTED = Path(__file__).parents[2] / "openapi" / "openapi.json"

ANSWERS = [
    ("/v1/weights.json", "/v1/weights.json?shape=8,3&scheme=truncated_normal&seed=1&slice=0:2,:"),
    ("/v1/weights.json", "/v1/weights.json?shape=8,8,3,3&scheme=he_normal&seed=1&name=w"),
    ("/v1/weights.json", "/v1/weights.json?shape=scalar&scheme=constant&value=1"),
    ("/schemes", "/schemes"),
    ("/schemes/{name}", "/schemes/glorot_uniform"),
    ("/activations", "/activations"),
    ("/layers", "/layers"),
    ("/dtypes", "/dtypes"),
    ("/problems/{reason}", "/problems/not_found"),
    ("/livez", "/livez"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with serving(warm_up=lambda: None) as address:
        yield address


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(COMMITTED.read_text(encoding="utf-8"))


def test_the_committed_document_is_the_served_one(address: Address) -> None:
    """Equal to the byte; `make openapi` writes it anew."""
    assert COMMITTED.read_bytes() == ask(address, "/openapi.json").body


def test_the_document_is_valid(document: Any) -> None:
    """OpenAPI 3.1 by the specification's own schema, every reference resolved."""
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_every_route_is_described(document: Any) -> None:
    """Paths and methods are those of the application."""
    routes = create_app(Settings(), warm_up=lambda: None).routes
    served = {
        (route.path, method.lower())
        for route in routes
        if isinstance(route, PlainRoute)
        for method in route.operations
    }
    assert len(served) >= 2 * 4 + 1
    assert all(isinstance(route, PlainRoute) for route in routes)
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert described == served


def test_operations_have_names_of_their_own(document: Any) -> None:
    """What client generators call a function after."""
    names = [op["operationId"] for item in document["paths"].values() for op in item.values()]
    assert len(names) == len(set(names))


def test_every_field_is_a_parameter_and_a_member(document: Any) -> None:
    """Name, description, schema and example of each, in the order of canonical URLs."""
    listed = document["paths"]["/v1/weights.npy"]["get"]["parameters"]
    names = [entry["$ref"].rpartition("/")[2] for entry in listed]
    assert names[: len(FIELDS)] == list(FIELDS)
    for field in FIELDS:
        parameter = document["components"]["parameters"][field]
        assert parameter["description"]
        assert OAS31Validator(parameter["schema"]).is_valid(parameter["example"])
    members = document["components"]["schemas"]["SpecWithFormat"]["properties"]
    assert list(members) == [*FIELDS, "format"]


def test_every_fact_is_a_documented_header(document: Any) -> None:
    """The Weights-* headers are listed at the answer that has them."""
    headers = document["paths"]["/v1/weights.npy"]["get"]["responses"]["200"]["headers"]
    assert {fact.header for fact in FACTS} <= set(headers)


def test_tensors_are_bytes_without_a_schema(document: Any) -> None:
    """OpenAPI 3.1 describes binary content by its media type alone."""
    answer = document["paths"]["/v1/weights.raw"]["get"]["responses"]["200"]
    assert answer["content"] == {"application/octet-stream": {}}


@pytest.mark.parametrize(("path", "target"), ANSWERS)
def test_an_answer_is_what_the_document_says(
    address: Address, document: Any, path: str, target: str
) -> None:
    """The JSON that is served fits its schema, whose members are all there and no others."""
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    found = json.loads(ask(address, target).body)
    OAS31Validator({**schema["schema"], "components": document["components"]}).validate(found)
    name = schema["schema"].get("$ref", "").rpartition("/")[2]
    if name:
        assert set(found) == set(document["components"]["schemas"][name]["properties"])
