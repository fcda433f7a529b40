"""What else could be done: a record, and how one is made of a tensor that can be issued."""

from dataclasses import dataclass

from service.advice.case import Case
from service.advice.issuing import tried, url_of
from service.plan import Plan


@dataclass(frozen=True, slots=True)
class Alternative:
    """`what` it is and `when` to take it. The numbers and `weights_url` are None for what has
    none, or is not issued here; `what` says so.
    """

    scheme: str
    what: str
    when: str
    gain: float | None = None
    std: float | None = None
    limit: float | None = None
    weights_url: str | None = None


def issued(case: Case, what: str, when: str, **fields: object) -> Alternative | None:
    """The alternative of these scheme fields; None where there is no such tensor.

    None, too, where it is what was recommended.
    """
    plan = tried(case.situation.question, case.max_bytes, **fields)
    if plan is None or plan.facts == case.facts:
        return None
    return alternative_of(plan, what, when)


def alternative_of(plan: Plan, what: str, when: str) -> Alternative:
    """The alternative that a plan is."""
    return Alternative(
        scheme=plan.facts.scheme,
        what=what,
        when=when,
        gain=plan.facts.gain,
        std=plan.facts.std,
        limit=plan.facts.limit,
        weights_url=url_of(plan),
    )
