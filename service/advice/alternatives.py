"""Alternatives to the recommended tensor, each with when to take it.

An alternative is planned if Fanin issues it, and then has numbers and a URL. All others are
described in words.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from service.advice.context import LayerContext
from service.advice.decision import Decision, planned_choice, planned_or_none, std_of, url_of
from service.advice.variance_propagation import edge_of_chaos
from service.errors import ImpossibleError
from service.initializers.schemes import SCHEMES
from service.plan import Plan

SMALL_STD = 0.01
"""A common hand-picked std for layers with a normalization."""

LANGUAGE_MODEL_STD = 0.02
"""The std of GPT-2 and BERT, whose embedding is also the weight of the output layer."""

SIREN_FREQUENCY = 30.0
"""w0 of Sitzmann et al. 2020, Implicit Neural Representations with Periodic Activations."""

NOT_YET = "not issued by Fanin yet"


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another way to initialize the tensor: `what` it is and `when` to take it.

    `gain`, `std` and `limit` are None if they do not apply. `weights_url` is None if Fanin does
    not issue it for this tensor, and then so are the numbers.
    """

    scheme: str
    what: str
    when: str
    gain: float | None = None
    std: float | None = None
    limit: float | None = None
    weights_url: str | None = None


def alternatives_of(decision: Decision) -> tuple[Alternative, ...]:
    """Every alternative that applies, those with a URL first. No two have the same URL."""
    made = [*(make(decision) for make in _PLANNED), *(_named(decision, row) for row in NAMED)]
    found = [alternative for alternative in made if alternative is not None]
    by_url: dict[str, Alternative] = {}
    for alternative in found:
        if alternative.weights_url is not None:
            by_url.setdefault(alternative.weights_url, alternative)
    return (*by_url.values(), *(each for each in found if each.weights_url is None))


def _alternative(plan: Plan, what: str, when: str) -> Alternative:
    facts = plan.facts
    return Alternative(
        scheme=facts.scheme,
        what=what,
        when=when,
        gain=facts.gain,
        std=facts.std,
        limit=facts.limit,
        weights_url=url_of(plan),
    )


def _planned(decision: Decision, what: str, when: str, **fields: object) -> Alternative | None:
    """The alternative with these scheme fields.

    None if the tensor cannot be issued with them, or if it is the recommended one.
    """
    plan = planned_or_none(decision.context.question, decision.max_bytes, **fields)
    if plan is None or plan.facts == decision.facts:
        return None
    return _alternative(plan, what, when)


def _requested(decision: Decision) -> Alternative | None:
    plan = decision.requested
    if plan is None or plan.facts == decision.facts:
        return None
    what = f"your own choice, with std {std_of(plan):.6g}"
    when = (
        "you know something about the layer that the question does not say; `compared` tells "
        "what this std does to the variance"
    )
    return _alternative(plan, what, when)


def _classic(scheme: str, variance: str, when: str) -> Callable[[Decision], Alternative | None]:
    def make(decision: Decision) -> Alternative | None:
        context = decision.context
        if not context.connects or decision.facts.scheme == scheme:
            return None
        activation = context.input_activation.name
        return _planned(
            decision, f"Var(w) = {variance}", when, scheme=scheme, activation=activation
        )

    return make


def _other_distribution(decision: Decision) -> Alternative | None:
    context = decision.context
    if not context.connects:
        return None
    uniform = decision.facts.distribution == "uniform"
    other, limit = ("normal", "") if uniform else ("uniform", ", limit sqrt(3) std")
    try:
        plan = planned_choice(context, decision.choice, other, decision.max_bytes)
    except ImpossibleError:
        return None
    when = "you prefer it: the derivation uses the variance alone"
    return _alternative(plan, f"{other} with the same std{limit}", when)


def _backward(decision: Decision) -> Alternative | None:
    context = decision.context
    if not context.connects or context.question.position != "hidden":
        return None
    return _planned(
        decision,
        f"Var(w) = {context.backward_gain**2:.6g} / fan_out, which keeps the variance of gradients",
        "the variance of gradients matters more than that of activations, for example with a "
        "normalization after the layer",
        scheme="variance_scaling",
        activation=context.output_activation.name,
        gain_rule="backward",
        mode="fan_out",
    )


