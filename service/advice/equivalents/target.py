"""What a line of code has to make: the recommended distribution and its numbers."""

import math
from dataclasses import dataclass

from service.advice.decision import Decision
from service.advice.equivalents.notation import Scale
from service.initializers.fans import Fans, Weight, fan_number
from service.initializers.layers import LAYERS
from service.plan import Facts
from service.stream.draws import Constant, Elementwise, Orthogonal

TWO_SIGMA = (-2.0, 2.0)
"""Where Keras, JAX, Flax and TensorFlow.js cut a normal unless they are told otherwise."""

_SAME = 1e-9
"""Relative. Numbers that differ by less are the same number, computed in another order."""

_SAME_GAIN = 2e-8
"""Relative. ReLU6's exact gain differs from ReLU's by 4e-9, which no float32 weight shows."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a line has to make.

    `kind` is the distribution, or `identity` or `dirac`. It is None for values that no line makes:
    other functions of the position, values that repeat, and blocks with laws of their own. `std`
    and `gain` are written with the fans and the number of branches if the recommendation goes by
    them. `mode` is None unless std = gain / sqrt(n) with n = `mode`. `slope` is that of the
    activation on the layer's input, None if it takes none.
    """

    kind: str | None
    facts: Facts
    weight: Weight
    mode: str | None
    gain: Scale
    std: Scale
    slope: float | None

    @property
    def limit(self) -> Scale:
        """sqrt(3) std, the limit of a uniform distribution about 0."""
        std = self.std
        return Scale(std.gain, 3 * std.above, std.fans, std.branches)

    @property
    def centre(self) -> float:
        """The mean of the values, or of the normal before it was cut."""
        facts = self.facts
        if facts.bounds is None or facts.low is None or not facts.parent_std:
            return facts.mean or 0.0
        centre = facts.low - facts.bounds[0] * facts.parent_std
        return 0.0 if abs(centre) < _SAME * facts.parent_std else centre

    @property
    def parts(self) -> int:
        """The number of blocks fused along O."""
        parts = self.weight.parts
        return parts if isinstance(parts, int) else len(parts)

    @property
    def cut_at_two(self) -> bool:
        """Whether the values are not cut, or cut at two standard deviations about the mean."""
        return self.facts.bounds in (None, TWO_SIGMA)

    def has_gain(self, gain: float) -> bool:
        """Whether the gain is this one. A residual scaling is part of the gain."""
        return math.isclose(self.gain.value, gain, rel_tol=_SAME_GAIN)

    def counted_by(self, theirs: Fans | None) -> bool:
        """Whether a framework's own fans give the same n for this weight."""
        if self.mode is None or theirs is None:
            return False
        ours = fan_number(self.mode, self.facts.fan_in or 0.0, self.facts.fan_out or 0.0)
        return fan_number(self.mode, theirs.fan_in, theirs.fan_out) == ours

    def one_matrix(self, framework: str, rows: int) -> bool:
        """Whether a framework makes one orthogonal matrix of the weight as Fanin does.

        Fanin has the outputs on one side of the matrix and all else on the other. The framework
        has axis `rows` of its own layout, the first or the last one, on one side. For two axes
        this is the same.
        """
        weight = self.weight
        copies = "E" in weight.letters and weight.layer != "embedding"
        if copies or self.parts > 1:
            return False
        if len(weight.shape) == 2:
            return True
        letters = LAYERS[weight.layer].letters.get(framework, "") if weight.layer else ""
        return sorted(letters) == sorted(weight.letters) and letters[rows] == "O"


def target_of(decision: Decision) -> Target:
    """What makes the recommended weights."""
    facts, context = decision.facts, decision.context
    scaled = _follows_fans(facts)
    branches = _branches(decision)
    widened = math.sqrt(math.prod(branches))
    std = Scale((facts.std or 0.0) * widened, branches=branches)
    if scaled:
        std = _scale_of_fans(facts, widened, branches)
    activation, given = context.input_activation, context.question.negative_slope
    slope = activation.slope if given is None else given
    return Target(
        kind=_kind(decision),
        facts=facts,
        weight=context.weight,
        mode=facts.mode if scaled else None,
        gain=Scale((facts.gain or 1.0) * widened, branches=branches),
        std=std,
        slope=slope if activation.takes_slope else None,
    )


def _kind(decision: Decision) -> str | None:
    tensor, facts = decision.plan.tensor, decision.facts
    draw = tensor.law.draw
    if len(tensor.blocks) > 1:
        return None
    if isinstance(draw, Constant):
        return "constant"
    if isinstance(draw, Orthogonal):
        return "orthogonal" if draw.kernel == 1 else None
    if facts.scheme in ("identity", "dirac"):
        return "dirac" if len(tensor.spec.shape) > 2 else facts.scheme
    return facts.distribution if isinstance(draw, Elementwise) else None


def _follows_fans(facts: Facts) -> bool:
    """Whether std = gain / sqrt(n), with n the fan or the average of fans that `mode` names."""
    if not (facts.gain and facts.mode and facts.std):
        return False
    n = fan_number(facts.mode, facts.fan_in or 0.0, facts.fan_out or 0.0)
    return n > 0 and math.isclose(facts.gain / math.sqrt(n), facts.std, rel_tol=_SAME)


def _scale_of_fans(facts: Facts, widened: float, branches: tuple[int, ...]) -> Scale:
    gain, fan_in, fan_out = (facts.gain or 0.0) * widened, facts.fan_in or 0.0, facts.fan_out or 0.0
    if facts.mode == "fan_avg":
        return Scale(gain, 2, (fan_in, fan_out), branches)
    return Scale(gain, 1, (fan_number(facts.mode or "", fan_in, fan_out),), branches)


def _branches(decision: Decision) -> tuple[int, ...]:
    """The branches of a block and the depth: a residual scaling divides the variance by both.

    One branch is not written, and without such a scaling there is nothing.
    """
    depth, branches = decision.depth, decision.context.branches
    if decision.choice.gain_rule != "residual" or not depth:
        return ()
    return (branches, depth) if branches > 1 else (depth,)
