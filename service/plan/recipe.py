"""What a spec's scheme comes to: distribution, fans, gain and width, as the scheme's record says.

std = gain sqrt(1/n) in float64, in this order: gain is primary (docs/stream-v1.md, "Scaling").
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from service.errors import ImpossibleError, Problem
from service.fields import NUMBER_FIELDS, Spec
from service.fields.numbers import shortest
from service.initializers.activations import ACTIVATIONS, Activation, find_activation
from service.initializers.auto import resolve_auto
from service.initializers.fans import (
    MODES,
    Weight,
    fan_number,
    fans_of,
    missing_fan,
    refuse_impossible,
)
from service.initializers.gains import scheme_gain
from service.initializers.readings import READINGS, readings_in
from service.initializers.schemes import AUTO, SCHEMES, Scheme
from service.plan.placement import Placement, place

ABSENT_ACTIVATION, SLOPED_ACTIVATION = "linear", "leaky_relu"
"""What a request without `activation` means, and what it means if it gives a `negative_slope`."""

_OF_TRUNCATION = ("std_kind", "bounds")

_EXCLUSIVE = (
    ("gain", "scale"),
    ("gain", "gain_rule"),
    ("scale", "gain_rule"),
    ("low", "bounds"),
    ("high", "bounds"),
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A scheme with its numbers; None where the scheme or the tensor has no such number.

    `fan_number` is the n of std = gain sqrt(1/n). Of a scheme that counts fans it is None only
    where the tensor is empty and a fan that `mode` uses is 0 or does not exist.
    """

    scheme: Scheme
    distribution: str
    mode: str | None = None
    fan_in: float | None = None
    fan_out: float | None = None
    fan_number: float | None = None
    gain: float | None = None


def recipe_of(spec: Spec, placement: Placement) -> Recipe:
    """The recipe of the spec's scheme, `auto` resolved.

    Raises ImpossibleError for a layer that is not possible, for fields the scheme does not take
    or that contradict each other, and for fans that are needed and do not exist.
    """
    activation = activation_of(spec)
    weight = weight_of(spec, placement)
    refuse_impossible(weight)
    scheme = _scheme(spec, placement, activation)
    distribution = spec.distribution or scheme.distribution
    _refuse_fields(spec, scheme, distribution)
    if scheme.mode is None:
        return Recipe(scheme, distribution)
    mode = spec.mode or scheme.mode
    counted = fans_of(weight)
    fan_in = spec.fan_in or (counted.fan_in if counted else None)
    fan_out = spec.fan_out or (counted.fan_out if counted else None)
    number = _fan_number(spec, weight, mode, {"fan_in": fan_in, "fan_out": fan_out})
    gain = _gain(spec, scheme, activation)
    return Recipe(scheme, distribution, mode, fan_in, fan_out, number, gain)


def activation_of(spec: Spec) -> Activation:
    """The activation that the request names or means.

    Raises ImpossibleError for a slope beside an activation that has none (`slope_not_taken`), or
    of which float64 cannot hold the square (`out_of_range`).
    """
    slope = spec.negative_slope
    if slope is None:
        return find_activation(spec.activation or ABSENT_ACTIVATION)
    if math.isinf(slope * slope):
        problem = Problem("negative_slope", "its square is beyond float64", "write 0.01")
        raise ImpossibleError("out_of_range", problem)
    activation = find_activation(spec.activation or SLOPED_ACTIVATION)
    if not activation.takes_slope:
        sloped = " or ".join(a.name for a in ACTIVATIONS.values() if a.takes_slope)
        message = f"{activation.name} has no negative_slope"
        hint = f"leave negative_slope out, or write activation={sloped}"
        raise ImpossibleError("slope_not_taken", Problem("negative_slope", message, hint))
    return activation


def weight_of(spec: Spec, placement: Placement) -> Weight:
    """The whole weight with the numbers of its layer, as fans are counted from it."""
    return Weight(
        placement.letters or "",
        spec.shape if placement.letters else (),
        placement.layer,
        spec.groups,
        spec.parts,
        spec.stride,
    )


def _scheme(spec: Spec, placement: Placement, activation: Activation) -> Scheme:
    if spec.scheme != AUTO:
        return SCHEMES[spec.scheme]
    if not spec.shape:
        message = "auto goes by the layer, and a scalar belongs to none"
        hint = "write scheme=constant and add value=0, or write scheme=normal"
        raise ImpossibleError("no_auto", Problem("scheme", message, hint))
    if placement.layer is None and len(spec.shape) == 3:
        message = "auto goes by the layer, and three axes fit several layers"
        raise ambiguous_axes(spec, message)
    return SCHEMES[resolve_auto(placement.layer, activation.name)]


