"""The table of request fields (`Spec`), the parsers that read them, and the query writer."""

from service.fields.parsing import parse_json, parse_query, parse_words
from service.fields.spec import (
    ADDRESS_FIELDS,
    DEFAULTS,
    FAN_FIELDS,
    FIELDS,
    LAYER_FIELDS,
    Spec,
)
from service.fields.writing import write_query, write_value
from service.initializers.schemes import NUMBER_FIELDS

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
    "write_query",
    "write_value",
]
