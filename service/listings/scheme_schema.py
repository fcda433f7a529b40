"""The JSON Schema (draft 2020-12) of a request for one scheme."""

from functools import cache
from typing import Any

from service.fields import NUMBER_FIELDS, Spec
from service.initializers.schemes import Scheme
from service.wire.formats import FORMATS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def scheme_schema(scheme: Scheme) -> dict[str, Any]:
    """The schema of a POST to /v1/weights with this scheme. It has only the fields of the scheme.

    Callers must not change it, because schemas share the descriptions of their fields.
    """
    refused = set(NUMBER_FIELDS) - set(scheme.fields)
    taken = {name: field for name, field in _fields().items() if name not in refused}
    words = {"scheme": [scheme.name, f"{scheme.name}@1", *scheme.aliases]}
    if "distribution" in taken and scheme.sub_kernel is None:
        words["distribution"] = list(scheme.distributions)
    if "variant" in taken:
        words["variant"] = list(scheme.variants)
    for name, enum in words.items():
        taken[name] = taken[name] | {"enum": enum}
    taken["format"] = {"type": "string", "enum": list(FORMATS), "default": "npy"}
    return {
        "$schema": DIALECT,
        "title": scheme.name,
        "description": f"{scheme.summary} {scheme.formula}",
        "type": "object",
        "properties": taken,
        "required": ["shape", "scheme"],
        "additionalProperties": False,
    }


@cache
def _fields() -> dict[str, dict[str, Any]]:
    """The schemas of all fields. pydantic takes 6 ms to make them."""
    fields: dict[str, dict[str, Any]] = Spec.model_json_schema()["properties"]
    return fields
