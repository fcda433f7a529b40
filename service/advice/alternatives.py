"""Alternatives to the recommended tensor: at most four that fit the layer, each with its URL."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from service.advice.context import LayerContext
from service.advice.decision import Decision, planned_choice, planned_or_none, url_of
from service.advice.variance_propagation import SCALE_FREE, edge_of_chaos
from service.errors import ImpossibleError
from service.plan import Plan

MOST_ALTERNATIVES = 4

SMALL_STD = 0.01
"""A common hand-picked std for layers with a normalization."""

LANGUAGE_MODEL_STD = 0.02
"""The std of GPT-2 and BERT."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another way to initialize the tensor: `what` it is and `when` to take it.

    `gain`, `std` and `limit` are None if they do not apply. `bias_std` is the std that the layer's
    biases must have, None if they start as recommended. `multipliers` are the factors that the
    network must apply besides, by what they multiply.
    """

    scheme: str
    distribution: str
    what: str
    when: str
    gain: float | None
    std: float | None
    limit: float | None
    bias_std: float | None
    multipliers: dict[str, float]
    weights_url: str


@dataclass(frozen=True, slots=True)
class Offer:
    """An alternative and its plan."""

    plan: Plan
    alternative: Alternative


def alternatives_of(decision: Decision) -> tuple[Alternative, ...]:
    """The first four that apply. No two have the same values, and none the recommended ones."""
    drawn, found = [_draws(decision.plan)], []
    by_width = decision.context.question.base_fan_in is not None
    for make in _CANDIDATES:
        offer = None if by_width and make in _WITHOUT_WIDTH else make(decision)
        if offer is None or _draws(offer.plan) in drawn:
            continue
        drawn.append(_draws(offer.plan))
        found.append(offer.alternative)
        if len(found) == MOST_ALTERNATIVES:
            break
    return tuple(found)


def _draws(plan: Plan) -> list[object]:
    """What decides the values of each block, beside the words."""
    return [(block.outputs, block.law.draw) for block in plan.tensor.blocks]


def _of_plan(
    plan: Plan,
    what: str,
    when: str,
    multipliers: dict[str, float] | None = None,
    bias_std: float | None = None,
) -> Offer:
    facts = plan.facts
    alternative = Alternative(
        scheme=facts.scheme,
        distribution=facts.distribution,
        what=what,
        when=when,
        gain=facts.gain,
        std=facts.std,
        limit=facts.limit,
        bias_std=bias_std,
        multipliers=multipliers or {},
        weights_url=url_of(plan),
    )
    return Offer(plan, alternative)


def _planned(
    decision: Decision,
    what: str,
    when: str,
    multipliers: dict[str, float] | None = None,
    bias_std: float | None = None,
    **fields: object,
) -> Offer | None:
    """The alternative with these scheme fields.

    None if the tensor cannot be issued with them, or if it is the recommended one.
    """
    plan = planned_or_none(decision.context.question, decision.max_bytes, **fields)
    if plan is None or plan.facts == decision.facts:
        return None
    factors = dict(decision.choice.multipliers) | (multipliers or {})
    return _of_plan(plan, what, when, factors, bias_std)


def _requested(decision: Decision) -> Offer | None:
    plan = decision.requested
    if plan is None or plan.facts == decision.facts:
        return None
    return _of_plan(plan, "your own choice", "you know more about the layer than the question says")


def _siren(decision: Decision) -> Offer | None:
    context, first = decision.context, decision.context.question.position == "first"
    if "sin" not in (context.input_activation.name, context.output_activation.name):
        return None
    if not context.connects or context.is_head or context.has_sine:
        return None
    scheme = "siren_first" if first else "siren"
    limit = "1 / n" if first else "sqrt(6 / n) / w0"
    what = f"SIREN, for sin(w0 (W x + b)) with w0 = 30: limit {limit}"
    when = "the network is an image, a sound or a field as a function of coordinates"
    return _planned(decision, what, when, scheme=scheme)


def _edge_of_chaos(decision: Decision) -> Offer | None:
    context = decision.context
    pair = edge_of_chaos(context.input_activation)
    if pair is None or not context.connects or not context.in_stack or context.has_sine:
        return None
    gain, bias_std = pair
    if decision.choice.gain_rule == "edge_of_chaos" or _slope_at_the_edge(context) > 1:
        return None
    return _planned(
        decision,
        f"the edge of chaos: gain {gain:.6g} with biases of std {bias_std:.6g}, so chi_1 = 1",
        "the stack is deep, and gradients should keep their variance as well",
        bias_std=bias_std,
        scheme="variance_scaling",
        gain=gain,
    )


def _slope_at_the_edge(context: LayerContext) -> float:
    """dV/dq at variance 1 of the edge of chaos: V'(1) gain^2 E[f^2], and gain^2 = 1 / E[f'^2]."""
    activation = context.input_activation
    return activation.variance_slope * activation.second_moment / activation.derivative_moment


def _variance_gain(decision: Decision) -> Offer | None:
    context = decision.context
    if decision.choice.gain_rule != "edge_of_chaos":
        return None
    gain = context.forward_gain
    what = f"gain {gain:.6g} without biases, which keeps the variance of activations"
    when = "only the forward pass matters"
    return _planned(decision, what, when, scheme="variance_scaling", gain=gain)


def _small_inputs(decision: Decision) -> Offer | None:
    context = decision.context
    if context.family not in ("odd", "sigmoid") or not context.connects:
        return None
    if context.layer == "recurrent":
        return None
    if context.is_head or context.has_sine:
        return None
    gain, name = 1.0, context.input_activation.name
    what = f"Glorot's own gain 1, which takes {name} for its tangent at 0"
    if name == "sigmoid":
        gain, what = 4.0, "Glorot with gain 4, because the slope of sigmoid at 0 is 1/4"
    return _planned(
        decision, what, "pre-activations stay small", scheme="glorot_uniform", gain=gain
    )


def _depth_transfer(decision: Decision) -> Offer | None:
    """depth-muP and CompleteP scale the branch and the learning rate, not the weights."""
    depth = decision.depth
    if decision.choice.gain_rule != "residual" or depth is None:
        return None
    root = math.sqrt(1.0 / depth)
    return _planned(
        decision,
        "the weight without this factor; compared with one block, branches and Adam's rate times "
        f"{root:.4g} (depth-muP), or branches alone times {1.0 / depth:.4g} (CompleteP)",
        "hyperparameters are to transfer from a shallower model",
        {
            "depth_mup_branch": root,
            "depth_mup_learning_rate": root,
            "complete_p_branch": 1.0 / depth,
            "complete_p_learning_rate": 1.0,
        },
        scheme="variance_scaling",
        activation=decision.context.input_activation.name,
    )


def _gpt2(decision: Decision) -> Offer | None:
    context = decision.context
    ends = context.writes_residual and context.question.residual == "pre_norm"
    if not ends or context.convolves or not context.connects or decision.depth is None:
        return None
    total = context.branches * decision.depth
    what = f"N(0, {LANGUAGE_MODEL_STD}^2 / {total}), GPT-2's std for the last weights of a branch"
    when = "a GPT-2 is to be reproduced"
    return _planned(decision, what, when, scheme="gpt2_residual", branches=context.branches)


def _language_model(decision: Decision) -> Offer | None:
    context = decision.context
    normed = context.question.normalization in ("layer", "rms")
    if not context.connects or context.convolves or not normed:
        return None
    if not (context.in_branch or (context.question.role == "head" and context.is_probability_head)):
        return None
    what = f"N(0, {LANGUAGE_MODEL_STD}^2) whatever the width, as BERT, ViT and LLaMA have it"
    when = "a model is to be reproduced that draws all weights so"
    return _planned(decision, what, when, scheme="normal", std=LANGUAGE_MODEL_STD)


def _without_fixup(decision: Decision) -> Offer | None:
    context = decision.context
    if context.question.residual != "norm_free" or not context.in_branch or not context.connects:
        return None
    what = f"gain {context.forward_gain:.6g} as outside of a branch"
    when = "a scalar that starts at 0 multiplies the branch (ReZero, SkipInit)"
    return _planned(
        decision, what, when, scheme="variance_scaling", activation=context.input_activation.name
    )


def _query_and_key(decision: Decision) -> Offer | None:
    if decision.choice.gain_rule != "deep_norm" or decision.choice.gain == 1.0:
        return None
    if decision.context.question.role is not None:
        return None
    what, when = "Glorot with gain 1", "the weight is a query or key projection"
    return _planned(decision, what, when, scheme="glorot_normal")


def _zeros(decision: Decision) -> Offer | None:
    context = decision.context
    if not context.connects or not (context.is_head or context.writes_residual):
        return None
    if not context.is_head:
        # Behind a weight of zeros a normalization would divide 0 by 0.
        normed = context.question.residual == "branch_norm"
        when = "each block should be the identity at the start"
        return None if normed else _planned(decision, "all 0", when, scheme="zeros")
    if context.is_probability_head:
        when = "every outcome should start equally likely; the first step makes the weights differ"
    elif context.output_activation.family in ("linear", "odd"):
        when = "every output should start at 0; the first step makes the weights differ"
    else:
        return None
    return _planned(decision, "all 0", when, scheme="zeros")


def _shared_embedding(decision: Decision) -> Offer | None:
    if decision.context.layer != "embedding":
        return None
    what = f"N(0, {LANGUAGE_MODEL_STD}^2)"
    when = "the output layer shares this table: std 1 would give logits of std sqrt(fan_out)"
    if decision.context.question.role in ("tied_embedding", "position_embedding"):
        when = "a GPT-2 or BERT is to be reproduced"
    return _planned(decision, what, when, scheme="normal", std=LANGUAGE_MODEL_STD)


def _unit_rows(decision: Decision) -> Offer | None:
    width, role = decision.context.fan_out, decision.context.question.role
    if decision.context.layer != "embedding" or not width or role == "position_embedding":
        return None
    when = "rows should have norm 1, for example for similarities, as flax does by default"
    return _planned(
        decision, "Var(w) = 1 / fan_out", when, scheme="normal", std=math.sqrt(1.0 / width)
    )


def _size_of_tokens(decision: Decision) -> Offer | None:
    width = decision.context.fan_out
    if decision.context.question.role != "position_embedding" or not width:
        return None
    what, when = "Var(w) = 1 / fan_out", "the tokens have this variance, as a tied_embedding has"
    return _planned(decision, what, when, scheme="normal", std=math.sqrt(1.0 / width))


def _sinusoids(decision: Decision) -> Offer | None:
    if decision.context.question.role != "position_embedding":
        return None
    what, when = "sines and cosines of the positions", "positions should not be learned"
    return _planned(decision, what, when, scheme="sinusoidal_positions")


def _pytorch_bias(decision: Decision) -> Offer | None:
    fan_in = decision.context.question.fan_in
    if decision.context.layer != "bias" or fan_in is None:
        return None
    limit = math.sqrt(1.0 / fan_in)
    what = "U(-1/sqrt(n), 1/sqrt(n)), the default of PyTorch's linear and convolution layers"
    when = "a PyTorch model is to be reproduced"
    return _planned(decision, what, when, scheme="uniform", low=-limit, high=limit)


def _prior_bias(decision: Decision) -> Offer | None:
    context = decision.context
    if context.layer != "bias" or context.question.position != "output":
        return None
    if context.output_activation.name == "softmax":
        return None
    what = "ln(p / (1 - p)) for a class of frequency p = 0.01"
    when = "positives are rare: otherwise the first steps only learn the bias"
    return _planned(decision, what, when, scheme="prior_bias")


def _forget_gate(decision: Decision) -> Offer | None:
    context = decision.context
    if context.layer != "bias" or context.question.role is not None or context.weight.parts != 4:
        return None
    what = "1 for the forget gate, the second of the four blocks, and 0 for the others"
    when = "the bias belongs to an LSTM, which then keeps its state at the start"
    return _planned(decision, what, when, scheme="forget_gate_bias")


def _zero_scale(decision: Decision) -> Offer | None:
    if decision.context.layer != "scale":
        return None
    when = "it is the last normalization of a residual branch: the block starts as the identity"
    if decision.context.question.role == "branch_scale":
        when = "the branch ends with a weight that is not 0 (ReZero, SkipInit)"
    return _planned(decision, "all 0", when, scheme="zeros")


def _unit_scale(decision: Decision) -> Offer | None:
    if decision.context.layer != "scale":
        return None
    when = "the branch should take part from the first step"
    if decision.context.question.role == "branch_scale":
        when = "the last weight of the branch is 0, as Fixup has it: two zeros never train"
    return _planned(decision, "all 1", when, scheme="ones")


def _calibrated(decision: Decision) -> Offer | None:
    """LSUV's start: orthogonal weights, whose scale a batch of data then sets."""
    context = decision.context
    if not context.in_stack or not context.connects or context.variance_slope <= 1:
        return None
    if not _keeps_variance(context):
        return None
    what = "orthogonal weights, rescaled by POST /calibrate with the variance you measure (LSUV)"
    when = "the stack is deep and without a normalization, and a batch of data is at hand"
    return _planned(decision, what, when, scheme=_orthogonal(decision), gain=context.forward_gain)


