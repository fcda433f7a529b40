"""The rules: which scheme and gain a situation calls for, the first that applies being the one.

Each rule argues with He et al.'s chain: Var(y) = n Var(w) E[x^2], x what the layer reads.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from service.advice import references as papers
from service.advice.situation import Situation
from service.advice.variance_propagation import UNBOUNDED
from service.initializers.references import (
    GLOROT_2010,
    HE_2015,
    KLAMBAUER_2017,
    LECUN_1998,
    Reference,
)

HEAD_FACTOR = 0.5
"""A head's logits of std 1/2: two of them either way, and sigmoid is within 0.02 of its tangent."""

_PROBABILITY_HEADS = ("sigmoid", "hardsigmoid", "softmax")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rule chooses: a family of schemes, the distribution unless another is wished, a gain.

    A family is a scheme without `_normal` or `_uniform`, or a scheme. `gain` is None for one
    without fans, which may have a `std`. `gain_rule` says what the gain is: `exact`, that of the
    activation on the input; `one`; `head`, a part of the exact one; `residual`, divided by
    sqrt(2 depth); `deep_norm`, (8 depth)^-1/4.
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
    """`choose` answers for the situations of which `applies` is true."""

    applies: Callable[[Situation], bool]
    choose: Callable[[Situation], Choice]


def choose(situation: Situation) -> Choice:
    """The choice of the first rule that applies; the last applies to everything."""
    choice = next(rule for rule in RULES if rule.applies(situation)).choose(situation)
    depth = situation.question.depth
    if situation.question.residual != "pre_norm" or not situation.writes_residual or depth is None:
        return choice
    if choice.gain is None:
        return choice
    # 2 depth writes of variance 1 / (2 depth) add 1 to the stream's variance.
    gain = choice.gain * math.sqrt(1.0 / (2.0 * depth))
    return replace(choice, gain=gain, gain_rule="residual")


def _bias(_: Situation) -> Choice:
    reason = "A bias starts at 0: it breaks no symmetry, and any other value shifts what it feeds."
    return Choice("zeros", "constant", reason, (GLOROT_2010, HE_2015))


def _scale(_: Situation) -> Choice:
    reason = "A normalization's scale starts at 1, which leaves the variance that it has just set."
    return Choice("ones", "constant", reason, (papers.IOFFE_2015,))


def _embedding(_: Situation) -> Choice:
    reason = (
        "An embedding looks one row up, so n = 1 and Var(y) = Var(w): with std 1 the next layer "
        "reads inputs of the variance that its gain is made for."
    )
    return Choice("plain", "normal", reason, (papers.RADFORD_2019,), std=1.0)


def _recurrent(_: Situation) -> Choice:
    reason = (
        "The same matrix acts at every step: with variance gain^2 / n its eigenvalues fill a disc "
        "of radius gain, so gain 1 neither lets the state die out nor explode. Orthogonal weights "
        "do it exactly."
    )
    return Choice("lecun", "normal", reason, (papers.SAXE_2013, LECUN_1998), 1.0, "one")


def _deep_norm(situation: Situation) -> Choice:
    depth = situation.question.depth or 1
    skip, gain = (2.0 * depth) ** 0.25, (8.0 * depth) ** -0.25
    reason = (
        f"With the norm after the sum a deep stack is stable as DeepNorm has it: "
        f"norm({skip:.6g} x + f(x)), {skip:.6g} = (2 x {depth})^1/4, and Glorot's weights with "
        f"gain {gain:.6g} = (8 x {depth})^-1/4 in feed-forward, value and output projections; "
        "query and key keep gain 1."
    )
    choice = Choice("glorot", "normal", reason, (papers.WANG_2022,), gain, "deep_norm")
    return _balanced(situation, choice)


def _head(situation: Situation) -> Choice:
    gain = situation.forward_gain * HEAD_FACTOR
    reason = (
        f"{situation.input_activation.name} features have no upper bound, so the logits have none either, "
        f"and where |logit| is large {situation.output_activation.name} is flat and its gradient gone. "
        f"Scale down: {HEAD_FACTOR:g} of the gain that would keep the variance makes the logits' "
        f"variance {HEAD_FACTOR**2:g}."
    )
    return Choice("variance_scaling", "normal", reason, (HE_2015, papers.LIN_2017), gain, "head")


def _first(_: Situation) -> Choice:
    reason = (
        "The first layer reads data, standardised to E[x^2] = 1, and no gradient is wanted beyond "
        "it: fan_in alone counts, with gain 1. He et al. keep their sqrt(2) even here, which one "
        "layer can bear."
    )
    return Choice("lecun", "normal", reason, (LECUN_1998, HE_2015), 1.0, "exact")


