"""How the variance of activations propagates through many layers.

A layer with the exact gain maps variance q of its input to V(q), and V(1) = 1. The record of an
activation has V'(1) as `variance_slope` and E[f^4] / E[f^2]^2 as `spread`.
"""

from service.initializers.activations import Activation, Family

UNBOUNDED: frozenset[Family] = frozenset({"rectifier", "selu", "softplus", "smooth", "gated"})
"""Families whose output is unbounded.

`linear` is not among them: it stands for data or for normalised features.
"""

SCALE_FREE: frozenset[Family] = frozenset({"linear", "rectifier"})
"""Families with V(q) = q V(1), so that every layer multiplies the variance by the same factor."""

_LEAST_BIAS_VARIANCE = 1e-6
"""Below this the bias variance is 0 but for rounding: E f^2 = E f'^2, as for ReLU."""


def edge_of_chaos(activation: Activation) -> tuple[float, float] | None:
    """Gain and bias std that keep variance 1 forward and the gradient's variance backward.

    gain^2 = 1 / E[f'^2], and the bias variance is 1 - E[f^2] / E[f'^2] (Schoenholz et al. 2017).
    None for linear and gated families, and if the bias variance would be 0 or negative.
    """
    variance = 1.0 - activation.second_moment / activation.derivative_moment
    if activation.family in ("gated", "linear") or variance < _LEAST_BIAS_VARIANCE:
        return None
    return activation.backward_gain, variance**0.5


def spread_of(activation: Activation, slope: float) -> float:
    """The spread of the activation with this slope below 0; `slope` is ignored if it takes none.

    For leaky ReLU it is 6 (1 + a^4) / (1 + a^2)^2. The form computed here overflows for no slope.
    """
    if not activation.takes_slope:
        return activation.spread
    part = 1.0 / (1.0 + slope * slope)
    return 6.0 * (1.0 - 2.0 * part * (1.0 - part))


def variance_of_log_variance(slope: float, spread: float, width: float, layers: int) -> float:
    """Variance of ln(variance) after `layers` of `width` inputs each; `slope` is at most 1.

    Each layer adds (spread - 1) / width. Each later layer multiplies that by slope^2, slope being
    V'(1).
    """
    ratio = slope * slope
    added = layers if ratio == 1 else (1.0 - ratio**layers) / (1.0 - ratio)
    return (spread - 1.0) / width * added


def compounded(factor: float, layers: int) -> float | None:
    """factor^layers; None if float64 overflows."""
    try:
        return factor**layers
    except OverflowError:
        return None
