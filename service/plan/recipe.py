"""What a spec's scheme comes to: distribution, fans, gain and width, as the scheme's record says.

std = gain sqrt(1/n) in float64, in this order: gain is primary (docs/stream-v1.md, "Scaling").
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from service.errors import ImpossibleError, Problem
from service.initializers.activations import find_activation
from service.initializers.auto import resolve_auto
from service.initializers.fans import (
    MODES,
    Weight,
    fan_in_of,
    fan_number,
    fan_out_of,
    stride_of,
)
from service.initializers.gains import scheme_gain
from service.initializers.schemes import AUTO, SCHEMES, Scheme
from service.plan.placement import Placement
from service.spec import Spec

SCHEME_FIELDS = (
    "mode",
    "distribution",
    "gain",
    "gain_rule",
    "scale",
    "mean",
    "std",
    "std_kind",
    "low",
    "high",
    "bounds",
    "value",
)
"""The fields that only some schemes take; those that describe the layer are taken by all."""

_OF_TRUNCATION = ("std_kind", "bounds")

_EXCLUSIVE = (("gain", "scale"), ("low", "bounds"), ("high", "bounds"))


@dataclass(frozen=True, slots=True)
class Recipe:
    """A scheme with its numbers; None where the scheme has no such number.

    `fan_number` is the n of std = gain sqrt(1/n).
    """

    scheme: Scheme
    distribution: str
    mode: str | None = None
    fan_in: int | None = None
    fan_out: int | None = None
    fan_number: float | None = None
    gain: float | None = None


def recipe_of(spec: Spec, placement: Placement) -> Recipe:
    """The recipe of the spec's scheme, `auto` resolved.

    Raises ImpossibleError for fields the scheme does not take or that contradict each other, and
    for fans that are needed and do not exist.
    """
    name = spec.scheme
    if name == AUTO:
        name = resolve_auto(placement.layer, spec.activation)
    scheme = SCHEMES[name]
    distribution = spec.distribution or scheme.distribution
    _refuse_fields(spec, scheme, distribution)
    weight = _weight(spec, placement)
    # A stride that cannot be is refused even where no fan needs it.
    stride_of(weight)
    if scheme.mode is None:
        return Recipe(scheme, distribution)
    mode = spec.mode or scheme.mode
    fan_in, fan_out = _fans(spec, weight, MODES[mode])
    number = fan_number(mode, fan_in, fan_out)
    return Recipe(scheme, distribution, mode, fan_in, fan_out, number, _gain(spec, scheme))


def _refuse_fields(spec: Spec, scheme: Scheme, distribution: str) -> None:
    given = [field for field in SCHEME_FIELDS if getattr(spec, field) is not None]
    strange = [field for field in given if field not in scheme.fields]
    if strange:
        called = f"{scheme.name}, which auto is here," if spec.scheme == AUTO else scheme.name
        problems = (_not_taken(field, scheme, called) for field in strange)
        raise ImpossibleError("scheme_field", *problems)
    if spec.distribution is not None and distribution not in scheme.distributions:
        raise ImpossibleError("scheme_field", _no_distribution(distribution, scheme))
    idle = [field for field in given if field in _OF_TRUNCATION]
    if idle and distribution != "truncated_normal":
        raise ImpossibleError("scheme_field", *(_idle(field, distribution) for field in idle))
    for one, other in _EXCLUSIVE:
        if one in given and other in given:
            message = f"{one} and {other} say the same thing twice"
            problem = Problem(other, message, f"leave {one} or {other} out")
            raise ImpossibleError("conflicting_fields", problem)


def _not_taken(field: str, scheme: Scheme, called: str) -> Problem:
    takes = f"it takes {', '.join(scheme.fields)}" if scheme.fields else "it takes none"
    schemes = [name for name, other in SCHEMES.items() if field in other.fields]
    hint = f"{takes}; {field} belongs to {', '.join(schemes)}"
    return Problem(field, f"{called} takes no {field}", hint)


def _no_distribution(distribution: str, scheme: Scheme) -> Problem:
    hint = f"it has {', '.join(scheme.distributions)}"
    return Problem("distribution", f"{scheme.name} has no {distribution} distribution", hint)


def _idle(field: str, distribution: str) -> Problem:
    message = f"{field} has no meaning for a {distribution} distribution"
    return Problem(field, message, "add distribution=truncated_normal, or leave it out")


def _weight(spec: Spec, placement: Placement) -> Weight:
    return Weight(
        placement.letters or "",
        spec.shape if placement.letters else (),
        placement.layer,
        spec.groups,
        spec.parts,
        spec.stride,
    )


def _fans(spec: Spec, weight: Weight, used: tuple[str, ...]) -> tuple[int | None, int | None]:
    """Both fans, given or counted; one that is not used may fail to exist."""

    def fan(name: str, given: int | None, count: Callable[[Weight], int]) -> int | None:
        if given is not None:
            return given
        try:
            return _counted(name, weight, count)
        except ImpossibleError:
            if name in used:
                raise
            return None

    fan_in = fan("fan_in", spec.fan_in, fan_in_of)
    return fan_in, fan("fan_out", spec.fan_out, fan_out_of)


def _counted(name: str, weight: Weight, count: Callable[[Weight], int]) -> int:
    if weight.letters:
        return count(weight)
    hint = f"give layout, or {name}, or a scheme that needs no fans"
    message = f"axes without letters have no {name}"
    raise ImpossibleError("no_fan", Problem("layout", message, hint))


def _gain(spec: Spec, scheme: Scheme) -> float:
    """The given gain, the root of the given scale, or the one the record asks for."""
    for field in ("gain", "scale"):
        given = getattr(spec, field)
        if given is not None:
            require_positive(field, given)
            return given if field == "gain" else math.sqrt(given)
    activation = find_activation(spec.activation)
    slope = spec.negative_slope
    if slope is None:
        slope = activation.slope or 0.0
    return scheme_gain(scheme.gain or "one", activation, spec.gain_rule or "exact", slope)


def require_positive(field: str, given: float) -> None:
    """Raise ImpossibleError (`not_positive`) unless `given` is above 0."""
    if given <= 0:
        message = f"{field} is above 0"
        hint = "scheme=zeros issues zeros" if given == 0 else f"write {-given!r}"
        raise ImpossibleError("not_positive", Problem(field, message, hint))
