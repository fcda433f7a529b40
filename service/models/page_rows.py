"""The tensors of a model in few rows: those that differ in the numbers of their names share one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

from service.models.listing import facts_json
from service.models.numbered_names import (
    Box,
    NumberedName,
    Numbers,
    boxes,
    short_boxes,
    written,
)
from service.models.planning import Kind, ModelFile, ModelPlan, Stored

FactsJson = dict[str, str | float | None]


class PlacedTensor(NamedTuple):
    """A tensor, the file that it is in, the number of its kind, and the parts of its name.

    The kind of a tensor that joins several is that of the first.
    """

    tensor: Stored
    file: ModelFile
    kind: int
    name: NumberedName

    @property
    def parts(self) -> int:
        """How many tensors of the checkpoint it joins."""
        return self.tensor.last - self.tensor.first


@dataclass(frozen=True, slots=True)
class Row:
    """Tensors with equal facts. `name` has ranges for the numbers in which the names differ.

    `bytes` are those of each tensor. `url` is that of the first tensor's own bytes, or of its first
    part if it joins several. It is None for int64, which only files of models have.
    """

    name: str
    count: int
    first: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    parts: int
    facts: FactsJson
    url: str | None


@dataclass(slots=True)
class _Group:
    """Tensors with the same texts around their numbers and the same facts."""

    texts: tuple[str, ...]
    facts: FactsJson
    members: dict[Numbers, PlacedTensor] = field(default_factory=dict)

    def rows(self, kinds: tuple[Kind, ...]) -> Iterator[Row]:
        """A row for each box of the numbers."""
        for box in boxes(self.members):
            for part in short_boxes(box):
                yield self._row(part, kinds)

    def _row(self, box: Box, kinds: tuple[Kind, ...]) -> Row:
        first = self.members[tuple(numbers[0] for numbers in box)]
        tensor = first.tensor
        return Row(
            name=written(self.texts, box),
            count=prod(map(len, box)),
            first=tensor.name,
            shape=tensor.shape,
            dtype=tensor.dtype,
            bytes=tensor.end - tensor.begin,
            parts=first.parts,
            facts=self.facts,
            url=kinds[first.kind].url(first.file.part_names[tensor.first]),
        )


def placed_tensors(plan: ModelPlan) -> list[PlacedTensor]:
    """All tensors in the order of the checkpoint. A file begins with the widest dtype."""
    stored: dict[str, tuple[Stored, ModelFile, int]] = {}
    for file in plan.files:
        kinds = file.part_kinds.tolist()
        stored |= {each.name: (each, file, kinds[each.first]) for each in file.tensors}
    return [
        PlacedTensor(*stored[each.name], NumberedName.of(each.name)) for each in plan.model.tensors
    ]


def rows(plan: ModelPlan, placed: list[PlacedTensor]) -> Iterator[Row]:
    """The rows, in the order of the first tensor that has the texts and facts of the row.

    Each is made when it is asked for.
    """
    facts = [facts_json(kind.plan.facts) for kind in plan.kinds]
    known: dict[tuple[object, ...], int] = {}
    numbers = [known.setdefault(tuple(each.values()), len(known)) for each in facts]
    groups: dict[tuple[object, ...], _Group] = {}
    for each in placed:
        kind, tensor = each.kind, each.tensor
        key = each.name.texts, numbers[kind], tensor.shape, tensor.dtype, each.parts
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(each.name.texts, facts[kind])
        group.members[each.name.numbers] = each
    for group in groups.values():
        yield from group.rows(plan.kinds)
