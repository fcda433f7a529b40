"""The reasons in words and equations, with the case's own numbers filled in."""

import math
from collections.abc import Callable

from service.advice.case import Case
from service.advice.issuing import std_of
from service.advice.variance_propagation import compounded, edge_of_chaos, variance_of_log_variance

_SHOWN_LAYERS = 30
"""How deep an example goes where no depth was given."""


def rationale_of(case: Case) -> tuple[str, ...]:
    """The rule's reason, then every line of the table that applies."""
    lines = (line(case) for line in _LINES)
    return (case.choice.reason, *(line for line in lines if line is not None))


def _forward(case: Case) -> str | None:
    situation, std = case.situation, case.std
    factor = case.forward_factor(std)
    if factor is None:
        return None
    return (
        f"Forward: Var(y) = n Var(w) E[x^2] = {situation.fan_in} x {std * std:.6g} x "
        f"{situation.second_moment:.6g} = {factor:.6g}, n = fan_in, the weights independent and of "
        f"mean 0, and x what {situation.input_activation.name} makes of a unit normal."
    )


def _assumed(case: Case) -> str | None:
    situation = case.situation
    if situation.question.input_activation is not None or not situation.is_head:
        return None
    if situation.input_activation is situation.output_activation or not situation.connects:
        return None
    return (
        f"What feeds the head was not said: features of E[x^2] = 1 are assumed, not those of "
        f"another {situation.output_activation.name}. If they are a rectifier's, add input_activation."
    )


def _backward(case: Case) -> str | None:
    situation, std = case.situation, case.std
    factor = case.backward_factor(std)
    if factor is None or situation.question.position != "hidden":
        return None
    moment = 1.0 / situation.backward_gain**2
    return (
        f"Backward: a gradient's variance is multiplied by m Var(w) E[f'^2] = "
        f"{situation.fan_out} x {std * std:.6g} x {moment:.6g} = {factor:.6g}, m = fan_out, f the "
        f"{situation.output_activation.name} on the output."
    )


def _variance_scaling(case: Case) -> str | None:
    facts = case.facts
    if facts.gain is None or facts.mode is None:
        return None
    number = (facts.gain / case.std) ** 2
    limit = f"limit = gain sqrt(3/n) = {case.std * 3**0.5:.6g}"
    return (
        f"{facts.scheme} is a case of variance scaling, Var(w) = gain^2 / n with n = {facts.mode} "
        f"= {number:.6g}: std = gain sqrt(1/n) = {facts.gain:.6g} x sqrt(1/{number:.6g}) = "
        f"{case.std:.6g}. U(-a, a) has variance a^2 / 3, so uniform weights of that std have "
        f"{limit}."
    )


def _why_not_glorot(case: Case) -> str | None:
    situation = case.situation
    if case.choice.family != "he" or not situation.fan_in or not situation.fan_out:
        return None
    average = (situation.fan_in + situation.fan_out) / 2
    factor = situation.fan_in / average * situation.second_moment
    layers = case.depth or _SHOWN_LAYERS
    return (
        f"Why not Glorot: its derivation takes f for linear, so E[x^2] is missing: Var(y) = "
        f"{situation.fan_in} x 1/{average:.6g} x {situation.second_moment:.6g} = {factor:.6g}, "
        f"and {situation.second_moment:.6g} between layers of one width, which leaves "
        f"{_after(situation.second_moment, layers)}."
    )


def _chaos(case: Case) -> str | None:
    situation = case.situation
    pair = edge_of_chaos(situation.input_activation)
    if situation.family != "odd" or pair is None or case.choice.gain_rule != "exact":
        return None
    chi = situation.input_activation.derivative_moment / situation.input_activation.second_moment
    layers = case.depth or _SHOWN_LAYERS
    return (
        f"The price: in layers of one width gradients grow by chi1 = gain^2 E[f'^2] = {chi:.6g} a "
        f"layer backwards, which makes {_after(chi, layers)}. The edge of chaos, gain "
        f"{pair[0]:.6g} with biases of std {pair[1]:.6g}, has chi1 = 1 at variance 1. Gain 1, as "
        "Glorot has it, is right for small inputs, where the activation is linear."
    )


