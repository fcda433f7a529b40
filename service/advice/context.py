"""What a question says about a layer: its fans, and the activations before and after it.

The forward variance depends on the activation on the layer's input, the backward variance on the
activation on its output (He et al. 2015).
"""

from dataclasses import dataclass

from service.advice.question import Question
from service.advice.understanding import (
    Understood,
    activations_of,
    completed,
    gives_probabilities,
)
from service.advice.variance_propagation import spread_of
from service.errors import ImpossibleError, Problem
from service.fields import ADDRESS_FIELDS, FAN_FIELDS, LAYER_FIELDS, Spec
from service.initializers.activations import ACTIVATIONS, Activation, Family
from service.initializers.fans import Weight, refuse_impossible
from service.initializers.gains import gain_of
from service.initializers.layers import LAYERS
from service.initializers.schemes import AUTO, SCHEMES
from service.plan.laws import ambiguous_axes, laws_of, weight_of
from service.plan.placement import Placement, place

OF_THE_LAYER = (
    *FAN_FIELDS,
    *("depth", "branches", "branch_layers", "layer_index", "base_fan_in", "omega"),
)
"""Fields of schemes that describe the layer, so a question may have them with any scheme."""

ONE_FAN_OUT = ("attention_qkv", "mlp_gate_up")
"""Roles of fused weights, whose blocks may have different heights."""

TRANSFORMER_BRANCHES = 2
"""The residual branches of a Transformer's block. A block of convolutions has one."""


@dataclass(frozen=True, slots=True)
class LayerContext:
    """A layer and its place in the network.

    `question` is completed, and `asked` is what the client sent. `forward_gain` is the exact gain
    of the input's activation, `backward_gain` the backward gain of the output's. `fan_in` and
    `fan_out` are None for a tensor that has none. `letters` is the layout, None if nothing says
    what the axes are.
    """

    question: Question
    asked: Question
    weight: Weight
    letters: str | None
    fan_in: float | None
    fan_out: float | None
    input_activation: Activation
    output_activation: Activation
    forward_gain: float
    backward_gain: float

    @property
    def layer(self) -> str | None:
        """The layer that the tensor belongs to; None if neither question nor shape says."""
        return self.weight.layer

    @property
    def family(self) -> Family:
        """The family of the activation on the layer's input."""
        return self.input_activation.family

    @property
    def variance_slope(self) -> float:
        """V'(1): a layer multiplies a small deviation of the variance from 1 by this factor."""
        return self.input_activation.variance_slope

    @property
    def spread(self) -> float:
        """E[f^4] / E[f^2]^2 of the activation on the layer's input, with the question's slope."""
        given = self.question.negative_slope
        slope = self.input_activation.slope if given is None else given
        return spread_of(self.input_activation, slope or 0.0)

    @property
    def second_moment(self) -> float:
        """E[x^2] of the layer's input x = f(z), z ~ N(0, 1)."""
        return 1.0 / (self.forward_gain * self.forward_gain)

    @property
    def connects(self) -> bool:
        """Whether the tensor is a weight between units: no bias, scale or embedding."""
        return self.layer is None or (LAYERS[self.layer].has_fans and self.layer != "embedding")

    @property
    def convolves(self) -> bool:
        """Whether the weight has kernel axes."""
        return any(letter in "DHW" for letter in self.letters or "")

    @property
    def is_head(self) -> bool:
        """Whether this is the output layer of the network."""
        return self.question.position == "output"

    @property
    def is_probability_head(self) -> bool:
        """Whether this is an output layer whose activation turns logits into probabilities."""
        return self.is_head and gives_probabilities(self.output_activation)

    @property
    def normalised(self) -> bool:
        """Whether a normalization or a residual stream resets the variance."""
        return self.question.normalization != "none" or self.question.residual != "none"

    @property
    def norm_follows(self) -> bool:
        """Whether a batch or group normalization divides by the std of this layer's output.

        In x + f(norm(x)) and x + f(x) nothing stands behind the last layer of a branch, and nothing
        behind an output layer.
        """
        question = self.question
        if question.normalization not in ("batch", "group") or self.is_head or not self.connects:
            return False
        return not self.writes_residual or question.residual == "branch_norm"

    @property
    def has_sine(self) -> bool:
        """Whether the layer is one of sin(omega (W x + b)), with a frequency that is given."""
        sines = (self.input_activation.name, self.output_activation.name)
        return self.question.omega is not None and "sin" in sines and self.connects

    @property
    def frequency(self) -> float:
        """The number by which the network multiplies the layer's output: omega of a sine layer."""
        is_sine = self.has_sine and self.output_activation.name == "sin"
        return (self.question.omega or 1.0) if is_sine else 1.0

    @property
    def in_stack(self) -> bool:
        """Whether the layer is one of a plain stack, without normalization or residual branches."""
        hidden = self.question.position == "hidden" and self.layer != "recurrent"
        return hidden and not self.normalised

    @property
    def in_branch(self) -> bool:
        """Whether the layer is in a residual branch."""
        inside = self.question.position in ("branch_first", "hidden", "branch_last")
        outside = self.question.role in ("router", "shortcut", "lora_a", "lora_b")
        return self.question.residual != "none" and inside and not outside

    @property
    def writes_residual(self) -> bool:
        """Whether the layer's output is added to a residual stream."""
        return self.in_branch and self.question.position == "branch_last"

    @property
    def branches(self) -> int:
        """The residual branches of a block."""
        return self.question.branches or (1 if self.convolves else TRANSFORMER_BRANCHES)

    @property
    def understood(self) -> Understood:
        """How the question was understood."""
        question = self.question
        return Understood(
            role=question.role,
            position=question.position or "hidden",
            residual=question.residual or "none",
            normalization=question.normalization or "none",
            input_activation=self.input_activation.name,
            activation=self.output_activation.name,
        )


