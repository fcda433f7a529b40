"""Write a spec as a query: fields in the table's order, without defaults, values in one spelling.

The plan also removes fields that make no difference (`service.plan.canonical`).
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from service.fields.axes import Interval
from service.fields.spec import DEFAULTS, Spec
from service.spelling import shortest

_LITERAL = ",:@"
"""Characters written as they are, with RFC 3986's unreserved ones. All others are
percent-encoded in upper case."""


def write_query(spec: Spec) -> str:
    """`field=value` items joined by `&`. `parse_query` reads them back as the same spec."""
    return "&".join(write_item(field, value) for field, value in changed_fields(spec))


def write_item(field: str, value: Any) -> str:
    """A field and its value as an item of a query."""
    return f"{field}={quote(write_value(field, value), safe=_LITERAL)}"


def changed_fields(spec: Spec) -> list[tuple[str, Any]]:
    """The fields that differ from their defaults, in the table's order."""
    values = spec.__dict__
    return [(field, values[field]) for field in DEFAULTS if values[field] != DEFAULTS[field]]


def write_value(field: str, value: Any) -> str:
    """A field's value as the query spells it, before percent-encoding."""
    return _WRITERS.get(field, _write_plain)(value)


def _write_plain(value: str | int | float) -> str:
    return shortest(value) if isinstance(value, float) else str(value)


def _write_list(values: tuple[int | float, ...]) -> str:
    return ",".join(map(_write_plain, values))


def _write_parts(parts: int | tuple[int, ...]) -> str:
    return _write_list(parts) if isinstance(parts, tuple) else str(parts)


def _write_shape(shape: tuple[int, ...]) -> str:
    return _write_list(shape) if shape else "scalar"


def _write_slice(intervals: tuple[Interval, ...]) -> str:
    return ",".join(f"{_end(start)}:{_end(stop)}" for start, stop in intervals)


def _end(bound: int | None) -> str:
    return "" if bound is None else str(bound)


_WRITERS: dict[str, Callable[[Any], str]] = {
    "shape": _write_shape,
    "parts": _write_parts,
    "stride": _write_list,
    "bounds": _write_list,
    "kernel": _write_list,
    "slice": _write_slice,
}
