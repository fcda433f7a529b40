"""Rules for what is no weight between units: biases, scales, tables and factors of branches."""

import math

from service.advice.context import LayerContext
from service.advice.rules.choice import Choice
from service.initializers import references as papers

POSITION_STD = 0.02
"""The std of the learned positions of BERT and ViT."""


def bias(context: LayerContext) -> Choice:
    """Zeros."""
    reason = (
        "A bias starts at 0: it need not break symmetry, and any other value shifts the input of "
        "the activation."
    )
    if context.question.role == "norm_bias":
        reason = "The bias of a normalization starts at 0, so its output has mean 0."
    if context.is_head and context.output_activation.name == "softmax":
        reason = (
            "The bias of a softmax starts at 0, or at ln p for a class of frequency p; one number "
            "in all of them changes nothing."
        )
    return Choice("zeros", "constant", (reason,), (papers.GLOROT_2010, papers.HE_2015))


def scale(_: LayerContext) -> Choice:
    """Ones."""
    reason = (
        "The scale of a normalization starts at 1, which keeps the variance that the "
        "normalization has just set."
    )
    return Choice("ones", "constant", (reason,), (papers.IOFFE_2015,))


def zero_scale(_: LayerContext) -> Choice:
    """Zeros, for the norm that ends a branch (Goyal et al. 2017)."""
    reason = (
        "The last normalization of a residual branch starts at scale 0, so each block is the "
        "identity at the start."
    )
    return Choice("zeros", "constant", (reason,), (papers.GOYAL_2017,))


def ends_branch(context: LayerContext) -> bool:
    """Whether the layer is the scale of a norm that ends a branch, as in x + norm(f(x))."""
    question = context.question
    ends = question.position == "branch_last" and question.residual in ("none", "branch_norm")
    return question.role == "norm_scale" and ends


def branch_scale(context: LayerContext) -> Choice:
    """A small factor or 0; 1 if another part of the branch is 0."""
    question = context.question
    zero = {
        "norm_free": "The last weight of a branch without normalization starts at 0",
        "branch_norm": "The last normalization of the branch starts with scale 0",
    }.get(question.residual or "")
    if zero is not None:
        reason = f"{zero}, so its factor starts at 1: with two zeros neither would get a gradient."
        return Choice("ones", "constant", (reason,), (papers.ZHANG_2019,))
    if question.depth is not None:
        reason = (
            "A small factor makes each block nearly the identity at the start, and training lets "
            "the branch grow."
        )
        return Choice("layer_scale", "constant", (reason,), (papers.TOUVRON_2021,))
    reason = (
        "With a factor of 0 each block is the identity at the start; the last weight of its branch "
        "must then not be 0."
    )
    return Choice("zeros", "constant", (reason,), (papers.BACHLECHNER_2020, papers.DE_2020))


def embedding(_: LayerContext) -> Choice:
    """N(0, 1): one row is looked up."""
    reasons = (
        "An embedding looks up one row, so n = 1 and Var(y) = Var(w).",
        "With std 1 the stream starts at variance 1, for which the gains of the layers are made.",
    )
    return Choice("plain", "normal", reasons, (papers.VASWANI_2017,), std=1.0)


def tied(context: LayerContext) -> Choice:
    """Std 1 / sqrt(width), for a table that is the weight of the head too."""
    width = context.fan_out or 1.0
    reasons = (
        "The head multiplies by the same table: for features of variance 1 its logits have std(w) "
        f"sqrt({width}), so std(w) = 1 / sqrt({width}) makes that 1.",
        "Logits of std 1 add about 1/2 to the first loss.",
        "The rows are small beside the branches, and the first normalization scales them up.",
        "No block should start as the identity beside a tied table: each token would then predict "
        f"itself with a logit of sqrt(d) = {math.sqrt(width):.4g}.",
    )
    std = math.sqrt(1.0 / width)
    return Choice("plain", "normal", reasons, (papers.VASWANI_2017,), std=std)


def positions(_: LayerContext) -> Choice:
    """Learned positions, of the size of the tokens that they are added to."""
    reason = (
        "Learned positions are added to the tokens and start at about the same size: std "
        f"{POSITION_STD} goes with tokens of std 0.02, as in BERT and ViT."
    )
    return Choice("plain", "normal", (reason,), (papers.RADFORD_2019,), std=POSITION_STD)
