"""Names that differ in their numbers only, such as `h.0.w` to `h.11.w`, and one text for them all.

A number is one if it stands alone between dots or slashes: 3 in `layers.3.fc1.weight`. A name
without such a number has the first one in it: 1 in `fc1.weight`. The first number of a name is its
depth.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

MOST_NUMBERS = 4
"""The most numbers of a name. Further ones are part of its text."""

MOST_RUNS = 12
"""The most ranges in one pair of braces. Further ones are in a text of their own."""

_DIGITS = "(0|[1-9][0-9]{0,8})"
_ALONE = re.compile(f"(?:(?<=[./])|^){_DIGITS}(?=[./]|$)")
_WITHIN = re.compile(f"(?<![0-9]){_DIGITS}(?![0-9])")

Numbers = tuple[int, ...]
Box = tuple[Numbers, ...]
"""Ascending numbers for each place. It stands for every combination of them."""


class NumberedName(NamedTuple):
    """A name as its numbers and the texts around them. There is one text more than numbers."""

    texts: tuple[str, ...]
    numbers: Numbers

    @classmethod
    def of(cls, name: str) -> "NumberedName":
        """The parts of a name."""
        parts = _ALONE.split(name, MOST_NUMBERS)
        if len(parts) == 1:
            parts = _WITHIN.split(name, 1)
        return cls(tuple(parts[::2]), tuple(map(int, parts[1::2])))

    @property
    def depth(self) -> int | None:
        """The first number, if there is one."""
        return self.numbers[0] if self.numbers else None


def pattern_of(texts: tuple[str, ...]) -> str:
    """The texts with * for each number."""
    return "*".join(texts)


def boxes(every: Iterable[Numbers]) -> tuple[Box, ...]:
    """Boxes that have each of these numbers once. All have the same length, and none is twice.

    Few boxes are found, but not always the fewest.
    """
    listed = list(every)
    if listed == [()]:
        return ((),)
    if listed and len(listed[0]) == 1:
        # The loop below would find the same, with a call for each number.
        return ((tuple(sorted(number for (number,) in listed)),),)
    tails: dict[int, list[Numbers]] = {}
    for numbers in listed:
        tails.setdefault(numbers[0], []).append(numbers[1:])
    heads: dict[tuple[Box, ...], list[int]] = {}
    for head in sorted(tails):
        heads.setdefault(boxes(tails[head]), []).append(head)
    return tuple((tuple(head), *box) for rest, head in heads.items() for box in rest)


def short_boxes(box: Box) -> Iterator[Box]:
    """The box in parts whose places have at most MOST_RUNS ranges each."""
    yield from product(*(list(_short(numbers)) for numbers in box))


def written(texts: tuple[str, ...], box: Box) -> str:
    """One text for all names of a box, as in `h.{0..2,5}.w`."""
    places = ["", *(_braces(numbers) for numbers in box)]
    return "".join(place + text for place, text in zip(places, texts, strict=True))


def _braces(numbers: Numbers) -> str:
    if len(numbers) == 1:
        return str(numbers[0])
    ends = ((run[0], run[-1]) for run in _runs(numbers))
    parts = (str(first) if first == last else f"{first}..{last}" for first, last in ends)
    return f"{{{','.join(parts)}}}"


def _short(numbers: Numbers) -> Iterator[Numbers]:
    runs = list(_runs(numbers))
    for first in range(0, len(runs), MOST_RUNS):
        yield tuple(number for run in runs[first : first + MOST_RUNS] for number in run)


def _runs(numbers: Numbers) -> Iterator[Numbers]:
    """The parts of ascending numbers in which each follows the one before."""
    first = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] > numbers[place - 1] + 1:
            yield numbers[first:place]
            first = place
