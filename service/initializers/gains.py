"""Gains: the std of a weight is gain sqrt(1/n), and the gain depends on the activation.

The rule `exact` preserves the variance of the forward pass, and `backward` that of the gradient.
The rule `pytorch` is the table of `torch.nn.init.calculate_gain`.
"""

import math

from service.errors import ImpossibleError, Problem
from service.initializers.activations import ACTIVATIONS, Activation
from service.initializers.unknown_words import unknown_word

GAIN_RULES = ("exact", "backward", "pytorch")


def rectifier_gain(slope: float) -> float:
    """The forward and the backward gain of leaky ReLU: sqrt(2 / (1 + a^2)), a the slope.

    Slope 0 is ReLU. The float64 operations are those of the formula, in this order, because the
    result reaches the issued bytes. He et al. 2015, Delving Deep into Rectifiers, eqs. 10 and 15.
    """
    return math.sqrt(2.0 / (1.0 + slope * slope))


def gain_of(activation: Activation, rule: str, negative_slope: float) -> float:
    """The gain of `activation` by `rule`. Activations that take no slope ignore `negative_slope`.

    Raises ImpossibleError (`no_pytorch_gain`) if PyTorch has no gain for the activation, and
    UnreadableError (`unknown_word`) for an unknown rule.
    """
    numbers = (activation.gain, activation.backward_gain, activation.pytorch_gain)
    by_rule = dict(zip(GAIN_RULES, numbers, strict=True))
    if rule not in by_rule:
        raise unknown_word("gain_rule", rule, by_rule, {"torch": "pytorch"}, "activations")
    gain = by_rule[rule]
    if gain is None:
        raise _no_pytorch_gain(activation)
    return rectifier_gain(negative_slope) if activation.takes_slope else gain


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
