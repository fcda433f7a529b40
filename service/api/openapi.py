"""The OpenAPI 3.1 document, made from the fields, the tables and the routes."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from service.advice import Question, Recommendation
from service.api.block_digests import BLOCK_BYTES, MOST_BLOCKS, BlockDigests, BlockQuery
from service.api.digests import MOST_DIGESTED_BYTES
from service.api.encodings import encoded
from service.api.headers import FACTS
from service.api.operations import PROBLEM_TYPE, completed, document_operations, reference
from service.api.reasons import REASONS, Reason
from service.api.responses import TAG_LIST
from service.api.routing import PlainRoute
from service.audit.spec.of_spec import SpecAudit
from service.calibration import Calibration, Measurement
from service.dtypes import DTYPES, Dtype
from service.fields import Spec
from service.fields.types import ORDERS
from service.initializers.activations import Activation
from service.initializers.layers import Layer
from service.initializers.schemes.record import Access
from service.listings import SchemeFilter
from service.listings.tables import ListedScheme
from service.models.manifest import manifest_schema
from service.page import PageFile
from service.plan import Facts, PlanWarning
from service.plan.certificate import FACTS_OF_A_BLOCK
from service.plan.rounded import Rounded
from service.plan.work import Cost
from service.propagation import NetworkLayer, Propagation, Stack
from service.stream.edition import EDITION
from service.stream.precision import Precision
from service.wire.formats import FORMATS
from service.wire.json_text import json_bytes

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_OPTIONAL_TEXT: Schema = {"type": ["string", "null"]}
_COUNTS = _array({"type": "integer"})
_JSON_SCHEMA: Schema = {
    "type": "object",
    "description": "The JSON Schema of a POST to /v1/weights with this scheme.",
}
_PRECISION: Schema = TypeAdapter(Precision).json_schema()["properties"]
_FILE: Schema = {
    "type": "object",
    "required": ["url", "bytes"],
    "properties": {"url": _OPTIONAL_TEXT, "bytes": {"type": ["integer", "null"]}},
}
_ROUNDED: Schema = {"anyOf": [reference("schemas", "Rounded"), {"type": "null"}]}
_BLOCK: Schema = {
    "type": "object",
    "required": ["outputs", *FACTS_OF_A_BLOCK, "rounded"],
    "properties": {
        "outputs": {"type": "integer"},
        **{fact: {"type": ["number", "null"]} for fact in FACTS_OF_A_BLOCK if fact != "bounds"},
        "bounds": {"anyOf": [_array({"type": "number"}), {"type": "null"}]},
        "rounded": _ROUNDED,
    },
}
_STATUS: Schema = {"enum": ["frozen", "draft"]}
_CERTIFICATE: Schema = {
    "stream": _TEXT,
    "status": _STATUS,
    "drafts": _array(_TEXT),
    "access": {"enum": list(get_args(Access))},
    "rounded": _ROUNDED,
    "blocks": _array(_BLOCK),
    "dtype": {"enum": list(DTYPES)},
    "shape": _COUNTS,
    "order": {"enum": list(ORDERS)},
    "whole_shape": _COUNTS,
    "slice": _OPTIONAL_TEXT,
    "elements": {"type": "integer"},
    "cost": reference("schemas", "Cost"),
    "name": _TEXT,
    "seed": _OPTIONAL_TEXT,
    "stream_id": _OPTIONAL_TEXT,
    "formats": {"type": "object", "additionalProperties": _FILE},
    "warnings": _array(reference("schemas", "PlanWarning")),
    "references": _array(reference("schemas", "Reference")),
}

_RECORDS: dict[str, tuple[type, Schema]] = {
    "Scheme": (ListedScheme, {"status": _STATUS}),
    "SchemeWithSchema": (ListedScheme, {"status": _STATUS, "schema": _JSON_SCHEMA}),
    "Activation": (Activation, {"takes_slope": {"type": "boolean"}, "status": _STATUS}),
    "Layer": (Layer, {"ranks": _COUNTS, "status": _STATUS}),
    "Dtype": (
        Dtype,
        {**_PRECISION, "formats": _array({"enum": list(FORMATS)}), "status": _STATUS},
    ),
    "Reason": (Reason, {"reason": {"enum": list(REASONS)}}),
    "PlanWarning": (PlanWarning, {}),
    "Rounded": (Rounded, {}),
    "Cost": (Cost, {}),
    "Certificate": (Facts, _CERTIFICATE),
    "Recommendation": (Recommendation, {}),
    "Propagation": (Propagation, {}),
    "Calibration": (Calibration, {}),
    "SpecAudit": (SpecAudit, {}),
    "BlockDigests": (
        BlockDigests,
        {
            "etag": {"type": "string"},
            "algorithm": {"const": "sha-256"},
            "block_bytes": {"const": BLOCK_BYTES},
            "blocks": _array({"type": "integer"}) | {"minItems": 2, "maxItems": 2},
            "digests": _array({"type": "string", "pattern": "^[0-9a-f]{64}$"})
            | {"maxItems": MOST_BLOCKS},
        },
    ),
}
"""The records of JSON answers: the dataclass of each, and the members that the answer adds."""

_DESCRIPTION = (
    "Web pages of any origin may send requests and read every answer with all of its headers, "
    "refusals included (CORS, without credentials). Every path answers OPTIONS."
)

_HEADERS: dict[str, str] = {
    "ETag": "The strong entity tag of the body. A tensor has the same tag on every replica.",
    "Cache-Control": (
        "Immutable at the canonical URL, or five minutes for a draft; no-cache at every other URL; "
        "no-store if the seed was drawn at random."
    ),
    "Content-Location": "The canonical URL, if another URL was requested.",
    "Accept-Ranges": "bytes: a GET may ask for ranges. none: the seed was drawn for this answer, "
    "and `Content-Location` is the URL whose ranges can be asked for; or the method is POST.",
    "Content-Range": "The place of the bytes in the whole, and its length. A multipart answer has "
    "it in each part. In a 416 only the length.",
    "Content-Digest": "The digest of the content of this answer, the bytes of a range included "
    f"(RFC 9530), if Want-Content-Digest asks for one and the content has at most "
    f"{MOST_DIGESTED_BYTES // 2**20} MiB.",
    "Content-Disposition": "A file name made from the name of the tensor.",
    "Content-Encoding": "gzip, if the client accepts it.",
    "Content-Security-Policy": "What the answer may load if a browser shows it.",
    "Vary": "Accept-Encoding: the answer depends on the encodings that the client accepts.",
    "Link": "The canonical URL, with rel=canonical. A GET of it returns the same bytes.",
    "X-Repo-Commit": "The commit of the revision: 40 lower-case hex digits.",
    "X-Linked-Etag": "The same as ETag.",
    "X-Linked-Size": "The bytes of the whole file.",
    "X-HF-Warning": "A topic, a semicolon, and a text that huggingface_hub prints once a topic.",
    **{fact.header: fact.description for fact in FACTS},
}

_CONDITIONS: dict[str, str] = {
    "If-None-Match": "The entity tags that the client has. 304 if the current tag is one of them. "
    "A text that is not a list of tags is ignored.",
    "If-Match": "The entity tags that the client accepts. 412 if the current tag is none of them.",
    "Range": "The bytes that the client wants, such as bytes=0-99 or bytes=-8. 206 with those "
    "bytes, or 416 if there are none. Another unit than bytes is ignored.",
    "Want-Content-Digest": "The algorithms that the client can check, each with its preference "
    "from 0 to 10: sha-256=10, sha-512=3 (RFC 9530). A text that cannot be read is ignored.",
    "If-Range": "The entity tag of the bytes that the client has. Range is ignored unless it is "
    "the current tag.",
}

_PROBLEMS: dict[str, str] = {
    "Unreadable": "The request cannot be read: an unknown, duplicate, empty or malformed field.",
    "Impossible": "The request is well-formed, but no tensor fits it.",
    "NotFound": "There is nothing at this path.",
    "HubNotFound": "There is no such repository, revision or file.",
    "TryLater": "The server has too much to do, or is not ready yet. Clients of huggingface_hub "
    "before release 1 get 503 instead, since they do not repeat a request after 429.",
    "MethodNotAllowed": "The path does not allow the method.",
    "TooSlow": "The request did not arrive in time.",
    "PreconditionFailed": "If-Match does not list the current tag.",
    "TooLarge": "The body is too large.",
    "UriTooLong": "The request target is too long.",
    "HeadersTooLarge": "The request line and the headers are too large.",
    "NotJson": "The body is not application/json, or it has a Content-Encoding.",
    "Unsatisfiable": "The requested ranges have no byte, cannot be read, or are too many.",
    "Unavailable": "The server has too much to do, is not ready yet, or is shutting down. "
    "Try again later.",
}


class OpenapiDocument:
    """The document and its bytes, made in a thread when they are first asked for.

    Making them takes 0.2 s, which is too long for the event loop. `make` returns the document. An
    object belongs to one event loop.
    """

    def __init__(self, make: Callable[[], Schema]) -> None:
        self._make = make
        self._making: asyncio.Future[tuple[Schema, PageFile]] | None = None

    async def schema(self) -> Schema:
        """The document. Nobody may change it."""
        return (await self._made())[0]

    async def written(self) -> PageFile:
        """The bytes of the document, plain and compressed."""
        return (await self._made())[1]

    async def _made(self) -> tuple[Schema, PageFile]:
        if self._making is None:
            self._making = asyncio.get_running_loop().run_in_executor(None, self._write)
        # Other requests wait for it, too, so it goes on if this client leaves.
        return await asyncio.shield(self._making)

    def _write(self) -> tuple[Schema, PageFile]:
        schema = self._make()
        return schema, PageFile.of("openapi.json", json_bytes(schema))


def openapi_route() -> PlainRoute:
    """The route of the document."""
    return PlainRoute("/openapi.json", _answer, document_operations())


async def _answer(request: Request) -> Response:
    document: PageFile = await request.app.document.written()
    return encoded(request, document, {"Cache-Control": "no-cache"})


def openapi(routes: Iterable[PlainRoute]) -> Schema:
    """The whole document. Its order is that of the routes and the tables, so it is reproducible."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fanin",
            "version": EDITION,
            "summary": "Initialized weight tensors: the same URL, the same bytes.",
            "description": _DESCRIPTION,
        },
        "paths": {
            route.path: {
                method: completed(operation) for method, operation in route.operations.items()
            }
            for route in routes
        },
        "components": {
            "parameters": (
                _field_parameters(Question)
                | _field_parameters(BlockQuery)
                | _field_parameters(SchemeFilter)
                | _stack_parameters()
                | _header_parameters()
            ),
            "headers": {name: _header(text) for name, text in _HEADERS.items()},
            "responses": _responses(),
            "schemas": _schemas(),
        },
    }


