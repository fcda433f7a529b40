"""The reasons for a recommendation, in words and equations with the layer's own numbers."""

import math
from collections.abc import Callable

from service.advice.decision import Decision, std_of
from service.advice.variance_propagation import (
    compounded,
    edge_of_chaos,
    variance_of_log_variance,
)

_SHOWN_LAYERS = 30
"""Depth of an example if the question gives no depth."""


def rationale_of(decision: Decision) -> tuple[str, ...]:
    """The reason of the rule, then every line of the table that applies."""
    lines = (line(decision) for line in _LINES)
    return (decision.choice.reason, *(line for line in lines if line is not None))


def _forward(decision: Decision) -> str | None:
    context, std = decision.context, decision.std
    factor = decision.forward_factor(std)
    if factor is None:
        return None
    return (
        f"Forward: Var(y) = n Var(w) E[x^2] = {context.fan_in} x {std * std:.6g} x "
        f"{context.second_moment:.6g} = {factor:.6g}, with n = fan_in and independent weights of "
        f"mean 0. The input x is {context.input_activation.name} of a unit normal."
    )


def _assumed(decision: Decision) -> str | None:
    context = decision.context
    if context.question.input_activation is not None or not context.is_head:
        return None
    if context.input_activation is context.output_activation or not context.connects:
        return None
    return (
        "The question does not say which activation the output layer reads. Features with "
        f"E[x^2] = 1 are assumed, not those of another {context.output_activation.name}. If they "
        "come from ReLU, add input_activation=relu."
    )


def _backward(decision: Decision) -> str | None:
    context, std = decision.context, decision.std
    factor = decision.backward_factor(std)
    if factor is None or context.question.position != "hidden":
        return None
    moment = 1.0 / context.backward_gain**2
    return (
        "Backward: the layer multiplies the variance of a gradient by m Var(w) E[f'^2] = "
        f"{context.fan_out} x {std * std:.6g} x {moment:.6g} = {factor:.6g}, with m = fan_out and "
        f"f the {context.output_activation.name} on the output."
    )


def _variance_scaling(decision: Decision) -> str | None:
    facts, std = decision.facts, decision.std
    if facts.gain is None or facts.mode is None:
        return None
    number = (facts.gain / std) ** 2
    return (
        f"{facts.scheme} is a case of variance scaling, Var(w) = gain^2 / n with n = {facts.mode} "
        f"= {number:.6g}: std = gain sqrt(1/n) = {facts.gain:.6g} x sqrt(1/{number:.6g}) = "
        f"{std:.6g}. U(-a, a) has variance a^2 / 3, so uniform weights of this std have limit = "
        f"gain sqrt(3/n) = {std * 3**0.5:.6g}."
    )


def _why_not_glorot(decision: Decision) -> str | None:
    context = decision.context
    if decision.choice.family != "he" or not context.fan_in or not context.fan_out:
        return None
    average = (context.fan_in + context.fan_out) / 2
    moment = context.second_moment
    factor = context.fan_in / average * moment
    layers = decision.depth or _SHOWN_LAYERS
    return (
        "Why not Glorot: its derivation takes the activation for linear and leaves out E[x^2]. "
        f"Here it gives Var(y) = {context.fan_in} x 1/{average:.6g} x {moment:.6g} = {factor:.6g}. "
        f"Between layers of equal width the factor is {moment:.6g}, which leaves "
        f"{_after(moment, layers)}."
    )


def _chaos(decision: Decision) -> str | None:
    context = decision.context
    pair = edge_of_chaos(context.input_activation)
    if context.family != "odd" or pair is None or decision.choice.gain_rule != "exact":
        return None
    chi = context.input_activation.derivative_moment / context.input_activation.second_moment
    layers = decision.depth or _SHOWN_LAYERS
    return (
        "The cost is in the gradients: in layers of equal width their variance grows by chi1 = "
        f"gain^2 E[f'^2] = {chi:.6g} a layer, which makes {_after(chi, layers)}. The edge of "
        f"chaos, gain {pair[0]:.6g} with biases of std {pair[1]:.6g}, has chi1 = 1 at variance 1. "
        "Glorot's own gain 1 is right for small inputs, where the activation is nearly linear."
    )


