"""The JSON schema of each kind of value, for OpenAPI: documentation, never the check itself."""

from collections.abc import Iterable
from typing import Any

from pydantic import WithJsonSchema

from service.fields.axes import MOST_AXES, MOST_ELEMENTS, MOST_PARTS
from service.fields.numbers import MOST_JSON_INTEGER, MOST_NUMBER_CHARACTERS
from service.fields.text import MOST_NAME_BYTES
from service.initializers.fans import LEAST_FAN, MOST_FAN

_COUNT_PATTERN = "[1-9][0-9]*"
_NUMBER_PATTERN = "-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?"
_INTERVAL_PATTERN = "-?[0-9]*:-?[0-9]*"


def _text(pattern: str, **more: int) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{pattern}$", **more}


def _listed(item: dict[str, Any], least: int, most: int) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": least, "maxItems": most}


def _any_of(*schemas: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": list(schemas)})


def words(known: Iterable[str]) -> WithJsonSchema:
    """One of the words of a table."""
    return WithJsonSchema({"type": "string", "enum": list(known)})


_EXTENT = {"type": "integer", "minimum": 0, "maximum": MOST_ELEMENTS - 1}
_COUNT = {"type": "integer", "minimum": 1, "maximum": MOST_ELEMENTS - 1}
_NUMBER = {"type": "number"}
_SEED = {"type": "integer", "minimum": 0, "maximum": MOST_JSON_INTEGER}

SHAPE = _any_of({"type": "string"}, _listed(_EXTENT, 0, MOST_AXES))
STRIDE = _any_of(_COUNT, _listed(_COUNT, 1, 3), _text(f"{_COUNT_PATTERN}(,{_COUNT_PATTERN})*"))
PARTS = _any_of(
    _COUNT, _listed(_COUNT, 2, MOST_PARTS), _text(f"{_COUNT_PATTERN}(,{_COUNT_PATTERN})*")
)
BOUNDS = _any_of(_NUMBER, _listed(_NUMBER, 1, 2), _text(f"{_NUMBER_PATTERN}(,{_NUMBER_PATTERN})?"))
SLICE = WithJsonSchema(_text(f"{_INTERVAL_PATTERN}(,{_INTERVAL_PATTERN})*"))
COUNT = _any_of(_COUNT, _text(_COUNT_PATTERN))
NUMBER = _any_of(_NUMBER, _text(_NUMBER_PATTERN, maxLength=MOST_NUMBER_CHARACTERS))
FAN = _any_of(
    {"type": "number", "minimum": LEAST_FAN, "maximum": MOST_FAN},
    _text(_NUMBER_PATTERN, maxLength=MOST_NUMBER_CHARACTERS),
)
SEED = _any_of(_SEED, _text("(0|[1-9][0-9]{0,19})"))
NAME = WithJsonSchema({"type": "string", "maxLength": MOST_NAME_BYTES})
LABEL = WithJsonSchema({"type": "string"})
