"""The recommendation: the answer to a question, and how it is made."""

from dataclasses import asdict, dataclass
from typing import Any

from service.advice.alternatives import Alternative, alternatives_of
from service.advice.comparison import Compared, compared, requested_plan
from service.advice.context import context_of
from service.advice.decision import Decision, planned_choice, url_of
from service.advice.equivalents import Equivalent, equivalents_of
from service.advice.question import Question
from service.advice.rationale import rationale_of
from service.advice.rules import choose
from service.advice.warnings import warnings_of
from service.initializers import references as papers
from service.initializers.references import Reference
from service.plan import PlanWarning
from service.wire.json_text import json_bytes


@dataclass(frozen=True, slots=True)
class Bias:
    """How to initialize the layer's bias."""

    scheme: str
    value: float
    std: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """How to initialize a tensor, and why.

    Numbers are of the values before rounding to the dtype. A number that does not apply is None.

    `gain_rule` is `exact` (E[f^2]^-1/2 of the activation on the input), `one`, `head` (half the
    exact gain), `residual` (the gain divided by sqrt(2 depth)) or `deep_norm` ((8 depth)^-1/4).
    `limit` is the largest possible magnitude. `bounds` is where a normal is cut, in its standard
    deviations. `weights_url` fetches the tensor. Without a seed in the question it has none, and
    the server draws one.
    """

    scheme: str
    distribution: str
    mode: str | None
    gain: float | None
    gain_rule: str | None
    fan_in: float | None
    fan_out: float | None
    layout: str | None
    mean: float
    std: float
    limit: float | None
    bounds: tuple[float, float] | None
    bias: Bias
    rationale: tuple[str, ...]
    warnings: tuple[PlanWarning, ...]
    references: tuple[Reference, ...]
    alternatives: tuple[Alternative, ...]
    equivalents: dict[str, Equivalent]
    compared: Compared | None
    weights_url: str

    def as_dict(self) -> dict[str, Any]:
        """The recommendation as JSON can carry it."""
        return asdict(self)

    def as_json(self) -> bytes:
        """The recommendation as indented JSON in UTF-8."""
        return json_bytes(self.as_dict())


def recommend(question: Question, *, max_bytes: int) -> Recommendation:
    """How to initialize the question's tensor.

    `max_bytes` bounds the values of the whole tensor, as for a plan. Raises ImpossibleError if the
    tensor, or the one with the question's own scheme fields, cannot be issued. Raises
    UnreadableError for a layout that is neither letters nor a framework.
    """
    decision = _decide(question, max_bytes)
    context, facts = decision.context, decision.facts
    return Recommendation(
        scheme=facts.scheme,
        distribution=facts.distribution,
        mode=facts.mode,
        gain=facts.gain,
        gain_rule=decision.choice.gain_rule,
        fan_in=context.fan_in,
        fan_out=context.fan_out,
        layout=context.letters,
        mean=facts.mean or 0.0,
        std=decision.std,
        limit=facts.limit,
        bounds=facts.bounds,
        bias=Bias("zeros", 0.0, 0.0),
        rationale=rationale_of(decision),
        warnings=warnings_of(decision),
        references=_references(decision),
        alternatives=alternatives_of(decision),
        equivalents=equivalents_of(decision),
        compared=compared(decision),
        weights_url=url_of(decision.plan),
    )


def _decide(question: Question, max_bytes: int) -> Decision:
    context = context_of(question)
    choice = choose(context)
    distribution = question.distribution or choice.distribution
    plan = planned_choice(context, choice, distribution, max_bytes)
    return Decision(context, choice, plan, requested_plan(question, max_bytes), max_bytes)


def _references(decision: Decision) -> tuple[Reference, ...]:
    """The papers of the rule, then those of the normalization, residual and depth asked about."""
    question, connects = decision.context.question, decision.context.connects
    further = (
        (papers.RADFORD_2019, decision.choice.gain_rule == "residual"),
        (papers.IOFFE_2015, connects and question.normalization == "batch"),
        (papers.HANIN_2019, connects and question.depth is not None),
    )
    cited = (*decision.choice.references, *(paper for paper, applies in further if applies))
    return tuple(dict.fromkeys(cited))