def _stability(decision: Decision) -> str | None:
    context, slope = decision.context, decision.context.variance_slope
    curved = context.family in ("smooth", "softplus", "even", "gated", "selu")
    if not curved or context.normalised or decision.choice.gain_rule != "exact":
        return None
    verdict = "dies out, so deep stacks are stable"
    if slope == 1:
        verdict = "stays as it is"
    if slope > 1:
        verdict = "grows, so more than a few layers need a normalization"
    return f"Each layer multiplies a deviation of the variance from 1 by {slope:.4g}. It {verdict}."


def _finite_width(decision: Decision) -> str | None:
    context, depth, width = decision.context, decision.depth, decision.context.fan_in
    slope = context.variance_slope
    if depth is None or not width or context.normalised or slope > 1:
        return None
    if decision.choice.gain_rule != "exact" or context.question.position != "hidden":
        return None
    variance = variance_of_log_variance(slope, context.spread, width, depth)
    factor = math.exp(2.0 * min(variance, 1e4) ** 0.5)
    return (
        f"Finite width: after {depth} layers with n = {width}, the logarithm of the variance is "
        f"about N({-variance / 2:.4g}, {variance:.4g}). In 95 of 100 draws the variance of the "
        f"network is within a factor {factor:.4g} of its median."
    )


def _normalization(decision: Decision) -> str | None:
    kind = decision.context.question.normalization
    if kind == "none" or not decision.context.connects:
        return None
    return (
        f"{kind} normalization lowers the stakes: it divides by the std that the weights make, "
        "forward and backward, so a std of 0.01 will do as well. The std of the weights still "
        "decides how fast the first steps change their direction."
    )


def _residual(decision: Decision) -> str | None:
    depth = decision.depth
    if decision.choice.gain_rule != "residual" or depth is None:
        return None
    return (
        f"Each of the {depth} blocks adds two branches to the residual stream. The last weights of "
        f"both are multiplied by 1 / sqrt(2 x {depth}) = {(2.0 * depth) ** -0.5:.6g}, so all "
        f"branches together add 1 to its variance, not {2 * depth}. The other weights of a block "
        "keep the gain."
    )


def _recurrent_bias(decision: Decision) -> str | None:
    if decision.context.layer != "recurrent":
        return None
    return (
        "Biases are 0. The forget gate of an LSTM is the exception: its bias is 1, so that the "
        "LSTM keeps its state at the start."
    )


def _bias(decision: Decision) -> str | None:
    context = decision.context
    if not context.connects:
        return None
    if context.is_head:
        return (
            "The bias is 0. If classes are uneven, it is the logit of the class frequency, "
            "ln(p / (1 - p))."
        )
    if context.question.normalization == "batch":
        return "The bias is 0. It may be left out, because batch normalization subtracts it."
    return "The bias is 0: the random weights already break the symmetry."


def _compared(decision: Decision) -> str | None:
    if decision.requested is None:
        return None
    std, recommended = std_of(decision.requested), decision.std
    factor = decision.forward_factor(std)
    if factor is None or decision.requested.facts.mean != 0 or recommended == 0:
        return None
    layers = decision.depth or _SHOWN_LAYERS
    passed = decision.through(factor, layers)
    deep = "" if passed is None else f", which leaves {_after(factor, layers)}"
    return (
        f"Your own std of {std:.6g} is {std / recommended:.4g} times the recommended "
        f"{recommended:.6g}. One layer makes {factor:.4g} of a unit variance{deep}."
    )


def _after(factor: float, layers: int) -> str:
    through = compounded(factor, layers)
    number = "more than float64 holds" if through is None else f"{through:.3g}"
    return f"{number} after {layers} layers"


_LINES: tuple[Callable[[Decision], str | None], ...] = (
    _forward,
    _assumed,
    _backward,
    _variance_scaling,
    _why_not_glorot,
    _chaos,
    _stability,
    _residual,
    _finite_width,
    _normalization,
    _bias,
    _recurrent_bias,
    _compared,
)
