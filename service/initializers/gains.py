"""Gains: the std of a weight is gain sqrt(1/n), and the gain depends on the activation.

The rule `exact` preserves the mean square of the forward pass, and `backward` that of the gradient.
The rule `variance` divides by the standard deviation of the activation's output instead of its root
mean square. It is for layers whose weights sum to 0 over the inputs of each output, as with weight
standardisation, because such weights do not pass the mean on (Brock et al. 2021, Characterizing
signal propagation). The rule `pytorch` is the table of `torch.nn.init.calculate_gain`.
"""

import math

from service.errors import ImpossibleError, Problem
from service.initializers.activations import ACTIVATIONS, Activation
from service.initializers.unknown_words import unknown_word

GAIN_RULES = ("exact", "backward", "pytorch", "variance")

_TWO_PI_OVER_PI_LESS_1 = float.fromhex("0x1.77898643dc9c6p+1")
_TWO_OVER_PI_LESS_1 = float.fromhex("0x1.de26190f72717p-1")


def rectifier_gain(slope: float) -> float:
    """The forward and the backward gain of leaky ReLU: sqrt(2 / (1 + a^2)), a the slope.

    Slope 0 is ReLU. The float64 operations are those of the formula, in this order, because the
    result reaches the issued bytes. He et al. 2015, Delving Deep into Rectifiers, eqs. 10 and 15.
    """
    return math.sqrt(2.0 / (1.0 + slope * slope))


def rectifier_variance_gain(slope: float) -> float:
    """The variance gain of leaky ReLU: sqrt(2 pi / ((pi - 1) (1 + a^2) + 2 a)), a the slope.

    It is sqrt(A / (1 + a^2 + B a)) with A = 2 pi / (pi - 1) and B = 2 / (pi - 1), in this order of
    operations, because the result reaches the issued bytes. The denominator is above 0 for every a.
    """
    return math.sqrt(_TWO_PI_OVER_PI_LESS_1 / (1.0 + slope * slope + _TWO_OVER_PI_LESS_1 * slope))


def gain_of(activation: Activation, rule: str, negative_slope: float) -> float:
    """The gain of `activation` by `rule`. Activations that take no slope ignore `negative_slope`.

    Raises ImpossibleError (`no_pytorch_gain`) if PyTorch has no gain for the activation, and
    UnreadableError (`unknown_word`) for an unknown rule.
    """
    by_rule = {
        "exact": activation.gain,
        "backward": activation.backward_gain,
        "pytorch": activation.pytorch_gain,
        "variance": activation.variance_gain,
    }
    if rule not in by_rule:
        raise unknown_word("gain_rule", rule, by_rule, {"torch": "pytorch"}, "activations")
    gain = by_rule[rule]
    if gain is None:
        raise _no_pytorch_gain(activation)
    if not activation.takes_slope:
        return gain
    of_slope = rectifier_variance_gain if rule == "variance" else rectifier_gain
    return of_slope(negative_slope)


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
