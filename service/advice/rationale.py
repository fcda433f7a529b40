"""The decision in a sentence, the equation behind it, and at most five sentences of reasons."""

import math
from collections.abc import Callable

from service.advice.decision import Decision, std_of
from service.advice.variance_propagation import (
    compounded,
    edge_of_chaos,
    variance_of_log_variance,
)
from service.plan import Facts

MOST_REASONS = 5

EXAMPLE_DEPTH = 30
"""Layers of an example if the question gives no depth. The page draws as many."""

Line = Callable[[Decision], str | None]


def decision_of(decision: Decision) -> str:
    """One sentence: the scheme with its numbers, and how the bias starts."""
    facts = decision.facts
    start = " as a start for calibration" if decision.unstable else ""
    text = f"Use {facts.scheme}{start}: {_drawn(decision, facts)}"
    bias = decision.choice.bias
    if bias.scheme == "uniform":
        limit = bias.std * math.sqrt(3.0)
        return f"{text}, with biases from U(-{limit:.6g}, {limit:.6g})."
    if bias.std > 0:
        return f"{text}, with biases from N(0, {bias.std:.6g}^2)."
    if decision.context.connects:
        return f"{text}, with biases of 0."
    return f"{text}."


def _drawn(decision: Decision, facts: Facts) -> str:
    """The distribution, with the number that sets it computed from gain and fan."""
    std = decision.std
    if facts.distribution == "constant":
        return f"every value is {facts.mean:.6g}"
    if facts.distribution == "orthogonal":
        return f"orthogonal rows or columns times gain {facts.gain:.6g}, so the std is {std:.6g}"
    if facts.distribution == "uniform" and facts.mean == 0 and facts.limit is not None:
        limit = f"limit {facts.limit:.6g}"
        if facts.gain is not None and facts.mode is not None:
            n = _number(facts, std)
            limit = f"limit = gain sqrt(3 / {facts.mode}) = {facts.gain:.6g} sqrt(3 / {n:.6g}) = "
            limit += f"{facts.limit:.6g}"
        return f"U(-limit, limit) with {limit}, so the std is {std:.6g}"
    name = "a truncated normal" if facts.distribution == "truncated_normal" else "N(0, std^2)"
    if facts.gain is None or facts.mode is None or decision.choice.gain is None:
        return f"{name} with std {std:.6g}"
    return (
        f"{name} with std = gain / sqrt({facts.mode}) = {facts.gain:.6g} / "
        f"sqrt({_number(facts, std):.6g}) = {std:.6g}"
    )


def _number(facts: Facts, std: float) -> float:
    """The n of std = gain sqrt(1/n)."""
    return ((facts.gain or 0.0) / std) ** 2


def equation_of(decision: Decision) -> str | None:
    """The variance after the layer, with the layer's numbers; None if the layer sums nothing."""
    context, std = decision.context, decision.std
    factor = decision.forward_factor(std)
    if factor is None or std == 0:
        return None
    if context.layer == "recurrent":
        return None
    # The authors' theory of SIREN leaves the biases out.
    bias = 0.0 if context.has_sine else decision.choice.bias.std**2
    omega = context.frequency
    names = "omega^2 " * (omega != 1) + "fan_in std^2 E[x^2]" + " + Var(b)" * (bias > 0)
    numbers = f"{omega * omega:.6g} x " * (omega != 1)
    numbers += f"{context.fan_in} x {std * std:.6g} x {context.second_moment:.6g}"
    numbers += f" + {bias:.6g}" * (bias > 0)
    return f"Var(y) = {names} = {numbers} = {factor + bias:.6g}"


def rationale_of(decision: Decision) -> tuple[str, ...]:
    """The reasons of the rule, then the lines of the table that apply, five in all at most."""
    lines = (line(decision) for line in _LINES)
    reasons = (*decision.choice.reasons, *(line for line in lines if line is not None))
    return reasons[:MOST_REASONS]


def _compared(decision: Decision) -> str | None:
    if decision.requested is None:
        return None
    std, recommended = std_of(decision.requested), decision.std
    factor = decision.forward_factor(std)
    facts = decision.requested.facts
    # Behind fixed values, such as those of a filter, the variance depends on the signal.
    fixed = facts.distribution == "deterministic"
    if factor is None or fixed or facts.mean != 0 or 0 in (std, recommended):
        return None
    if f"{std:.6g}" == f"{recommended:.6g}":
        return f"Your own std is the recommended one, {std:.6g}."
    layers = decision.depth or EXAMPLE_DEPTH
    passed = decision.through(factor, layers)
    deep = "" if passed is None else f", which leaves {_after(factor, layers)}"
    where = "in each layer" if decision.context.in_stack else "in this layer"
    return (
        f"Your own std of {std:.6g} multiplies the variance by {factor:.4g} {where}{deep}; the "
        f"recommended std is {recommended:.6g}."
    )


def _assumed(decision: Decision) -> str | None:
    context = decision.context
    if context.asked.input_activation is not None or not context.connects:
        return None
    if context.question.role is not None or context.input_activation is context.output_activation:
        return None
    if context.is_head and context.family == "linear":
        return (
            "The input is taken for features with E[x^2] = 1; if they come from ReLU, add "
            "input_activation=relu."
        )
    normalization = context.question.normalization
    behind = normalization in ("layer", "rms") and context.question.position != "first"
    if not behind or context.family != "linear":
        return None
    return (
        f"The input is taken for the output of {normalization} normalization; add "
        f"input_activation={context.output_activation.name} if an activation stands between."
    )


