"""The JSON Schema of a scheme accepts what POST accepts, and refuses what the scheme lacks."""

import json
from typing import Any

import jsonschema
import pytest

from service.errors import FaninError
from service.fields import NUMBER_FIELDS, parse_json
from service.initializers.schemes import SCHEMES
from service.listings.scheme_schema import scheme_schema
from service.plan import plan
from tests.filling import fills

SAMPLES: dict[str, Any] = {
    "fan_in": 4,
    "fan_out": 13.5,
    "mode": "fan_in",
    "distribution": "normal",
    "gain": 0.5,
    "gain_rule": "exact",
    "scale": 2,
    "mean": 0.5,
    "std": "0.02",
    "std_kind": "parent",
    "low": -0.5,
    "high": 0.5,
    "bounds": [-1, 2],
    "value": 0.1,
}


def accepted(body: dict[str, Any]) -> bool:
    """Whether the service plans it, whatever else it may lack for that."""
    try:
        plan(*parse_json(json.dumps(body).encode()), max_bytes=2**30)
    except FaninError as error:
        return error.reason in ("scheme_needs", "conflicting_fields")
    return True


@pytest.mark.parametrize("name", SCHEMES)
def test_a_schema_is_one_and_its_scheme_is_required(name: str) -> None:
    """Valid by the metaschema; a body of this scheme fits, one of another does not."""
    schema = scheme_schema(SCHEMES[name])
    jsonschema.Draft202012Validator.check_schema(schema)
    fits = jsonschema.Draft202012Validator(schema).is_valid
    assert fits({"shape": "8,4", "scheme": name, "format": "raw", "seed": "18446744073709551615"})
    assert not fits({"shape": "8,4", "scheme": "no_such_scheme"})
    assert not fits({"scheme": name})


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("field", NUMBER_FIELDS)
def test_a_schema_and_the_service_agree_on_every_field(name: str, field: str) -> None:
    """A field is in the schema if and only if the plan does not refuse it."""
    shape = [8, 4] if fills(name, "12,12") else [8, 4, 3, 3]
    body = {"shape": shape, "scheme": name, "seed": 1, field: SAMPLES[field]}
    if field in ("bounds", "std_kind") and "distribution" in SCHEMES[name].fields:
        body["distribution"] = "truncated_normal"
    if field == "distribution":
        body[field] = SCHEMES[name].distribution
    valid = jsonschema.Draft202012Validator(scheme_schema(SCHEMES[name])).is_valid(body)
    assert valid == accepted(body)