def _field_parameters(model: type[BaseModel]) -> Schema:
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    return {
        field: _parameter(field, schema) | ({"required": True} if field in required else {})
        for field, schema in _fields(model).items()
    }


def _stack_parameters() -> Schema:
    """The parameters that a question of /recommend lacks, and `shape`, which a stack may lack."""
    own = _field_parameters(Stack)
    more = {name: own[name] for name in own if name not in Question.model_fields}
    return {"stack_shape": own["shape"]} | more


def _parameter(field: str, schema: Schema) -> Schema:
    return {
        "name": field,
        "in": "query",
        "description": schema.pop("description"),
        "example": schema.pop("examples")[0],
        "schema": _in_a_query(schema),
    }


def _in_a_query(schema: Schema) -> Schema:
    """The schema without its arrays. In a query a list is a text, its items joined by commas.

    For an array tools would repeat the field for each item, which is refused.
    """
    forms = [form for form in schema.get("anyOf", []) if form.get("type") != "array"]
    others = {key: part for key, part in schema.items() if key != "anyOf"}
    default = others.get("default")
    if isinstance(default, list):
        others |= {"default": ",".join(map(str, default))}
    if default == []:
        del others["default"]
    if not forms:
        return others
    return others | (forms[0] if len(forms) == 1 else {"anyOf": forms})


