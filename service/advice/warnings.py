"""Warnings about a question: what is probably a mistake, and what will not work well."""

from collections.abc import Callable

from service.advice.decision import Decision
from service.plan import PlanWarning
from service.plan.warnings import GAIN_IGNORES_ACTIVATION
from service.stream.precision import PRECISIONS

DEEP = 10
"""With more layers than this, every unstable gain is warned of."""

_MOST_GROWTH = 4.0
"""With fewer, one is warned of that multiplies a deviation of the variance by more than this."""

_LEAST_CRITICAL = 1 - 1e-6
"""E[f'^2] / E[f^2] of an activation that can keep both variances. It is 1 for ReLU, but for
rounding."""


def warnings_of(decision: Decision) -> tuple[PlanWarning, ...]:
    """The warnings about a decision, then those of the recommended tensor's plan.

    A gain that ignores the activation is warned of only in the client's own choice. The
    recommended gain was chosen with the activation in mind.
    """
    found = ((code, warn(decision)) for code, warn in WARNINGS.items())
    advised = (PlanWarning(code, message) for code, message in found if message is not None)
    requested = () if decision.requested is None else decision.requested.warnings
    own = (each for each in requested if each.code == GAIN_IGNORES_ACTIVATION)
    recommended = (each for each in decision.plan.warnings if each.code != GAIN_IGNORES_ACTIVATION)
    return (*advised, *own, *recommended)


def _symmetry(decision: Decision) -> str | None:
    requested = decision.requested
    constant = requested is not None and requested.facts.distribution == "constant"
    if not constant or not _must_break_symmetry(decision):
        return None
    kept = "scales of a normalization"
    if decision.context.layer != "embedding":
        kept = f"biases and {kept}"
    return (
        "with one value in every element, all units of the layer compute the same output and get "
        f"the same gradient, so they stay equal: draw the weights, as {decision.facts.scheme} "
        f"does, and use constants for {kept} only"
    )


def _must_break_symmetry(decision: Decision) -> bool:
    """Whether this weight must break symmetry.

    The weights of an output layer and the last ones of a residual branch may be zeros.
    """
    context, requested = decision.context, decision.requested
    zeros = requested is not None and requested.facts.mean == 0
    excused = zeros and (context.is_head or context.writes_residual)
    return (context.connects or context.layer == "embedding") and not excused


def _unstable_gain(decision: Decision) -> str | None:
    context, depth = decision.context, decision.depth
    slope = context.variance_slope
    if slope <= 1 or context.normalised or depth is None or not context.connects:
        return None
    if depth <= DEEP and slope**depth <= _MOST_GROWTH:
        return None
    return (
        f"{context.input_activation.name} has no gain that is stable in {depth} layers without a "
        f"normalization: each layer multiplies a deviation of the variance by {slope:.4g}, so even "
        "one of 1 % grows. Add a normalization, or residual branches that start at 0, or rescale "
        "the weights layer by layer on a batch of data"
    )


def _no_critical_point(decision: Decision) -> str | None:
    context = decision.context
    if context.is_head or context.normalised or not context.connects:
        return None
    activation = context.input_activation
    factor = activation.derivative_moment / activation.second_moment
    if factor > _LEAST_CRITICAL:
        return None
    return (
        f"in a stack of {activation.name} layers, weights that keep the variance of activations "
        f"multiply that of gradients by {factor:.4g} a layer, and no bias changes this: use tanh "
        "or a rectifier, which can keep both"
    )


def _saturating_head(decision: Decision) -> str | None:
    context = decision.context
    if decision.choice.gain_rule != "head":
        return None
    kept = context.forward_gain / (context.fan_in or 1) ** 0.5
    return (
        f"{context.input_activation.name} features are unbounded, and "
        f"{context.output_activation.name} saturates: std {kept:.6g}, which keeps the variance, "
        f"gives logits of variance 1 for features with E[x^2] = {context.second_moment:.6g}, and "
        f"more for larger features; scale down to {decision.std:.6g}, or to "
        f"0.5 / sqrt({context.fan_in} E[x^2]) with the E[x^2] you measure, or normalise the "
        "features"
    )


def _depth_missing(decision: Decision) -> str | None:
    if not decision.context.writes_residual or decision.depth is not None:
        return None
    if not decision.context.connects:
        return None
    return (
        "the std of the last weights of a residual branch depends on the number of blocks: add "
        "depth=12 if there are 12 of them"
    )


def _subnormal_std(decision: Decision) -> str | None:
    dtype = decision.context.question.dtype
    least = 2.0 ** PRECISIONS[dtype].least_exponent
    if not 0 < decision.std < least:
        return None
    return (
        f"std {decision.std:.6g} is below {least:.6g}, the least normal number of {dtype}: values "
        "lose digits or become 0, so keep the weights in a wider dtype"
    )


WARNINGS: dict[str, Callable[[Decision], str | None]] = {
    "symmetry": _symmetry,
    "unstable_gain": _unstable_gain,
    "no_critical_point": _no_critical_point,
    "saturating_head": _saturating_head,
    "depth_missing": _depth_missing,
    "subnormal_std": _subnormal_std,
}
"""Each code with its message for a decision, None if the warning does not apply."""
