"""What a question comes to: the layer, its fans, and the nonlinearities on both of its sides.

He et al. 2015: forward the nonlinearity on the layer's input counts, backward that on its output.
"""

from dataclasses import dataclass

from service.advice.question import Question
from service.advice.responses import RESPONSES, Kind, spread_of
from service.errors import ImpossibleError, Problem
from service.fields import ADDRESS_FIELDS, FAN_FIELDS, LAYER_FIELDS, Spec
from service.initializers.activations import ACTIVATIONS, Activation
from service.initializers.fans import Weight
from service.initializers.gains import gain_of
from service.initializers.layers import LAYERS
from service.initializers.schemes import AUTO, SCHEMES
from service.plan.laws import activation_of, ambiguous_axes, laws_of, weight_of
from service.plan.placement import place

_PROBABILITIES = ("sigmoid", "hardsigmoid", "softmax")
"""What a head makes of its logits; no layer would feed it with them."""


@dataclass(frozen=True, slots=True)
class Situation:
    """`feeding` is the activation on the layer's input, `following` that on its output.

    `forward_gain` is the exact gain of the one, `backward_gain` of the other. A fan is None where
    the layer has none, or no whole one.
    """

    question: Question
    weight: Weight
    letters: str | None
    fan_in: float | None
    fan_out: float | None
    feeding: Activation
    following: Activation
    forward_gain: float
    backward_gain: float

    @property
    def layer(self) -> str | None:
        """The layer that the tensor belongs to, as far as anything tells."""
        return self.weight.layer

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
    _refuse_unequal_parts(question)
    placement = place(question)
    layer = placement.layer
    fan_in, fan_out = question.fan_in, question.fan_out
    feeding, following = _activations(question)
    if layer is None and len(question.shape) == 3 and fan_in is None:
        spec = spec_of(question, scheme=AUTO, activation=feeding.name)
        raise ambiguous_axes(spec, "advice goes by the layer, and three axes fit several layers")
    if layer is None or LAYERS[layer].has_fans:
        spec = spec_of(question, scheme="variance_scaling", gain=1.0)
        law = laws_of(spec, placement)[0].law
        fan_in, fan_out = law.fan_in, law.fan_out
    return Situation(
        question=question,
        weight=weight_of(question, placement),
        letters=placement.letters,
        fan_in=fan_in,
        fan_out=fan_out,
        feeding=feeding,
        following=following,
        forward_gain=_gain("exact", question, feeding),
        backward_gain=_gain("backward", question, following),
    )


def _refuse_unequal_parts(question: Question) -> None:
    """Each block of a fused weight has fans, and so numbers, of its own."""
    if isinstance(question.parts, tuple):
        message = "blocks of different heights have fans of their own, and advice is for one"
        hint = f"leave parts out, and ask for a shape of {question.parts[0]} outputs, then the next"
        raise ImpossibleError("conflicting_fields", Problem("parts", message, hint))


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
        following = ACTIVATIONS[question.activation]
    else:
        following = activation_of(question)
    if given is not None:
        return ACTIVATIONS[given], following
    unknown = question.position == "output" and following.name in _PROBABILITIES
    plain = unknown or question.position == "first"
    return ACTIVATIONS["linear"] if plain else following, following


def _gain(rule: str, question: Question, activation: Activation) -> float:
    slope = activation.slope if question.negative_slope is None else question.negative_slope
    return gain_of(activation, rule, slope or 0.0)
