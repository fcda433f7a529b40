"""The OpenAPI operation objects of the routes. `service.api.openapi` defines what they refer to."""

from typing import Any

from service.advice import Question
from service.api.block_digests import BlockQuery
from service.api.headers import FACTS
from service.api.routing import Operation
from service.fields import FIELDS
from service.listings import SchemeFilter
from service.propagation import Stack
from service.wire.formats import FORMATS

CACHING_HEADERS = ("ETag", "Cache-Control", "Content-Location")
TENSOR_HEADERS = (
    *CACHING_HEADERS,
    "Accept-Ranges",
    "Content-Disposition",
    *(fact.header for fact in FACTS),
)

PROBLEM_TYPE = "application/problem+json"

ALWAYS = {
    "400": "Unreadable",
    "405": "MethodNotAllowed",
    "408": "TooSlow",
    "414": "UriTooLong",
    "431": "HeadersTooLarge",
}
"""Refusals that each path can answer with: they concern the head of the request."""

_REFUSALS = {"422": "Impossible"}
BUSY = {"503": "Unavailable"}
CONDITIONAL = {"304": "NotModified", "412": "PreconditionFailed"}
CONDITIONS = ("If-None-Match", "If-Match")
RANGES = ("Range", "If-Range")
WANT_DIGEST = "Want-Content-Digest"
UNSATISFIABLE = {"416": "Unsatisfiable"}
BODY_REFUSALS = _REFUSALS | {"413": "TooLarge", "415": "NotJson"}
_FILES = {
    "npy": "The tensor as a .npy file",
    "safetensors": "The tensor as a .safetensors file of one tensor",
    "raw": "The tensor's bare little-endian values",
    "json": "The certificate: every fact about the tensor, without its values",
}

_ENCODING_HEADERS = ("Content-Encoding", "Vary")
_FILE_HEADERS = ("ETag", "Cache-Control", "Content-Security-Policy", *_ENCODING_HEADERS)
_FILE_TYPES = ("text/css", "text/javascript", "image/svg+xml", "text/plain")

_MEASUREMENT = {
    "weights_url": "/v1/weights.npy?shape=256,256&scheme=orthogonal&seed=42&name=fc1.weight",
    "measured_mean": 0.02,
    "measured_variance": 1.7,
}
_QUESTION = {"shape": [64, 3, 7, 7], "activation": "relu", "depth": 30, "name": "conv1.weight"}

_NETWORK = {
    "activation": "gelu",
    "residual": "pre_norm",
    "normalization": "layer",
    "repeat": 12,
    "layers": [
        {"shape": [2048, 512], "position": "branch_first", "input_activation": "linear"},
        {"shape": [512, 2048], "position": "branch_last", "input_activation": "gelu"},
    ],
}


def weights_operations(format_name: str) -> dict[str, Operation]:
    """GET and HEAD of a format's path. Only a GET of a tensor has ranges and digests."""
    get: Operation = {
        "operationId": f"get_weights_{format_name}",
        "summary": _FILES[format_name],
        "tags": ["weights"],
        "parameters": [
            *(reference("parameters", field) for field in FIELDS),
            *(reference("parameters", header) for header in CONDITIONS),
        ],
        "responses": {"200": _success(format_name)} | responses_of(_REFUSALS | CONDITIONAL | BUSY),
    }
    operations = readable(get)
    if format_name == "json":
        return operations
    more = [reference("parameters", header) for header in (*RANGES, WANT_DIGEST)]
    whole = _with_digest(_success(format_name))
    responses = {"200": whole, "206": _part(format_name)} | responses_of(UNSATISFIABLE)
    operations["get"] = get | {
        "parameters": [*get["parameters"], *more],
        "responses": get["responses"] | responses,
    }
    return operations


