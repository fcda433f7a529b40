"""From a question to a recommendation: choose, plan what was chosen, and say why."""

from service.advice import references as papers
from service.advice.alternatives import alternatives_of
from service.advice.case import Case
from service.advice.comparison import compared, own_choice
from service.advice.equivalents import equivalents_of
from service.advice.issuing import recommended, url_of
from service.advice.question import Question
from service.advice.rationale import rationale_of
from service.advice.recommendation import Bias, Recommendation
from service.advice.rules import choose
from service.advice.situation import situation_of
from service.advice.warning import warnings_of
from service.initializers.references import Reference

_ZEROS = Bias("zeros", 0.0, 0.0)


def recommend(question: Question, *, max_bytes: int) -> Recommendation:
    """What the question's tensor should start as.

    `max_bytes` bounds the values of the whole tensor, as for a plan. Raises ImpossibleError where
    no such tensor, or none of the asker's own choice, can be issued, and UnreadableError for a
    layout that is neither letters nor a framework.
    """
    case = _case(question, max_bytes)
    situation, facts = case.situation, case.facts
    return Recommendation(
        scheme=facts.scheme,
        distribution=facts.distribution,
        mode=facts.mode,
        gain=facts.gain,
        gain_rule=case.choice.gain_rule,
        fan_in=situation.fan_in,
        fan_out=situation.fan_out,
        layout=situation.letters,
        mean=facts.mean,
        std=case.std,
        limit=facts.limit,
        bounds=facts.bounds,
        bias=_ZEROS,
        rationale=rationale_of(case),
        warnings=warnings_of(case),
        references=_references(case),
        alternatives=alternatives_of(case),
        equivalents=equivalents_of(case),
        compared=compared(case),
        weights_url=url_of(case.plan),
    )


def _case(question: Question, max_bytes: int) -> Case:
    situation = situation_of(question)
    choice = choose(situation)
    distribution = question.distribution or choice.distribution
    plan = recommended(situation, choice, distribution, max_bytes)
    return Case(situation, choice, plan, own_choice(question, max_bytes), max_bytes)


def _references(case: Case) -> tuple[Reference, ...]:
    """The rule's papers, and those of what else the question brings up."""
    question, connects = case.situation.question, case.situation.connects
    further = (
        (papers.RADFORD_2019, case.choice.gain_rule == "residual"),
        (papers.IOFFE_2015, connects and question.normalization == "batch"),
        (papers.HANIN_2019, connects and question.depth is not None),
    )
    cited = (*case.choice.references, *(paper for paper, applies in further if applies))
    return tuple(dict.fromkeys(cited))
