"""The spec: the one table of fields, how each is read, and how a spec is written as a query."""

from service.spec.canonical import write_query, write_value
from service.spec.fields import (
    ADDRESS_FIELDS,
    DEFAULTS,
    FAN_FIELDS,
    FIELDS,
    LAYER_FIELDS,
    NUMBER_FIELDS,
    Spec,
)
from service.spec.parsing import parse_json, parse_query, parse_words, with_seed

__all__ = [
    "ADDRESS_FIELDS",
    "DEFAULTS",
    "FAN_FIELDS",
    "FIELDS",
    "LAYER_FIELDS",
    "NUMBER_FIELDS",
    "Spec",
    "parse_json",
    "parse_query",
    "parse_words",
    "with_seed",
    "write_query",
    "write_value",
]