def weights_post_operation() -> Operation:
    """POST of the fields as JSON."""
    spec = reference("schemas", "SpecWithFormat")
    headers = [name for name in TENSOR_HEADERS if name not in ("ETag", "Content-Location")]
    headers += ["Link", "Content-Digest"]
    return {
        "operationId": "post_weights",
        "summary": "The tensor that a JSON body describes, in the format that it names",
        "tags": ["weights"],
        "parameters": [reference("parameters", WANT_DIGEST)],
        "requestBody": {"required": True, "content": {"application/json": {"schema": spec}}},
        "responses": {
            "200": {
                "description": "The file or the certificate. Link is its canonical URL.",
                "headers": {name: reference("headers", name) for name in headers},
                "content": _content("npy") | _content("json"),
            },
            **responses_of(BODY_REFUSALS | BUSY),
        },
    }


def digests_operations() -> dict[str, Operation]:
    """GET and HEAD of the digests of a file's blocks."""
    fields = [reference("parameters", field) for field in BlockQuery.model_fields]
    summary = "The SHA-256 of each block of 1 MiB of a tensor's file"
    schema = reference("schemas", "BlockDigests")
    get = json_operation("get_weights_digests", summary, fields, schema)
    get["tags"] = ["weights"]
    get["responses"] |= responses_of(_REFUSALS | BUSY)
    return readable(get)


def audit_operations() -> dict[str, Operation]:
    """GET and HEAD of the audit of a tensor."""
    summary = "What the values of a tensor are, what they should be, and a verdict"
    fields = [reference("parameters", field) for field in FIELDS]
    get = json_operation("get_audit", summary, fields, reference("schemas", "SpecAudit"))
    get["tags"] = ["weights"]
    get["responses"] |= responses_of(_REFUSALS | BUSY)
    return readable(get)


def audit_picture_operations() -> dict[str, Operation]:
    """GET and HEAD of the histogram of a tensor."""
    summary = "The histogram of a tensor's values beside the expected one, as a picture"
    get = audit_operations()["get"] | {"operationId": "get_audit_svg", "summary": summary}
    get["responses"] = get["responses"] | {"200": _picture()}
    return readable(get)


def recommend_operations() -> dict[str, Operation]:
    """GET, HEAD and POST of a question."""
    summary, schema = "How to initialize a layer's weights", reference("schemas", "Question")
    fields = [reference("parameters", field) for field in Question.model_fields]
    get = json_operation("get_recommend", summary, fields, reference("schemas", "Recommendation"))
    get["tags"] = ["advice"]
    get["responses"] |= responses_of(_REFUSALS | BUSY)
    answer = {
        "description": summary,
        "headers": {"Cache-Control": reference("headers", "Cache-Control")},
        "content": get["responses"]["200"]["content"],
    }
    content = {"schema": schema, "example": _QUESTION}
    post = {
        "operationId": "post_recommend",
        "summary": f"{summary}; the fields are JSON",
        "tags": ["advice"],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "200": answer,
            **responses_of(BODY_REFUSALS | BUSY),
        },
    }
    return readable(get) | {"post": post}


def propagate_operations() -> dict[str, Operation]:
    """GET and HEAD of a stack of equal layers, and POST of a list of layers."""
    summary = "Variances and gradients through a network, and what to change"
    fields = [reference("parameters", _parameter_name(field)) for field in Stack.model_fields]
    get = json_operation("get_propagate", summary, fields, reference("schemas", "Propagation"))
    get["tags"] = ["advice"]
    get["responses"] |= responses_of(_REFUSALS | BUSY)
    answer = {
        "description": summary,
        "headers": {"Cache-Control": reference("headers", "Cache-Control")},
        "content": get["responses"]["200"]["content"],
    }
    content = {"schema": reference("schemas", "Network"), "example": _NETWORK}
    post = {
        "operationId": "post_propagate",
        "summary": f"{summary}; the layers are JSON",
        "tags": ["advice"],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "200": answer,
            **responses_of(BODY_REFUSALS | BUSY),
        },
    }
    return readable(_in_encodings(get)) | {"post": post}