def _stability(case: Case) -> str | None:
    situation = case.situation
    applies = (
        situation.family in ("smooth", "softplus", "gated", "selu") and not situation.normalised
    )
    if not applies or case.choice.gain_rule != "exact":
        return None
    verdict = "dies out: deep stacks are stable"
    if situation.variance_slope > 1:
        verdict = "grows: more than a few layers need a norm"
    return (
        f"A deviation of the variance from 1 is multiplied by {situation.variance_slope:.4g} a layer, so it "
        f"{verdict}."
    )


def _finite_width(case: Case) -> str | None:
    situation, depth = case.situation, case.depth
    if (
        depth is None
        or not situation.fan_in
        or situation.normalised
        or situation.variance_slope > 1
    ):
        return None
    if case.choice.gain_rule != "exact" or situation.question.position != "hidden":
        return None
    variance = variance_of_log_variance(
        situation.variance_slope, situation.spread, situation.fan_in, depth
    )
    factor = math.exp(2.0 * min(variance, 1e4) ** 0.5)
    return (
        f"Finite width: through {depth} layers of n = {situation.fan_in} the logarithm of the "
        f"variance is about N({-variance / 2:.4g}, {variance:.4g}), so one network's is within a "
        f"factor {factor:.4g} of its median in 95 of 100 draws."
    )


def _normalization(case: Case) -> str | None:
    kind = case.situation.question.normalization
    if kind == "none" or not case.situation.connects:
        return None
    return (
        f"{kind} normalization lowers the stakes: it divides by the std that the weights make, "
        "forward and backward, so a std of 0.01 will do as well; the width still sets how fast "
        "the first steps turn the weights."
    )


def _residual(case: Case) -> str | None:
    if case.choice.gain_rule != "residual" or case.depth is None:
        return None
    return (
        f"{case.depth} blocks write twice each into the stream: with the last weights of both "
        f"branches times 1 / sqrt(2 x {case.depth}) = {(2.0 * case.depth) ** -0.5:.6g} they add "
        f"1 to its variance, not {2 * case.depth}. The other weights of a block keep the gain."
    )


def _recurrent_bias(case: Case) -> str | None:
    if case.situation.layer != "recurrent":
        return None
    return "Biases are 0, but 1 in an LSTM's forget gate, which then begins by remembering."


def _bias(case: Case) -> str | None:
    situation = case.situation
    if not situation.connects:
        return None
    if situation.is_head:
        return (
            "The bias is 0, or the logit of the class frequency, ln(p / (1 - p)), where classes "
            "are uneven."
        )
    if situation.question.normalization == "batch":
        return "The bias is 0, and may be left out: batch normalization takes it off again."
    return "The bias is 0: the weights have broken the symmetry."


def _compared(case: Case) -> str | None:
    if case.own is None:
        return None
    own_std, recommended = std_of(case.own), case.std
    factor = case.forward_factor(own_std)
    if factor is None or case.own.facts.mean != 0 or recommended == 0:
        return None
    passed = case.through(factor, case.depth or _SHOWN_LAYERS)
    deep = "" if passed is None else f", which leaves {_after(factor, case.depth or _SHOWN_LAYERS)}"
    return (
        f"Your own std of {own_std:.6g} is {own_std / recommended:.4g} times the recommended "
        f"{recommended:.6g}: it makes {factor:.4g} of a unit variance in a layer{deep}."
    )


def _after(factor: float, layers: int) -> str:
    through = compounded(factor, layers)
    number = "more than float64 holds" if through is None else f"{through:.3g}"
    return f"{number} after {layers} layers"


_LINES: tuple[Callable[[Case], str | None], ...] = (
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
