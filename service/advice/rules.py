"""The rules: which scheme and gain a layer calls for. The first rule that applies decides.

Each rule starts from Var(y) = n Var(w) E[x^2] of He et al. 2015, where x is what the layer reads.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from service.advice.context import LayerContext
from service.advice.variance_propagation import UNBOUNDED
from service.initializers import references as papers
from service.initializers.references import Reference

HEAD_FACTOR = 0.5
"""Part of the exact gain that an output layer gets: logits of std 1/2.

Two standard deviations are then 1, where sigmoid differs from its tangent at 0 by 0.02.
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rule chooses.

    `family` is a scheme, or the name of several schemes without `_normal` and `_uniform`; `plain`
    is the distribution itself with this `std`. `distribution` holds unless the question gives
    another. `gain` is None for a scheme without fans. `gain_rule` says what the gain is: `exact`,
    that of the activation on the input; `one`; `head`, a part of the exact one; `residual`, the
    gain divided by sqrt(2 depth); `deep_norm`, (8 depth)^-1/4.
    """

    family: str
    distribution: str
    reason: str
    references: tuple[Reference, ...]
    gain: float | None = None
    gain_rule: str | None = None
    std: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """`choose` makes the choice for contexts of which `applies` is true."""

    applies: Callable[[LayerContext], bool]
    choose: Callable[[LayerContext], Choice]


def choose(context: LayerContext) -> Choice:
    """The choice of the first rule that applies. The last rule applies to everything."""
    choice = next(rule for rule in RULES if rule.applies(context)).choose(context)
    depth = context.question.depth
    if context.question.residual != "pre_norm" or not context.writes_residual or depth is None:
        return choice
    if choice.gain is None:
        return choice
    # 2 depth branches of variance 1 / (2 depth) each add 1 to the variance of the stream.
    gain = choice.gain * math.sqrt(1.0 / (2.0 * depth))
    return replace(choice, gain=gain, gain_rule="residual")


def _bias(_: LayerContext) -> Choice:
    reason = (
        "A bias starts at 0: it need not break symmetry, and any other value shifts the input of "
        "the activation."
    )
    return Choice("zeros", "constant", reason, (papers.GLOROT_2010, papers.HE_2015))


def _scale(_: LayerContext) -> Choice:
    reason = (
        "The scale of a normalization starts at 1, which keeps the variance that the "
        "normalization has just set."
    )
    return Choice("ones", "constant", reason, (papers.IOFFE_2015,))


def _embedding(_: LayerContext) -> Choice:
    reason = (
        "An embedding looks up one row, so n = 1 and Var(y) = Var(w). With std 1 the next layer "
        "reads inputs of variance 1, for which its gain is made."
    )
    return Choice("plain", "normal", reason, (papers.RADFORD_2019,), std=1.0)


def _recurrent(_: LayerContext) -> Choice:
    reason = (
        "The same matrix acts at every step. With variance gain^2 / n its eigenvalues fill a disc "
        "of radius gain, so with gain 1 the state neither dies out nor explodes. Orthogonal "
        "weights do this exactly."
    )
    return Choice("lecun", "normal", reason, (papers.SAXE_2013, papers.LECUN_1998), 1.0, "one")


def _deep_norm(context: LayerContext) -> Choice:
    depth = context.question.depth or 1
    skip, gain = (2.0 * depth) ** 0.25, (8.0 * depth) ** -0.25
    reason = (
        f"With the normalization after the sum, DeepNorm keeps a deep stack stable. It computes "
        f"norm({skip:.6g} x + f(x)), where {skip:.6g} = (2 x {depth})^1/4. Feed-forward, value and "
        f"output projections have Glorot's weights with gain {gain:.6g} = (8 x {depth})^-1/4. "
        "Query and key projections keep gain 1."
    )
    choice = Choice("glorot", "normal", reason, (papers.WANG_2022,), gain, "deep_norm")
    return _balanced(context, choice)


def _head(context: LayerContext) -> Choice:
    gain = context.forward_gain * HEAD_FACTOR
    reason = (
        f"{context.input_activation.name} features are unbounded, and so are the logits. "
        f"Where |logit| is large, {context.output_activation.name} is flat and its "
        f"gradient is nearly 0. So the gain is {HEAD_FACTOR:g} of the one that keeps the variance, "
        f"which makes the variance of the logits {HEAD_FACTOR**2:g}."
    )
    cited = (papers.HE_2015, papers.LIN_2017)
    return Choice("variance_scaling", "normal", reason, cited, gain, "head")


def _first(_: LayerContext) -> Choice:
    reason = (
        "The first layer reads data, standardised to E[x^2] = 1, and needs no gradient of its "
        "input. So n = fan_in and the gain is 1. He et al. use sqrt(2) here too, which does no "
        "harm in a single layer."
    )
    return Choice("lecun", "normal", reason, (papers.LECUN_1998, papers.HE_2015), 1.0, "exact")


def _rectifier(context: LayerContext) -> Choice:
    reason = (
        f"{context.input_activation.name} turns a unit variance into E[x^2] = "
        f"{context.second_moment:.6g}. The weights make up for it: gain^2 = 2 / (1 + a^2), a being "
        "the slope below 0."
    )
    cited = (papers.HE_2015, papers.GLOROT_2010)
    return Choice("he", "normal", reason, cited, context.forward_gain, "exact")


def _selu(_: LayerContext) -> Choice:
    reason = (
        "With weights of variance 1 / n, the constants of SELU pull the mean to 0 and the variance "
        "to 1 in each layer. Use alpha dropout if any."
    )
    cited = (papers.KLAMBAUER_2017, papers.LECUN_1998)
    return Choice("lecun", "normal", reason, cited, 1.0, "exact")


def _odd(context: LayerContext) -> Choice:
    name, gain = context.input_activation.name, context.forward_gain
    reason = (
        f"Glorot's compromise between forward and backward takes {name} for its tangent at 0. "
        f"Gain {gain:.6g} = E[{name}(z)^2]^-1/2 makes up for the variance that {name} takes away. "
        "Any other variance moves back to 1 from layer to layer."
    )
    cited = (papers.GLOROT_2010, papers.POOLE_2016, papers.SCHOENHOLZ_2017)
    return _balanced(context, Choice("glorot", "uniform", reason, cited, gain, "exact"))


def _sigmoid(context: LayerContext) -> Choice:
    activation = context.input_activation
    reason = (
        f"{activation.name} is not centred, and its derivatives are small: E[f'^2] = "
        f"{activation.derivative_moment:.6g} and E[f^2] = {activation.second_moment:.6g}. So no "
        "gain keeps both activations and gradients. Glorot's weights on centred inputs are the "
        "best compromise."
    )
    cited = (papers.GLOROT_2010, papers.SCHOENHOLZ_2017)
    return _balanced(context, Choice("glorot", "uniform", reason, cited, 1.0, "one"))


def _exact(context: LayerContext) -> Choice:
    name, gain = context.input_activation.name, context.forward_gain
    reason = f"Gain {gain:.6g} = E[{name}(z)^2]^-1/2 keeps a unit variance through {name}."
    cited = (papers.HE_2015, papers.SCHOENHOLZ_2017)
    return Choice("variance_scaling", "normal", reason, cited, gain, "exact")


def _gated(context: LayerContext) -> Choice:
    name, gain = context.input_activation.name, context.forward_gain
    reason = (
        f"The down projection reads {name}, whose two halves are independent and of unit variance. "
        f"So E[x^2] = {context.second_moment:.6g} and the gain is {gain:.6g}. The up projections "
        "read a normalised stream and keep gain 1."
    )
    cited = (papers.SHAZEER_2020, papers.HE_2015)
    return Choice("variance_scaling", "normal", reason, cited, gain, "exact")


def _linear(context: LayerContext) -> Choice:
    reason = (
        "The layer reads no activation, so gain 1 keeps the variance: forward with n = fan_in, "
        "backward with n = fan_out. Glorot takes the average of the two."
    )
    choice = Choice("glorot", "uniform", reason, (papers.GLOROT_2010,), 1.0, "exact")
    return _balanced(context, choice)


def _balanced(context: LayerContext, choice: Choice) -> Choice:
    """The choice, with fan_in alone if there is no fan_out to average it with."""
    return choice if context.fan_out else replace(choice, family="lecun")


RULES: tuple[Rule, ...] = (
    Rule(lambda context: context.layer == "bias", _bias),
    Rule(lambda context: context.layer == "scale", _scale),
    Rule(lambda context: context.layer == "embedding", _embedding),
    Rule(lambda context: context.layer == "recurrent", _recurrent),
    Rule(
        lambda context: (
            context.writes_residual
            and context.question.residual == "post_norm"
            and context.question.depth is not None
        ),
        _deep_norm,
    ),
    Rule(lambda context: context.is_probability_head and context.family in UNBOUNDED, _head),
    Rule(
        lambda context: context.question.position == "first" and context.family == "linear", _first
    ),
    Rule(lambda context: context.family == "rectifier", _rectifier),
    Rule(lambda context: context.family == "selu", _selu),
    Rule(lambda context: context.family == "odd", _odd),
    Rule(lambda context: context.family == "sigmoid", _sigmoid),
    Rule(lambda context: context.family == "gated", _gated),
    Rule(lambda context: context.family in ("smooth", "softplus", "even"), _exact),
    Rule(lambda context: True, _linear),
)
"""In the order in which they are tried."""
