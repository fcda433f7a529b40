"""What OpenAPI says of each route: operation objects, whose parts `service.api.openapi` defines."""

from typing import Any

from service.advice import Question
from service.api.headers import FACTS
from service.api.routing import Operation
from service.fields import FIELDS
from service.wire.formats import FORMATS

CACHING_HEADERS = ("ETag", "Cache-Control", "Content-Location")
TENSOR_HEADERS = (
    *CACHING_HEADERS,
    "Accept-Ranges",
    "Content-Disposition",
    *(fact.header for fact in FACTS),
)

PROBLEM_TYPE = "application/problem+json"

_REFUSALS = {"400": "Unreadable", "422": "Impossible"}
_CONDITIONAL = {"304": "NotModified", "412": "PreconditionFailed"}
_WRITTEN_ABOUT = {
    "npy": "The tensor as a .npy file",
    "safetensors": "The tensor as a .safetensors file of one tensor",
    "raw": "The tensor's bare little-endian values",
    "json": "Every fact about the tensor, and none of its values",
}

_QUESTION = {"shape": [64, 3, 7, 7], "activation": "relu", "depth": 30, "name": "conv1.weight"}


def weights_operations(form: str) -> dict[str, Operation]:
    """GET and HEAD of a format's path."""
    get = {
        "operationId": f"get_weights_{form}",
        "summary": _WRITTEN_ABOUT[form],
        "tags": ["weights"],
        "parameters": [
            *(reference("parameters", field) for field in FIELDS),
            *(reference("parameters", header) for header in ("If-None-Match", "If-Match")),
        ],
        "responses": {"200": _success(form)} | _responses(_REFUSALS | _CONDITIONAL | _busy(form)),
    }
    summary = f"{_WRITTEN_ABOUT[form]}: its headers alone"
    return {"get": get, "head": get | {"operationId": f"head_weights_{form}", "summary": summary}}


def weights_post_operation() -> Operation:
    """POST of the fields as JSON."""
    spec = reference("schemas", "SpecWithFormat")
    headers = [name for name in TENSOR_HEADERS if name not in ("ETag", "Content-Location")]
    return {
        "operationId": "post_weights",
        "summary": "The tensor that a JSON body asks for, in the format it names",
        "tags": ["weights"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": spec}}},
        "responses": {
            "200": {
                "description": "The file, or the certificate; Link has its canonical URL.",
                "headers": {name: reference("headers", name) for name in [*headers, "Link"]},
                "content": _content("npy") | _content("json"),
            },
            **_responses(_REFUSALS | {"413": "TooLarge", "415": "NotJson"} | _busy("npy")),
        },
    }


def recommend_operations() -> dict[str, Operation]:
    """GET, HEAD and POST of a question."""
    summary, schema = "What a layer's weights should start as", reference("schemas", "Question")
    fields = [reference("parameters", field) for field in Question.model_fields]
    get = _json_operation("get_recommend", summary, fields, reference("schemas", "Recommendation"))
    get["tags"] = ["advice"]
    get["parameters"].append(reference("parameters", "If-Match"))
    get["responses"] |= _responses(_REFUSALS | _CONDITIONAL)
    head = {"operationId": "head_recommend", "summary": f"{summary}: the headers alone"}
    answer = {
        "description": summary,
        "headers": {"Cache-Control": reference("headers", "Cache-Control")},
        "content": get["responses"]["200"]["content"],
    }
    content = {"schema": schema, "example": _QUESTION}
    post = {
        "operationId": "post_recommend",
        "summary": f"{summary}, the fields being JSON",
        "tags": ["advice"],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "200": answer,
            **_responses(_REFUSALS | {"413": "TooLarge", "415": "NotJson"}),
        },
    }
    return {"get": get, "head": get | head, "post": post}


def listing_operations(name: str, record: str) -> dict[str, Operation]:
    """GET of a whole table, an object that holds the list of records under its name."""
    records = {"type": "array", "items": reference("schemas", record)}
    schema = {"type": "object", "required": [name], "properties": {name: records}}
    operation = _json_operation(f"list_{name}", f"All {name}", [], schema)
    operation["responses"] |= _responses({"400": "Unreadable"})
    return {"get": operation}


def record_operations(record: str, parameter: str, example: str) -> dict[str, Operation]:
    """GET of one record by the word that ends its path."""
    word = {
        "name": parameter,
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "example": example,
    }
    name, schema = record.lower(), reference("schemas", record)
    operation = _json_operation(f"get_{name}", f"One {name}", [word], schema)
    operation["responses"] |= _responses({"400": "Unreadable", "404": "NotFound"})
    return {"get": operation}


def health_operation(name: str, summary: str, *, may_refuse: bool) -> Operation:
    """GET of a probe."""
    schema = {"type": "object", "properties": {"status": {"type": "string"}}}
    answer = {"description": summary, "content": {"application/json": {"schema": schema}}}
    refusal = _responses({"503": "Unavailable"}) if may_refuse else {}
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["health"],
        "responses": {"200": answer} | refusal,
    }


def document_operation() -> Operation:
    """GET of the OpenAPI document itself."""
    return _json_operation("openapi", "This document", [], {"type": "object"})


def page_operation() -> Operation:
    """GET of the document as a page for people."""
    answer = {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}
    return {
        "operationId": "docs",
        "summary": "This document as a page",
        "tags": ["tables"],
        "responses": {"200": answer} | _responses({"304": "NotModified"}),
    }


def reference(kind: str, name: str) -> dict[str, str]:
    """A reference to a component of the document."""
    return {"$ref": f"#/components/{kind}/{name}"}


def _json_operation(
    name: str, summary: str, parameters: list[Any], schema: dict[str, Any]
) -> Operation:
    headers = {header: reference("headers", header) for header in ("ETag", "Cache-Control")}
    content = {"application/json": {"schema": schema}}
    answer = {"description": summary, "headers": headers, "content": content}
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["tables"],
        "parameters": [*parameters, reference("parameters", "If-None-Match")],
        "responses": {"200": answer} | _responses({"304": "NotModified"}),
    }


def _success(form: str) -> dict[str, Any]:
    headers = CACHING_HEADERS if form == "json" else TENSOR_HEADERS
    return {
        "description": _WRITTEN_ABOUT[form],
        "headers": {name: reference("headers", name) for name in headers},
        "content": _content(form),
    }


def _content(form: str) -> dict[str, Any]:
    """In OpenAPI 3.1 bytes have a media type and no schema."""
    schema = {"schema": reference("schemas", "Certificate")} if form == "json" else {}
    return {FORMATS[form].media_type: schema}


def _busy(form: str) -> dict[str, str]:
    return {} if form == "json" else {"503": "Unavailable"}


def _responses(names: dict[str, str]) -> dict[str, Any]:
    return {status: reference("responses", name) for status, name in names.items()}
