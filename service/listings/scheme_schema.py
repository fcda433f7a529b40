"""The JSON Schema (draft 2020-12) of a request for one scheme."""

from typing import Any

from service.fields import NUMBER_FIELDS, Spec
from service.initializers.schemes import Scheme
from service.wire.formats import FORMATS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def scheme_schema(scheme: Scheme) -> dict[str, Any]:
    """The schema of a POST to /v1/weights with this scheme. It has only the fields it accepts."""
    taken = Spec.model_json_schema()["properties"]
    for field in NUMBER_FIELDS:
        if field not in scheme.fields:
            del taken[field]
    if "distribution" in taken and scheme.sub_kernel is None:
        taken["distribution"]["enum"] = list(scheme.distributions)
    if "variant" in taken:
        taken["variant"]["enum"] = list(scheme.variants)
    taken["scheme"]["enum"] = [scheme.name, f"{scheme.name}@1", *scheme.aliases]
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
