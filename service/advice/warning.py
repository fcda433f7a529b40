"""The table of warnings: what was asked for and is probably not meant, or will not do."""

from collections.abc import Callable

from service.advice.case import Case
from service.plan import PlanWarning
from service.plan.warnings import GAIN_IGNORES_ACTIVATION
from service.stream.precision import PRECISIONS

DEEP = 10
"""Layers from which an unstable gain shows, whatever the activation."""

_MOST_GROWTH = 4.0
"""A deviation of the variance that a stack may multiply by so much goes unmentioned."""


def warnings_of(case: Case) -> tuple[PlanWarning, ...]:
    """The warnings that a case deserves, those of the recommended tensor's plan among them.

    Whether a gain ignores the activation is a question to the asker's own choice: the gain that
    is recommended was chosen with the activation in mind.
    """
    found = ((code, warn(case)) for code, warn in WARNINGS.items())
    advised = (PlanWarning(code, message) for code, message in found if message is not None)
    own = () if case.own is None else case.own.warnings
    chosen = (each for each in own if each.code == GAIN_IGNORES_ACTIVATION)
    recommended = (each for each in case.plan.warnings if each.code != GAIN_IGNORES_ACTIVATION)
    return (*advised, *chosen, *recommended)


def _symmetry(case: Case) -> str | None:
    situation = case.situation
    constant = case.own is not None and case.own.facts.distribution == "constant"
    if not constant or not _breaks_symmetry(case):
        return None
    return (
        "with one value in every element all units of the layer compute the same and get the same "
        f"gradient, so they stay one unit: draw the weights, as {case.facts.scheme} does, and "
        f"leave {_constants(situation.layer)} to constants"
    )


def _breaks_symmetry(case: Case) -> bool:
    """Whether it is this weight's task; a head's and a branch's last one may be zeros."""
    situation = case.situation
    zeros = case.own is not None and case.own.facts.mean == 0
    excused = zeros and (situation.is_head or situation.writes_residual)
    return (situation.connects or situation.layer == "embedding") and not excused


def _constants(layer: str | None) -> str:
    return "norm scales" if layer == "embedding" else "biases and norm scales"


def _unstable_gain(case: Case) -> str | None:
    situation, depth = case.situation, case.depth
    if (
        situation.variance_slope <= 1
        or situation.normalised
        or depth is None
        or not situation.connects
    ):
        return None
    if depth <= DEEP and situation.variance_slope**depth <= _MOST_GROWTH:
        return None
    return (
        f"{situation.input_activation.name} has no gain that is safe in {depth} layers without a "
        f"normalization: each multiplies a deviation of the variance by {situation.variance_slope:.4g}, so "
        "one of 1 % does not stay one. Add a norm, or residual branches that begin at 0, or "
        "rescale layer by layer on a batch of data"
    )


def _no_critical_point(case: Case) -> str | None:
    situation = case.situation
    applies = situation.family in ("sigmoid", "softplus") and not situation.is_head
    if not applies or situation.normalised or not situation.connects:
        return None
    moments = (
        situation.input_activation.derivative_moment / situation.input_activation.second_moment
    )
    return (
        f"a stack of {situation.input_activation.name} that keeps its variance multiplies gradients' by "
        f"{moments:.4g} a layer, and no bias mends it: tanh or a rectifier has such a point"
    )


def _saturating_head(case: Case) -> str | None:
    situation = case.situation
    if case.choice.gain_rule != "head":
        return None
    kept = situation.forward_gain / (situation.fan_in or 1) ** 0.5
    return (
        f"{situation.input_activation.name} features grow without bound, and {situation.output_activation.name} "
        f"saturates: std {kept:.6g}, which keeps the variance, gives logits of variance 1 already "
        f"for features with E[x^2] = {situation.second_moment:.6g}, and more with larger ones; "
        f"scale down to {case.std:.6g}, or to 0.5 / sqrt({situation.fan_in} E[x^2]) with "
        "the E[x^2] you measure, or normalise the features"
    )


def _depth_missing(case: Case) -> str | None:
    if not case.situation.writes_residual or case.depth is not None:
        return None
    if not case.situation.connects:
        return None
    return (
        "how wide the last weights of a residual branch are depends on how many branches there "
        "are: add depth=..."
    )


def _subnormal_std(case: Case) -> str | None:
    dtype = case.situation.question.dtype
    least = 2.0 ** PRECISIONS[dtype].least_exponent
    if not 0 < case.std < least:
        return None
    return (
        f"std {case.std:.6g} lies below {least:.6g}, where {dtype} begins to lose digits and "
        "values become 0: keep the weights in a wider dtype"
    )


WARNINGS: dict[str, Callable[[Case], str | None]] = {
    "symmetry": _symmetry,
    "unstable_gain": _unstable_gain,
    "no_critical_point": _no_critical_point,
    "saturating_head": _saturating_head,
    "depth_missing": _depth_missing,
    "subnormal_std": _subnormal_std,
}
"""Every warning of a recommendation by its code: its message for a case, None if not deserved."""
