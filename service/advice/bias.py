"""The bias of the recommended layer."""

from dataclasses import dataclass

from service.advice.decision import Decision, planned_or_none, url_of
from service.advice.question import Question


@dataclass(frozen=True, slots=True)
class Bias:
    """How the layer's bias starts. `value` is its mean."""

    scheme: str
    value: float
    std: float


def bias_of(decision: Decision) -> Bias:
    """Zeros, unless the rule chose random biases."""
    chosen = decision.choice.bias
    return Bias(chosen.scheme, 0.0, chosen.std)


def bias_url_of(decision: Decision) -> str | None:
    """The URL of random biases; None if the bias starts at 0."""
    chosen = decision.choice.bias
    if chosen.std == 0:
        return None
    fields = {"scheme": chosen.scheme, "std": chosen.std}
    plan = planned_or_none(_bias_question(decision), decision.max_bytes, **fields)
    return None if plan is None else url_of(plan)


def _bias_question(decision: Decision) -> Question:
    """The question of the bias of this layer: one number for each output, and a name of its own."""
    question, weight = decision.context.question, decision.context.weight
    own_layout = {"layer": "bias", "layout": None, "groups": None, "parts": 1, "stride": (1,)}
    activation = {"activation": None, "negative_slope": None}
    written = {"order": "C", "slice": None, "name": _bias_name(question.name)}
    outputs = weight.count("O") * ((weight.groups or 1) if weight.transposed else 1)
    return question.model_copy(update={"shape": (outputs,), **own_layout, **activation, **written})


def _bias_name(name: str) -> str:
    """The bias beside a weight of this name: layer1.bias beside layer1.weight."""
    layer = name.removesuffix(".weight").removesuffix(".kernel")
    return f"{layer}.bias" if name else ""