def _fields(model: type[BaseModel]) -> dict[str, Schema]:
    """The schemas of a model's fields in a query. They exclude null, which only JSON has."""
    properties: dict[str, Schema] = model.model_json_schema()["properties"]
    for schema in properties.values():
        del schema["title"]
        if schema.get("default", 0) is None:
            del schema["default"]
    return properties


def _members(model: type[Spec]) -> dict[str, Schema]:
    """The schemas of a model's fields in a JSON body, where null means that a field is absent."""
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    return {
        name: schema if name in required else _or_null(schema)
        for name, schema in _fields(model).items()
    }


def _or_null(schema: Schema) -> Schema:
    """The schema or null; description, examples and default stay beside the choice of the two."""
    annotations = {
        key: schema[key] for key in ("description", "examples", "default") if key in schema
    }
    values = {key: part for key, part in schema.items() if key not in annotations}
    return annotations | {"anyOf": [*values.get("anyOf", [values]), {"type": "null"}]}


def _with_null(schema: Schema) -> Schema:
    """The schema of an object whose members may be null, which means that they are absent."""
    required = schema.get("required", [])
    members = {
        name: each if name in required else _or_null(each)
        for name, each in schema["properties"].items()
    }
    return schema | {"properties": members}


def _header_parameters() -> Schema:
    tags = {"type": "string", "pattern": f"^(?:{TAG_LIST})$"}
    return {
        name: {
            "name": name,
            "in": "header",
            "description": text,
            "schema": tags if name == "If-Match" else _TEXT,
        }
        for name, text in _CONDITIONS.items()
    }


