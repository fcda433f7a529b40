"""The table of rules: which scheme and gain a layer calls for. The first that applies decides."""

from collections.abc import Callable
from dataclasses import dataclass

from service.advice.context import LayerContext
from service.advice.rules import blocks, layers, tables, width
from service.advice.rules.choice import Choice


@dataclass(frozen=True, slots=True)
class Rule:
    """`choose` makes the choice for contexts of which `applies` is true."""

    applies: Callable[[LayerContext], bool]
    choose: Callable[[LayerContext], Choice]


def choose(context: LayerContext) -> Choice:
    """The choice of the first rule that applies. The last rule applies to everything."""
    choice = next(rule for rule in RULES if rule.applies(context)).choose(context)
    choice = blocks.shared_among_branches(context, choice)
    return choice if context.question.base_fan_in is None else width.mup(context, choice)


def _has_role(*names: str) -> Callable[[LayerContext], bool]:
    return lambda context: context.question.role in names


RULES: tuple[Rule, ...] = (
    Rule(_has_role("branch_scale"), tables.branch_scale),
    Rule(tables.ends_branch, tables.zero_scale),
    Rule(lambda context: context.layer == "bias", tables.bias),
    Rule(lambda context: context.layer == "scale", tables.scale),
    Rule(_has_role("position_embedding"), tables.positions),
    Rule(_has_role("tied_embedding"), tables.tied),
    Rule(lambda context: context.layer == "embedding", tables.embedding),
    Rule(_has_role("lora_a"), blocks.lora_a),
    Rule(_has_role("lora_b"), blocks.lora_b),
    Rule(_has_role("router"), blocks.router),
    Rule(lambda context: context.layer == "recurrent", layers.recurrent),
    Rule(blocks.takes_deep_norm, blocks.deep_norm),
    Rule(
        lambda context: blocks.is_norm_free(context) and context.writes_residual, blocks.fixup_last
    ),
    Rule(
        lambda context: blocks.is_norm_free(context) and context.question.depth is not None,
        blocks.fixup,
    ),
    Rule(lambda context: context.has_sine and not context.is_probability_head, layers.siren),
    Rule(lambda context: context.is_probability_head, layers.head),
    Rule(
        lambda context: context.question.position == "first" and context.family == "linear",
        layers.first,
    ),
    Rule(layers.too_deep, layers.at_the_edge_of_chaos),
    Rule(lambda context: context.family == "rectifier", layers.rectifier),
    Rule(lambda context: context.family == "selu", layers.selu),
    Rule(lambda context: context.is_head and context.family in ("odd", "sigmoid"), layers.exact),
    Rule(lambda context: context.family == "odd", layers.odd),
    Rule(lambda context: context.family == "sigmoid", layers.sigmoid),
    Rule(lambda context: context.family == "gated", layers.gated),
    Rule(lambda context: context.family in ("smooth", "softplus", "even"), layers.exact),
    Rule(lambda context: context.is_head, layers.plain_head),
    Rule(blocks.reads_unit_variance, blocks.unit_variance),
    Rule(lambda context: True, layers.linear),
)
"""In the order in which they are tried."""
