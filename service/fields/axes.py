"""Fields that hold a value per axis or a short list: shape, stride, bounds, slice."""

import re
from collections.abc import Iterator

from service.fields.faults import Fault, shown
from service.fields.numbers import (
    NumberToken,
    kind,
    meant_integer,
    meant_number,
    read_integer,
    read_number,
)
from service.initializers.truncation import MOST_SIGMAS
from service.spelling import shortest

MOST_AXES = 8
MOST_ELEMENTS = 2**58
"""Element numbers have 58 bits: four to each of Philox's 2^56 blocks."""

_KERNEL_AXES = 3

Interval = tuple[int | None, int | None]
"""start and stop of one axis as a slice spells them; None where left out."""

_BOUND = "(-?(?:0|[1-9][0-9]*))?"
_SLICE_ITEM = re.compile(f"{_BOUND}:{_BOUND}")
_HEXADECIMAL = re.compile("0[xX][0-9a-fA-F]+")
_HEXADECIMAL_PREFIX = re.compile("(?<![0-9])0[xX]")
_THOUSANDS = re.compile("[1-9][0-9]{0,2}(?:,[0-9]{3})*(?:,0[0-9]{2})(?:,[0-9]{3})*")
_SEPARATORS = re.compile(r"[\sxX*\u00d7,;]+")
_BRACKETS = "()[]{}"

_MOST_GUESSED_CHARACTERS = 400
"""Enough for eight items: beyond it a hint guesses nothing."""

MOST_PARTS = 256
"""More blocks than any layer fuses; each has a law of its own."""

_PARTS_EXAMPLE = "3, or 4096,1024,1024"
_SHAPE_EXAMPLE = "64,3,7,7, or scalar for no axes"
_STRIDE_EXAMPLE = "2 or 2,2"
_BOUNDS_EXAMPLE = "2 or -2,2"
_SLICE_HINT = "write an interval for each axis, such as 0:8, or leave slice out"


def read_shape(given: object) -> tuple[int, ...]:
    """The extents, slowest axis first: `64,3`, `[64,3]`, `scalar`, or a JSON list.

    Raises Fault: `malformed_shape`, or `out_of_range` for an extent or more than 8 of them.
    """
    if isinstance(given, NumberToken):
        raise Fault("malformed_shape", "a shape is a list", f"write [{shown(given)[1:-1]}]")
    most = MOST_ELEMENTS - 1
    try:
        bare = _unbracketed(given) if isinstance(given, str) else given
        items = _items(bare, MOST_AXES, _SHAPE_EXAMPLE)
        return tuple(_read_each(items, given, 0, most, _SHAPE_EXAMPLE))
    except Fault as fault:
        if fault.reason == "out_of_range":
            raise
        raise Fault("malformed_shape", f"no shape: {fault.message}", fault.hint) from None


def read_stride(given: object) -> tuple[int, ...]:
    """One stride for every kernel axis, or one for each.

    Raises Fault: `malformed_number`, or `out_of_range` for a stride or more than 3 of them.
    """
    items = _some_items(given, _KERNEL_AXES, _STRIDE_EXAMPLE)
    return tuple(_read_each(items, given, 1, MOST_ELEMENTS - 1, _STRIDE_EXAMPLE))


def read_parts(given: object) -> int | tuple[int, ...]:
    """The number of equal blocks, or the outputs of each of at least two blocks.

    Raises Fault: `malformed_number`, or `out_of_range` for a number or more than 256 blocks.
    """
    items = _some_items(given, MOST_PARTS, _PARTS_EXAMPLE)
    parts = tuple(_read_each(items, given, 1, MOST_ELEMENTS - 1, _PARTS_EXAMPLE))
    if len(parts) > 1:
        return parts
    if isinstance(given, list | tuple):
        message = "a list of parts has the outputs of at least two blocks"
        raise Fault(
            "malformed_number", message, f"write a number of blocks, such as {_PARTS_EXAMPLE}"
        )
    return parts[0]


