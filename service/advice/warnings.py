"""Warnings about a question: what is probably a mistake, and what will not work well."""

import math
from collections.abc import Callable

from service.advice.decision import Decision, std_of
from service.advice.variance_propagation import UNBOUNDED
from service.plan import PlanWarning
from service.plan.warnings import GAIN_IGNORES_ACTIVATION
from service.stream.precision import PRECISIONS

_LEAST_CRITICAL = 1 - 1e-6
"""E[f'^2] / E[f^2] of an activation that can keep both variances. It is 1 for ReLU, but for
rounding."""

_SAME_GAIN = 1e-3
"""Relative. People write 1.667 for 5/3 and 1.414 for sqrt(2)."""

_UNCUT = 5.0
"""A bound this many std from the mean cuts off less than one value in a million."""

_MOST_LOGIT_STD = 4.0
"""Logits of this std give a few classes nearly all of the probability."""


def warnings_of(decision: Decision) -> tuple[PlanWarning, ...]:
    """The warnings about a decision, then those of the recommended tensor's plan.

    A gain that ignores the activation is warned of only in the client's own choice, and not if
    another warning says what that gain does. The recommended gain was chosen with the activation in
    mind.
    """
    found = ((code, warn(decision)) for code, warn in WARNINGS.items())
    advised = tuple(PlanWarning(code, message) for code, message in found if message is not None)
    requested = () if decision.requested is None else decision.requested.warnings
    if not {each.code for each in advised} & {"he_on_selu", "pytorch_gain"}:
        advised += tuple(each for each in requested if each.code == GAIN_IGNORES_ACTIVATION)
    recommended = (each for each in decision.plan.warnings if each.code != GAIN_IGNORES_ACTIVATION)
    return (*advised, *recommended)


def _symmetry(decision: Decision) -> str | None:
    requested = decision.requested
    constant = requested is not None and requested.facts.distribution == "constant"
    if not constant or not _must_break_symmetry(decision):
        return None
    kept = "scales of a normalization"
    if decision.context.layer != "embedding":
        kept = f"biases and {kept}"
    return (
        "with one value in every element, all units of the layer compute the same output and get "
        f"the same gradient, so they stay equal: draw the weights, as {decision.facts.scheme} "
        f"does, and use constants for {kept} only"
    )


def _must_break_symmetry(decision: Decision) -> bool:
    """Whether this weight must break symmetry.

    The weights of an output layer, the last ones of a residual branch and the second ones of a LoRA
    adapter may be zeros.
    """
    context, requested = decision.context, decision.requested
    zeros = requested is not None and requested.facts.mean == 0
    # Behind a weight of zeros a normalization would divide 0 by 0.
    ends = context.writes_residual and context.question.residual != "branch_norm"
    may_be_zeros = context.is_head or ends or context.question.role == "lora_b"
    return (context.connects or context.layer == "embedding") and not (zeros and may_be_zeros)


def _requested_gain(decision: Decision) -> float | None:
    """gain = std sqrt(fan_in) of the client's own choice; None if it has none or the mean is not 0.

    It is the scheme's own gain if the std follows from one, whatever fan that is divided by.
    """
    requested = decision.requested
    if requested is None or not decision.context.connects or requested.facts.mean != 0:
        return None
    if requested.facts.gain is not None:
        return requested.facts.gain
    return std_of(requested) * math.sqrt(decision.context.fan_in or 0.0)


def _he_on_selu(decision: Decision) -> str | None:
    gain = _requested_gain(decision)
    if decision.context.family != "selu" or gain is None or not _is(gain, math.sqrt(2.0)):
        return None
    return (
        "SELU keeps variance 1 with gain 1: He's sqrt(2) doubles the variance before each SELU, "
        "which no longer normalises itself; write scheme=lecun_normal"
    )


