"""The table of alternatives, each with when to take it."""

import math
from collections.abc import Callable

from service.advice.alternative import Alternative, alternative_of, issued
from service.advice.case import Case
from service.advice.issuing import recommended, std_of
from service.advice.unissued import UNISSUED
from service.advice.variance_propagation import edge_of_chaos
from service.errors import ImpossibleError

SMALL_STD = 0.01
"""What is commonly written by hand where a normalization follows."""

LANGUAGE_MODEL_STD = 0.02
"""GPT-2's and BERT's, for embeddings that are their heads' weights as well."""

SIREN_FREQUENCY = 30.0
"""Sitzmann et al.'s w0."""


def alternatives_of(case: Case) -> tuple[Alternative, ...]:
    """Every alternative that applies, those that can be fetched first."""
    found = (make(case) for make in _ISSUED)
    fetched = tuple(alternative for alternative in found if alternative is not None)
    return fetched + tuple(row for applies, row in UNISSUED if applies(case.situation))


def _other_distribution(case: Case) -> Alternative | None:
    if not case.situation.connects:
        return None
    uniform = case.facts.distribution == "uniform"
    other, limited = ("normal", "") if uniform else ("uniform", ", limit sqrt(3) std")
    try:
        plan = recommended(case.situation, case.choice, other, case.max_bytes)
    except ImpossibleError:
        return None
    when = "a matter of taste: the argument knows the variance alone"
    return alternative_of(plan, f"the same std, {other}{limited}", when)


def _classic(scheme: str, variance: str, when: str) -> Callable[[Case], Alternative | None]:
    def make(case: Case) -> Alternative | None:
        if not case.situation.connects or case.facts.scheme == scheme:
            return None
        activation = case.situation.input_activation.name
        return issued(case, f"Var(w) = {variance}", when, scheme=scheme, activation=activation)

    return make


def _backward(case: Case) -> Alternative | None:
    situation = case.situation
    if not situation.connects or situation.question.position != "hidden":
        return None
    return issued(
        case,
        f"n = fan_out: Var(w) = {situation.backward_gain**2:.6g} / fan_out keeps gradients'",
        "the scale of gradients matters more than that of activations, as before a normalization",
        scheme="variance_scaling",
        activation=situation.output_activation.name,
        gain_rule="backward",
        mode="fan_out",
    )


def _edge_of_chaos(case: Case) -> Alternative | None:
    situation = case.situation
    pair = edge_of_chaos(situation.input_activation)
    if pair is None or not situation.connects or situation.question.position != "hidden":
        return None
    gain, bias_std = pair
    return issued(
        case,
        f"the edge of chaos at variance 1: gain {gain:.6g} with biases of std {bias_std:.6g} (the "
        "URL is of the weights; of the bias it is scheme=normal with that std)",
        "very deep stacks without normalization, best with orthogonal weights: chi1 = 1 keeps "
        "gradients as well",
        scheme="variance_scaling",
        gain=gain,
    )


def _sigmoid_gradient(case: Case) -> Alternative | None:
    if case.situation.family != "sigmoid" or not case.situation.connects:
        return None
    what = "Glorot's with gain 4, which makes up for the slope of 1/4 at 0"
    when = "a few sigmoid layers on small, centred inputs"
    return issued(case, what, when, scheme="glorot_uniform", gain=4.0)


def _siren(case: Case) -> Alternative | None:
    situation, fan_in = case.situation, case.situation.fan_in
    if (
        "sin" not in (situation.input_activation.name, situation.output_activation.name)
        or not fan_in
    ):
        return None
    limit = 1.0 / fan_in
    if situation.question.position != "first":
        limit = math.sqrt(6.0 / fan_in) / SIREN_FREQUENCY
    what = "SIREN: U(-1/n, 1/n) first, then sqrt(6/n)/w0 either way, w0 = 30, in sin(w0 (Wx + b))"
    when = "implicit representations: images, sounds or fields as functions of coordinates"
    return issued(case, what, when, scheme="uniform", low=-limit, high=limit)


def _small(case: Case) -> Alternative | None:
    if case.situation.question.normalization == "none" or not case.situation.connects:
        return None
    what = f"N(0, {SMALL_STD}^2), whatever the fans"
    when = "a normalization follows: it divides the width out again, so that 0.01 will do"
    return issued(case, what, when, scheme="normal", std=SMALL_STD)


def _zeros(case: Case) -> Alternative | None:
    situation = case.situation
    if not situation.connects or not (situation.is_head or situation.writes_residual):
        return None
    when = "the last weight of a residual branch, which then begins as the identity"
    if situation.is_head:
        when = "a head: its features differ, so after one step its weights do"
    return issued(case, "all 0", when, scheme="zeros")


def _tied(case: Case) -> Alternative | None:
    if case.situation.layer != "embedding":
        return None
    what = f"N(0, {LANGUAGE_MODEL_STD}^2)"
    when = "the head shares the table: with std 1 its logits would have std sqrt(fan_out)"
    return issued(case, what, when, scheme="normal", std=LANGUAGE_MODEL_STD)


def _unit_rows(case: Case) -> Alternative | None:
    width = case.situation.fan_out
    if case.situation.layer != "embedding" or not width:
        return None
    when = "rows of norm 1 are wanted, as for similarities; flax does so"
    return issued(case, "Var(w) = 1/fan_out", when, scheme="normal", std=math.sqrt(1.0 / width))


def _pytorch_bias(case: Case) -> Alternative | None:
    fan_in = case.situation.question.fan_in
    if case.situation.layer != "bias" or fan_in is None:
        return None
    limit = math.sqrt(1.0 / fan_in)
    when = "a PyTorch model is to be reproduced: its linear and convolution layers do so"
    return issued(case, "U(-1/sqrt(n), 1/sqrt(n))", when, scheme="uniform", low=-limit, high=limit)


def _zero_scale(case: Case) -> Alternative | None:
    if case.situation.layer != "scale":
        return None
    when = "the last norm of a residual branch, which then begins as the identity"
    return issued(case, "all 0", when, scheme="zeros")


def _own(case: Case) -> Alternative | None:
    if case.own is None or case.own.facts == case.facts:
        return None
    what = f"your own choice, std {std_of(case.own):.6g}: served as it is"
    when = "you know of the layer what was not asked; `compared` tells what it does to the variance"
    return alternative_of(case.own, what, when)


_ISSUED: tuple[Callable[[Case], Alternative | None], ...] = (
    _own,
    _classic("lecun_normal", "1/n, n = fan_in", "linear layers, SELU, the first layer"),
    _classic(
        "glorot_uniform",
        "2/(fan_in + fan_out)",
        "linear, tanh and sigmoid layers with both directions in mind; not with ReLU, which halves "
        "the variance in each layer",
    ),
    _classic("he_normal", "2/((1 + a^2) n), n = fan_in", "inputs that went through (leaky) ReLU"),
    _other_distribution,
    _backward,
    _edge_of_chaos,
    _sigmoid_gradient,
    _siren,
    _small,
    _zeros,
    _tied,
    _unit_rows,
    _pytorch_bias,
    _zero_scale,
)
