"""What a question comes to: the layer, its fans, and the nonlinearities on both of its sides.

He et al. 2015: forward the nonlinearity on the layer's input counts, backward that on its output.
"""

from dataclasses import dataclass

from service.advice.question import Question
from service.advice.responses import RESPONSES, Kind, spread_of
from service.errors import ImpossibleError, Problem
from service.initializers.activations import ACTIVATIONS, Activation
from service.initializers.gains import gain_of
from service.initializers.layers import LAYERS
from service.plan.placement import place
from service.plan.recipe import SCHEME_FIELDS, recipe_of
from service.spec import FIELDS, Spec

_PROBABILITIES = ("sigmoid", "hardsigmoid", "softmax")
"""What a head makes of its logits; no layer would feed it with them."""


@dataclass(frozen=True, slots=True)
class Situation:
    """`feeding` is the activation on the layer's input, `following` that on its output.

    `forward_gain` is the exact gain of the one, `backward_gain` of the other. A fan is None where
    the layer has none, or no whole one.
    """

    question: Question
    layer: str | None
    letters: str | None
    fan_in: int | None
    fan_out: int | None
    feeding: Activation
    following: Activation
    forward_gain: float
    backward_gain: float

    @property
    def kind(self) -> Kind:
        """The kind of the activation on the layer's input."""
        return RESPONSES[self.feeding.name].kind

    @property
    def slope(self) -> float:
        """By how much a layer multiplies a small deviation of the variance from 1."""
        return RESPONSES[self.feeding.name].slope

    @property
    def spread(self) -> float:
        """By how much a finite width lets the variance wander."""
        given = self.question.negative_slope
        return spread_of(self.feeding.name, self.feeding.slope or 0.0 if given is None else given)

    @property
    def second_moment(self) -> float:
        """E[x^2] of the layer's input x = f(z), z ~ N(0, 1)."""
        return 1.0 / (self.forward_gain * self.forward_gain)

    @property
    def connects(self) -> bool:
        """Whether the tensor is a weight between units, and not a bias, a scale or a lookup."""
        return self.layer is None or (LAYERS[self.layer].has_fans and self.layer != "embedding")

    @property
    def convolves(self) -> bool:
        """Whether the weight has kernel axes."""
        return any(letter in "DHW" for letter in self.letters or "")

    @property
    def is_head(self) -> bool:
        """Whether the layer's output leaves the network."""
        return self.question.position == "output"

    @property
    def normalised(self) -> bool:
        """Whether something on the way sets the variance right again."""
        return self.question.normalization != "none" or self.question.residual != "none"

    @property
    def writes_residual(self) -> bool:
        """Whether the layer's output is added to a residual stream."""
        return self.question.residual != "none" and self.question.position == "hidden"


def situation_of(question: Question) -> Situation:
    """The situation that the question describes.

    Raises ImpossibleError where layer, layout and shape disagree, or a weight has no fan_in.
    """
    placement = place(question)
    layer = placement.layer
    fan_in, fan_out = question.fan_in, question.fan_out
    if layer is None or LAYERS[layer].has_fans:
        weight = spec_of(question, scheme="variance_scaling", gain=1.0)
        recipe = recipe_of(weight, placement)
        fan_in, fan_out = recipe.fan_in, recipe.fan_out
    feeding = ACTIVATIONS[_input_activation(question)]
    following = ACTIVATIONS[question.activation]
    return Situation(
        question=question,
        layer=layer,
        letters=placement.letters,
        fan_in=fan_in,
        fan_out=fan_out,
        feeding=feeding,
        following=following,
        forward_gain=_gain("exact", question, feeding),
        backward_gain=_gain("backward", question, following),
    )


def spec_of(question: Question, **chosen: object) -> Spec:
    """The question's tensor with these scheme fields instead of its own."""
    values = {name: getattr(question, name) for name in FIELDS if name not in SCHEME_FIELDS}
    return Spec.model_construct(**values | chosen)


def _input_activation(question: Question) -> str:
    if question.input_activation is not None:
        return question.input_activation
    unknown = question.position == "output" and question.activation in _PROBABILITIES
    return "linear" if unknown or question.position == "first" else question.activation


def _gain(rule: str, question: Question, activation: Activation) -> float:
    slope = activation.slope if question.negative_slope is None else question.negative_slope
    gain = gain_of(activation, rule, slope or 0.0)
    if gain == 0:
        problem = Problem("negative_slope", "its square is beyond float64", "write 0.01")
        raise ImpossibleError("out_of_range", problem)
    return gain
