"""How many blocks the elements of a lattice have, without listing them.

A block is four elements whose numbers differ only in the two lowest bits (docs/stream-v1.md,
section 2). So of the first element only its place in its block, 0 to 3, matters. The
time is proportional to the number of axes. The integers are exact.
"""

from collections.abc import Callable, Iterable

Axis = tuple[int, int]
"""The extent of an axis, and its stride in element numbers."""

PLACES = 4
"""The places of elements in a block."""


def blocks_of_run(place: int, length: int) -> int:
    """The blocks of `length` consecutive elements, at least one, whose first has this place."""
    return (place + length + 3) // PLACES


def distinct_blocks(place: int, axes: Iterable[Axis]) -> int:
    """The blocks that have at least one element of a lattice whose first has this place.

    `axes` begin with the smallest stride, and a stride is larger than the distance between any two
    elements of the axes before it. So the elements in the order of these axes have ascending
    numbers, and a block is counted once for each step to the next element that changes the block.
    """
    changes, span = [0] * PLACES, 0
    for extent, stride in axes:
        changes = [_changes(each, extent, stride, changes, span) for each in range(PLACES)]
        span += (extent - 1) * stride
    return 1 + changes[place]


def _changes(place: int, extent: int, stride: int, inner: list[int], span: int) -> int:
    """The steps that change the block: those within each position, and those to the next one.

    `inner` has the steps within a position for each place of its first element, and `span` is the
    distance from its first element to its last.
    """
    total = 0
    for start in range(min(extent, PLACES)):
        first = (place + start * stride) % PLACES
        crosses = (first + span) // PLACES != (first + stride) // PLACES
        total += _every_fourth(extent, start) * inner[first]
        total += _every_fourth(extent - 1, start) * crosses
    return total


def summed(place: int, axes: Iterable[Axis], count: Callable[[int], int]) -> int:
    """The sum of `count` over all elements of a lattice; `count` takes the place of an element."""
    places = [int(each == place) for each in range(PLACES)]
    for extent, stride in axes:
        moved = [0] * PLACES
        for start in range(min(extent, PLACES)):
            times = _every_fourth(extent, start)
            for each, number in enumerate(places):
                moved[(each + start * stride) % PLACES] += times * number
        places = moved
    total = 0
    for each, number in enumerate(places):
        if number:
            total += number * count(each)
    return total


def _every_fourth(extent: int, start: int) -> int:
    """How many of the numbers 0 ... extent - 1 are `start` modulo 4; start 0 ... 3."""
    return max(0, (extent - start + PLACES - 1) // PLACES)