def context_of(asked: Question) -> LayerContext:
    """The layer that the question describes.

    Raises ImpossibleError if layer, layout and shape disagree, if a field contradicts the role, if
    a weight has no fan_in, or if it has unequal parts.
    """
    question = completed(asked)
    placement = place(question)
    _refuse_parts_of_role(asked, question, placement)
    question = _with_equal_parts(question, placement)
    layer = placement.layer
    fan_in, fan_out = question.fan_in, question.fan_out
    before, after = activations_of(question)
    if layer is None and len(question.shape) == 3 and fan_in is None:
        gain = _gain("exact", question, before)
        spec = spec_of(question, scheme="variance_scaling", activation=before.name, gain=gain)
        message = "advice goes by the layer, and three axes fit several layers"
        if question.role is not None:
            message += "; weights of experts are EOI, or EIO as in JAX"
        raise ambiguous_axes(spec, f"{message}. Before any factor of depth")
    if not question.shape:
        message = "a number without axes belongs to no layer that there is advice for"
        hint = "write the extents of a weight, such as shape=512,256"
        raise ImpossibleError("no_fan", Problem("shape", message, hint))
    if layer is None or LAYERS[layer].has_fans:
        spec = spec_of(question, scheme="variance_scaling", gain=1.0)
        law = laws_of(spec, placement)[0].law
        fan_in, fan_out = law.fan_in, law.fan_out
    return LayerContext(
        question=question,
        asked=asked,
        weight=weight_of(question, placement),
        letters=placement.letters,
        fan_in=fan_in,
        fan_out=fan_out,
        input_activation=before,
        output_activation=after,
        forward_gain=_gain("exact", question, before),
        backward_gain=_gain("backward", question, after),
    )


def _refuse_parts_of_role(asked: Question, question: Question, placement: Placement) -> None:
    """Raises ImpossibleError if the outputs cannot be the blocks that the role fuses."""
    parts = question.parts
    if not isinstance(parts, int) or parts == asked.parts or placement.letters is None:
        return
    outputs = weight_of(question, placement).count("O")
    if outputs % parts == 0:
        return
    message = (
        f"{question.role} fuses {parts} blocks of one height, and {outputs} outputs do not divide"
    )
    single = "attention_query" if question.role == "attention_qkv" else "mlp_up"
    hint = f"ask for one block at a time, with its own shape and role={single}"
    raise ImpossibleError("conflicting_fields", Problem("role", message, hint))


def _with_equal_parts(question: Question, placement: Placement) -> Question:
    """The question with the number of its parts, where it lists equal ones.

    Raises ImpossibleError for unequal ones: each of them has fans, and so numbers, of its own.
    """
    if not isinstance(question.parts, tuple):
        return question
    if len(set(question.parts)) > 1:
        if question.role in ONE_FAN_OUT and question.residual != "post_norm":
            # Their advice goes by fan_in, which all blocks have in common.
            return question.model_copy(update={"parts": 1})
        message = "blocks of different heights have fans of their own, and advice is for one"
        hint = f"leave parts out, and ask for a shape of {question.parts[0]} outputs, then the next"
        if question.role in ONE_FAN_OUT:
            hint += ", with role=attention_query"
        raise ImpossibleError("conflicting_fields", Problem("parts", message, hint))
    refuse_impossible(weight_of(question, placement))
    return question.model_copy(update={"parts": len(question.parts)})


def spec_of(question: Question, **chosen: object) -> Spec:
    """The spec of the question's tensor, with the `chosen` scheme fields instead of its own.

    Fans, depth and the like are left out if the chosen scheme does not take them, and so is the
    slope if the activation does not.
    """
    values = {name: getattr(question, name) for name in ("shape", *LAYER_FIELDS, *ADDRESS_FIELDS)}
    scheme = chosen.get("scheme", AUTO)
    if scheme != AUTO:
        taken = (name for name in OF_THE_LAYER if name in SCHEMES[str(scheme)].fields)
        values |= {name: getattr(question, name) for name in taken}
    values |= chosen
    activation = values["activation"]
    if activation is not None and not ACTIVATIONS[activation].takes_slope:
        values["negative_slope"] = None
    return Spec.model_construct(**values)


def _gain(rule: str, question: Question, activation: Activation) -> float:
    slope = activation.slope if question.negative_slope is None else question.negative_slope
    return gain_of(activation, rule, slope or 0.0)