def _chaos(decision: Decision) -> str | None:
    context = decision.context
    pair = edge_of_chaos(context.input_activation)
    exact = decision.choice.gain_rule == "exact"
    if context.family != "odd" or pair is None or not exact or not context.in_stack:
        return None
    chi = context.input_activation.derivative_moment / context.input_activation.second_moment
    layers = decision.depth or EXAMPLE_DEPTH
    grown = f", to {_power(chi, layers - 1)} from layer {layers} back to layer 1"
    return (
        f"In layers of equal width gradients grow by chi_1 = gain^2 E[f'^2] = {chi:.6g} a layer"
        f"{grown if layers > 1 else ''}."
    )


def _stability(decision: Decision) -> str | None:
    context, slope = decision.context, decision.context.variance_slope
    curved = context.family in ("smooth", "softplus", "even", "gated", "selu")
    if not curved or not context.in_stack or decision.choice.gain_rule != "exact":
        return None
    if decision.unstable:
        return None
    verdict = "more than a few layers need a normalization"
    if slope <= 1:
        chi = context.forward_gain**2 * context.input_activation.derivative_moment
        verdict = f"the variance is stable, while that of gradients changes by {chi:.4g} a layer"
    return f"Each layer multiplies a deviation of the variance from 1 by {slope:.4g}, so {verdict}."


def _why_not_glorot(decision: Decision) -> str | None:
    context = decision.context
    if decision.choice.family != "he" or not context.in_stack:
        return None
    moment = context.second_moment
    if moment > 1 - 1e-9:
        return None
    layers = decision.depth or EXAMPLE_DEPTH
    return (
        "Glorot leaves E[x^2] out of its derivation: between layers of equal width it keeps "
        f"{moment:.6g} of the variance, which leaves {_after(moment, layers)}."
    )


def _finite_width(decision: Decision) -> str | None:
    context, depth, width = decision.context, decision.depth, decision.context.fan_in
    slope = context.variance_slope
    if depth is None or not width or not context.in_stack or slope > 1:
        return None
    # The places of an image become alike with depth, so the theory of dense layers does not hold.
    if decision.choice.gain_rule != "exact" or context.convolves:
        return None
    variance = variance_of_log_variance(slope, context.spread, width, depth)
    factor = math.exp(2.0 * min(variance, 1e4) ** 0.5)
    return (
        f"Because n = {width} is finite, 95 of 100 networks of {depth} layers have a variance "
        f"within a factor {factor:.4g} of the median."
    )


def _normalization(decision: Decision) -> str | None:
    context = decision.context
    kind = context.question.normalization
    if not context.norm_follows:
        return None
    return (
        f"Behind the layer {kind} normalization divides by the std of the output, so the std of "
        "the weights changes only how much the first steps turn them, and a std of 0.01 will do."
    )


def _backward(decision: Decision) -> str | None:
    context, std = decision.context, decision.std
    factor = decision.backward_factor(std)
    if factor is None or std == 0 or context.question.position in ("first", "output"):
        return None
    if context.layer == "recurrent" or _is_one_half(decision):
        return None
    if context.question.role == "attention_qkv" or _chaos(decision) is not None:
        return None
    moment, scaled = 1.0 / context.backward_gain**2, context.frequency * std
    name = "std" if context.frequency == 1 else "(omega std)"
    return (
        f"Backward, the layer multiplies the variance of a gradient by fan_out {name}^2 E[f'^2] = "
        f"{context.fan_out} x {scaled * scaled:.6g} x {moment:.6g} = {factor:.6g}."
    )


def _is_one_half(decision: Decision) -> bool:
    """Whether the weight makes a part of a gated unit, whose halves have gradients of their own."""
    context = decision.context
    return context.output_activation.family == "gated" and context.weight.parts != 2


def _bias(decision: Decision) -> str | None:
    context = decision.context
    if not context.connects or decision.choice.bias.std > 0:
        return None
    if context.is_head:
        return _bias_of_head(decision)
    if context.layer == "recurrent":
        if context.family == "rectifier":
            return None
        return (
            "Biases are 0, but in an LSTM that of the forget gate is 1 (scheme forget_gate_bias), "
            "in one of PyTorch's two bias vectors."
        )
    if context.norm_follows and context.question.normalization == "batch":
        return "The bias may be left out, because batch normalization subtracts it."
    return None


def _bias_of_head(decision: Decision) -> str | None:
    """The logits of the classes' frequencies, if the layer makes logits."""
    if decision.context.output_activation.name == "softmax":
        return "The bias is 0, or ln p for a class of frequency p if classes are uneven."
    if decision.context.is_probability_head:
        return (
            "The bias is 0, or ln(p / (1 - p)) for an outcome of frequency p (scheme prior_bias)."
        )
    return None


_LINES: tuple[Line, ...] = (
    _compared,
    _chaos,
    _stability,
    _why_not_glorot,
    _assumed,
    _bias,
    _finite_width,
    _normalization,
    _backward,
)
"""In the order of their weight: the first ones that apply are told."""


def _after(factor: float, layers: int) -> str:
    return f"{_power(factor, layers)} after {layers} layers"


def _power(factor: float, layers: int) -> str:
    through = compounded(factor, layers)
    return "more than float64 holds" if through is None else f"{through:.3g}"
