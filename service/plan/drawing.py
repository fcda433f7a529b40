"""From a recipe to a draw that is not truncated: its constants, and the moments of its values.

Constants are float64 and take + - * / and sqrt alone; the stream rounds them once.
"""

import math
from dataclasses import dataclass

from service.errors import ImpossibleError, Problem
from service.fields import Spec
from service.fields.numbers import shortest
from service.plan.recipe import Recipe, require_positive
from service.stream.draws import Constant, Draw, Normal, SymmetricUniform, UniformBetween

_ROOT_3 = math.sqrt(3.0)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A draw with what is known of its values before they are rounded to a dtype.

    `std` is None only of an empty tensor without the fan that its std divides by. `limit` is the
    largest magnitude of a draw that is symmetric about 0. `parent_std` is that of the normal
    before it is cut at `bounds`, which are in its standard deviations.
    """

    draw: Draw
    mean: float
    std: float | None
    limit: float | None = None
    low: float | None = None
    high: float | None = None
    bounds: tuple[float, float] | None = None
    parent_std: float | None = None


NOTHING = Drawing(Constant(0.0), mean=0.0, std=None)
"""Of an empty tensor without a fan to divide by: there is no value to draw."""


def constant(spec: Spec, recipe: Recipe) -> Drawing:
    """The scheme's own value, or the given one."""
    value = recipe.scheme.value if spec.value is None else spec.value
    if value is None:
        raise missing(recipe, "value")
    return Drawing(Constant(value), mean=value, std=0.0)


def normal(spec: Spec, recipe: Recipe) -> Drawing:
    """A normal of mean 0 and std 1 unless something else is given."""
    mean, std = spec.mean or 0.0, std_of(spec, recipe)
    return Drawing(Normal(mean, std), mean, std)


def uniform(spec: Spec, recipe: Recipe) -> Drawing:
    """limit = gain sqrt(3/n), or the given low and high, or mean and std sqrt(3) around it."""
    if recipe.gain is not None and recipe.fan_number is not None:
        limit = recipe.gain * math.sqrt(3.0 / recipe.fan_number)
        return _within(limit, std_of(spec, recipe))
    if spec.low is not None or spec.high is not None:
        _refuse_moments(spec)
        low, high = low_and_high(spec, recipe)
        return _between(low, high, (high * 0.5 - low * 0.5) / _ROOT_3)
    if spec.std is None:
        raise missing(recipe, "low", "high")
    mean, std = spec.mean or 0.0, std_of(spec, recipe)
    limit = std * _ROOT_3
    return _within(limit, std) if mean == 0 else _between(mean - limit, mean + limit, std)


def _refuse_moments(spec: Spec) -> None:
    for field in ("mean", "std"):
        if getattr(spec, field) is not None:
            message = f"low and high leave no choice of {field}"
            problem = Problem(field, message, f"leave {field} out, or leave low and high out")
            raise ImpossibleError("conflicting_fields", problem)


def _within(limit: float, std: float) -> Drawing:
    return Drawing(SymmetricUniform(limit), 0.0, std, limit, -limit, limit)


def _between(low: float, high: float, std: float) -> Drawing:
    if low == -high:
        return _within(high, std)
    return Drawing(UniformBetween(low, high), high * 0.5 + low * 0.5, std, low=low, high=high)


def std_of(spec: Spec, recipe: Recipe) -> float:
    """gain sqrt(1/n), or the given std, or 1."""
    if recipe.gain is not None and recipe.fan_number is not None:
        return recipe.gain * math.sqrt(1.0 / recipe.fan_number)
    if spec.std is None:
        return 1.0
    require_positive("std", spec.std)
    return spec.std


def low_and_high(spec: Spec, recipe: Recipe) -> tuple[float, float]:
    """The given range.

    Raises ImpossibleError: `scheme_needs` unless both are given, `empty_range` unless low is
    below high.
    """
    if spec.low is None:
        raise missing(recipe, "low")
    if spec.high is None:
        raise missing(recipe, "high")
    if spec.low >= spec.high:
        raise ImpossibleError("empty_range", _empty_range(spec.low, spec.high))
    return spec.low, spec.high


def _empty_range(low: float, high: float) -> Problem:
    written_low, written_high = shortest(low), shortest(high)
    if low > high:
        message = f"low {written_low} is above high {written_high}"
        return Problem("low", message, f"write low={written_high} and high={written_low}")
    message = f"low and high are both {written_low}, which leaves one value"
    hint = f"leave low and high out and use scheme=constant and value={written_low}"
    return Problem("low", message, hint)


def missing(recipe: Recipe, *fields: str) -> ImpossibleError:
    """The refusal of a scheme that lacks these fields."""
    message = f"{recipe.scheme.name} needs {' and '.join(fields)}"
    hint = "add " + " and ".join(f"{field}=..." for field in fields)
    return ImpossibleError("scheme_needs", *(Problem(field, message, hint) for field in fields))
