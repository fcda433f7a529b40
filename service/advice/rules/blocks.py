"""Rules for weights of known blocks: residual branches, attention, routers and adapters."""

import math
from dataclasses import replace

from service.advice.context import LayerContext
from service.advice.rules import layers
from service.advice.rules.choice import Choice
from service.errors import ImpossibleError, Problem
from service.initializers import references as papers


def shared_among_branches(context: LayerContext, choice: Choice) -> Choice:
    """The choice with the gain divided by sqrt(branches depth), if it ends a pre-norm branch."""
    depth = context.question.depth
    if context.question.residual != "pre_norm" or not context.writes_residual:
        return choice
    if choice.gain is None or depth is None:
        return choice
    # `total` branches of variance 1 / total each add 1 to the variance of the stream.
    total = context.branches * depth
    reason = (
        f"This weight ends one of {total} branches, so its gain is divided by sqrt({total}), and "
        "all branches together add at most 1 to the variance of the stream."
    )
    return replace(
        choice,
        gain=choice.gain * math.sqrt(1.0 / total),
        gain_rule="residual",
        reasons=(*choice.reasons, reason),
        references=(*choice.references, papers.RADFORD_2019),
    )


def reads_unit_variance(context: LayerContext) -> bool:
    """Whether the layer reads a normalization, or what attention makes of one."""
    behind = context.question.normalization in ("layer", "rms")
    return context.family == "linear" and (context.in_branch or behind)


def unit_variance(context: LayerContext) -> Choice:
    """Gain 1 with fan_in, for a layer that reads a norm or averages of values."""
    reason = (
        "The layer reads a normalised input, so E[x^2] = 1, and gain 1 with n = fan_in keeps it "
        "at 1."
    )
    if context.question.position == "branch_last":
        reason = (
            "The layer reads averages of values of variance 1, so with gain 1 and n = fan_in its "
            "output has at most variance 1."
        )
    return Choice("lecun", "normal", (reason,), (papers.LECUN_1998,), 1.0, "exact")


def router(_: LayerContext) -> Choice:
    """The truncated normal of Switch Transformers (Fedus et al. 2021)."""
    reason = (
        "Small logits make the gates of a router soft and its training stable: Switch Transformers "
        "draw with a tenth of the usual variance and cut at two std, which leaves 0.077."
    )
    return Choice("switch_router", "truncated_normal", (reason,), (papers.FEDUS_2021,))


def lora_a(_: LayerContext) -> Choice:
    """The first matrix of an adapter (Hu et al. 2021)."""
    reason = (
        "The adapter's first matrix is uniform as in the authors' code, so that its second one can "
        "learn; the paper has a normal distribution."
    )
    return Choice("lora_a", "uniform", (reason,), (papers.HU_2021,))


def lora_b(_: LayerContext) -> Choice:
    """The second matrix of an adapter, which is 0 (Hu et al. 2021)."""
    reason = (
        "The adapter's second matrix starts at 0, so the adapted model is the pretrained one "
        "before the first step."
    )
    return Choice("lora_b", "constant", (reason,), (papers.HU_2021,))


def takes_deep_norm(context: LayerContext) -> bool:
    """DeepNorm is for layer normalization behind the sum; batch normalization needs none of it."""
    question = context.question
    deep = question.residual == "post_norm" and question.depth is not None
    return deep and context.in_branch and question.normalization not in ("batch", "group")


def deep_norm(context: LayerContext) -> Choice:
    """Raises ImpossibleError (`conflicting_fields`) for a fused weight, which has two gains."""
    if context.question.role == "attention_qkv":
        message = "DeepNorm gives the value block another gain than query and key"
        hint = "ask for each block: its shape with role=attention_query, or attention_value"
        raise ImpossibleError("conflicting_fields", Problem("role", message, hint))
    depth = context.question.depth or 1
    skip, gain = (2.0 * depth) ** 0.25, (8.0 * depth) ** -0.25
    if context.question.role in ("attention_query", "attention_key"):
        gain, own = 1.0, "Query and key projections keep gain 1."
    else:
        own = (
            f"Feed-forward, value and output projections have gain (8 x {depth})^-1/4 = "
            f"{gain:.6g}, and query and key projections gain 1."
        )
    reason = (
        "With the normalization after the sum, DeepNorm keeps a deep stack stable: it computes "
        f"norm({skip:.6g} x + f(x)), where {skip:.6g} = (2 x {depth})^1/4."
    )
    choice = Choice(
        "glorot",
        "normal",
        (reason, own),
        (papers.WANG_2022,),
        gain,
        "deep_norm",
        multipliers={"skip": skip},
    )
    return layers.balanced(context, choice)


def is_norm_free(context: LayerContext) -> bool:
    """Whether the weight is in a residual branch without normalization."""
    return context.in_branch and context.connects and context.question.residual == "norm_free"


def fixup(context: LayerContext) -> Choice:
    """(branches depth)^(-1 / (2 m - 2)) for branches of m weights (Zhang et al. 2019)."""
    total, layers = context.branches * (context.question.depth or 1), _branch_layers(context)
    factor = total ** (-1.0 / (2.0 * layers - 2.0))
    reason = (
        f"Without a normalization Fixup multiplies the std of a branch's inner weights by {total}^"
        f"(-1 / (2 m - 2)) = {factor:.6g} for {total} branches of m = {layers} weights, so that "
        "one step changes the function as much at any depth."
    )
    cited = (papers.ZHANG_2019, papers.HE_2015)
    return Choice(
        "variance_scaling", "normal", (reason,), cited, context.forward_gain * factor, "fixup"
    )


def fixup_last(_: LayerContext) -> Choice:
    """Zeros for the last weight of a branch (Zhang et al. 2019)."""
    reason = (
        "Without a normalization the last weight of each branch starts at 0, so the block is the "
        "identity and the variance of the stream does not grow with depth."
    )
    return Choice("zeros", "constant", (reason,), (papers.ZHANG_2019,))


def _branch_layers(context: LayerContext) -> int:
    """The weights of a branch, at least 2.

    Fixup's code counts four in attention. The gate and the up projection of a GLU are multiplied,
    as two layers in a row are.
    """
    question = context.question
    usual = 4 if (question.role or "").startswith("attention") else 2
    if context.output_activation.family == "gated":
        usual = 3
    return max(question.branch_layers or usual, 2)
