"""A decision: the scheme chosen for a layer, and the plan of the tensor that it gives."""

import math
from dataclasses import dataclass

from service.advice.context import LayerContext, spec_of
from service.advice.question import Question
from service.advice.rules import Choice
from service.advice.variance_propagation import SCALE_FREE, compounded
from service.errors import ImpossibleError, Problem
from service.fields import Spec
from service.initializers.schemes import SCHEMES
from service.plan import Facts, Plan, plan

_FORMATS = ("npy", "safetensors", "raw")
"""In the order in which they are tried: the best known first."""

_OF_THE_FORMAT = ("format_cannot_carry_dtype", "format_cannot_carry_order", "reserved_name")
"""Reasons for which another format is tried."""

_SAME_GAIN = 1e-6
"""Relative. ReLU6's exact gain differs from He's by 4e-9, which no weight shows."""


DEEP = 10
"""With more layers than this, no gain is stable whose V'(1) is above 1."""

_MOST_GROWTH = 4.0
"""With fewer layers, a deviation of the variance may grow by this factor."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`plan` is that of the recommended tensor.

    `requested` is that of the scheme fields in the question, None if it has none. `max_bytes`
    bounds the values of every tensor that is planned, alternatives included.
    """

    context: LayerContext
    choice: Choice
    plan: Plan
    requested: Plan | None
    max_bytes: int

    @property
    def facts(self) -> Facts:
        """The statistics of the recommended tensor."""
        return self.plan.facts

    @property
    def std(self) -> float:
        """The recommended std."""
        return std_of(self.plan)

    @property
    def depth(self) -> int | None:
        """The number of layers or blocks; None if it was not given."""
        return self.context.question.depth

    @property
    def unstable(self) -> bool:
        """Whether the layers are so many that a deviation of the variance from 1 grows too far."""
        context, depth = self.context, self.depth
        slope = context.variance_slope
        if slope <= 1 or depth is None or not context.connects or not context.in_stack:
            return False
        return depth > DEEP or slope**depth > _MOST_GROWTH

    def forward_factor(self, std: float) -> float | None:
        """Var(y) = fan_in std^2 E[x^2]: the variance after a layer of this std, before it 1.

        A sine layer multiplies its output by omega, and the variance by omega^2.
        """
        if not self.context.connects or self.context.fan_in is None:
            return None
        scaled = self.context.frequency * std
        return finite(self.context.fan_in * scaled * scaled * self.context.second_moment)

    def backward_factor(self, std: float) -> float | None:
        """fan_out std^2 E[f'^2]: a layer of this std multiplies a gradient's variance by it."""
        if not self.context.connects or self.context.fan_out is None:
            return None
        gain, scaled = self.context.backward_gain, self.context.frequency * std
        return finite(self.context.fan_out * scaled * scaled / (gain * gain))

    def through(self, factor: float | None, layers: int | None) -> float | None:
        """factor^layers; None unless each of the layers has the same factor."""
        context = self.context
        if factor is None or layers is None or not context.in_stack:
            return None
        if context.family not in SCALE_FREE:
            return None
        return compounded(factor, layers)


def finite(number: float) -> float | None:
    """The number; None if JSON cannot carry it."""
    return number if math.isfinite(number) else None


def std_of(planned: Plan) -> float:
    """The std of the values.

    Raises ImpossibleError (`zero_fan`) for an empty tensor without one.
    """
    std = planned.facts.std
    if std is None:
        message = "an empty tensor has no fan to set a std by"
        hint = "write extents above 0; the tensor itself is served without advice"
        raise ImpossibleError("zero_fan", Problem("shape", message, hint))
    return std


def url_of(planned: Plan) -> str:
    """The path-absolute canonical URL, without a seed if none was given."""
    return planned.url


def planned(spec: Spec, max_bytes: int) -> Plan:
    """The plan of a spec in the first format that can carry it; raises what `plan` raises."""
    for format_name in _FORMATS[:-1]:
        try:
            return plan(spec, format_name, max_bytes=max_bytes)
        except ImpossibleError as error:
            if error.reason not in _OF_THE_FORMAT:
                raise
    return plan(spec, _FORMATS[-1], max_bytes=max_bytes)


def planned_or_none(question: Question, max_bytes: int, **fields: object) -> Plan | None:
    """The plan of the question's tensor with these scheme fields; None if it cannot be issued."""
    try:
        return planned(spec_of(question, **fields), max_bytes)
    except ImpossibleError:
        return None


def planned_choice(
    context: LayerContext, choice: Choice, distribution: str, max_bytes: int
) -> Plan:
    """The plan of a choice; raises ImpossibleError if the tensor cannot be issued.

    The URL has a gain only if the scheme's default is another.
    """
    fields = _scheme_fields(choice, distribution)
    fields["activation"] = context.input_activation.name
    bare = planned(spec_of(context.question, **fields), max_bytes)
    default = bare.facts.gain
    if (
        choice.gain is None
        or default is None
        or math.isclose(default, choice.gain, rel_tol=_SAME_GAIN)
    ):
        return bare
    return planned(spec_of(context.question, **fields, gain=choice.gain), max_bytes)


def issued(context: LayerContext, choice: Choice, max_bytes: int) -> tuple[Choice, Plan]:
    """The choice and its plan; the next one if Fanin cannot issue it.

    Raises ImpossibleError if the last choice cannot be issued either.
    """
    distribution = context.question.distribution or choice.distribution
    try:
        return choice, planned_choice(context, choice, distribution, max_bytes)
    except ImpossibleError:
        if choice.otherwise is None:
            raise
    return issued(context, choice.otherwise, max_bytes)


def _scheme_fields(choice: Choice, distribution: str) -> dict[str, object]:
    """The scheme fields of a choice with this distribution."""
    family = choice.family
    if family == "plain":
        return {"scheme": distribution, "std": choice.std}
    if family == "variance_scaling":
        return {"scheme": family, "distribution": distribution}
    if family in SCHEMES:
        takes = "distribution" in SCHEMES[family].fields
        drawn = {"distribution": distribution} if takes else {}
        return {"scheme": family, **drawn, **choice.fields}
    suffix = "uniform" if distribution == "uniform" else "normal"
    return {"scheme": f"{family}_{suffix}", "distribution": distribution}