def _edge_of_chaos(decision: Decision) -> Alternative | None:
    context = decision.context
    pair = edge_of_chaos(context.input_activation)
    if pair is None or not context.connects or context.question.position != "hidden":
        return None
    gain, bias_std = pair
    return _planned(
        decision,
        f"the edge of chaos at variance 1: gain {gain:.6g} with biases of std {bias_std:.6g} (the "
        "URL is that of the weights; for the bias use scheme=normal with this std)",
        "very deep stacks without normalization, preferably with orthogonal weights: chi1 = 1, so "
        "gradients keep their variance too",
        scheme="variance_scaling",
        gain=gain,
    )


def _sigmoid_gradient(decision: Decision) -> Alternative | None:
    context = decision.context
    if context.input_activation.name != "sigmoid" or not context.connects:
        return None
    what = "Glorot with gain 4, because the slope of sigmoid at 0 is 1/4"
    when = "a few sigmoid layers with small, centred inputs"
    return _planned(decision, what, when, scheme="glorot_uniform", gain=4.0)


def _siren(decision: Decision) -> Alternative | None:
    context, fan_in = decision.context, decision.context.fan_in
    if "sin" not in (context.input_activation.name, context.output_activation.name) or not fan_in:
        return None
    limit = 1.0 / fan_in
    if context.question.position != "first":
        limit = math.sqrt(6.0 / fan_in) / SIREN_FREQUENCY
    what = (
        "SIREN, for sin(w0 (W x + b)) with w0 = 30: limit 1/n in the first layer and sqrt(6/n)/w0 "
        "in all others"
    )
    when = "the network is an image, a sound or a field as a function of coordinates"
    return _planned(decision, what, when, scheme="uniform", low=-limit, high=limit)


def _small(decision: Decision) -> Alternative | None:
    context = decision.context
    if context.question.normalization == "none" or not context.connects:
        return None
    what = f"N(0, {SMALL_STD}^2), independent of the fans"
    when = "a normalization divides by the std of the output, so that 0.01 will do"
    return _planned(decision, what, when, scheme="normal", std=SMALL_STD)


def _zeros(decision: Decision) -> Alternative | None:
    context = decision.context
    if not context.connects or not (context.is_head or context.writes_residual):
        return None
    when = "the last weight of a residual branch: the block is the identity at the start"
    if context.is_head:
        when = "an output layer: its input features differ, so its weights differ after one step"
    return _planned(decision, "all 0", when, scheme="zeros")


def _shared_embedding(decision: Decision) -> Alternative | None:
    if decision.context.layer != "embedding":
        return None
    what = f"N(0, {LANGUAGE_MODEL_STD}^2)"
    when = "the output layer shares this table: with std 1 its logits would have std sqrt(fan_out)"
    return _planned(decision, what, when, scheme="normal", std=LANGUAGE_MODEL_STD)


def _unit_rows(decision: Decision) -> Alternative | None:
    width = decision.context.fan_out
    if decision.context.layer != "embedding" or not width:
        return None
    when = "rows should have norm 1, for example for similarities; this is the default of flax"
    return _planned(
        decision, "Var(w) = 1/fan_out", when, scheme="normal", std=math.sqrt(1.0 / width)
    )


def _pytorch_bias(decision: Decision) -> Alternative | None:
    fan_in = decision.context.question.fan_in
    if decision.context.layer != "bias" or fan_in is None:
        return None
    limit = math.sqrt(1.0 / fan_in)
    what = "U(-1/sqrt(n), 1/sqrt(n))"
    when = "reproducing PyTorch: this is the default of its linear and convolution layers"
    return _planned(decision, what, when, scheme="uniform", low=-limit, high=limit)


def _zero_scale(decision: Decision) -> Alternative | None:
    if decision.context.layer != "scale":
        return None
    when = "the last normalization of a residual branch: the block is the identity at the start"
    return _planned(decision, "all 0", when, scheme="zeros")


# Of two with the same URL the first is kept: the client's own choice before all others.
_PLANNED: tuple[Callable[[Decision], Alternative | None], ...] = (
    _requested,
    _classic("lecun_normal", "1/n, n = fan_in", "linear layers, SELU, and the first layer"),
    _classic(
        "glorot_uniform",
        "2/(fan_in + fan_out)",
        "linear, tanh and sigmoid layers, as a compromise between forward and backward; not with "
        "ReLU, which halves the variance in each layer",
    ),
    _classic(
        "he_normal", "2/((1 + a^2) n), n = fan_in", "layers after ReLU or leaky ReLU of slope a"
    ),
    _other_distribution,
    _backward,
    _edge_of_chaos,
    _sigmoid_gradient,
    _siren,
    _small,
    _zeros,
    _shared_embedding,
    _unit_rows,
    _pytorch_bias,
    _zero_scale,
)


