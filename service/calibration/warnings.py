"""Warnings about a measurement: what its numbers say that a change of scale does not mend."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod, sqrt

from service.calibration.measurement import Measurement
from service.initializers.activations import ACTIVATIONS
from service.plan import Plan, PlanWarning
from service.stream.precision import PRECISIONS

_LARGE_MEAN = 0.5
"""A mean above half of the std adds more than a quarter of the variance to E[y^2]."""

_BY_CHANCE = 4.0
"""Standard deviations of the mean of random outputs, beyond which it is not due to chance."""

_INEXACT_FROM = 2
"""One correction is exact for a linear layer, and a second one covers another batch."""


@dataclass(frozen=True, slots=True)
class Case:
    """A measurement, the plan of the tensor to use from now on, and whether the layer is done."""

    measurement: Measurement
    plan: Plan
    within: bool


def warnings_of(case: Case) -> tuple[PlanWarning, ...]:
    """The warnings about the measurement, then those about the tensor."""
    found = ((code, warn(case)) for code, warn in WARNINGS.items())
    measured = (PlanWarning(code, message) for code, message in found if message is not None)
    return (*measured, *case.plan.warnings)


def _mean_far_from_zero(case: Case) -> str | None:
    """The mean over n units of weights with mean 0 is below std / sqrt(n), as std over draws."""
    mean, std = case.measurement.measured_mean, sqrt(case.measurement.measured_variance)
    if mean is None:
        return None
    most = max(_LARGE_MEAN, _BY_CHANCE / sqrt(_units(case.plan)))
    if abs(mean) <= most * std:
        return None
    return (
        f"the mean {mean:.4g} is large beside the std {std:.4g} of the output, and scaling changes "
        "both alike: look for a bias that is not 0, for weights whose mean is not 0, and for an "
        "input that is nearly constant. Subtract the mean in the bias, or centre the input"
    )


def _units(plan: Plan) -> int:
    """The number of outputs of the layer, or 1 if the letters do not show it."""
    letters = plan.tensor.placement.letters or ""
    extents = zip(letters, plan.spec.shape, strict=False)
    return max(1, prod(extent for letter, extent in extents if letter in "OE"))


def _correction_inexact(case: Case) -> str | None:
    step = case.measurement.step
    if case.within or step < _INEXACT_FROM:
        return None
    return (
        f"{step} corrections were not enough, and one is exact for an output that is linear in the "
        "weights: measure before the activation, on the same batch, with the weights of the last "
        "answer loaded. A bias of variance b slows this down, and no scale reaches a target below "
        "b: start from a bias of zeros"
    )


def _samples_diverge(case: Case) -> str | None:
    """dV/dq at q = 1 says how a layer changes the variance of each sample; the batch's is given."""
    name = case.measurement.activation
    activation = None if name is None else ACTIVATIONS[name]
    if activation is None or activation.variance_slope <= 1:
        return None
    return (
        f"a correction holds the variance of the whole batch, and not that of each sample: with "
        f"{activation.name} each layer multiplies the deviation of a sample by "
        f"{activation.variance_slope:.4g}, so after some tens of layers few samples carry the "
        "variance of the batch. Add a normalization to a deep network"
    )


def _subnormal_std(case: Case) -> str | None:
    dtype, std = case.plan.spec.dtype, case.plan.facts.std
    least = 2.0 ** PRECISIONS[dtype].least_exponent
    if std is None or not 0 < std < least:
        return None
    return (
        f"std {std:.6g} is below {least:.6g}, the least normal number of {dtype}: values lose "
        "digits or become 0, so the variance will not follow. Keep the weights in a wider dtype"
    )


WARNINGS: dict[str, Callable[[Case], str | None]] = {
    "mean_far_from_zero": _mean_far_from_zero,
    "correction_inexact": _correction_inexact,
    "samples_diverge": _samples_diverge,
    "subnormal_std": _subnormal_std,
}
"""Each code with its message for a case, None if the warning does not apply."""