def _small(decision: Decision) -> Offer | None:
    context = decision.context
    if not context.norm_follows:
        return None
    what = f"N(0, {SMALL_STD}^2), independent of the fans"
    when = "a hand-picked std is to be kept: 0.01 will do behind a normalization"
    return _planned(decision, what, when, scheme="normal", std=SMALL_STD)


def _fan_out(decision: Decision) -> Offer | None:
    context = decision.context
    rectified = (
        context.output_activation if context.family == "linear" else context.input_activation
    )
    if not context.convolves or not context.norm_follows or rectified.family != "rectifier":
        return None
    what = "He with n = fan_out, the number of outputs times the kernel"
    when = "a ResNet of torchvision or timm is to be reproduced"
    activation = context.input_activation.name
    return _planned(decision, what, when, scheme="he_normal", mode="fan_out", activation=activation)


def _gabor(decision: Decision) -> Offer | None:
    context = decision.context
    if not context.convolves or context.question.position != "first" or context.question.role:
        return None
    what = "Gabor filters, one direction for each output"
    when = "data are few, or the first layer is to stay fixed"
    return _planned(decision, what, when, scheme="gabor")


def _orthogonal(decision: Decision) -> str:
    """The scheme of orthogonal weights for this layer.

    A convolution by an orthogonal matrix at the centre of its kernel keeps the norm of its input.
    """
    return "delta_orthogonal" if decision.context.convolves else "orthogonal"


