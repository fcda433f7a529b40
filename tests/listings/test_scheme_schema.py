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
from tests.filling import VALUES, distinct


def taken(body: dict[str, Any]) -> bool:
    """Whether the service does not refuse a field as one that the scheme does not take."""
    try:
        plan(*parse_json(json.dumps(body).encode()), max_bytes=2**30)
    except FaninError as error:
        idle = any("has no meaning" in problem.message for problem in error.problems)
        return error.reason != "scheme_field" or idle
    return True


@pytest.mark.parametrize("name", distinct())
def test_a_schema_is_one_and_its_scheme_is_required(name: str) -> None:
    """Valid by the metaschema; a body of this scheme fits, one of another does not."""
    schema = scheme_schema(SCHEMES[name])
    jsonschema.Draft202012Validator.check_schema(schema)
    fits = jsonschema.Draft202012Validator(schema).is_valid
    assert fits({"shape": "8,4", "scheme": name, "format": "raw", "seed": "18446744073709551615"})
    assert not fits({"shape": "8,4", "scheme": "no_such_scheme"})
    assert not fits({"scheme": name})


@pytest.mark.parametrize("name", distinct())
def test_a_schema_and_the_service_agree_on_every_field(name: str) -> None:
    """A field is in the schema if and only if the plan does not refuse it as not taken."""
    scheme = SCHEMES[name]
    fits = jsonschema.Draft202012Validator(scheme_schema(scheme)).is_valid
    example = dict(item.split("=") for item in scheme.example.split("&"))
    assert fits(example | {"scheme": name, "seed": "1"})
    for field in NUMBER_FIELDS:
        body = example | {"scheme": name, "seed": "1", field: VALUES[field][0]}
        if field == "distribution":
            body[field] = scheme.distributions[0] if scheme.distributions else "normal"
        if field == "variant" and scheme.variants:
            body[field] = scheme.variants[0]
        assert fits(body) == (field in scheme.fields), field
        # Another scheme takes the fields that are passed on.
        assert scheme.sub_kernel is not None or fits(body) == taken(body), field
