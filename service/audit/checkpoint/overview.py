"""What a report says first: the verdicts counted, the faults, and rows that say the same."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

from service.audit.checkpoint.verdicts import FAULTS, Audited, Verdict
from service.audit.laws.readings import Role
from service.initializers.layers import FRAMEWORKS


def counts_of(audited: Iterable[Audited]) -> list[tuple[Verdict, int]]:
    """The number of tensors with each verdict that occurs, faults first."""
    counts = Counter(each.verdict for each in audited)
    found = [(verdict, counts[verdict]) for verdict in Verdict if counts[verdict]]
    return sorted(found, key=lambda row: row[0] not in FAULTS)


def predicate(verdict: Verdict, count: int) -> str:
    """The verdict as the predicate of a sentence about so many tensors."""
    have, be = ("has", "is") if count == 1 else ("have", "are")
    if verdict is Verdict.NOT_FINITE:
        return f"{have} NaN or infinity"
    if verdict is Verdict.WRONG_LAYOUT:
        return f"{have} the fans of a wrong layout"
    return f"{be} {verdict.value}"


def faults_first(audited: Iterable[Audited]) -> list[Audited]:
    """The tensors with a fault, then the others, each in their order."""
    return sorted(audited, key=lambda each: not each.is_fault)


def not_fitted(audited: Iterable[Audited], layout: str) -> list[Audited]:
    """The weights that a requested layout tells nothing about.

    Letters are for weights with as many axes. A framework tells the layout of its own layers.
    """
    weights = (each for each in audited if _has_layout(each))
    if layout in FRAMEWORKS:
        return [each for each in weights if each.reading is None]
    return [each for each in weights if each.reading is None or each.reading.letters != layout]


def fitted_count(audited: Iterable[Audited], layout: str) -> int:
    """The number of weights that have the requested layout."""
    weights = [each for each in audited if _has_layout(each)]
    return len(weights) - len(not_fitted(weights, layout))


def _has_layout(audited: Audited) -> bool:
    """Whether it is a weight with several axes."""
    axes = sum(extent > 1 for extent in audited.tensor.shape)
    return audited.role is Role.WEIGHT and axes > 1


@dataclass(frozen=True, slots=True)
class Alike:
    """Tensors of equal shape and verdict whose names differ in numbers alone.

    `name` is that of all, such as `h.{0..11}.attn.weight`.
    """

    name: str
    tensors: tuple[Audited, ...]


def joined(audited: Sequence[Audited]) -> list[Alike]:
    """The tensors, those that are alike as one, in the order of the first of each."""
    groups: dict[object, list[int]] = {}
    for number, each in enumerate(audited):
        groups.setdefault(_sameness(each), []).append(number)
    found = [part for group in groups.values() for part in _products(audited, group)]
    return [
        Alike(_joined_name([audited[number].tensor.name for number in part]), members)
        for part in sorted(found)
        for members in (tuple(audited[number] for number in part),)
    ]


_NUMBER = re.compile(r"(?<![A-Za-z0-9])(?:0|[1-9][0-9]{0,8})(?![A-Za-z0-9])")
"""A number in a name. One with zeros before it would not be written again as it was."""

MOST_NUMBERS = 4
"""The most numbers in names that are joined."""

_DIGITS = re.compile(r"[0-9.]+(e-?[0-9]+)?")


def _sameness(audited: Audited) -> object:
    """What tensors in one row have in common. Faults have the whole explanation."""
    explanation = audited.explanation
    if not audited.is_fault:
        explanation = _DIGITS.sub("", explanation)
    return (
        tuple(_NUMBER.split(audited.tensor.name)),
        audited.tensor.shape,
        audited.verdict,
        explanation,
        tuple((law.distribution, law.names) for law in audited.laws),
        audited.fans,
    )


def _numbers(name: str) -> list[int]:
    return list(map(int, _NUMBER.findall(name)))


def _products(audited: Sequence[Audited], group: list[int]) -> Iterator[list[int]]:
    """Parts of a group that have all combinations of their numbers, so that a name tells them."""
    if len(_numbers(audited[group[0]].tensor.name)) > MOST_NUMBERS:
        yield from ([number] for number in group)
        return
    columns = list(zip(*(_numbers(audited[number].tensor.name) for number in group), strict=True))
    varying = [column for column in columns if len(set(column)) > 1]
    if prod(len(set(column)) for column in varying) == len(group):
        yield group
        return
    parts: dict[int, list[int]] = {}
    for number, value in zip(group, varying[0], strict=True):
        parts.setdefault(value, []).append(number)
    for part in parts.values():
        yield from _products(audited, part)


def _joined_name(names: list[str]) -> str:
    """The name of all, with the numbers in braces where they differ."""
    if len(names) == 1:
        return names[0]
    texts = _NUMBER.split(names[0])
    columns = zip(*map(_numbers, names), strict=True)
    numbers = [_runs(sorted(set(column))) for column in columns]
    return "".join(text + number for text, number in zip(texts, [*numbers, ""], strict=True))


def _runs(numbers: list[int]) -> str:
    """Numbers such as {0..3,7}; a single one without braces."""
    if len(numbers) == 1:
        return str(numbers[0])
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = (",".join(map(str, run)) if len(run) < 3 else f"{run[0]}..{run[-1]}" for run in runs)
    return "{" + ",".join(texts) + "}"