def _pytorch_gain(decision: Decision) -> str | None:
    """torch's calculate_gain for tanh and SELU, which the activation's exact gain contradicts."""
    activation, gain = decision.context.input_activation, _requested_gain(decision)
    theirs = activation.pytorch_gain
    if theirs is None or gain is None or not _is(gain, theirs):
        return None
    # 1 for sigmoid is no claim that the variance is kept.
    if theirs == 1 or _is(theirs, activation.gain):
        return None
    return (
        f"{theirs:.6g} is torch's calculate_gain for {activation.name}, an empirical number: the "
        f"gain that keeps variance 1 is {activation.gain:.6g}, and {theirs:.6g} makes "
        f"{(theirs / activation.gain) ** 2:.4g} of it in one layer"
    )


def _is(gain: float, other: float) -> bool:
    return math.isclose(gain, other, rel_tol=_SAME_GAIN)


def _unstable_gain(decision: Decision) -> str | None:
    context = decision.context
    if not decision.unstable:
        return None
    gain, name = context.forward_gain, context.input_activation.name
    return (
        f"{name} has no gain that is stable in {decision.depth} layers without a normalization: "
        "a finite width makes the variance deviate a little, and each layer multiplies the "
        f"deviation by {context.variance_slope:.4g}. Gain 1 in the first layer and {gain:.6g} in "
        "the others is a start for calibration only. POST /calibrate holds the variance of a "
        "batch, not of each sample; a normalization holds both, and so do residual branches that "
        "start at 0"
    )


def _no_critical_point(decision: Decision) -> str | None:
    context = decision.context
    if context.is_head or context.normalised or not context.connects:
        return None
    activation = context.input_activation
    factor = activation.derivative_moment / activation.second_moment
    if factor > _LEAST_CRITICAL:
        return None
    return (
        f"in a stack of {activation.name} layers, weights that keep variance 1 multiply that of "
        f"gradients by {factor:.4g} a layer, and by less with biases: use tanh or a rectifier, "
        "which can keep both"
    )


def _saturating_head(decision: Decision) -> str | None:
    context = decision.context
    if decision.choice.gain_rule != "head" or context.family not in UNBOUNDED:
        return None
    name = context.input_activation.name
    return (
        f"{name} features are unbounded, and {context.output_activation.name} saturates: the "
        f"recommended std of {decision.std:.6g} takes them for E[x^2] = "
        f"{context.second_moment:.6g}. Deep or pooled features may be larger: then write std = "
        f"0.5 / sqrt({context.fan_in} E[x^2]) with the E[x^2] you measure, or normalise them"
    )


def _tied_head(decision: Decision) -> str | None:
    """An embedding of std 1 whose table is also the head's weight."""
    context, width = decision.context, decision.context.fan_out
    if context.layer != "embedding" or not width:
        return None
    own = decision.requested
    std = None if own is None else std_of(own)
    if std is None or std * math.sqrt(width) <= _MOST_LOGIT_STD:
        return None
    tied = "the head shares this table, so"
    if context.question.role != "tied_embedding":
        tied = "if the head shares this table,"
    return (
        f"{tied} std {std:.6g} gives logits of std {std * math.sqrt(width):.4g} = std sqrt(d), and "
        f"the first loss is far above ln(classes): write std={math.sqrt(1.0 / width):.6g}, or "
        "std=0.02 as GPT-2 and BERT have it"
    )


def _suspicious_layout(decision: Decision) -> str | None:
    """A weight with a role, whose fans are the other way round in every known model."""
    context, question = decision.context, decision.context.question
    fan_in, fan_out = context.fan_in or 0, context.fan_out or 0
    narrows = question.role in ("mlp_down", "lora_a")
    widens = question.role in ("mlp_up", "mlp_gate", "mlp_gate_up", "lora_b")
    turned = (narrows and fan_in < fan_out) or (widens and fan_in > fan_out)
    if sorted(context.letters or "") != ["I", "O"]:
        return None
    if question.role == "attention_qkv":
        return _suspicious_qkv(decision)
    return _turned(decision) if turned else None


def _turned(decision: Decision) -> str:
    context = decision.context
    other = (context.letters or "")[::-1]
    stored = "inputs x outputs" if other == "IO" else "outputs x inputs"
    return (
        f"{context.question.role} with {context.fan_in} inputs and {context.fan_out} outputs is "
        f"unusual: if the weight is stored as {stored}, write layout={other}"
    )