def _refuse_fields(spec: Spec, scheme: Scheme, distribution: str) -> None:
    given = [field for field in NUMBER_FIELDS if getattr(spec, field) is not None]
    called = f"{scheme.name}, which auto is here," if spec.scheme == AUTO else scheme.name
    strange = [field for field in given if field not in scheme.fields]
    if strange:
        problems = (_not_taken(field, scheme, called) for field in strange)
        raise ImpossibleError("scheme_field", *problems)
    if spec.distribution is not None and distribution not in scheme.distributions:
        raise ImpossibleError("scheme_field", _no_distribution(distribution, scheme, called))
    idle = [field for field in given if field in _OF_TRUNCATION]
    if idle and distribution != "truncated_normal":
        raise ImpossibleError("scheme_field", *(_idle(field, distribution) for field in idle))
    for one, other in _EXCLUSIVE:
        if one in given and other in given:
            message = f"{one} and {other} both set the same number"
            problem = Problem(other, message, f"leave {one} or {other} out")
            raise ImpossibleError("conflicting_fields", problem)


def _not_taken(field: str, scheme: Scheme, called: str) -> Problem:
    schemes = [name for name, other in SCHEMES.items() if _takes_at_once(other, field)]
    hint = f"{field} belongs to {', '.join(schemes)}; or leave {field} out"
    return Problem(field, f"{called} takes no {field}", hint)


def _takes_at_once(scheme: Scheme, field: str) -> bool:
    """Whether the scheme takes the field without another distribution than its own."""
    truncates = scheme.distribution == "truncated_normal"
    return field in scheme.fields and (truncates or field not in _OF_TRUNCATION)


def _no_distribution(distribution: str, scheme: Scheme, called: str) -> Problem:
    """The refusal names the scheme of the same family that has the distribution."""
    has = f"it has {', '.join(scheme.distributions)}"
    family = scheme.name.removesuffix("_uniform").removesuffix("_normal")
    fitting = [
        name
        for name, other in SCHEMES.items()
        if name.startswith(f"{family}_") and distribution in other.distributions
    ]
    hint = f"write scheme={fitting[0]}, or leave distribution out: {has}" if fitting else has
    return Problem("distribution", f"{called} has no {distribution} distribution", hint)


def _idle(field: str, distribution: str) -> Problem:
    message = f"{field} has no meaning for a {distribution} distribution"
    return Problem(field, message, "add distribution=truncated_normal, or leave it out")


def _fan_number(
    spec: Spec, weight: Weight, mode: str, fans: dict[str, float | None]
) -> float | None:
    """The n of the mode; None where it does not exist and the tensor has no element to need it."""
    if 0 in spec.shape and not all(fans[name] for name in MODES[mode]):
        return None
    missing = next((name for name in MODES[mode] if fans[name] is None), None)
    if missing and len(spec.shape) == 3 and not weight.letters:
        message = f"three axes can be read in several ways, so {missing} is not counted"
        raise ambiguous_axes(spec, message)
    if missing:
        raise missing_fan(weight, missing, len(spec.shape))
    return fan_number(mode, fans["fan_in"] or 0.0, fans["fan_out"] or 0.0)


def ambiguous_axes(spec: Spec, message: str) -> ImpossibleError:
    """The refusal to guess what three axes are, with each reading and the std it would have."""
    readings = list(_readings(spec))
    told = "; ".join(f"{letters}, {what}: std {std:.6g}" for letters, what, std in readings)
    letters = readings[0][0] if readings else READINGS[0].letters
    hint = f"write layout={letters}, or the letters of the reading that is meant"
    if told:
        message = f"{message}. {told}"
    return ImpossibleError("ambiguous_axes", Problem("layout", message, hint))


def _readings(spec: Spec) -> Iterator[tuple[str, str, float]]:
    """Letters, meaning and std of each reading, in the letters of the framework if one is named."""
    for reading in readings_in(spec.layout):
        std = std_read_as(spec, reading.letters)
        if std is not None:
            yield reading.letters, reading.what, std


def std_read_as(spec: Spec, letters: str) -> float | None:
    """gain sqrt(1/n) of the spec's tensor with other letters; None where it has none."""
    read = spec.model_copy(update={"layout": letters})
    try:
        recipe = recipe_of(read, place(read))
    except ImpossibleError:
        return None
    if recipe.gain is None or recipe.fan_number is None:
        return None
    return recipe.gain * math.sqrt(1.0 / recipe.fan_number)


def _gain(spec: Spec, scheme: Scheme, activation: Activation) -> float:
    """The given gain, the root of the given scale, or the one the record asks for."""
    for field in ("gain", "scale"):
        given = getattr(spec, field)
        if given is not None:
            require_positive(field, given)
            return given if field == "gain" else math.sqrt(given)
    slope = spec.negative_slope
    if slope is None:
        slope = activation.slope or 0.0
    return scheme_gain(scheme.gain or "one", activation, spec.gain_rule or "exact", slope)


def require_positive(field: str, given: float) -> None:
    """Raise ImpossibleError (`not_positive`) unless `given` is above 0."""
    if given <= 0:
        message = f"{field} is {shortest(given)}; it must be above 0"
        hint = f"write {shortest(-given)}"
        if given == 0:
            hint = f"leave {field} out and use scheme=zeros for a tensor of zeros"
        raise ImpossibleError("not_positive", Problem(field, message, hint))
