"""The OpenAPI operation objects of the Hub endpoint."""

from collections.abc import Iterable
from typing import Any

from service.api.operations import (
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

_SERVERS = [
    {"url": "/", "description": "`main` is seed 0."},
    {
        "url": "/hub/{endpoint_revision}",
        "description": "`main` is this revision.",
        "variables": {"endpoint_revision": {"default": "seed-42"}},
    },
    {
        "url": "/v1/models/{token}",
        "description": "Every repository has the manifest of this token.",
        "variables": {"token": {"default": "TOKEN"}},
    },
]
"""The endpoints that HF_ENDPOINT may name."""

_EXAMPLES = {
    "namespace": "fanin",
    "name": "gpt2-tiny",
    "revision": "seed-42",
    "file": "config.json",
    "folder": "additional_chat_templates",
    "kind": "datasets",
    "rest": "fanin/words",
}
_REFUSALS = {"404": "HubNotFound", "429": "TryLater"} | BUSY
_COMMIT = ("X-Repo-Commit", "X-HF-Warning")
_FILE_HEADERS = (
    *("ETag", "Cache-Control", "Accept-Ranges", "Content-Disposition"),
    *("X-Repo-Commit", "X-Linked-Etag", "X-Linked-Size", "X-HF-Warning"),
    *("Weights-Seed", "Weights-Status"),
)


def families_operations() -> dict[str, Operation]:
    """GET and HEAD of the families."""
    summary = "The families, sizes and keys that repo ids may name"
    get = json_operation("list_families", summary, [], _object("families"))
    get["tags"] = ["hub"]
    return readable(get)


def info_operations(*more: str) -> dict[str, Operation]:
    """GET and HEAD of what a Hub says about a model, at `main` or at a revision."""
    name = "_at_".join(("get_hub_model", *more))
    return _json(name, "A model at a revision: its commit and its files", more, "sha", "siblings")


def models_operations() -> dict[str, Operation]:
    """GET and HEAD of the list of models."""
    fields = [
        {"name": name, "in": "query", "description": about, "schema": {"type": "string"}}
        for name, about in (
            ("author", "The namespace. Other ones than fanin have no models"),
            ("search", "A part of the repo id"),
        )
    ]
    summary = "The models that GET /hub names, on one page"
    get = json_operation("list_hub_models", summary, fields, {"type": "array"})
    get |= {"tags": ["hub"], "servers": _SERVERS}
    return readable(get)


def other_kinds_operations(name: str) -> dict[str, Operation]:
    """GET and HEAD of datasets and spaces."""
    get = json_operation(
        name,
        "Datasets and spaces. There are none: always 404",
        _words("kind", "rest"),
        {"type": "array"},
    )
    get["parameters"][0]["schema"] = {"enum": ["datasets", "spaces"]}
    get["responses"] |= responses_of(_REFUSALS)
    get |= {"tags": ["hub"], "servers": _SERVERS}
    return readable(get)


def tree_operations() -> dict[str, Operation]:
    """GET and HEAD of the files of a repository."""
    return _json("get_hub_tree", "All files of a repository, on one page", ["revision"])


def folder_operations() -> dict[str, Operation]:
    """GET and HEAD of a folder."""
    names = ["revision", "folder"]
    return _json("get_hub_folder", "A folder of a repository. There is none: always 404", names)


def refs_operations() -> dict[str, Operation]:
    """GET and HEAD of the branches."""
    operations = _json("get_hub_refs", "The branches of a repository: main", [], "branches")
    # A commit is named, and no file, so there is nothing to warn about. HEAD has the same headers.
    del operations["get"]["responses"]["200"]["headers"]["X-HF-Warning"]
    return operations


def nothing_operations(name: str, *variables: str) -> dict[str, Operation]:
    """GET and HEAD of what real Hubs have and this one has not."""
    summary = "What real Hubs have and this one has not: always 404"
    get = json_operation(name, summary, _words(*variables), {"type": "array"})
    get["responses"] |= responses_of(_REFUSALS)
    get |= {"tags": ["hub"], "servers": _SERVERS}
    return readable(get)


def paths_info_operations() -> dict[str, Operation]:
    """POST of names of files."""
    paths = {"type": "array", "items": {"type": "string"}}
    schema = {"type": "object", "required": ["paths"], "properties": {"paths": paths}}
    example = {"paths": ["config.json", "model.safetensors"]}
    types = ("application/json", "application/x-www-form-urlencoded")
    summary = "Size and oid of some files of a repository"
    answer = {
        "description": summary,
        "headers": {name: reference("headers", name) for name in ("Cache-Control", *_COMMIT)},
        "content": {"application/json": {"schema": {"type": "array"}}},
    }
    refusals = _REFUSALS | {"413": "TooLarge", "415": "NotJson"}
    post = {
        "operationId": "post_hub_paths_info",
        "summary": summary,
        "tags": ["hub"],
        "servers": _SERVERS,
        "parameters": _words("namespace", "name", "revision"),
        "requestBody": {
            "required": True,
            "content": {each: {"schema": schema, "example": example} for each in types},
        },
        "responses": {"200": answer} | responses_of(refusals),
    }
    return {"post": post}


def resolve_operations(verb: str) -> dict[str, Operation]:
    """GET and HEAD of a file. Only a GET has ranges and digests."""
    parameters = _words("namespace", "name", "revision", "file")
    parameters += [reference("parameters", header) for header in CONDITIONS]
    answer: dict[str, Any] = {
        "description": "A file of a repository",
        "headers": {name: reference("headers", name) for name in _FILE_HEADERS},
        "content": {
            media_type: {}
            for media_type in ("application/octet-stream", "application/json", "text/markdown")
        },
    }
    get: Operation = {
        "operationId": f"get_hub_{verb}",
        "summary": "A file of a repository at a revision",
        "tags": ["hub"],
        "servers": _SERVERS,
        "parameters": parameters,
        "responses": {"200": answer} | responses_of(_REFUSALS | CONDITIONAL),
    }
    operations = readable(get)
    part = answer | {
        "description": "The bytes of one range, or a part for each range",
        "headers": answer["headers"] | {"Content-Range": reference("headers", "Content-Range")},
        "content": answer["content"] | {"multipart/byteranges": {}},
    }
    more = [reference("parameters", header) for header in (*RANGES, WANT_DIGEST)]
    operations["get"] = get | {
        "parameters": [*parameters, *more],
        "responses": get["responses"] | {"206": part} | responses_of(UNSATISFIABLE),
    }
    return operations


def _json(name: str, summary: str, variables: Iterable[str], *members: str) -> dict[str, Operation]:
    schema = _object(*members) if members else {"type": "array"}
    get = json_operation(name, summary, _words("namespace", "name", *variables), schema)
    get["responses"]["200"]["headers"] |= {each: reference("headers", each) for each in _COMMIT}
    get["responses"] |= responses_of(_REFUSALS)
    get |= {"tags": ["hub"], "servers": _SERVERS}
    return readable(get)


def _words(*names: str) -> list[Any]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "example": _EXAMPLES[name],
        }
        for name in names
    ]


def _object(*required: str) -> dict[str, Any]:
    return {"type": "object", "required": list(required)}
