"""The OpenAPI operation objects of models and recipes."""

from typing import Any

from service.api.operations import (
    BODY_REFUSALS,
    BUSY,
    CONDITIONAL,
    CONDITIONS,
    RANGES,
    UNSATISFIABLE,
    WANT_DIGEST,
    json_operation,
    readable,
    reference,
    responses_of,
)
from service.api.routing import Operation

_EXAMPLE = {"architecture": "GPT2LMHeadModel", "size": "tiny", "seed": 42}
_FILE_HEADERS = (
    *("ETag", "Cache-Control", "Accept-Ranges", "Content-Disposition"),
    *("Weights-Seed", "Weights-Status"),
)


def models_operations() -> dict[str, Operation]:
    """POST of a manifest."""
    content = {"schema": reference("schemas", "Manifest"), "example": _EXAMPLE}
    summary = "Check a manifest; the answer has the URL of its model"
    answer = {
        "description": summary,
        "headers": {"Cache-Control": reference("headers", "Cache-Control")},
        "content": {"application/json": {"schema": _object("token", "url", "files", "warnings")}},
    }
    post = {
        "operationId": "post_models",
        "summary": summary,
        "tags": ["models"],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {"200": answer, **responses_of(BODY_REFUSALS | BUSY)},
    }
    return {"post": post}


def model_operations() -> dict[str, Operation]:
    """GET and HEAD of the listing of a model."""
    schema = _object("token", "url", "files", "tensors")
    summary = "The tensors of a model: scheme, fans, std, place in the file, and own URL"
    get = json_operation("get_model", summary, [_word("token")], schema)
    get["tags"] = ["models"]
    get["responses"] |= responses_of({"404": "NotFound", "422": "Impossible"} | BUSY)
    return readable(get)


def model_page_operations() -> dict[str, Operation]:
    """GET and HEAD of a model as an HTML page."""
    headers = ("ETag", "Cache-Control", "Content-Security-Policy")
    answer = {
        "description": "An HTML page without scripts",
        "headers": {name: reference("headers", name) for name in headers},
        "content": {"text/html": {"schema": {"type": "string"}}},
    }
    refusals = {"404": "NotFound", "422": "Impossible"} | CONDITIONAL | BUSY
    get: Operation = {
        "operationId": "get_model_page",
        "summary": "A model as a page for people: its files, a plot of std against depth, a table",
        "tags": ["models"],
        "parameters": [_word("token"), *(reference("parameters", name) for name in CONDITIONS)],
        "responses": {"200": answer} | responses_of(refusals),
    }
    return readable(get)


def model_file_operations() -> dict[str, Operation]:
    """GET and HEAD of a file of a model. Only a GET has ranges and digests."""
    keys = {
        "name": "keys",
        "in": "query",
        "description": "Names of tensors or patterns for names, separated by commas: the file has "
        "these tensors alone.",
        "schema": {"type": "string"},
    }
    parameters = [_word("token"), _word("file"), keys]
    parameters += [reference("parameters", header) for header in CONDITIONS]
    answer: dict[str, Any] = {
        "description": "A safetensors file; or its index, or the config, as JSON",
        "headers": {name: reference("headers", name) for name in _FILE_HEADERS},
        "content": {"application/octet-stream": {}, "application/json": {}},
    }
    refusals = {"404": "NotFound", "422": "Impossible"} | CONDITIONAL | BUSY
    get: Operation = {
        "operationId": "get_model_file",
        "summary": "A file of a model: its tensors, the index of several files, or the config",
        "tags": ["models"],
        "parameters": parameters,
        "responses": {"200": answer} | responses_of(refusals),
    }
    operations = readable(get)
    part = answer | {
        "description": "The bytes of one range, or a part for each range",
        "headers": answer["headers"] | {"Content-Range": reference("headers", "Content-Range")},
        "content": {"application/octet-stream": {}, "multipart/byteranges": {}},
    }
    more = [reference("parameters", header) for header in (*RANGES, WANT_DIGEST)]
    operations["get"] = get | {
        "parameters": [*parameters, *more],
        "responses": get["responses"] | {"206": part} | responses_of(UNSATISFIABLE),
    }
    return operations


def recipes_operations() -> dict[str, Operation]:
    """GET and HEAD of the recipes."""
    summary = "The architectures from whose config a model can be made"
    return readable(json_operation("get_recipes", summary, [], _object("recipes")))


def recipe_operations() -> dict[str, Operation]:
    """GET and HEAD of a recipe."""
    family = _word("family") | {"example": "gpt2"}
    summary = "A recipe: its config, its distributions with their sources, and its ready sizes"
    get = json_operation("get_recipe", summary, [family], _object("family", "sizes"))
    get["responses"] |= responses_of({"404": "NotFound"})
    return readable(get)


def schema_operations() -> dict[str, Operation]:
    """GET and HEAD of the JSON Schema of a manifest."""
    summary = "The JSON Schema of a manifest"
    return readable(json_operation("get_manifest_schema", summary, [], {"type": "object"}))


def _word(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _object(*required: str) -> dict[str, Any]:
    return {"type": "object", "required": list(required)}
