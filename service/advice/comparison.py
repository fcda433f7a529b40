"""The client's own choice beside the recommended one: how far off it is, also through depth."""

from dataclasses import dataclass

from service.advice.context import OF_THE_LAYER, LayerContext, spec_of
from service.advice.decision import Decision, finite, planned, std_of, url_of
from service.errors import ImpossibleError, Problem
from service.fields import NUMBER_FIELDS
from service.initializers.schemes import AUTO, SCHEMES
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
"""The scheme that a field means without `scheme`. The first field that is given decides."""

_PLAIN = ("uniform", "truncated_normal", "normal")


@dataclass(frozen=True, slots=True)
class Compared:
    """The client's choice. `ratio` is std / recommended_std.

    `per_layer_factor` is the variance after a layer of this std whose input has variance 1.
    `after_depth` is that factor to the power of `depth`, if every layer has the same factor. A
    number is None if it does not apply, or if float64 cannot hold it.
    """

    scheme: str
    std: float
    recommended_std: float
    ratio: float | None
    per_layer_factor: float | None
    after_depth: float | None
    weights_url: str


def requested_plan(context: LayerContext, max_bytes: int) -> Plan | None:
    """The plan of the scheme fields in the question; None if it has none.

    Fans, depth and the like describe the layer, and a distribution alone is not one either: the
    recommendation follows it. Beside base_fan_in, which asks for muP, so does the std, which is
    that of the base model. Raises what `plan` raises.
    """
    question = context.question
    followed = {"distribution"}
    if question.base_fan_in is not None:
        followed.add("std")
    given = {
        field: getattr(question, field)
        for field in NUMBER_FIELDS
        if field not in OF_THE_LAYER and getattr(question, field) is not None
    }
    if question.scheme != AUTO:
        return planned(spec_of(question, scheme=question.scheme, **given), max_bytes)
    if given.keys() <= followed:
        return None
    scheme = next((scheme for field, scheme in _SCHEME_OF_FIELD if field in given), None)
    if scheme is None:
        raise ImpossibleError("scheme_field", *map(_of_no_scheme, given))
    if scheme in _PLAIN:
        scheme = given.pop("distribution", scheme)
    return planned(spec_of(question, scheme=scheme, **given), max_bytes)


def _of_no_scheme(field: str) -> Problem:
    """The problem of a field that only some schemes take, in a question without a scheme."""
    scheme = next((name for name, each in SCHEMES.items() if field in each.fields), None)
    hint = f"leave {field} out" if scheme is None else f"add scheme={scheme}, or leave {field} out"
    return Problem(field, f"{field} belongs to some schemes, and none is named", hint)


def compared(decision: Decision) -> Compared | None:
    """The client's choice measured against the recommendation; None without one."""
    plan = decision.requested
    if plan is None:
        return None
    std, recommended = std_of(plan), decision.std
    # A mean other than 0 adds to E[y^2] what this factor does not count. Behind fixed values the
    # variance depends on the signal.
    counts = plan.facts.mean == 0 and plan.facts.distribution != "deterministic"
    factor = decision.forward_factor(std) if counts else None
    return Compared(
        scheme=plan.facts.scheme,
        std=std,
        recommended_std=recommended,
        ratio=finite(std / recommended) if recommended else None,
        per_layer_factor=factor,
        after_depth=decision.through(factor, decision.depth),
        weights_url=url_of(plan),
    )
