"""The OpenAPI document: committed, valid, complete, and true of what is answered."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from starlette.requests import Request

from service.api.app import create_app
from service.api.headers import FACTS
from service.api.responses import not_modified
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


REFUSED = [
    ("bounds", "0"),
    ("bounds", "-1"),
    ("bounds", 0),
    ("bounds", [0]),
    ("bounds", [41, 2]),
    ("depth", "288230376151711742"),
    ("depth", 288230376151711742),
    ("depth", "10001"),
    ("depth", 0),
    ("layer_index", "10000"),
    ("std", "0"),
    ("std", 0),
    ("gain", -1),
    ("scale", "0.0"),
    ("shape", "4x3"),
    ("shape", "1,1,1,1,1,1,1,1,1"),
    ("slice", "0"),
    ("slice", "0:8:1"),
    ("layout", "oihw"),
    ("layout", "OIXY"),
    ("parts", "0"),
    ("parts", [3]),
    ("stride", "1,2,3,4"),
    ("seed", "18446744073709551616"),
    ("name", "a\nb"),
    ("name", "a" * 513),
    ("fan_in", "0"),
    ("width", "16777217"),
    ("repeat", 1001),
]
"""Values that each request refuses, whatever its other fields are."""


@pytest.mark.parametrize(("field", "value"), REFUSED)
def test_the_document_says_what_is_refused(document: Any, field: str, value: object) -> None:
    """As a parameter of a query, and as a member of a body; the example is accepted (control)."""
    parameter = document["components"]["parameters"][field]
    member = document["components"]["schemas"]["Network"]["properties"][field]
    for schema in (parameter["schema"], member):
        assert not OAS31Validator(schema).is_valid(value)
        assert OAS31Validator(schema).is_valid(parameter["example"])


TAGS = [
    ("*", True),
    ('"a"', True),
    ('W/"a"', True),
    ('"a", W/"b","c"', True),
    ('""', True),
    ("", False),
    ("a", False),
    ('"a', False),
    ('*, "a"', False),
    ('"a""b"', False),
    ('w/"a"', False),
    ('"a b"', False),
]


@pytest.mark.parametrize(("value", "fits"), TAGS)
def test_conditions_are_lists_of_tags(
    address: Address, document: Any, value: str, fits: bool
) -> None:
    """RFC 9110, section 8.8.3. What does not fit matches no tag.

    If-Match is then refused, and its schema says so. If-None-Match is then ignored, so its schema
    allows it.
    """
    parameters = document["components"]["parameters"]
    assert OAS31Validator(parameters["If-Match"]["schema"]).is_valid(value) == fits
    assert OAS31Validator(parameters["If-None-Match"]["schema"]).is_valid(value)
    for header, hit, miss in (("If-Match", 200, 412), ("If-None-Match", 304, 200)):
        answer = ask(address, "/dtypes", headers={header: value})
        assert answer.status == (hit if value == "*" else miss)


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@settings(max_examples=50)
@given(data=st.data())
def test_every_tag_of_a_list_is_found(document: Any, header: str, data: st.DataObject) -> None:
    """What the pattern matches is read: the tags of a generated list, each of them."""
    pattern = document["components"]["parameters"]["If-Match"]["schema"]["pattern"]
    listed = data.draw(st.from_regex(pattern[1:-1], fullmatch=True))
    request = Request(
        {"type": "http", "headers": [(header.lower().encode(), listed.encode("latin-1"))]}
    )
    for weak, tag in re.findall('(W/)?("[^"]*")', listed):
        if header == "If-None-Match":
            assert not_modified(request, tag, {}) is not None
        elif not weak:
            assert not_modified(request, tag, {}) is None


@pytest.mark.parametrize("status", ["400", "405", "408", "414", "431"])
def test_what_each_path_can_refuse_is_documented(document: Any, status: str) -> None:
    """They concern the head of the request. 405 has Allow."""
    operations = [op for item in document["paths"].values() for op in item.values()]
    names = {op["responses"][status]["$ref"].rpartition("/")[2] for op in operations}
    (name,) = names
    response = document["components"]["responses"][name]
    assert "application/problem+json" in response["content"]
    assert ("Allow" in response.get("headers", {})) == (status == "405")


def test_a_path_with_a_variable_part_can_be_unknown(document: Any) -> None:
    """404: the variable part may be no word of the table, or have characters no token has."""
    for path, item in document["paths"].items():
        for op in item.values():
            assert ("404" in op["responses"]) == ("{" in path), path


def test_head_is_documented_where_get_is(document: Any) -> None:
    """The same parameters, and no body. HEAD ignores ranges, and has no digest of a content."""
    names = ("Range", "If-Range", "Want-Content-Digest")
    of_contents = [{"$ref": f"#/components/parameters/{name}"} for name in names]
    for item in document["paths"].values():
        assert ("get" in item) == ("head" in item)
        if "get" in item:
            parameters = [p for p in item["get"].get("parameters", []) if p not in of_contents]
            assert item["head"].get("parameters", []) == parameters
            assert "content" not in item["head"]["responses"]["200"]


def test_bodies_and_conditions_are_documented(document: Any) -> None:
    """413 and 415 where a body is read, 412 and 304 where GET's answer has a tag."""
    for item in document["paths"].values():
        for op in item.values():
            statuses, answer = set(op["responses"]), op["responses"]["200"]
            assert ({"413", "415"} <= statuses) == ("requestBody" in op)
            if "ETag" in answer.get("headers", {}):
                assert {"304", "412"} <= statuses