@dataclass(frozen=True, slots=True)
class Named:
    """An alternative with a name of its own, for the contexts of which `applies` is true.

    `fields` gives the scheme fields with which the scheme of this name is issued, None if it does
    not fit this tensor. Until the scheme is in SCHEMES the alternative says "not issued yet".
    Without `fields` no scheme can give the alternative for this tensor, and it stays in words.
    """

    scheme: str
    what: str
    when: str
    applies: Callable[[LayerContext], bool]
    fields: Callable[[Decision], dict[str, object] | None] | None = None


def _named(decision: Decision, row: Named) -> Alternative | None:
    if not row.applies(decision.context):
        return None
    in_words = Alternative(row.scheme, row.what, row.when)
    if row.fields is None:
        return in_words
    if row.scheme not in SCHEMES:
        return Alternative(row.scheme, f"{row.what}; {NOT_YET}", row.when)
    fields = row.fields(decision)
    if fields is None:
        return in_words
    return _planned(decision, row.what, row.when, scheme=row.scheme, **fields) or in_words


def _connects(context: LayerContext) -> bool:
    return context.connects


def _recommended_gain(decision: Decision) -> dict[str, object]:
    return {"gain": decision.choice.gain}


def _two_axes(decision: Decision) -> dict[str, object] | None:
    return {} if len(decision.context.question.shape) == 2 else None


def _default_fields(_: Decision) -> dict[str, object]:
    return {}


NAMED: tuple[Named, ...] = (
    Named(
        "pretrained",
        "the weights of a model trained on a similar task",
        "there is such a model: no random start is as good; draw only the weights that it lacks, "
        "such as the output layer",
        _connects,
    ),
    Named(
        "orthogonal",
        "Q of the QR decomposition of a normal matrix, times the gain: every singular value is "
        "the gain",
        "recurrent matrices, and deep linear or tanh stacks without normalization",
        _connects,
        _recommended_gain,
    ),
    Named(
        "identity",
        "the identity matrix, for weights of two axes",
        "dense or recurrent layers as wide as their input that should pass it on unchanged at the "
        "start, as in an RNN with ReLU",
        _connects,
        _two_axes,
    ),
    Named(
        "dirac",
        "1 in the middle of the kernel from each input channel to its own output channel, 0 "
        "elsewhere",
        "convolutions that should pass their input on unchanged at the start: very deep networks "
        "without residual branches, or layers added to a trained network",
        _connects,
        _default_fields,
    ),
    Named(
        "constant",
        "one value in every element",
        "biases (0, or 1 for the forget gate of an LSTM) and scales of a normalization (1); never "
        "a weight, because its units would stay equal",
        _connects,
    ),
    Named(
        "gabor",
        "Gabor filters, one direction for each output; other known filters, such as edge "
        "detectors, are sobel, prewitt, laplacian and literal",
        "the task calls for a known filter, data are few, or a first layer is to stay fixed",
        lambda context: context.convolves,
        _default_fields,
    ),
    Named(
        "fixup",
        "no normalization: the last weight of each residual branch is 0, and He's std of its "
        "other weights is multiplied by depth^(-1/(2 m - 2)), m being the weights of a branch",
        "residual networks without normalization",
        lambda context: context.connects and context.writes_residual,
    ),
    Named(
        "lsuv",
        "orthogonal weights, divided layer by layer by the std of the output on a batch; this "
        "needs data, so no URL can give it",
        "activations without a stable gain, or layers that no formula covers",
        lambda context: (
            context.connects and context.question.position == "hidden" and not context.normalised
        ),
    ),
    Named(
        "prior_bias",
        "a bias of ln(p / (1 - p)) for a class of frequency p, -4.59512 at p = 0.01; for softmax "
        "ln p",
        "classes are rare or uneven: otherwise the first steps only learn the bias",
        lambda context: context.is_head and context.connects,
    ),
    Named(
        "forget_gate_bias",
        "1 in the quarter of an LSTM's bias that belongs to the forget gate, 0 elsewhere",
        "LSTMs: they keep their state at the start",
        lambda context: context.layer == "bias",
    ),
)