def picture_operations() -> dict[str, Operation]:
    """GET and HEAD of the picture of a stack of equal layers."""
    summary = "The same answer as a picture"
    get = propagate_operations()["get"] | {"operationId": "get_propagate_svg", "summary": summary}
    get["responses"] = get["responses"] | {"200": _picture()}
    return readable(get)


def _picture() -> dict[str, Any]:
    names = ("ETag", "Cache-Control", "Content-Security-Policy")
    return {
        "description": "An SVG picture",
        "headers": {name: reference("headers", name) for name in names},
        "content": {"image/svg+xml": {"schema": {"type": "string"}}},
    }


def _parameter_name(field: str) -> str:
    """The name of the parameter's component. A stack needs no shape, a tensor does."""
    return "stack_shape" if field == "shape" else field


def calibrate_operations() -> dict[str, Operation]:
    """POST of a measurement."""
    summary = "The corrected scale of a layer's weights, from the measured variance of its output"
    content = {"schema": reference("schemas", "Measurement"), "example": _MEASUREMENT}
    answer = {
        "description": summary,
        "headers": {"Cache-Control": reference("headers", "Cache-Control")},
        "content": {"application/json": {"schema": reference("schemas", "Calibration")}},
    }
    post = {
        "operationId": "post_calibrate",
        "summary": summary,
        "tags": ["advice"],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "200": answer,
            **responses_of(BODY_REFUSALS | BUSY),
        },
    }
    return {"post": post}


def listing_operations(name: str, record: str) -> dict[str, Operation]:
    """GET and HEAD of a table: an object with the list of records under the table's name."""
    return readable(_listing_operation(name, record, f"All {name}", []))


def schemes_operations() -> dict[str, Operation]:
    """GET and HEAD of the table of schemes, or of those that a filter leaves."""
    fields = [reference("parameters", field) for field in SchemeFilter.model_fields]
    summary = "All schemes, or those of a family, of a framework or with some words"
    return readable(_listing_operation("schemes", "Scheme", summary, fields))


def record_operations(record: str, parameter: str, example: str) -> dict[str, Operation]:
    """GET and HEAD of one record by its name, the last part of the path."""
    word = {
        "name": parameter,
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "example": example,
    }
    name, schema = record.lower(), reference("schemas", record)
    operation = json_operation(f"get_{name}", f"One record, by its {parameter}", [word], schema)
    operation["responses"] |= responses_of({"404": "NotFound"})
    return readable(operation)


def health_operations(name: str, summary: str, *, may_refuse: bool) -> dict[str, Operation]:
    """GET and HEAD of a probe."""
    schema = {"type": "object", "properties": {"status": {"type": "string"}}}
    answer = {"description": summary, "content": {"application/json": {"schema": schema}}}
    refusal = responses_of(BUSY) if may_refuse else {}
    get = {
        "operationId": name,
        "summary": summary,
        "tags": ["health"],
        "responses": {"200": answer} | refusal,
    }
    return readable(get)


def document_operations() -> dict[str, Operation]:
    """GET and HEAD of the OpenAPI document."""
    get = json_operation("openapi", "The OpenAPI document", [], {"type": "object"})
    return readable(_in_encodings(get))


def _in_encodings(get: Operation) -> Operation:
    """The operation, whose answer may be compressed."""
    answer = get["responses"]["200"]
    headers = answer["headers"] | {each: reference("headers", each) for each in _ENCODING_HEADERS}
    return get | {"responses": get["responses"] | {"200": answer | {"headers": headers}}}


def html_operations(name: str, summary: str) -> dict[str, Operation]:
    """GET and HEAD of an HTML page that has a policy and an encoding."""
    operation = page_operations()["get"] | {"operationId": name, "summary": summary}
    headers = {header: reference("headers", header) for header in _FILE_HEADERS}
    answer = operation["responses"]["200"] | {"headers": headers}
    return readable(operation | {"responses": operation["responses"] | {"200": answer}})


