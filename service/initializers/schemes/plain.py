"""Constants, uniform and normal distributions whose numbers are requested, whatever the fans.

Constants are float64 and use only + - * / and sqrt. The stream rounds them once
(docs/stream-v1.md, section 3, "Scaling").
"""

import math

from service.errors import ImpossibleError, Problem
from service.initializers.schemes.record import (
    Law,
    Numbers,
    Request,
    Scheme,
    missing,
    require_positive,
)
from service.spelling import shortest
from service.stream.draws import Constant, Normal, SymmetricUniform, UniformBetween

_ROOT_3 = math.sqrt(3.0)


def constant_law(value: float) -> Law:
    """w = value."""
    return Law(Constant(value), "constant", value, 0.0, levels=((value, 1.0),))


def _constant(request: Request) -> Law:
    value = request.numbers.value
    if value is None:
        raise missing(request.scheme, value="0.5")
    return constant_law(value)


def normal_law(mean: float, std: float) -> Law:
    """w ~ N(mean, std^2)."""
    return Law(Normal(mean, std), "normal", mean, std)


def uniform_within(limit: float, std: float) -> Law:
    """w ~ U(-limit, limit). Its std is limit / sqrt(3)."""
    draw = SymmetricUniform(limit)
    return Law(draw, "uniform", 0.0, std, limit=limit, low=-limit, high=limit)


def uniform_between(low: float, high: float, std: float) -> Law:
    """w ~ U(low, high). Its std is (high - low) / (2 sqrt(3))."""
    if low == -high:
        return uniform_within(high, std)
    middle = high * 0.5 + low * 0.5
    return Law(UniformBetween(low, high), "uniform", middle, std, low=low, high=high)


def low_and_high(request: Request) -> tuple[float, float]:
    """The requested low and high.

    Raises ImpossibleError: `scheme_needs` if one is missing, `empty_range` unless low is below
    high.
    """
    low, high = request.numbers.low, request.numbers.high
    if low is None:
        raise missing(request.scheme, low=shortest(-_beyond(-(high or 0.0))))
    if high is None:
        raise missing(request.scheme, high=shortest(_beyond(low)))
    if low >= high:
        raise ImpossibleError("empty_range", _empty_range(low, high))
    return low, high


_LARGEST = float.fromhex("0x1.fffffffffffffp+1023")
"""The largest float64."""


def _beyond(low: float) -> float:
    """A number above `low`, as an example of `high`: -low if that is above it."""
    if low == 0:
        return 1.0
    return -low if low < 0 else min(low * 2.0, _LARGEST)


def _empty_range(low: float, high: float) -> Problem:
    written_low, written_high = shortest(low), shortest(high)
    if low > high:
        message = f"low {written_low} is above high {written_high}"
        return Problem("low", message, f"write low={written_high} and high={written_low}")
    message = f"low and high are both {written_low}, so only one value is possible"
    hint = f"leave low and high out and use scheme=constant and value={written_low}"
    return Problem("low", message, hint)


def _normal(request: Request) -> Law:
    mean, std = request.numbers.mean or 0.0, request.numbers.std or 0.0
    require_positive("std", std)
    return normal_law(mean, std)


def _uniform(request: Request) -> Law:
    """Between low and high, or between mean - sqrt(3) std and mean + sqrt(3) std."""
    numbers = request.numbers
    if numbers.low is not None or numbers.high is not None:
        _refuse_moments(request.requested)
        low, high = low_and_high(request)
        return uniform_between(low, high, (high * 0.5 - low * 0.5) / _ROOT_3)
    if numbers.std is None:
        raise missing(request.scheme, low="-0.05", high="0.05")
    require_positive("std", numbers.std)
    mean, limit = numbers.mean or 0.0, numbers.std * _ROOT_3
    if mean == 0:
        return uniform_within(limit, numbers.std)
    return uniform_between(mean - limit, mean + limit, numbers.std)


def _refuse_moments(requested: Numbers) -> None:
    """Refuse mean and std beside low and high, which already determine them."""
    for field in ("mean", "std"):
        if getattr(requested, field) is not None:
            message = f"low and high already determine {field}"
            problem = Problem(field, message, f"leave {field} out, or leave low and high out")
            raise ImpossibleError("conflicting_fields", problem)


SCHEMES = (
    Scheme(
        name="zeros",
        summary="Every element is 0. Biases start so, and the last weights of residual branches.",
        formula="w = 0",
        distribution="constant",
        fields=(),
        law=_constant,
        defaults=Numbers(value=0.0),
    ),
    Scheme(
        name="ones",
        summary="Every element is 1. The scales of a normalization start so.",
        formula="w = 1",
        distribution="constant",
        fields=(),
        law=_constant,
        defaults=Numbers(value=1.0),
    ),
    Scheme(
        name="constant",
        summary="Every element is the given value.",
        formula="w = value",
        distribution="constant",
        fields=("value",),
        law=_constant,
        example="shape=512,256&value=0.5",
    ),
    Scheme(
        name="uniform",
        summary="Uniform between two bounds, or of a given mean and standard deviation.",
        formula="w ~ U(low, high), or w ~ U(mean - sqrt(3) std, mean + sqrt(3) std)",
        distribution="uniform",
        fields=("mean", "std", "low", "high"),
        law=_uniform,
        defaults=Numbers(mean=0.0),
        example="shape=512,256&mean=0.1&std=0.05",
    ),
    Scheme(
        name="normal",
        summary="Normal with a given mean and standard deviation.",
        formula="w ~ N(mean, std^2)",
        distribution="normal",
        fields=("mean", "std"),
        law=_normal,
        defaults=Numbers(mean=0.0, std=1.0),
    ),
)
