"""Gains: the factor by which a nonlinearity makes its layer's weights wider than sqrt(1/n).

`exact` keeps the forward variance, `backward` the gradient's, `pytorch` is PyTorch's table.
"""

import math

from service.errors import ImpossibleError, Problem
from service.initializers.activations import ACTIVATIONS, Activation
from service.initializers.words import unknown_word

GAIN_RULES = ("exact", "backward", "pytorch")


def rectifier_gain(slope: float) -> float:
    """sqrt(2 / (1 + a^2)) in float64, in this order: forward and backward gain of leaky ReLU.

    He et al. 2015, Delving Deep into Rectifiers, eqs. 10 and 15; slope 0 is ReLU.
    """
    return math.sqrt(2.0 / (1.0 + slope * slope))


def gain_of(activation: Activation, rule: str, negative_slope: float) -> float:
    """The gain of `activation` by `rule`; only activations that take a slope look at it.

    Raises ImpossibleError (`no_pytorch_gain`) where PyTorch has none and UnreadableError
    (`unknown_word`) for a rule that does not exist.
    """
    numbers = (activation.gain, activation.backward_gain, activation.pytorch_gain)
    by_rule = dict(zip(GAIN_RULES, numbers, strict=True))
    if rule not in by_rule:
        raise unknown_word("gain_rule", rule, by_rule, {"torch": "pytorch"}, "activations")
    gain = by_rule[rule]
    if gain is None:
        raise _no_pytorch_gain(activation)
    return rectifier_gain(negative_slope) if activation.takes_slope else gain


def scheme_gain(kind: str, activation: Activation, rule: str, negative_slope: float) -> float:
    """The gain of a scheme whose record says `kind`, where the request gives none itself.

    `one` is 1, `he` the rectifier's (slope 0 unless the activation takes one), `activation` is
    `gain_of`, whose errors it raises.
    """
    if kind == "one":
        return 1.0
    if kind == "he":
        return rectifier_gain(negative_slope if activation.takes_slope else 0.0)
    return gain_of(activation, rule, negative_slope)


def _no_pytorch_gain(activation: Activation) -> ImpossibleError:
    known = ", ".join(a.name for a in ACTIVATIONS.values() if a.pytorch_gain is not None)
    return ImpossibleError(
        "no_pytorch_gain",
        Problem(
            "gain_rule",
            f"PyTorch has no gain for {activation.name}, only for {known}",
            f"leave gain_rule out for the exact gain, which is {activation.gain:.6g}",
        ),
    )
