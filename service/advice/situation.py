"""What a question comes to: the layer, its fans, and the nonlinearities on both of its sides.

He et al. 2015: forward the nonlinearity on the layer's input counts, backward that on its output.
"""

from dataclasses import dataclass

from service.advice.question import Question
from service.advice.variance_propagation import spread_of
from service.fields import ADDRESS_FIELDS, FAN_FIELDS, LAYER_FIELDS, Spec
from service.initializers.activations import ACTIVATIONS, Activation, Family
from service.initializers.fans import Weight
from service.initializers.gains import gain_of
from service.initializers.layers import LAYERS
from service.initializers.schemes import AUTO, SCHEMES
from service.plan.placement import place
from service.plan.recipe import activation_of, ambiguous_axes, recipe_of, weight_of

_PROBABILITIES = ("sigmoid", "hardsigmoid", "softmax")
"""What a head makes of its logits; no layer would feed it with them."""


@dataclass(frozen=True, slots=True)
class Situation:
    """`input_activation` is the activation on the layer's input, `output_activation` that on its output.

    `forward_gain` is the exact gain of the one, `backward_gain` of the other. A fan is None where
    the layer has none, or no whole one.
    """

    question: Question
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
        """The layer that the tensor belongs to, as far as anything tells."""
        return self.weight.layer

    @property
    def family(self) -> Family:
        """The family of the activation on the layer's input."""
        return self.input_activation.family

    @property
    def variance_slope(self) -> float:
        """V'(1): the factor by which a layer multiplies a small deviation of the variance from 1."""
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
    input_activation, output_activation = _activations(question)
    if layer is None and len(question.shape) == 3 and fan_in is None:
        spec = spec_of(question, scheme=AUTO, activation=input_activation.name)
        raise ambiguous_axes(spec, "advice goes by the layer, and three axes fit several layers")
    if layer is None or LAYERS[layer].has_fans:
        spec = spec_of(question, scheme="variance_scaling", gain=1.0)
        recipe = recipe_of(spec, placement)
        fan_in, fan_out = recipe.fan_in, recipe.fan_out
    return Situation(
        question=question,
        weight=weight_of(question, placement),
        letters=placement.letters,
        fan_in=fan_in,
        fan_out=fan_out,
        input_activation=input_activation,
        output_activation=output_activation,
        forward_gain=_gain("exact", question, input_activation),
        backward_gain=_gain("backward", question, output_activation),
    )


def spec_of(question: Question, **chosen: object) -> Spec:
    """The question's tensor with these numbers of a scheme instead of its own.

    Fans and a slope are left out where the chosen scheme or activation takes none.
    """
    values = {name: getattr(question, name) for name in ("shape", *LAYER_FIELDS, *ADDRESS_FIELDS)}
    values |= chosen
    scheme = values.get("scheme", AUTO)
    if scheme != AUTO and set(FAN_FIELDS) <= set(SCHEMES[scheme].fields):
        values |= {name: getattr(question, name) for name in FAN_FIELDS}
    activation = values["activation"]
    if activation is not None and not ACTIVATIONS[activation].takes_slope:
        values["negative_slope"] = None
    return Spec.model_construct(**values)


def _activations(question: Question) -> tuple[Activation, Activation]:
    """The activations on the layer's input and on its output.

    A slope belongs to whichever of the two takes one; raises ImpossibleError where neither does.
    """
    given = question.input_activation
    if given is not None and ACTIVATIONS[given].takes_slope and question.activation is not None:
        output_activation = ACTIVATIONS[question.activation]
    else:
        output_activation = activation_of(question)
    if given is not None:
        return ACTIVATIONS[given], output_activation
    unknown = question.position == "output" and output_activation.name in _PROBABILITIES
    plain = unknown or question.position == "first"
    return ACTIVATIONS["linear"] if plain else output_activation, output_activation


def _gain(rule: str, question: Question, activation: Activation) -> float:
    slope = activation.slope if question.negative_slope is None else question.negative_slope
    return gain_of(activation, rule, slope or 0.0)
