"""The asker's own choice beside what is recommended: how far off, and what it does with depth."""

from dataclasses import dataclass

from service.advice.case import Case, finite
from service.advice.issuing import planned, std_of, url_of
from service.advice.question import Question
from service.advice.situation import spec_of
from service.fields import FAN_FIELDS, NUMBER_FIELDS
from service.initializers.schemes import AUTO
from service.plan import Plan

_SCHEME_OF_FIELD: tuple[tuple[str, str], ...] = (
    ("value", "constant"),
    *((field, "variance_scaling") for field in ("mode", "gain", "gain_rule", "scale")),
    ("low", "uniform"),
    ("high", "uniform"),
    ("std_kind", "truncated_normal"),
    ("bounds", "truncated_normal"),
    ("std", "normal"),
    ("mean", "normal"),
)
"""What a field means where no scheme is named with it, the first that is given deciding."""

_PLAIN = ("uniform", "truncated_normal", "normal")


@dataclass(frozen=True, slots=True)
class Compared:
    """`ratio` is std / recommended_std. `per_layer_factor` is the variance that a layer of this
    std makes of a unit variance, `after_depth` that factor through `depth` layers, where each
    repeats it. None where a number does not apply, or no float64 holds it.
    """

    scheme: str
    std: float
    recommended_std: float
    ratio: float | None
    per_layer_factor: float | None
    after_depth: float | None
    weights_url: str


def own_choice(question: Question, max_bytes: int) -> Plan | None:
    """The plan of the numbers that the question gives itself; None without. Fans are none of them.

    A distribution alone is a wish that the recommendation follows. Raises what `plan` raises.
    """
    given = {
        field: getattr(question, field)
        for field in NUMBER_FIELDS
        if field not in FAN_FIELDS and getattr(question, field) is not None
    }
    if question.scheme != AUTO:
        return planned(spec_of(question, scheme=question.scheme, **given), max_bytes)
    if given.keys() <= {"distribution"}:
        return None
    scheme = next(scheme for field, scheme in _SCHEME_OF_FIELD if field in given)
    if scheme in _PLAIN:
        scheme = given.pop("distribution", scheme)
    return planned(spec_of(question, scheme=scheme, **given), max_bytes)


def compared(case: Case) -> Compared | None:
    """The asker's choice measured against the recommendation."""
    if case.own is None:
        return None
    facts, std, recommended = case.own.facts, std_of(case.own), case.std
    # A mean moves all outputs together, which no variance tells.
    factor = case.forward_factor(std) if facts.mean == 0 else None
    return Compared(
        scheme=facts.scheme,
        std=std,
        recommended_std=recommended,
        ratio=finite(std / recommended) if recommended else None,
        per_layer_factor=factor,
        after_depth=case.through(factor, case.depth),
        weights_url=url_of(case.own),
    )