def read_bounds(given: object) -> tuple[float, ...]:
    """Where a normal is cut, in standard deviations: (c,) for -c to c, or (a, b).

    Raises Fault: `malformed_number`, `out_of_range`.
    """
    items = _some_items(given, 2, _BOUNDS_EXAMPLE)
    try:
        ends = tuple(read_number(item) for item in items)
    except Fault as fault:
        raise Fault(fault.reason, fault.message, _bounds_hint(items)) from None
    far = next((end for end in ends if abs(end) > MOST_SIGMAS), None)
    if far is not None:
        message = f"the bound {shortest(far)} is more than {MOST_SIGMAS:g} standard deviations"
        raise Fault("out_of_range", message, _nearer(ends))
    if len(ends) == 1 and ends[0] <= 0:
        message = f"the bound c is {shortest(ends[0])}; it cuts at -c and c and must be above 0"
        raise Fault("out_of_range", message, f"write {shortest(-ends[0] or 2.0)}")
    if len(ends) == 2 and ends[0] > ends[1]:
        message = f"the first bound {shortest(ends[0])} is above the second, {shortest(ends[1])}"
        raise Fault("out_of_range", message, f"write {shortest(ends[1])},{shortest(ends[0])}")
    if len(ends) == 2 and ends[0] == ends[1]:
        message = f"both bounds are {shortest(ends[0])}: nothing lies between them"
        raise Fault("out_of_range", message, "write -2,2")
    return ends[1:] if len(ends) == 2 and ends[0] == -ends[1] else ends


def read_slice(given: object) -> tuple[Interval, ...]:
    """start and stop for each axis; what they mean depends on the shape, and is the plan's.

    Raises Fault: `malformed_slice`, or `out_of_range` for a bound that no axis has.
    """
    if not isinstance(given, str) or isinstance(given, NumberToken):
        message = f"{kind(given)} is not a slice"
        raise Fault("malformed_slice", message, 'write a string such as "0:8,:"')
    if given.count(",") >= MOST_AXES:
        raise Fault("malformed_slice", f"more than {MOST_AXES} axes", _SLICE_HINT)
    items = given.split(",")
    for item in items:
        if not _SLICE_ITEM.fullmatch(item):
            raise Fault("malformed_slice", _not_an_interval(item), _slice_hint(given))
    return tuple(_interval(item) for item in items)


def _interval(item: str) -> Interval:
    found = _SLICE_ITEM.fullmatch(item)
    assert found is not None
    try:
        start, stop = (
            None if bound is None else read_integer(bound, -MOST_ELEMENTS, MOST_ELEMENTS)
            for bound in found.groups()
        )
    except Fault as fault:
        hint = "write bounds within the axis, or leave slice out"
        raise Fault(fault.reason, fault.message, hint) from None
    return start, stop


def _not_an_interval(item: str) -> str:
    if item.count(":") > 1:
        return f"{shown(item)} has a step"
    return f"{shown(item)} is not start:stop"


def _read_each(
    items: list[object], given: object, least: int, most: int, example: str
) -> Iterator[int]:
    """Each item as an integer; a refusal's hint is about the whole list `given`."""
    for item in items:
        try:
            yield read_integer(item, least, most)
        except Fault as fault:
            meant = _meant_integers(given)
            hint = f"write integers from {least} to {most}, such as {example}"
            if meant and fault.reason != "out_of_range" and all(least <= n <= most for n in meant):
                hint = "write " + ",".join(map(str, meant))
            raise Fault(fault.reason, fault.message, hint) from None


def _meant_integers(given: object) -> list[int]:
    """The integers that a list seems to mean, whatever parts them; empty if that is not clear.

    In `0x10` the x is hexadecimal, and in `1,000` the comma parts thousands: no extent is 000.
    """
    if isinstance(given, list | tuple):
        texts = [item if isinstance(item, str) else "" for item in given]
    elif isinstance(given, str) and len(given) <= _MOST_GUESSED_CHARACTERS:
        bare = given.strip().strip(_BRACKETS)
        if _HEXADECIMAL.fullmatch(bare) or _THOUSANDS.fullmatch(bare):
            texts = [bare]
        elif _HEXADECIMAL_PREFIX.search(bare):
            texts = []
        else:
            texts = [text for text in _SEPARATORS.split(bare) if text]
    else:
        texts = []
    meant = [meant_integer(text) for text in texts[: MOST_AXES + 1]]
    found = [number for number in meant if number is not None]
    return found if len(found) == len(meant) <= MOST_AXES else []