def _rectifier(situation: Situation) -> Choice:
    reason = (
        f"{situation.input_activation.name} lets E[x^2] = {situation.second_moment:.6g} of a unit variance "
        "through, which the weights make up for: gain^2 = 2 / (1 + a^2), a its slope below 0."
    )
    return Choice("he", "normal", reason, (HE_2015, GLOROT_2010), situation.forward_gain, "exact")


def _selu(_: Situation) -> Choice:
    reason = (
        "SELU's constants make 0 and 1 the mean and the variance that a layer of variance 1 / n "
        "returns to by itself. With alpha dropout, no other."
    )
    return Choice("lecun", "normal", reason, (KLAMBAUER_2017, LECUN_1998), 1.0, "exact")


def _odd(situation: Situation) -> Choice:
    name, gain = situation.input_activation.name, situation.forward_gain
    reason = (
        f"Glorot's compromise between forward and backward takes {name} for its tangent at 0; "
        f"gain {gain:.6g} = E[{name}(z)^2]^-1/2 makes up for what {name} takes from a unit "
        "variance, and pulls other variances back to 1."
    )
    cited = (GLOROT_2010, papers.POOLE_2016, papers.SCHOENHOLZ_2017)
    return _balanced(situation, Choice("glorot", "uniform", reason, cited, gain, "exact"))


def _sigmoid(situation: Situation) -> Choice:
    reason = (
        f"{situation.input_activation.name} is not centred and no steeper than 1/4: no gain keeps both its "
        "values and its gradients, so Glorot's weights on centred inputs are the least evil."
    )
    cited = (GLOROT_2010, papers.SCHOENHOLZ_2017)
    return _balanced(situation, Choice("glorot", "uniform", reason, cited, 1.0, "one"))


def _exact(situation: Situation) -> Choice:
    name, gain = situation.input_activation.name, situation.forward_gain
    reason = f"gain {gain:.6g} = E[{name}(z)^2]^-1/2 keeps a unit variance through {name}."
    cited = (HE_2015, papers.SCHOENHOLZ_2017)
    return Choice("variance_scaling", "normal", reason, cited, gain, "exact")


def _gated(situation: Situation) -> Choice:
    name, gain = situation.input_activation.name, situation.forward_gain
    reason = (
        f"The projection down reads {name}, whose halves are independent and of unit variance: "
        f"E[x^2] = {situation.second_moment:.6g}, so its gain is {gain:.6g}. The projections up "
        "read a normalised stream, and keep gain 1."
    )
    cited = (papers.SHAZEER_2020, HE_2015)
    return Choice("variance_scaling", "normal", reason, cited, gain, "exact")


def _linear(situation: Situation) -> Choice:
    reason = (
        "Nothing bends what the layer reads, so gain 1 keeps the variance: forward with n = "
        "fan_in, backward with n = fan_out, and Glorot takes the average."
    )
    choice = Choice("glorot", "uniform", reason, (GLOROT_2010,), 1.0, "exact")
    return _balanced(situation, choice)


def _balanced(situation: Situation, choice: Choice) -> Choice:
    """The choice, but by fan_in alone where there is no fan_out to average it with."""
    return choice if situation.fan_out else replace(choice, family="lecun")


RULES: tuple[Rule, ...] = (
    Rule(lambda s: s.layer == "bias", _bias),
    Rule(lambda s: s.layer == "scale", _scale),
    Rule(lambda s: s.layer == "embedding", _embedding),
    Rule(lambda s: s.layer == "recurrent", _recurrent),
    Rule(
        lambda s: (
            s.writes_residual
            and s.question.residual == "post_norm"
            and s.question.depth is not None
        ),
        _deep_norm,
    ),
    Rule(
        lambda s: (
            s.is_head and s.output_activation.name in _PROBABILITY_HEADS and s.family in UNBOUNDED
        ),
        _head,
    ),
    Rule(lambda s: s.question.position == "first" and s.family == "linear", _first),
    Rule(lambda s: s.family == "rectifier", _rectifier),
    Rule(lambda s: s.family == "selu", _selu),
    Rule(lambda s: s.family == "odd", _odd),
    Rule(lambda s: s.family == "sigmoid", _sigmoid),
    Rule(lambda s: s.family == "gated", _gated),
    Rule(lambda s: s.family in ("smooth", "softplus"), _exact),
    Rule(lambda s: True, _linear),
)
"""In this order; a new situation is one more row."""