def file_operations(name: str, summary: str, **examples: str) -> dict[str, Operation]:
    """GET and HEAD of a file of the pages. `examples` has the words of its path in their order."""
    words = [
        {
            "name": word,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "example": example,
        }
        for word, example in examples.items()
    ]
    answer = {
        "description": summary,
        "headers": {header: reference("headers", header) for header in _FILE_HEADERS},
        "content": {media_type: {"schema": {"type": "string"}} for media_type in _FILE_TYPES},
    }
    get = {
        "operationId": name,
        "summary": summary,
        "tags": ["pages"],
        "parameters": [*words, *(reference("parameters", header) for header in CONDITIONS)],
        "responses": {"200": answer} | responses_of({"404": "NotFound"} | CONDITIONAL),
    }
    return readable(get)


def page_operations() -> dict[str, Operation]:
    """GET and HEAD of the HTML page made from the document."""
    answer = {
        "description": "An HTML page",
        "content": {"text/html": {"schema": {"type": "string"}}},
    }
    get = {
        "operationId": "docs",
        "summary": "The paths and fields as an HTML page",
        "tags": ["tables"],
        "parameters": [reference("parameters", header) for header in CONDITIONS],
        "responses": {"200": answer} | responses_of(CONDITIONAL),
    }
    return readable(get)


def reference(kind: str, name: str) -> dict[str, str]:
    """A reference to a component of the document."""
    return {"$ref": f"#/components/{kind}/{name}"}


def completed(operation: Operation) -> Operation:
    """The operation with the refusals of each path, its responses in the order of their status."""
    responses = operation["responses"] | responses_of(ALWAYS)
    return operation | {"responses": dict(sorted(responses.items()))}


def readable(get: Operation) -> dict[str, Operation]:
    """GET, and HEAD, whose answer is that of GET without its body."""
    answer = {key: part for key, part in get["responses"]["200"].items() if key != "content"}
    head = get | {
        "operationId": f"head_{get['operationId'].removeprefix('get_')}",
        "summary": f"{get['summary']}: only the headers",
        "responses": get["responses"] | {"200": answer},
    }
    return {"get": get, "head": head}


def _listing_operation(name: str, record: str, summary: str, parameters: list[Any]) -> Operation:
    records = {"type": "array", "items": reference("schemas", record)}
    schema = {"type": "object", "required": [name], "properties": {name: records}}
    return json_operation(f"list_{name}", summary, parameters, schema)


def json_operation(
    name: str, summary: str, parameters: list[Any], schema: dict[str, Any]
) -> Operation:
    headers = {header: reference("headers", header) for header in ("ETag", "Cache-Control")}
    content = {"application/json": {"schema": schema}}
    answer = {"description": summary, "headers": headers, "content": content}
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["tables"],
        "parameters": [
            *parameters,
            *(reference("parameters", header) for header in CONDITIONS),
        ],
        "responses": {"200": answer} | responses_of(CONDITIONAL),
    }


def _success(format_name: str) -> dict[str, Any]:
    headers = CACHING_HEADERS if format_name == "json" else TENSOR_HEADERS
    return {
        "description": _FILES[format_name],
        "headers": {name: reference("headers", name) for name in headers},
        "content": _content(format_name),
    }


def _part(format_name: str) -> dict[str, Any]:
    """The answer to a request for ranges."""
    names = (*TENSOR_HEADERS, "Content-Range", "Content-Digest")
    return {
        "description": "The bytes of one range, or a part for each range",
        "headers": {name: reference("headers", name) for name in names},
        "content": _content(format_name) | {"multipart/byteranges": {}},
    }


def _with_digest(answer: dict[str, Any]) -> dict[str, Any]:
    digest = {"Content-Digest": reference("headers", "Content-Digest")}
    return answer | {"headers": answer["headers"] | digest}


def _content(format_name: str) -> dict[str, Any]:
    """The content of an answer. In OpenAPI 3.1 binary content has a media type and no schema."""
    schema = {"schema": reference("schemas", "Certificate")} if format_name == "json" else {}
    return {FORMATS[format_name].media_type: schema}


def responses_of(names: dict[str, str]) -> dict[str, Any]:
    return {status: reference("responses", name) for status, name in names.items()}
