"""The verdict: whether the variance and the gradient keep their size through the network.

Both are judged on the path from input to output: within a residual branch they may have any size,
and so may the output layer's. The gradient is judged by its squared norm, which does not depend on
the widths of the layers.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from service.propagation.theory import Return, Step, band

Word = Literal["stable", "vanishing", "exploding", "unstable"]

LIMIT = 1000.0
"""A variance, or the squared norm of a gradient, is stable from 1 / LIMIT to LIMIT.

The standard deviation then changes by a factor of 32 at most.
"""


@dataclass(frozen=True, slots=True)
class Judgement:
    """`layer` is where the bound is passed first, from 1, None if it is not.

    `least` and `most` are over all layers that are judged.
    """

    word: Word
    layer: int | None
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict about the variances (forward) and the gradients (backward).

    `unstable`: the mean over many draws of the network stays within the bounds, but 95 of 100 draws
    do not.
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


def verdict_of(steps: tuple[Step, ...], returns: tuple[Return, ...]) -> Verdict:
    """The verdict about a network."""
    variances, gradients = [], []
    for number, (step, back) in enumerate(zip(steps, returns, strict=True), start=1):
        if back.norm is None or step.node.head:
            continue
        variances.append((number, step.stream.variance, step.stream.spread))
        gradients.append((number, back.norm, back.spread))
    return Verdict(_judged(variances), _judged(reversed(gradients)))


def _judged(found: Iterable[tuple[int, float, float]]) -> Judgement:
    """The judgement of (layer, number, spread), in the order in which they come about."""
    rows = list(found)
    least = min((number for _, number, _ in rows), default=1.0)
    most = max((number for _, number, _ in rows), default=1.0)
    for layer, number, _ in rows:
        if not 1.0 / LIMIT <= number <= LIMIT:
            word: Word = "vanishing" if number < 1.0 else "exploding"
            return Judgement(word, layer, least, most)
    for layer, number, spread in rows:
        low, high = band(number, spread) if math.isfinite(spread) else (0.0, math.inf)
        if low < 1.0 / LIMIT or high > LIMIT:
            return Judgement("unstable", layer, least, most)
    return Judgement("stable", None, least, most)
