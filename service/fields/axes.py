"""Reading list fields: shape, stride, parts, bounds and slice."""

import re
from collections.abc import Iterator

from service.fields.errors import FieldError, shown
from service.fields.numbers import (
    WHOLE,
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
"""Element numbers have 58 bits: 2^56 Philox blocks of four elements each
(docs/stream-v1.md, section 2)."""

KERNEL_AXES = 3

Interval = tuple[int | None, int | None]
"""Start and stop of one axis as the slice has them. None where one is omitted."""

_BOUND = f"(-?{WHOLE})?"
_SLICE_ITEM = re.compile(f"{_BOUND}:{_BOUND}")
_HEXADECIMAL = re.compile("0[xX][0-9a-fA-F]+")
_HEXADECIMAL_PREFIX = re.compile("(?<![0-9])0[xX]")
_THOUSANDS = re.compile("[1-9][0-9]{0,2}(?:,[0-9]{3})*(?:,0[0-9]{2})(?:,[0-9]{3})*")
_SEPARATORS = re.compile(r"[\sxX*\u00d7,;]+")
_BRACKETS = "()[]{}"

_MOST_GUESSED_CHARACTERS = 400
"""Eight items fit. A hint for a longer text proposes no value."""

MOST_PARTS = 64
"""Fused layers have far fewer blocks. Each block is planned by itself: a certificate of 64 blocks
in float16 took 0.2 s, and one of 256 blocks took 0.8 s."""

_PARTS_EXAMPLE = "3, or 4096,1024,1024"
_SHAPE_EXAMPLE = "64,3,7,7, or scalar for no axes"
_STRIDE_EXAMPLE = "2 or 2,2"
_BOUNDS_EXAMPLE = "2 or -2,2"
_NUMBERS_EXAMPLE = "1,0,-1"
_SLICE_HINT = "write an interval for each axis, such as 0:8, or leave slice out"


def read_shape(value: object) -> tuple[int, ...]:
    """The extents, slowest axis first: `64,3`, `[64,3]`, `scalar`, or a JSON list.

    Raises FieldError: `malformed_shape`, or `out_of_range` for an extent or more than 8 of them.
    """
    if isinstance(value, NumberToken):
        raise FieldError("malformed_shape", "a shape is a list", f"write [{shown(value)[1:-1]}]")
    most = MOST_ELEMENTS - 1
    try:
        bare = _unbracketed(value) if isinstance(value, str) else value
        items = _items(bare, MOST_AXES, _SHAPE_EXAMPLE)
        return tuple(_read_each(items, value, 0, most, _SHAPE_EXAMPLE))
    except FieldError as error:
        if error.reason == "out_of_range":
            raise
        raise FieldError("malformed_shape", f"not a shape: {error.message}", error.hint) from None


def read_stride(value: object) -> tuple[int, ...]:
    """One stride for all kernel axes, or one for each kernel axis.

    Raises FieldError: `malformed_number`, or `out_of_range` for a stride or more than 3 of them.
    """
    items = _some_items(value, KERNEL_AXES, _STRIDE_EXAMPLE)
    return tuple(_read_each(items, value, 1, MOST_ELEMENTS - 1, _STRIDE_EXAMPLE))


def read_parts(value: object) -> int | tuple[int, ...]:
    """The number of equal blocks, or a list of the outputs of each block.

    Raises FieldError: `malformed_number`, or `out_of_range` for a number or more than 64 blocks.
    """
    items = _some_items(value, MOST_PARTS, _PARTS_EXAMPLE)
    parts = tuple(_read_each(items, value, 1, MOST_ELEMENTS - 1, _PARTS_EXAMPLE))
    if len(parts) > 1:
        return parts
    if isinstance(value, list | tuple):
        message = "a list of parts has the outputs of at least two blocks"
        raise FieldError(
            "malformed_number", message, f"write a number of blocks, such as {_PARTS_EXAMPLE}"
        )
    return parts[0]


def read_bounds(value: object) -> tuple[float, ...]:
    """The bounds of a truncated normal in standard deviations: (c,) for -c to c, or (a, b).

    Raises FieldError: `malformed_number`, `out_of_range`.
    """
    items = _some_items(value, 2, _BOUNDS_EXAMPLE)
    try:
        ends = tuple(read_number(item) for item in items)
    except FieldError as error:
        raise FieldError(error.reason, error.message, _bounds_hint(items)) from None
    far = next((end for end in ends if abs(end) > MOST_SIGMAS), None)
    if far is not None:
        message = f"the bound {shortest(far)} is more than {MOST_SIGMAS:g} standard deviations"
        raise FieldError("out_of_range", message, _nearer(ends))
    if len(ends) == 1 and ends[0] <= 0:
        message = f"the bound c is {shortest(ends[0])}; it cuts at -c and c and must be above 0"
        raise FieldError("out_of_range", message, f"write {shortest(-ends[0] or 2.0)}")
    if len(ends) == 2 and ends[0] > ends[1]:
        message = f"the first bound {shortest(ends[0])} is above the second, {shortest(ends[1])}"
        raise FieldError("out_of_range", message, f"write {shortest(ends[1])},{shortest(ends[0])}")
    if len(ends) == 2 and ends[0] == ends[1]:
        message = f"both bounds are {shortest(ends[0])}: nothing lies between them"
        raise FieldError("out_of_range", message, "write -2,2")
    return ends[1:] if len(ends) == 2 and ends[0] == -ends[1] else ends


def read_numbers(value: object, most: int) -> tuple[float, ...]:
    """A list of at least one number and at most `most`.

    Raises FieldError: `malformed_number`, or `out_of_range` for a number or more than `most`.
    """
    return tuple(read_number(item) for item in _some_items(value, most, _NUMBERS_EXAMPLE))


def read_slice(value: object) -> tuple[Interval, ...]:
    """Start and stop of each axis. The plan resolves them against the shape.

    Raises FieldError: `malformed_slice`, or `out_of_range` for a bound beyond 2^58.
    """
    if not isinstance(value, str) or isinstance(value, NumberToken):
        message = f"{kind(value)} is not a slice"
        raise FieldError("malformed_slice", message, 'write a string such as "0:8,:"')
    if value.count(",") >= MOST_AXES:
        raise FieldError("malformed_slice", f"more than {MOST_AXES} axes", _SLICE_HINT)
    items = value.split(",")
    for item in items:
        if not _SLICE_ITEM.fullmatch(item):
            raise FieldError("malformed_slice", _not_an_interval(item), _slice_hint(value))
    return tuple(_interval(item) for item in items)


def _interval(item: str) -> Interval:
    found = _SLICE_ITEM.fullmatch(item)
    assert found is not None
    try:
        start, stop = (
            None if bound is None else read_integer(bound, -MOST_ELEMENTS, MOST_ELEMENTS)
            for bound in found.groups()
        )
    except FieldError as error:
        hint = "write bounds within the axis, or leave slice out"
        raise FieldError(error.reason, error.message, hint) from None
    return start, stop


def _not_an_interval(item: str) -> str:
    if item.count(":") > 1:
        return f"{shown(item)} has a step"
    return f"{shown(item)} is not start:stop"


def _read_each(
    items: list[object], value: object, least: int, most: int, example: str
) -> Iterator[int]:
    """Each item as an integer. The hint of an error shows the whole list.

    Only the message for a larger integer has `most`, since 18 digits help nobody else.
    """
    for item in items:
        try:
            yield read_integer(item, least, most)
        except FieldError as error:
            meant = _meant_integers(value)
            hint = f"write integers from {least}, such as {example}"
            if meant and error.reason != "out_of_range" and all(least <= n <= most for n in meant):
                hint = "write " + ",".join(map(str, meant))
            raise FieldError(error.reason, error.message, hint) from None


def _meant_integers(value: object) -> list[int]:
    """The integers that a list probably means, with any separator. Empty if that is unclear.

    The x of `0x10` is a hexadecimal prefix. The comma of `1,000` separates thousands, because 000
    is no extent.
    """
    if isinstance(value, list | tuple):
        texts = [item if isinstance(item, str) else "" for item in value]
    elif isinstance(value, str) and len(value) <= _MOST_GUESSED_CHARACTERS:
        bare = value.strip().strip(_BRACKETS)
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


def _items(value: object, most: int, example: str) -> list[object]:
    """The items of a comma-separated text or of a list. A single number is one item."""
    if isinstance(value, str):
        items: list[object] = list(value.split(",", most)) if value else []
    elif isinstance(value, list | tuple):
        items = [_list_item(item) for item in value[: most + 1]]
    else:
        items = [value]
    if len(items) > most:
        hint = f"write at most {most} values, such as {example}"
        raise FieldError("out_of_range", f"more than {most} values", hint)
    return items


def _some_items(value: object, most: int, example: str) -> list[object]:
    items = _items(value, most, example)
    if not items:
        raise FieldError(
            "malformed_number", "the list is empty", "write at least one number, such as 2"
        )
    return items


def _list_item(item: object) -> object:
    if isinstance(item, str) and not isinstance(item, NumberToken):
        message = f"{shown(item)} is a string within a list"
        raise FieldError("malformed_number", message, "write a list of numbers, such as [2, 2]")
    return item


def _unbracketed(text: str) -> str:
    """The text without `[` and `]`, and "" for `scalar`. JSON allows blanks between items."""
    if text == "scalar":
        return ""
    if text.startswith("[") and text.endswith("]"):
        items = text[1:-1].split(",", MOST_AXES)
        return ",".join(item.strip(" \t\r\n") for item in items)
    return text


def _bounds_hint(items: list[object]) -> str:
    """A hint with the bounds that are probably meant, if those are valid."""
    meant = [meant_number(item) if isinstance(item, str) else None for item in items]
    ends = [end for end in meant if end is not None]
    fits = len(ends) == len(meant) and all(abs(end) <= MOST_SIGMAS for end in ends)
    if fits and (ends[0] > 0 if len(ends) == 1 else ends[0] < ends[1]):
        return "write " + ",".join(map(shortest, ends))
    return f"write one number or two, such as {_BOUNDS_EXAMPLE}"


def _nearer(ends: tuple[float, ...]) -> str:
    """A hint with the bounds reduced to 40 standard deviations."""
    cut = [max(-MOST_SIGMAS, min(end, MOST_SIGMAS)) for end in ends]
    if len(cut) == 1:
        return f"write {MOST_SIGMAS:g}"
    if cut[0] < cut[1]:
        return f"write {shortest(cut[0])},{shortest(cut[1])}"
    return "write -2,2"


def _slice_hint(value: str) -> str:
    """A hint with the slice that is probably meant. An index becomes an interval of length 1."""
    bare = value.strip().strip(_BRACKETS)
    if len(bare) > _MOST_GUESSED_CHARACTERS:
        return _SLICE_HINT
    meant = [_meant_interval(item) for item in bare.split(",")]
    found = [item for item in meant if item is not None]
    return "write " + ",".join(found) if len(found) == len(meant) else _SLICE_HINT


def _meant_interval(item: str) -> str | None:
    """The interval of an index, or an interval without its step of 1. None if unclear."""
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
