"""Whether two checkpoints have equal tensors, and where the first different element is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.audit.files.stored import Stored

Advance = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Difference:
    """A tensor that differs.

    `what` says how. If values differ, `count` is the number of different elements, `index` is that
    of the first one, and `here` and `there` are its values.
    """

    name: str
    what: str
    count: int = 0
    index: tuple[int, ...] | None = None
    here: float | None = None
    there: float | None = None


def differences(
    tensors: Sequence[Stored],
    others: Sequence[Stored],
    advance: Advance = lambda count: None,
) -> Iterator[Difference]:
    """The tensors that differ from those of the same names, bit by bit. Raises AuditError.

    Two single tensors are compared whatever their names are.
    """
    if len(tensors) == len(others) == 1:
        pairs = {tensors[0].name: (tensors[0], others[0])}
    else:
        there = {other.name: other for other in others}
        pairs = {each.name: (each, there[each.name]) for each in tensors if each.name in there}
        yield from (Difference(name, "is only there") for name in there if name not in pairs)
    for tensor in tensors:
        if tensor.name not in pairs:
            yield Difference(tensor.name, "is only here")
            continue
        found = _difference(*pairs[tensor.name], advance)
        if found is not None:
            yield found


def _difference(here: Stored, there: Stored, advance: Advance) -> Difference | None:
    if here.shape != there.shape:
        return Difference(here.name, f"has the shape {here.shape} here, {there.shape} there")
    if here.dtype != there.dtype:
        return Difference(here.name, f"has the dtype {here.dtype} here, {there.dtype} there")
    count, first, values = 0, 0, (0.0, 0.0)
    done, itemsize = 0, here.itemsize
    for mine, its in _aligned(here.raw(), there.raw()):
        advance(len(mine))
        if mine != its:
            differ = _elements(mine, itemsize) != _elements(its, itemsize)
            if not count:
                place = int(np.argmax(differ))
                first = done + place
                values = float(here.values(mine)[place]), float(there.values(its)[place])
            count += int(np.count_nonzero(differ))
        done += len(mine) // itemsize
    if not count:
        return None
    index = tuple(int(each) for each in np.unravel_index(first, here.shape))
    elements = "1 element differs" if count == 1 else f"{count} elements differ"
    return Difference(here.name, elements, count, index, *values)


def _elements(piece: bytes, itemsize: int) -> npt.NDArray[np.unsignedinteger]:
    """The bits of each element."""
    return np.frombuffer(piece, f"<u{itemsize}")


def _aligned(one: Iterator[bytes], other: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Pieces of equal length, of two iterators with the same number of bytes in all."""
    mine, its = b"", b""
    while True:
        mine = mine or next(one, b"")
        its = its or next(other, b"")
        length = min(len(mine), len(its))
        if not length:
            return
        yield mine[:length], its[:length]
        mine, its = mine[length:], its[length:]
