"""Fields that hold a value per axis or a short list: shape, stride, bounds, slice."""

import re

from service.spec.faults import Fault, shown
from service.spec.numbers import NumberToken, kind, read_integer, read_number

MOST_AXES = 8
MOST_ELEMENTS = 2**58
"""Element numbers have 58 bits: four to each of Philox's 2^56 blocks."""

MOST_SIGMAS = 40.0
"""Beyond 38.6 sigma even the tail's float64 is 0: a wider bound could only be a slip."""

_KERNEL_AXES = 3

Interval = tuple[int | None, int | None]
"""start and stop of one axis as a slice spells them; None where left out."""

_BOUND = "(-?(?:0|[1-9][0-9]*))?"
_SLICE_ITEM = re.compile(f"{_BOUND}:{_BOUND}")
_LOOSE_SHAPE = re.compile(r"[0-9xX*,;()\[\]{}\s]{1,200}")


def read_shape(given: object) -> tuple[int, ...]:
    """The extents, slowest axis first: `64,3`, `[64,3]`, `scalar`, or a JSON list."""
    if isinstance(given, NumberToken):
        raise Fault("malformed_shape", "a shape is a list", f"write [{shown(given)[1:-1]}]")
    try:
        items = _items(_unbracketed(given) if isinstance(given, str) else given, MOST_AXES)
        return tuple(read_integer(item, 0, MOST_ELEMENTS - 1) for item in items)
    except Fault as fault:
        if fault.reason == "out_of_range":
            raise
        raise Fault("malformed_shape", f"no shape: {fault.message}", _shape_hint(given)) from None


def read_stride(given: object) -> tuple[int, ...]:
    """One stride for every kernel axis, or one for each."""
    items = _some_items(given, _KERNEL_AXES)
    return tuple(read_integer(item, 1, MOST_ELEMENTS - 1) for item in items)


def read_bounds(given: object) -> tuple[float, ...]:
    """Where a normal is cut, in standard deviations: (c,) for -c to c, or (a, b)."""
    ends = tuple(read_number(item) for item in _some_items(given, 2))
    if any(abs(end) > MOST_SIGMAS for end in ends):
        message = f"a bound is at most {MOST_SIGMAS:g} standard deviations"
        raise Fault("out_of_range", message, "leave the far side to the plain normal distribution")
    if len(ends) == 1 and ends[0] <= 0:
        raise Fault("out_of_range", "one bound c cuts at -c and c: it is above 0", "write 2")
    if len(ends) == 2 and ends[0] >= ends[1]:
        raise Fault("out_of_range", "of two bounds the first is the smaller", "write -2,2")
    return ends[1:] if len(ends) == 2 and ends[0] == -ends[1] else ends


def read_slice(given: object) -> tuple[Interval, ...]:
    """start and stop for each axis; what they mean depends on the shape, and is the plan's."""
    if not isinstance(given, str) or isinstance(given, NumberToken):
        raise Fault("malformed_slice", f"{kind(given)} is not a slice", 'write "0:8,:"')
    if given.count(",") >= MOST_AXES:
        raise Fault("malformed_slice", f"more than {MOST_AXES} axes", "write one item per axis")
    return tuple(_interval(item) for item in given.split(","))


def _interval(item: str) -> Interval:
    found = _SLICE_ITEM.fullmatch(item)
    if not found:
        if item.count(":") > 1:
            raise Fault("malformed_slice", f"{shown(item)} has a step", "write start:stop")
        raise Fault("malformed_slice", f"{shown(item)} is not start:stop", _slice_hint(item))
    start, stop = (
        None if bound is None else read_integer(bound, -MOST_ELEMENTS, MOST_ELEMENTS)
        for bound in found.groups()
    )
    return start, stop


def _items(given: object, most: int) -> list[object]:
    """The items of a comma-separated text, of a list of numbers, or the one number given."""
    if isinstance(given, str):
        items: list[object] = list(given.split(",", most)) if given else []
    elif isinstance(given, list | tuple):
        items = [_list_item(item) for item in given[: most + 1]]
    else:
        items = [given]
    if len(items) > most:
        raise Fault("out_of_range", f"more than {most} values", f"write at most {most}")
    return items


def _some_items(given: object, most: int) -> list[object]:
    items = _items(given, most)
    if not items:
        raise Fault("malformed_number", "the list is empty", "write at least one number")
    return items


def _list_item(item: object) -> object:
    if isinstance(item, str) and not isinstance(item, NumberToken):
        message = f"{shown(item)} is a string within a list"
        raise Fault("malformed_number", message, "write a number such as 2")
    return item


def _unbracketed(text: str) -> str:
    """`scalar` and `[...]` as the bare list; JSON allows blanks in its own."""
    if text == "scalar":
        return ""
    if text.startswith("[") and text.endswith("]"):
        return ",".join(item.strip(" \t\r\n") for item in text[1:-1].split(","))
    return text


def _shape_hint(given: object) -> str:
    if not isinstance(given, str):
        return "write integers such as [64,3,7,7]"
    extents = re.findall("[0-9]+", given)
    if _LOOSE_SHAPE.fullmatch(given) and 0 < len(extents) <= MOST_AXES:
        return "write " + ",".join(extent.lstrip("0") or "0" for extent in extents)
    return "write 64,3,7,7, or scalar for no axes"


def _slice_hint(item: str) -> str:
    if re.fullmatch("[0-9]{1,18}", item):
        return f"write {int(item)}:{int(item) + 1} to keep the axis"
    return "write start:stop, start:, :stop or : for each axis"
