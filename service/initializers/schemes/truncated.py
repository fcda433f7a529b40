"""Truncated normals: a parent normal restricted to an interval.

In standard deviations of the parent, the bounds are a < z < b. With std_kind=corrected the parent's
std is std / std(z), so that the values have the requested std. With std_kind=parent it is std.
"""

from dataclasses import replace
from math import isfinite

from service.errors import ImpossibleError, Problem
from service.initializers import truncation
from service.initializers.schemes.plain import low_and_high
from service.initializers.schemes.record import Law, Numbers, Request, Scheme, require_positive
from service.initializers.truncation import MOST_SIGMAS
from service.spelling import shortest
from service.stream.draws import Draw, SymmetricTruncatedNormal, TruncatedNormalBetween

CUT_DEFAULTS = Numbers(bounds=(2.0,), std_kind="corrected")
"""The default truncation: at two standard deviations of the parent, with a corrected std."""

LEAST_MASS = 2.0**-950
"""The kernels multiply the mass by as little as 2^-65. The product must be a normal float64."""


def cut_at_sigmas(mean: float, std: float, numbers: Numbers) -> Law:
    """A normal truncated at `bounds`, in standard deviations of the parent.

    `std` is that of the values or of the parent, by `std_kind`.

    Raises ImpossibleError (`nothing_between`) if the probability between the bounds is too small.
    """
    bounds = numbers.bounds or ()
    corrected = numbers.std_kind != "parent"
    a, b = (-bounds[0], bounds[0]) if len(bounds) == 1 else bounds
    parent = std / _cut(a, b, "bounds").ratio if corrected else std
    law = _law_between(mean, parent, (a, b), mean + a * parent, mean + b * parent, "bounds")
    return replace(law, std=std) if corrected else law


def _truncated_normal(request: Request) -> Law:
    """A normal truncated at `low` and `high`, or at `bounds`.

    With `low` and `high`, std is always the parent's.

    Raises ImpossibleError (`nothing_between`) for bounds that float64 cannot resolve.
    """
    numbers = request.numbers
    mean, std = numbers.mean or 0.0, numbers.std or 0.0
    require_positive("std", std)
    if numbers.low is None and numbers.high is None:
        return cut_at_sigmas(mean, std, numbers)
    if request.requested.std_kind == "corrected":
        message = "with low and high, std is that of the normal before truncation"
        hint = "write parent, or leave low and high out and add bounds=2"
        raise ImpossibleError("conflicting_fields", Problem("std_kind", message, hint))
    low, high = low_and_high(request)
    bounds = (low - mean) / std, (high - mean) / std
    if not all(map(isfinite, bounds)):
        message = f"std {shortest(std)} is too small for the distance of low and high from the mean"
        raise ImpossibleError("nothing_between", Problem("std", message, _std_hint(low, high)))
    if bounds[1] - bounds[0] < truncation.NARROWEST:
        message = f"a normal of std {shortest(std)} is flat between low and high"
        present = request.requested.present()
        fields = [field for field in ("mean", "std", "std_kind") if field in present]
        leave = f"leave {' and '.join(fields)} out and " if fields else ""
        hint = f"{leave}use scheme=uniform"
        raise ImpossibleError("nothing_between", Problem("std", message, hint))
    given = request.requested.low is not None or request.requested.high is not None
    return _law_between(mean, std, bounds, low, high, "low" if given else "mean")


def _std_hint(low: float, high: float) -> str:
    """A std that makes the range about as wide as the normal."""
    return f"write a larger std, such as std={shortest(high / 2 - low / 2)}"


def _law_between(
    mean: float,
    parent: float,
    bounds: tuple[float, float],
    low: float,
    high: float,
    field: str,
) -> Law:
    # Beyond 40 standard deviations the constants no longer change.
    a, b = (max(-MOST_SIGMAS, min(bound, MOST_SIGMAS)) for bound in bounds)
    cut = _cut(a, b, field, _around(mean, parent))
    draw: Draw
    if bounds[0] == -bounds[1]:
        half = truncation.symmetric(b)
        draw = SymmetricTruncatedNormal(mean, parent, half.mass, half.tail, low, high)
    else:
        draw = TruncatedNormalBetween(mean, parent, cut.below, cut.mass, cut.above, low, high)
    return Law(
        draw,
        "truncated_normal",
        mean=mean + cut.mean * parent,
        std=cut.ratio * parent,
        limit=high if low == -high else None,
        low=low,
        high=high,
        bounds=bounds,
        parent_std=parent,
    )


def _around(mean: float, parent: float) -> str:
    """The hint to write bounds two standard deviations from the mean, if float64 has them."""
    low, high = mean - 2.0 * parent, mean + 2.0 * parent
    if not low < mean < high or not isfinite(low) or not isfinite(high):
        return ""
    return f", or add low={shortest(low)} and high={shortest(high)}"


def _cut(a: float, b: float, field: str, around: str = "") -> truncation.Between:
    """The normal between a and b. `field` is the request field that set the bounds, or `mean` if
    the bounds are a preset's. `around` then adds other bounds to the hint.

    Raises ImpossibleError (`nothing_between`) if the probability between them is below 2^-950.
    """
    if a < b:
        cut = truncation.between(a, b)
        if cut.mass >= LEAST_MASS:
            return cut
    message = "less than 2^-950 of the normal lies between the bounds"
    hint = "write -2,2, or other bounds nearer 0"
    if field == "low":
        hint = "move low and high towards the mean, or leave low and high out"
    if field == "mean":
        hint = f"leave mean out{around}"
    raise ImpossibleError("nothing_between", Problem(field, message, hint))


SCHEMES = (
    Scheme(
        name="truncated_normal",
        summary="Normal, cut at bounds in standard deviations or at low and high.",
        formula="w ~ N(mean, s^2) given |w - mean| < bounds s or low < w < high",
        distribution="truncated_normal",
        fields=("mean", "std", "std_kind", "low", "high", "bounds"),
        law=_truncated_normal,
        defaults=Numbers(mean=0.0, std=1.0).over(CUT_DEFAULTS),
    ),
)
