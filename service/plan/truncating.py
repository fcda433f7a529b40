"""From a recipe to a truncated normal: where it is cut, and which normal it is a part of.

In standard deviations of that normal, the parent, the bounds are a < z < b. Its std is the one
asked for divided by std(z), so that the values have it, unless the parent's own was asked for.
"""

from dataclasses import replace
from math import isfinite

from service.errors import ImpossibleError, Problem
from service.fields import Spec
from service.fields.axes import MOST_SIGMAS
from service.fields.numbers import shortest
from service.initializers import truncation
from service.plan.drawing import Drawing, low_and_high, std_of
from service.plan.recipe import Recipe
from service.stream.draws import Draw, SymmetricTruncatedNormal, TruncatedNormalBetween

_DEFAULT_BOUND = 2.0

LEAST_MASS = 2.0**-950
"""An extreme word leaves 2^-65 of the mass; that has to be a normal float64, with room."""


def truncated_normal(spec: Spec, recipe: Recipe) -> Drawing:
    """Cut at `low` and `high`, whose std is never corrected, or at `bounds`, by default 2.

    Raises ImpossibleError where nothing, in float64, lies between the bounds.
    """
    mean, std = spec.mean or 0.0, std_of(spec, recipe)
    if spec.low is None and spec.high is None:
        corrected = spec.std_kind != "parent"
        return _cut_at_sigmas(mean, std, spec.bounds or (_DEFAULT_BOUND,), corrected)
    if spec.std_kind == "corrected":
        message = "with low and high, std is that of the normal before it is cut"
        hint = "write parent, or leave low and high out and add bounds=2"
        raise ImpossibleError("conflicting_fields", Problem("std_kind", message, hint))
    low, high = low_and_high(spec, recipe)
    bounds = (low - mean) / std, (high - mean) / std
    if not all(map(isfinite, bounds)):
        message = (
            f"std {shortest(std)} is nothing beside the distance of low and high from the mean"
        )
        raise ImpossibleError("nothing_between", Problem("std", message, _std_hint(low, high)))
    if bounds[1] - bounds[0] < truncation.NARROWEST:
        message = f"a normal of std {shortest(std)} is flat between low and high"
        given = [field for field in ("mean", "std", "std_kind") if getattr(spec, field) is not None]
        leave = f"leave {' and '.join(given)} out and " if given else ""
        hint = f"{leave}use scheme=uniform"
        raise ImpossibleError("nothing_between", Problem("std", message, hint))
    return _drawing(mean, std, bounds, low, high, "low")


def _cut_at_sigmas(mean: float, std: float, bounds: tuple[float, ...], corrected: bool) -> Drawing:
    a, b = (-bounds[0], bounds[0]) if len(bounds) == 1 else bounds
    parent = std / _cut(a, b, "bounds").ratio if corrected else std
    drawing = _drawing(mean, parent, (a, b), mean + a * parent, mean + b * parent, "bounds")
    return replace(drawing, std=std) if corrected else drawing


def _std_hint(low: float, high: float) -> str:
    """A std that makes the range about as wide as the normal."""
    return f"write a larger std, such as std={shortest(high / 2 - low / 2)}"


def _drawing(
    mean: float,
    parent: float,
    bounds: tuple[float, float],
    low: float,
    high: float,
    field: str,
) -> Drawing:
    # Beyond these bounds the constants no longer change.
    a, b = (max(-MOST_SIGMAS, min(bound, MOST_SIGMAS)) for bound in bounds)
    cut = _cut(a, b, field)
    draw: Draw
    if bounds[0] == -bounds[1]:
        half = truncation.symmetric(b)
        draw = SymmetricTruncatedNormal(mean, parent, half.mass, half.tail, low, high)
    else:
        draw = TruncatedNormalBetween(mean, parent, cut.below, cut.mass, cut.above, low, high)
    return Drawing(
        draw,
        mean=mean + cut.mean * parent,
        std=cut.ratio * parent,
        limit=high if low == -high else None,
        low=low,
        high=high,
        bounds=bounds,
        parent_std=parent,
    )


def _cut(a: float, b: float, field: str) -> truncation.Between:
    """The normal between a and b; raises ImpossibleError for bounds with next to nothing inside.

    `field` is the one that set them.
    """
    if a < b:
        cut = truncation.between(a, b)
        if cut.mass >= LEAST_MASS:
            return cut
    message = "less than 2^-950 of the normal lies between the bounds"
    hint = "write -2,2, or other bounds nearer 0"
    if field == "low":
        hint = "move low and high towards the mean, or leave low and high out"
    raise ImpossibleError("nothing_between", Problem(field, message, hint))