def _orthogonal_weights(decision: Decision) -> Offer | None:
    context, gain = decision.context, decision.choice.gain
    hidden = context.question.position == "hidden" and not context.in_branch
    if not context.connects or not hidden or gain is None or decision.choice.family == "orthogonal":
        return None
    if not _keeps_variance(context):
        return None
    what = f"orthogonal weights with gain {gain:.6g}, whose singular values are all equal"
    when = "the stack is deep, and no direction should be lost"
    if context.family not in ("linear", "odd"):
        when = "no direction of the input should shrink more than another, as usual in PPO"
    return _planned(decision, what, when, scheme=_orthogonal(decision), gain=gain)


def _keeps_variance(context: LayerContext) -> bool:
    """Whether orthogonal weights have the std gain / sqrt(fan_in), and mix all channels.

    They have if there are at most as many outputs as inputs, and at the centre of a kernel only
    between equal numbers of channels.
    """
    if context.convolves:
        whole = context.weight.groups in (None, 1) and not context.weight.depthwise
        return whole and context.fan_in == context.fan_out
    return (context.fan_out or 0) <= (context.fan_in or 0)


def _identity(decision: Decision) -> Offer | None:
    context = decision.context
    rectified = context.output_activation.family == "rectifier"
    if context.layer != "recurrent" or context.fan_in != context.fan_out or not rectified:
        return None
    what, when = "the identity matrix", "a recurrent ReLU network should remember its state (IRNN)"
    return _planned(decision, what, when, scheme="identity")


