"""The query of a spec: fields in the table's order, defaults left out, one spelling of each value.

Which other fields cannot change a byte, the plan knows; what is left is written here.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from service.fields.axes import Interval
from service.fields.spec import DEFAULTS, Spec
from service.spelling import shortest

_LITERAL = ",:@"
"""Beside RFC 3986's unreserved characters; the rest is percent-encoded, in upper case."""


def write_query(spec: Spec) -> str:
    """`field=value` joined by `&`: what `parse_query` reads back as the same spec."""
    return "&".join(
        f"{field}={quote(write_value(field, value), safe=_LITERAL)}" for field, value in given(spec)
    )


def given(spec: Spec) -> list[tuple[str, Any]]:
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
    "slice": _write_slice,
}
