"""A case: a situation with what was chosen for it and what that comes to in numbers."""

import math
from dataclasses import dataclass

from service.advice.issuing import std_of
from service.advice.rules import Choice
from service.advice.situation import Situation
from service.advice.variance_propagation import SCALE_FREE, compounded
from service.plan import Facts, Plan


@dataclass(frozen=True, slots=True)
class Case:
    """`plan` is that of the recommendation; `own` of the asker's choice, where there is one."""

    situation: Situation
    choice: Choice
    plan: Plan
    own: Plan | None
    max_bytes: int

    @property
    def facts(self) -> Facts:
        """What is true of the recommended values."""
        return self.plan.facts

    @property
    def std(self) -> float:
        """The recommended std."""
        return std_of(self.plan)

    @property
    def depth(self) -> int | None:
        """The number of layers or blocks, where it was given."""
        return self.situation.question.depth

    def forward_factor(self, std: float) -> float | None:
        """Var(y) / 1 = fan_in std^2 E[x^2]: what a layer of this std makes of a unit variance."""
        if not self.situation.connects or self.situation.fan_in is None:
            return None
        return finite(self.situation.fan_in * std * std * self.situation.second_moment)

    def backward_factor(self, std: float) -> float | None:
        """fan_out std^2 E[f'^2]: what a layer of this std makes of a gradient's variance."""
        if not self.situation.connects or self.situation.fan_out is None:
            return None
        gain = self.situation.backward_gain
        return finite(self.situation.fan_out * std * std / (gain * gain))

    def through(self, factor: float | None, layers: int | None) -> float | None:
        """What the factor comes to after the layers; None unless it is the same in each."""
        situation = self.situation
        hidden = situation.question.position == "hidden" and not situation.normalised
        if factor is None or layers is None or not hidden or situation.family not in SCALE_FREE:
            return None
        return compounded(factor, layers)


def finite(number: float) -> float | None:
    """The number, if JSON can carry it."""
    return number if math.isfinite(number) else None