def _dirac(decision: Decision) -> Offer | None:
    context = decision.context
    if not context.convolves or not context.in_stack or context.fan_in != context.fan_out:
        return None
    if context.family not in SCALE_FREE:
        # f(f(z)) is f(z) for ReLU and linear layers alone.
        return None
    what = "1 at the centre of the kernel from each channel to itself, and 0 elsewhere"
    when = "the layer is added to a trained network, which it should not change at first"
    return _planned(decision, what, when, scheme="dirac")


def _backward(decision: Decision) -> Offer | None:
    context = decision.context
    if not context.connects or context.question.position != "hidden" or context.in_branch:
        return None
    if decision.choice.gain_rule != "exact" or context.output_activation.family == "gated":
        return None
    return _planned(
        decision,
        f"Var(w) = {context.backward_gain**2:.6g} / fan_out, for the variance of gradients",
        "gradients should keep their variance rather than activations",
        scheme="variance_scaling",
        activation=context.output_activation.name,
        gain_rule="backward",
        mode="fan_out",
    )


def _other_distribution(decision: Decision) -> Offer | None:
    context, choice = decision.context, decision.choice
    if not context.connects or choice.family in ("orthogonal", "zeros", "lora_b"):
        return None
    uniform = decision.facts.distribution == "uniform"
    other, limit = ("normal", "") if uniform else ("uniform", ", limit sqrt(3) std")
    try:
        plan = planned_choice(context, choice, other, decision.max_bytes)
    except ImpossibleError:
        return None
    if plan.facts.distribution != other:
        return None
    when = f"a {other} distribution is wanted: only the variance counts"
    return _of_plan(plan, f"{other} with the same std{limit}", when, dict(choice.multipliers))


_CANDIDATES: tuple[Callable[[Decision], Offer | None], ...] = (
    _requested,
    _siren,
    _edge_of_chaos,
    _variance_gain,
    _depth_transfer,
    _gpt2,
    _without_fixup,
    _query_and_key,
    _zeros,
    _language_model,
    _shared_embedding,
    _unit_rows,
    _size_of_tokens,
    _sinusoids,
    _pytorch_bias,
    _prior_bias,
    _forget_gate,
    _zero_scale,
    _unit_scale,
    _calibrated,
    _fan_out,
    _small,
    _small_inputs,
    _gabor,
    _identity,
    _orthogonal_weights,
    _dirac,
    _backward,
    _other_distribution,
)
"""In the order of their weight. The client's own choice comes first."""

_WITHOUT_WIDTH = (
    _gpt2,
    _language_model,
    _shared_embedding,
    _unit_rows,
    _size_of_tokens,
    _small,
    _small_inputs,
    _backward,
)
"""Those whose std does not follow muP. They are left out if the question has base_fan_in."""