def _suspicious_qkv(decision: Decision) -> str | None:
    """Three blocks that are not as high as the weight has inputs, and are not listed."""
    context = decision.context
    inputs, outputs = context.weight.count("I"), context.weight.count("O")
    if outputs < inputs:
        return _turned(decision)
    if isinstance(context.asked.parts, tuple) or outputs == 3 * inputs:
        return None
    other = (outputs - inputs) // 2
    listed = f"parts={inputs},{other},{outputs - inputs - other}"
    return (
        f"attention_qkv with {inputs} inputs and {outputs} outputs is not three blocks of "
        f"{inputs}: with fewer heads for keys and values, list the blocks, as in {listed}"
    )


def _position_missing(decision: Decision) -> str | None:
    context = decision.context
    unsaid = context.asked.position is None and context.asked.role is None
    if context.question.residual == "none" or not unsaid or not context.connects:
        return None
    return (
        "the question does not say where in its branch the layer is, so it is taken for the first "
        "one: add position=branch_last if it is the last weight, which writes into the stream, or "
        "hidden or branch_first, or a role such as mlp_down"
    )


def _residual_missing(decision: Decision) -> str | None:
    question = decision.context.question
    in_branch = question.position in ("branch_first", "branch_last")
    if question.residual != "none" or not in_branch or question.role is not None:
        return None
    return (
        "a branch has no effect on the advice unless the question says how its block is built: add "
        "residual=pre_norm, or post_norm, branch_norm or norm_free"
    )


def _depth_missing(decision: Decision) -> str | None:
    context = decision.context
    if not context.in_branch or decision.depth is not None or not context.connects:
        return None
    ends = context.question.residual == "pre_norm" and context.writes_residual
    free = context.question.residual == "norm_free" and not context.writes_residual
    layered = context.question.normalization not in ("batch", "group")
    post = context.question.residual == "post_norm" and layered
    if not (ends or free or post):
        return None
    return "the std depends on the number of blocks: add depth=12 if there are 12 of them"


def _bounds_outside_std(decision: Decision) -> str | None:
    requested = decision.requested
    question = decision.context.asked
    if requested is None or requested.facts.distribution != "truncated_normal":
        return None
    parent = requested.facts.parent_std or std_of(requested)
    ends = [each for each in (question.low, question.high) if each is not None]
    mean = question.mean or 0.0
    if not ends or parent == 0 or min(abs(end - mean) for end in ends) <= _UNCUT * parent:
        return None
    nearest = min(abs(end - mean) for end in ends) / parent
    return (
        f"low and high are values, and the nearer one is {nearest:.4g} std from the mean, so "
        "nothing is cut off: write bounds=2 instead of them to cut at two std"
    )


def _subnormal_std(decision: Decision) -> str | None:
    dtype = decision.context.question.dtype
    least = 2.0 ** PRECISIONS[dtype].least_exponent
    own = () if decision.requested is None else (std_of(decision.requested),)
    small = [std for std in (decision.std, *own) if 0 < std < least]
    if not small:
        return None
    return (
        f"std {small[0]:.6g} is below {least:.6g}, the least normal number of {dtype}: values "
        "lose digits or become 0, so keep the weights in a wider dtype"
    )


WARNINGS: dict[str, Callable[[Decision], str | None]] = {
    "symmetry": _symmetry,
    "he_on_selu": _he_on_selu,
    "pytorch_gain": _pytorch_gain,
    "unstable_gain": _unstable_gain,
    "no_critical_point": _no_critical_point,
    "saturating_head": _saturating_head,
    "tied_head": _tied_head,
    "suspicious_layout": _suspicious_layout,
    "position_missing": _position_missing,
    "residual_missing": _residual_missing,
    "depth_missing": _depth_missing,
    "bounds_outside_std": _bounds_outside_std,
    "subnormal_std": _subnormal_std,
}
"""Each code with its message for a decision, None if the warning does not apply."""
