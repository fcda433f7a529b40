"""How activations answer to a variance that is not 1, which decides how deep a gain carries.

With V(q) = gain^2 E[f(sqrt(q) z)^2], z ~ N(0, 1), and the gain that makes V(1) = 1: a layer
multiplies a small deviation of q from 1 by V'(1) (Poole et al. 2016, Schoenholz et al. 2017).
"""

from dataclasses import dataclass
from typing import Literal

from service.initializers.activations import ACTIVATIONS

Kind = Literal["linear", "rectifier", "selu", "odd", "sigmoid", "softplus", "smooth", "gated"]


@dataclass(frozen=True, slots=True)
class Response:
    """`slope` is V'(1) = E[f f' z] / E[f^2]: below 1 deviations die out, above 1 they grow.

    `spread` is E[f^4] / E[f^2]^2, by which a layer of finite width n is off: the logarithm of
    the variance moves with variance (spread - 1) / n (Hanin and Nica 2019). Of a gated unit both
    are its output's, whose variance goes with that of both halves.
    """

    kind: Kind
    slope: float
    spread: float


RESPONSES: dict[str, Response] = {
    "linear": Response("linear", 1.0, 3.0),
    "relu": Response("rectifier", 1.0, 6.0),
    "relu6": Response("rectifier", 1.0, 6.0),
    "leaky_relu": Response("rectifier", 1.0, 5.9988),
    "prelu": Response("rectifier", 1.0, 5.33564),
    "elu": Response("smooth", 0.890968, 3.776022),
    "selu": Response("selu", 0.782648, 2.50314),
    "gelu": Response("smooth", 1.144063, 7.215614),
    "gelu_tanh": Response("smooth", 1.144298, 7.217834),
    "silu": Response("smooth", 1.172594, 7.261746),
    "mish": Response("smooth", 1.076339, 6.349416),
    "tanh": Response("odd", 0.461071, 1.627291),
    "sigmoid": Response("sigmoid", 0.106341, 1.5289),
    "softplus": Response("softplus", 0.492053, 2.754529),
    "softsign": Response("odd", 0.476712, 1.587787),
    "hardswish": Response("smooth", 1.22392, 7.671016),
    "hardsigmoid": Response("sigmoid", 0.097119, 1.377594),
    "sin": Response("odd", 0.313035, 1.644493),
    "relu_squared": Response("smooth", 2.0, 23.333333),
    "hardtanh": Response("odd", 0.385127, 1.613168),
    "erf": Response("odd", 0.408567, 1.559839),
    "softmax": Response("linear", 1.0, 3.0),
    "glu": Response("gated", 1.106341, 4.586699),
    "reglu": Response("gated", 2.0, 18.0),
    "geglu": Response("gated", 2.144063, 21.646843),
    "swiglu": Response("gated", 2.172594, 21.785239),
    "bilinear": Response("gated", 2.0, 9.0),
}
"""Of each activation with its usual slope; the tests derive the numbers again by quadrature."""

UNBOUNDED: frozenset[Kind] = frozenset({"rectifier", "selu", "softplus", "smooth", "gated"})
"""Kinds that let large inputs through; what is linear is taken for data or normalised features."""

SCALE_FREE: frozenset[Kind] = frozenset({"linear", "rectifier"})
"""Kinds with V(q) = q V(1): what a gain does to one layer it does to each."""


def edge_of_chaos(name: str) -> tuple[float, float] | None:
    """Gain and bias std with which variance 1 stays and gradients keep theirs; None without.

    gain^2 = 1 / E[f'^2], bias variance = 1 - E[f^2] / E[f'^2] (Schoenholz et al. 2017);
    nothing for gated units, nor where the bias would need no width or a negative one.
    """
    activation = ACTIVATIONS[name]
    variance = 1.0 - activation.second_moment / activation.derivative_moment
    if RESPONSES[name].kind in ("gated", "linear") or variance < 1e-6:
        return None
    return activation.backward_gain, variance**0.5


def spread_of(name: str, slope: float) -> float:
    """The spread of an activation whose slope below 0 is `slope`, where it takes one.

    Of leaky ReLU, 6 (1 + a^4) / (1 + a^2)^2, in a form that no slope overflows.
    """
    if not ACTIVATIONS[name].takes_slope:
        return RESPONSES[name].spread
    part = 1.0 / (1.0 + slope * slope)
    return 6.0 * (1.0 - 2.0 * part * (1.0 - part))


def wandering(slope: float, spread: float, width: float, layers: int) -> float:
    """Variance of the logarithm of the variance after `layers` of `width` inputs, slope at most 1.

    Each adds (spread - 1) / width, which every later one multiplies by slope^2.
    """
    ratio = slope * slope
    added = layers if ratio == 1 else (1.0 - ratio**layers) / (1.0 - ratio)
    return (spread - 1.0) / width * added


def compounded(factor: float, layers: int) -> float | None:
    """factor^layers; None where float64 cannot hold it."""
    try:
        return factor**layers
    except OverflowError:
        return None