def _items(given: object, most: int, example: str) -> list[object]:
    """The items of a comma-separated text, of a list of numbers, or the one number given."""
    if isinstance(given, str):
        items: list[object] = list(given.split(",", most)) if given else []
    elif isinstance(given, list | tuple):
        items = [_list_item(item) for item in given[: most + 1]]
    else:
        items = [given]
    if len(items) > most:
        hint = f"write at most {most} values, such as {example}"
        raise Fault("out_of_range", f"more than {most} values", hint)
    return items


def _some_items(given: object, most: int, example: str) -> list[object]:
    items = _items(given, most, example)
    if not items:
        raise Fault("malformed_number", "the list is empty", "write at least one number, such as 2")
    return items


def _list_item(item: object) -> object:
    if isinstance(item, str) and not isinstance(item, NumberToken):
        message = f"{shown(item)} is a string within a list"
        raise Fault("malformed_number", message, "write a list of numbers, such as [2, 2]")
    return item


def _unbracketed(text: str) -> str:
    """`scalar` and `[...]` as the bare list; JSON allows blanks in its own."""
    if text == "scalar":
        return ""
    if text.startswith("[") and text.endswith("]"):
        return ",".join(item.strip(" \t\r\n") for item in text[1:-1].split(","))
    return text


def _bounds_hint(items: list[object]) -> str:
    """The bounds that seem to be meant, if they can be bounds."""
    meant = [meant_number(item) if isinstance(item, str) else None for item in items]
    ends = [end for end in meant if end is not None]
    fits = len(ends) == len(meant) and all(abs(end) <= MOST_SIGMAS for end in ends)
    if fits and (ends[0] > 0 if len(ends) == 1 else ends[0] < ends[1]):
        return "write " + ",".join(map(shortest, ends))
    return f"write one number or two, such as {_BOUNDS_EXAMPLE}"


def _nearer(ends: tuple[float, ...]) -> str:
    """The hint to cut at 40 standard deviations, beyond which no normal reaches."""
    cut = [max(-MOST_SIGMAS, min(end, MOST_SIGMAS)) for end in ends]
    if len(cut) == 1:
        return f"write {MOST_SIGMAS:g}"
    if cut[0] < cut[1]:
        return f"write {shortest(cut[0])},{shortest(cut[1])}"
    return "write -2,2"


def _slice_hint(given: str) -> str:
    """The slice that seems to be meant, with a number for the one index that NumPy would take."""
    bare = given.strip().strip(_BRACKETS)
    if len(bare) > _MOST_GUESSED_CHARACTERS:
        return _SLICE_HINT
    meant = [_meant_interval(item) for item in bare.split(",")]
    found = [item for item in meant if item is not None]
    return "write " + ",".join(found) if len(found) == len(meant) else _SLICE_HINT


def _meant_interval(item: str) -> str | None:
    """An index as the interval that keeps its axis, an interval without a step of 1."""
    ends = item.split(":")
    if len(ends) == 3 and ends.pop().strip() not in ("", "1"):
        return None
    if len(ends) > 2:
        return None
    meant = [meant_integer(end) if end.strip() else None for end in ends]
    if any(number is None and end.strip() for number, end in zip(meant, ends, strict=True)):
        return None
    if any(number is not None and abs(number) > MOST_ELEMENTS for number in meant):
        return None
    if len(ends) == 1:
        return _index(meant[0])
    return ":".join("" if number is None else str(number) for number in meant)


def _index(number: int | None) -> str | None:
    if number is None:
        return None
    return "-1:" if number == -1 else f"{number}:{number + 1}"
