"""The recommendation: the answer to a question, and how it is made."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from service.advice.alternatives import Alternative, alternatives_of
from service.advice.bias import Bias, bias_of, bias_url_of
from service.advice.comparison import Compared, compared, requested_plan
from service.advice.context import context_of
from service.advice.decision import Decision, issued, url_of
from service.advice.equivalents import Equivalent, equivalents_of
from service.advice.question import Question
from service.advice.rationale import decision_of, equation_of, rationale_of
from service.advice.rules import choose
from service.advice.understanding import Understood
from service.advice.warnings import warnings_of
from service.errors import ImpossibleError, Problem
from service.initializers import references as papers
from service.initializers.references import Reference
from service.initializers.schemes import AUTO
from service.plan import PlanWarning
from service.wire.json_text import json_bytes


@dataclass(frozen=True, slots=True)
class Recommendation:
    """How to initialize a tensor, and why.

    `decision` says it in one sentence, `equation` is the variance after the layer, and `rationale`
    has at most five sentences. `understood` is how the question was understood, its role and
    defaults included.

    Numbers are of the values before rounding to the dtype. A number that does not apply is None.
    `gain_rule` says what the gain is: `exact` (E[f^2]^-1/2 of the activation on the input), `one`,
    `head` (half the exact gain), `residual` (the gain divided by sqrt(branches depth)),
    `deep_norm` ((8 depth)^-1/4), `fixup` (the gain times (branches depth)^(-1/(2 m - 2))),
    `edge_of_chaos` (the backward gain, with random biases) or `mup` (the gain of an output layer
    times sqrt(base_fan_in / fan_in), or no gain if the question has a std). `limit` is the largest
    possible magnitude. `bounds` is where a normal is cut, in its standard deviations.

    `multipliers` are further factors, which the network or its optimiser must apply. The keys say
    what they multiply. `weights_url` fetches the tensor. Without a seed in the question it has
    none, and the server draws one. `bias_url` fetches the bias, and is None if that starts at 0.
    """

    decision: str
    equation: str | None
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
    multipliers: dict[str, float]
    understood: Understood
    rationale: tuple[str, ...]
    warnings: tuple[PlanWarning, ...]
    references: tuple[Reference, ...]
    alternatives: tuple[Alternative, ...]
    equivalents: dict[str, Equivalent]
    compared: Compared | None
    weights_url: str
    bias_url: str | None

    def as_dict(self) -> dict[str, Any]:
        """The recommendation as JSON can carry it."""
        return asdict(self)

    def as_json(self) -> bytes:
        """The recommendation as indented JSON in UTF-8."""
        return json_bytes(self.as_dict())


def recommend(question: Question, *, max_bytes: int) -> Recommendation:
    """How to initialize the question's tensor.

    `max_bytes` bounds the values of the whole tensor, as for a plan. Raises ImpossibleError if the
    tensor, or the one with the question's own scheme fields, cannot be issued, or if a field
    contradicts the role. Raises UnreadableError for a layout that is neither letters nor a
    framework.
    """
    decision = _decide(question, max_bytes)
    context, facts = decision.context, decision.facts
    return Recommendation(
        decision=decision_of(decision),
        equation=equation_of(decision),
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
        bias=bias_of(decision),
        multipliers=dict(decision.choice.multipliers),
        understood=context.understood,
        rationale=rationale_of(decision),
        warnings=warnings_of(decision),
        references=_references(decision),
        alternatives=alternatives_of(decision),
        equivalents=equivalents_of(decision),
        compared=compared(decision),
        weights_url=url_of(decision.plan),
        bias_url=bias_url_of(decision),
    )


def _decide(question: Question, max_bytes: int) -> Decision:
    try:
        context = context_of(question)
        choice, plan = issued(context, choose(context), max_bytes)
        requested = requested_plan(context, max_bytes)
    except ImpossibleError as error:
        raise ImpossibleError(error.reason, *_about_role(error, question)) from None
    return Decision(context, choice, plan, requested, max_bytes)


def _about_role(error: ImpossibleError, question: Question) -> Iterator[Problem]:
    """The problems, with the role in place of a layer that the question does not name itself."""
    for problem in error.problems:
        filled = problem.field == "layer" and question.layer is None and question.role is not None
        if not filled:
            yield problem
        elif question.scheme == AUTO:
            yield replace(problem, field="role", hint="leave role out, or write another shape")
        else:
            yield replace(problem, field="scheme", hint="leave scheme out, or leave role out")


def _references(decision: Decision) -> tuple[Reference, ...]:
    """The papers of the rule, then those of the normalization and depth asked about."""
    context, question = decision.context, decision.context.question
    deep = context.in_stack and question.depth is not None
    further = (
        (papers.IOFFE_2015, context.connects and question.normalization == "batch"),
        (papers.HANIN_2019, context.connects and deep),
        (papers.MISHKIN_2015, decision.unstable),
        (papers.YANG_DEPTH_2023, decision.choice.gain_rule == "residual"),
        (papers.DEY_2025, decision.choice.gain_rule == "residual"),
    )
    cited = (*decision.choice.references, *(paper for paper, applies in further if applies))
    return tuple(dict.fromkeys(cited))
