"""muP: what changes in a wider model than the one whose hyperparameters are known."""

import math
from dataclasses import replace

from service.advice.context import LayerContext
from service.advice.rules.choice import Choice
from service.initializers import references as papers

ROUTER_SCALE = 0.1
"""gain^2 of the router of Switch Transformers, before its normal is cut (Fedus et al. 2021)."""


def mup(context: LayerContext, choice: Choice) -> Choice:
    """The choice as muP has it in a wider model than the one whose hyperparameters are known.

    Table 3 of Yang et al. 2022, for Adam: hidden weights keep a variance of 1 / n, which the other
    rules give anyway. Only the output layer differs, and the learning rates. A `std` in the
    question is that of the base model, and sets the std of any layer.
    """
    question, base = context.question, float(context.question.base_fan_in or 1.0)
    if context.layer == "embedding":
        return _mup_input(context, choice, base)
    if not context.connects or question.role in ("lora_a", "lora_b"):
        return choice
    if question.position == "first":
        return _mup_input(context, choice, base)
    ratio = base / (context.fan_in or base)
    rate = {**choice.multipliers, "learning_rate": ratio}
    if context.is_head or question.role == "router":
        return _mup_output(context, choice, ratio, rate)
    reason = (
        "So that a step of Adam changes the outputs as much at any width, the std falls as "
        f"fan_in^-1/2 and the learning rate as 1 / fan_in: here to {ratio:.6g} of the base model's "
        "rate."
    )
    further = _logits_of_attention(context)
    if question.std is not None:
        fields: dict[str, object] = {"std": question.std, "base_fan_in": question.base_fan_in}
        return _of_mup(choice, "mup_hidden", (reason, *further), fields, rate)
    reasons = choice.reasons if choice.gain is None else (reason, *further, *choice.reasons)
    cited = (papers.YANG_2022, *choice.references)
    return replace(choice, reasons=reasons, references=cited, multipliers=rate)


def _mup_input(context: LayerContext, choice: Choice, base: float) -> Choice:
    """Layers that read data keep std and learning rate, and a tied head is divided by the width."""
    question, rate = context.question, {**choice.multipliers, "learning_rate": 1.0}
    reason = "muP keeps the std and the learning rate of a layer that reads data at any width."
    std = question.std
    if question.role == "tied_embedding":
        width = float(context.fan_out or base)
        reason = (
            "muP keeps the std and the learning rate of a table at any width, and multiplies the "
            f"logits of its head by base / width = {base / width:.6g}."
        )
        rate["logits"] = base / width
        std = std or math.sqrt(1.0 / base)
    if std is not None:
        return _of_mup(choice, "mup_input", (reason,), {"std": std}, rate)
    cited = (papers.YANG_2022, *choice.references)
    reasons = (reason, *choice.reasons)
    return replace(choice, reasons=reasons, references=cited, multipliers=rate)


def _mup_output(
    context: LayerContext, choice: Choice, ratio: float, rate: dict[str, float]
) -> Choice:
    """std = base std x base_fan_in / fan_in, which is sqrt(ratio) of the usual 1 / sqrt(fan_in)."""
    question = context.question
    reason = (
        "The number of outputs does not grow with the width, so muP lets both std and learning "
        f"rate fall as 1 / fan_in, here to {ratio:.6g} of the base model's."
    )
    if question.std is not None:
        fields: dict[str, object] = {"std": question.std, "base_fan_in": question.base_fan_in}
        return _of_mup(choice, "mup_output", (reason,), fields, rate)
    gain = math.sqrt(ROUTER_SCALE) if question.role == "router" else choice.gain
    if gain is None:
        return replace(choice, multipliers=rate)
    return replace(
        choice,
        gain=gain * math.sqrt(ratio),
        gain_rule="mup",
        reasons=(reason, *(f"In the base model: {each}" for each in choice.reasons)),
        references=(papers.YANG_2022, *choice.references),
        multipliers=rate,
    )


def _of_mup(
    choice: Choice,
    scheme: str,
    reasons: tuple[str, ...],
    fields: dict[str, object],
    rate: dict[str, float],
) -> Choice:
    """A scheme of muP with the client's std, in place of the choice."""
    return Choice(
        scheme,
        "normal",
        reasons,
        (papers.YANG_2022,),
        gain_rule="mup",
        fields=fields,
        multipliers=rate,
        otherwise=choice,
    )


def _logits_of_attention(context: LayerContext) -> tuple[str, ...]:
    if context.question.role not in ("attention_query", "attention_key", "attention_qkv"):
        return ()
    return (
        "Attention divides its logits by the width of a head times 1 / sqrt(base width of a head), "
        "which is the usual square root in the base model.",
    )
