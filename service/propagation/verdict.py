"""The verdict: whether the variance and the gradient keep their size through the network.

Both are judged on the path from input to output: within a residual branch they may have any size,
and so may the output layer's. The gradient is judged by its squared norm, which does not depend on
the widths of the layers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from service.propagation.draws import Draws, Range
from service.propagation.theory import Return, Step

Word = Literal["stable", "vanishing", "exploding", "unstable"]

LIMIT = 1000.0
"""A variance, or the squared norm of a gradient, is stable from 1 / LIMIT to LIMIT.

The standard deviation then changes by a factor of 32 at most.
"""


@dataclass(frozen=True, slots=True)
class Judgement:
    """`layer` is where the bound is passed first, from 1, None if it is not.

    `least` and `most` are over all layers that are judged. They are of the medians if the network
    was `sampled`, else of the theory of wide layers. `range` is that of `layer`, and `end` has the
    layer that is farthest on the way and its range; None where a draw may have any size.
    """

    word: Word
    layer: int | None
    least: float
    most: float
    sampled: bool = False
    range: Range | None = None
    end: tuple[int, Range | None] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict about the variances (forward) and the gradients (backward).

    `unstable`: the theory of wide layers stays within the bounds, but 95 of 100 draws of a network
    of these widths do not. A sampled network vanishes or explodes if 95 of 100 draws do.
    """

    forward: Judgement
    backward: Judgement

    @property
    def word(self) -> Word:
        """The forward verdict, or the backward one if forward is stable."""
        return self.backward.word if self.forward.word == "stable" else self.forward.word

    @property
    def stable(self) -> bool:
        """Whether both are stable."""
        return self.word == "stable"


@dataclass(frozen=True, slots=True)
class _Row:
    layer: int
    number: float
    range: Range | None


def verdict_of(steps: tuple[Step, ...], returns: tuple[Return, ...], draws: Draws) -> Verdict:
    """The verdict about a network."""
    variances, gradients, first = [], [], _first_judged(steps)
    rows = zip(steps, returns, draws.layers, strict=True)
    for number, (step, back, drawn) in enumerate(rows, start=1):
        if back.norm is None or step.node.head or number <= first:
            continue
        variances.append(_Row(number, step.stream.variance, drawn.stream))
        gradients.append(_Row(number, back.norm, drawn.norm))
    judged = _judged_draws if draws.sampled else _judged
    return Verdict(judged(variances), judged(reversed(gradients)))


def _first_judged(steps: tuple[Step, ...]) -> int:
    """How many steps at the beginning are not judged.

    The rows of a table may have any size: the first normalization scales them up, and the first
    branches add to them. So a table, and in a residual network the first two branches behind it,
    are left out.
    """
    tables = [i for i, step in enumerate(steps) if step.node.source or step.node.added]
    if not tables:
        return 0
    behind = range(tables[-1] + 1, len(steps))
    ends = [i for i in behind if steps[i].node.closes]
    return (ends[1] if len(ends) > 1 else tables[-1]) + 1


def means_are_stable(steps: tuple[Step, ...], returns: tuple[Return, ...]) -> bool:
    """Whether the theory of wide layers stays within the bounds, whatever single draws do."""
    pairs = list(zip(steps, returns, strict=True))[_first_judged(steps) :]
    judged = (pair for pair in pairs if not pair[0].node.head)
    return all(
        1.0 / LIMIT <= number <= LIMIT
        for step, back in judged
        if back.norm is not None
        for number in (step.stream.variance, back.norm)
    )


def _judged(found: Iterable[_Row]) -> Judgement:
    """The judgement of rows in the order in which they come about, by the theory."""
    rows = list(found)
    least = min((row.number for row in rows), default=1.0)
    most = max((row.number for row in rows), default=1.0)
    for row in rows:
        if not 1.0 / LIMIT <= row.number <= LIMIT:
            word: Word = "vanishing" if row.number < 1.0 else "exploding"
            return Judgement(word, row.layer, least, most)
    for row in rows:
        if _passes(row):
            return Judgement("unstable", row.layer, least, most, range=row.range)
    return Judgement("stable", None, least, most)


def _judged_draws(found: Iterable[_Row]) -> Judgement:
    """The judgement of sampled rows: by where the draws are."""
    rows = list(found)
    medians = [row.number if row.range is None else row.range.median for row in rows]
    least, most = min(medians, default=1.0), max(medians, default=1.0)
    for row in rows:
        if row.range is None or (row.range.high >= 1.0 / LIMIT and row.range.low <= LIMIT):
            continue
        word: Word = "exploding" if row.range.low > LIMIT else "vanishing"
        passed = (
            layer.layer
            for layer, median in zip(rows, medians, strict=True)
            if (median > LIMIT if word == "exploding" else median < 1.0 / LIMIT)
        )
        return Judgement(word, next(passed), least, most, sampled=True)
    for row in rows:
        if _passes(row):
            end = (rows[-1].layer, rows[-1].range)
            return Judgement("unstable", row.layer, least, most, True, row.range, end)
    return Judgement("stable", None, least, most, sampled=True)


def _passes(row: _Row) -> bool:
    """Whether some of 95 of 100 draws are out of the bounds."""
    return row.range is None or row.range.low < 1.0 / LIMIT or row.range.high > LIMIT
