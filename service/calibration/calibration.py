"""One step of layer-sequential unit-variance initialization (LSUV; Mishkin and Matas 2015).

The paper's algorithm 1, for each layer in the order of the network:

    begin with orthonormal weights W
    t = 0
    while |Var(y) - 1| >= tolerance and t < most_steps:
        y = the layer's output on a batch
        W = W / sqrt(Var(y))
        t = t + 1

Here the client computes y, and sends Var(y) and t. The answer is W / sqrt(Var(y) / target) as a
URL. Nothing is kept between two calls.

For y = W x, Var(y) is proportional to the square of the scale of W, so one correction is exact on
the same batch. With a bias of variance b, Var(y) = s^2 v + b. Near the target each correction then
leaves about b / target of the deviation. No scale reaches a target below b.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from service.advice.decision import planned
from service.calibration.measurement import Measurement, in_url
from service.calibration.scale import Scale, rounded, scale_of
from service.calibration.warnings import Case, warnings_of
from service.errors import ImpossibleError, Problem
from service.fields import Spec
from service.initializers.references import MISHKIN_2015, Reference
from service.plan import Plan, PlanWarning, plan
from service.wire.json_text import json_bytes

Verdict = Literal["corrected", "within_tolerance", "step_limit"]

_REPEATED = ("target_variance", "tolerance", "most_steps")
"""The fields that stay the same from one call for a layer to the next."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a measurement leads to.

    `verdict` is `corrected` (the scale changed: measure again), `within_tolerance` or `step_limit`
    (the tensor is unchanged). `done` says that the layer needs no further call, and `proceed` says
    in a sentence what to do next. `next` has the members of the next call except the measured ones;
    None if the layer is done.

    `old` and `new` are the numbers that set the scale, by field, such as gain, std, low and high.
    The new ones have six significant digits. `factor` is new / old. `std` is that of the values at
    `weights_url`, None if it is not known.
    """

    verdict: Verdict
    done: bool
    proceed: str
    scheme: str
    old: dict[str, float]
    new: dict[str, float]
    factor: float
    std: float | None
    measured_mean: float | None
    measured_variance: float
    target_variance: float
    tolerance: float
    step: int
    most_steps: int
    warnings: tuple[PlanWarning, ...]
    references: tuple[Reference, ...]
    weights_url: str
    next: dict[str, Any] | None

    def as_json(self) -> bytes:
        """The calibration as indented JSON in UTF-8."""
        return json_bytes(asdict(self))


def calibrate(measurement: Measurement, *, max_bytes: int) -> Calibration:
    """The step of LSUV after a measurement.

    The factor is sqrt(target_variance / measured_variance). Variances are in the units of the
    output, squared.

    `max_bytes` bounds the values of the whole tensor, as for a plan. Raises ImpossibleError:
    `dead_output` for a measured variance of 0, `no_seed` for a tensor that differs from call to
    call, `nothing_to_scale` for a tensor without a scale, and what `plan` raises for either tensor.
    """
    _refuse_dead(measurement)
    before = _plan(measurement, measurement.spec, max_bytes)
    _refuse_unseeded(before)
    _refuse_empty(before)
    old = scale_of(before.tensor)
    verdict = _verdict(measurement)
    new, after, factor = old, before, 1.0
    if verdict == "corrected":
        factor = _factor(measurement)
        new, after = _corrected(measurement, old, factor, max_bytes)
    return _answer(measurement, verdict, old, new, after, rounded(factor))


def _answer(
    measurement: Measurement,
    verdict: Verdict,
    old: Scale,
    new: Scale,
    after: Plan,
    factor: float,
) -> Calibration:
    done = verdict != "corrected"
    case = Case(measurement, after, verdict == "within_tolerance")
    return Calibration(
        verdict=verdict,
        done=done,
        proceed=_SENTENCES[verdict].format(
            variance=f"{measurement.measured_variance:.4g}",
            target=f"{measurement.target_variance:.4g}",
            tolerance=f"{100 * measurement.tolerance:.4g} %",
            steps=measurement.step,
            next_step=measurement.step + 1,
        ),
        scheme=after.facts.scheme,
        old=old.numbers,
        new=new.numbers,
        factor=factor,
        std=after.facts.std,
        measured_mean=measurement.measured_mean,
        measured_variance=measurement.measured_variance,
        target_variance=measurement.target_variance,
        tolerance=measurement.tolerance,
        step=measurement.step,
        most_steps=measurement.most_steps,
        warnings=warnings_of(case),
        references=(MISHKIN_2015,),
        weights_url=after.url,
        next=None if done else _next(measurement, after.url),
    )


_SENTENCES: dict[Verdict, str] = {
    "corrected": (
        "The variance is {variance}, and the target {target}: load the tensor at weights_url, "
        "measure the same output again, and send it with step {next_step}."
    ),
    "within_tolerance": (
        "The variance {variance} is within {tolerance} of the target {target}: keep these weights, "
        "and go on with the next layer."
    ),
    "step_limit": (
        "The variance is {variance} after {steps} corrections, and the target {target}: stop "
        "correcting. Likely causes are a bias whose variance is near or above the target, a "
        "constant input, an output measured behind a normalization or a saturating activation, or "
        "weights that were not loaded."
    ),
}


def _corrected(
    measurement: Measurement, old: Scale, factor: float, max_bytes: int
) -> tuple[Scale, Plan]:
    """The scale times the factor, and its plan.

    Only a variance that is very far off makes a tensor impossible, so a refusal is about it.
    """
    try:
        new = old.times(factor)
        return new, _plan(measurement, new.spec, max_bytes)
    except ImpossibleError as error:
        variance, dtype = measurement.measured_variance, measurement.dtype
        why = "; ".join(problem.message for problem in error.problems)
        message = f"the variance {variance:.4g} asks for weights times {factor:.4g}: {why}"
        hint = (
            "calibrate the layers in order from the input on, so that each has an input of normal "
            f"size; else use a dtype wider than {dtype}"
        )
        raise ImpossibleError(error.reason, Problem("measured_variance", message, hint)) from None


def _verdict(measurement: Measurement) -> Verdict:
    ratio = measurement.measured_variance / measurement.target_variance
    if abs(ratio - 1.0) < measurement.tolerance:
        return "within_tolerance"
    return "step_limit" if measurement.step >= measurement.most_steps else "corrected"


def _factor(measurement: Measurement) -> float:
    """sqrt(target / measured). The roots are taken first, as the quotient may leave float64."""
    return math.sqrt(measurement.target_variance) / math.sqrt(measurement.measured_variance)


def _next(measurement: Measurement, url: str) -> dict[str, Any]:
    repeated = {field: getattr(measurement, field) for field in _REPEATED}
    return {"weights_url": url, "step": measurement.step + 1, **repeated}


def _plan(measurement: Measurement, spec: Spec, max_bytes: int) -> Plan:
    """The plan in the format of `weights_url`; without one, in the first that can carry it."""
    if measurement.format_name is None:
        return planned(spec, max_bytes)
    try:
        return plan(spec, measurement.format_name, max_bytes=max_bytes)
    except ImpossibleError as error:
        problems = in_url(error.problems, measurement.url_fields)
        raise ImpossibleError(error.reason, *problems) from None


def _refuse_empty(planned: Plan) -> None:
    if planned.tensor.empty:
        hint = "write extents above 0, those of the weight whose output you measured"
        raise ImpossibleError(
            "nothing_to_scale", Problem("shape", "the tensor has no values", hint)
        )


def _refuse_dead(measurement: Measurement) -> None:
    if measurement.measured_variance > 0:
        return
    message = "the measured variance is 0: every output has the same value, whatever the scale"
    hint = (
        "look whether the samples of the batch differ, whether the weights or the layer before are "
        "all 0, as ReLU units are on negative inputs, and whether the dtype of the outputs is wide "
        "enough; then measure again"
    )
    raise ImpossibleError("dead_output", Problem("measured_variance", message, hint))


def _refuse_unseeded(before: Plan) -> None:
    if not before.needs_seed:
        return
    message = "without a seed the tensor is another one each time it is fetched"
    hint = "add seed: the header Weights-Seed of the measured tensor has it"
    raise ImpossibleError("no_seed", Problem("seed", message, hint))