def _header(description: str) -> Schema:
    return {"description": description, "schema": _TEXT}


def _responses() -> Schema:
    content = {PROBLEM_TYPE: {"schema": reference("schemas", "Problem")}}
    problems: dict[str, Schema] = {
        name: {"description": text, "content": content} for name, text in _PROBLEMS.items()
    }
    told = "The message in printable ASCII, on paths of Hub clients: answers to HEAD have no body."
    for each in problems.values():
        each["headers"] = {"X-Error-Message": _header(told)}
    wait = {"Retry-After": _header("Seconds to wait.")}
    problems["MethodNotAllowed"]["headers"] |= {"Allow": _header("The methods of the path.")}
    problems["Unsatisfiable"]["headers"] |= {"Content-Range": reference("headers", "Content-Range")}
    problems["Unavailable"]["headers"] |= wait
    problems["TryLater"]["headers"] |= wait
    problems["HubNotFound"]["headers"] |= {
        "X-Error-Code": _header("RepoNotFound, RevisionNotFound or EntryNotFound."),
        "X-Repo-Commit": reference("headers", "X-Repo-Commit"),
    }
    tags = {name: reference("headers", name) for name in ("ETag", "Cache-Control")}
    return problems | {
        "NotModified": {"description": "The client has the current body.", "headers": tags}
    }


_NETWORKS = (["layers"], ["depth", "width"], ["depth", "shape"])
"""A network needs all members of one of these lists: its layers, or those of a stack."""


def _schemas() -> Schema:
    question = Question.model_json_schema() | {"properties": _members(Question)}
    format_field = {"enum": list(FORMATS), "default": "npy", "description": "The file format."}
    members = _members(Spec) | {"format": _or_null(format_field)}
    with_format = Spec.model_json_schema() | {"properties": members}
    layer = NetworkLayer.model_json_schema() | {"properties": _members(NetworkLayer)}
    layers = {"type": "array", "minItems": 1, "items": reference("schemas", "NetworkLayer")}
    described = layers | {
        "description": "The layers in their order. The other members are their defaults. Without "
        "it, the object is a stack of equal layers."
    }
    network = Stack.model_json_schema() | {
        "title": "Network",
        "properties": _members(Stack) | {"layers": _or_null(described)},
        "anyOf": [{"required": names} for names in _NETWORKS],
    }
    records: Schema = {}
    for name, (record, more) in _RECORDS.items():
        records |= _record(name, record, more)
    manifest = manifest_schema("#/components/schemas/{model}")
    parts = manifest.pop("$defs")
    rule = parts["Rule"]
    rule["properties"]["fields"] = _with_null(rule["properties"]["fields"])
    return {
        **parts,
        "Manifest": _with_null(manifest),
        "ManifestTensor": _with_null(parts["ManifestTensor"]),
        "Rule": _with_null(rule),
        "SpecWithFormat": with_format,
        "Question": question,
        "NetworkLayer": layer,
        "Network": network,
        "Measurement": _measurement(),
        "Problem": _problem(),
        **records,
    }


def _measurement() -> Schema:
    """A tensor is described by a shape and other fields, or by the URL that has them."""
    schema = Measurement.model_json_schema() | {"properties": _members(Measurement)}
    tensor = [{"required": ["shape"]}, {"required": ["weights_url"]}]
    return schema | {"required": ["measured_variance"], "anyOf": tensor}


def _record(name: str, record: type, more: Schema) -> Schema:
    """The schema of a dataclass under `name`, and the schemas that it refers to."""
    schema = TypeAdapter(record).json_schema(
        ref_template="#/components/schemas/{model}", mode="serialization"
    )
    others: Schema = schema.pop("$defs", {})
    schema["properties"] |= more
    schema["required"] = list(schema["properties"])
    return {name: schema | {"title": name}, **others}


def _problem() -> Schema:
    entry = dict.fromkeys(("field", "message", "hint"), _TEXT)
    errors = _array({"type": "object", "required": list(entry), "properties": entry})
    properties: Mapping[str, Schema] = {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "reason": {"enum": list(REASONS)},
        "errors": errors,
    }
    return {"type": "object", "required": list(properties), "properties": properties}
