"""Find the law of each block of a spec, and check its fields.

This module resolves the scheme, counts the fans and refuses fields that the scheme does not take.
The scheme's own law does the rest (`service.initializers.schemes`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from service.errors import ImpossibleError, Problem
from service.fields import Spec
from service.fields.axes import MOST_PARTS
from service.initializers.activations import ACTIVATIONS, Activation, find_activation
from service.initializers.auto import resolve_auto
from service.initializers.fans import (
    MODES,
    Weight,
    fan_number,
    fans_of,
    heights_of,
    missing_fan,
    refuse_impossible,
)
from service.initializers.framework_fans import preset_fans
from service.initializers.layouts import THREE_AXIS_LAYOUTS, ThreeAxisLayout, three_axis_layouts
from service.initializers.schemes import (
    AUTO,
    NUMBER_FIELDS,
    SCHEMES,
    Law,
    Numbers,
    Request,
    Scheme,
)
from service.initializers.schemes.record import Block, variant_hint
from service.plan.placement import Placement, place

ABSENT_ACTIVATION, SLOPED_ACTIVATION = "linear", "leaky_relu"
"""The activation of a request without `activation`; the second one if it has `negative_slope`."""

_OF_TRUNCATION = ("std_kind", "bounds")

_EXCLUSIVE = (
    ("gain", "scale"),
    ("gain", "gain_rule"),
    ("scale", "gain_rule"),
    ("low", "bounds"),
    ("high", "bounds"),
)


@dataclass(frozen=True, slots=True)
class BlockLaw:
    """The law of a block of `outputs` outputs."""

    outputs: int
    law: Law


def scheme_of(spec: Spec, placement: Placement) -> Scheme:
    """The spec's scheme. `auto` is resolved.

    Raises ImpossibleError (`no_auto`, `ambiguous_axes`) for auto without a layer.
    """
    if spec.scheme != AUTO:
        return SCHEMES[spec.scheme]
    if not spec.shape:
        message = "auto chooses by the layer, and a scalar has no layer"
        hint = "write scheme=constant and add value=0, or write scheme=normal"
        raise ImpossibleError("no_auto", Problem("scheme", message, hint))
    if placement.layer is None and len(spec.shape) == 3:
        message = "auto chooses by the layer, and three axes fit several layers"
        raise ambiguous_axes(spec, message)
    return SCHEMES[resolve_auto(placement.layer, activation_of(spec).name)]


def laws_of(spec: Spec, placement: Placement) -> tuple[BlockLaw, ...]:
    """The laws of the spec's blocks; a single law if all blocks have the same.

    Raises ImpossibleError for an impossible layer, for fields that the scheme does not take, for
    fields that contradict each other, and for a missing fan. The scheme's law raises further ones.
    """
    activation, weight = activation_of(spec), weight_of(spec, placement)
    refuse_impossible(weight)
    scheme = scheme_of(spec, placement)
    if scheme.activation is not None and spec.activation is None and spec.negative_slope is None:
        activation = ACTIVATIONS[scheme.activation]
    requested = numbers_of(spec)
    numbers = requested.over(scheme.defaults)
    if scheme.sub_kernel is None:
        _refuse_fields(spec, scheme, requested)
    else:
        _refuse_variant(scheme, requested)
    usual = usual_slope(activation, scheme) or 0.0
    slope = usual if spec.negative_slope is None else spec.negative_slope
    laws = []
    inner = _inner_law(spec, placement, scheme, numbers)
    for block in _blocks(weight, scheme):
        fan_in, fan_out, number = _fans(spec, scheme, numbers, weight, block)
        request = Request(
            scheme=scheme.name,
            requested=requested,
            numbers=numbers,
            shape=spec.shape,
            weight=weight,
            block=block,
            activation=activation,
            negative_slope=slope,
            fan_in=fan_in,
            fan_out=fan_out,
            fan_number=number,
            inner=inner,
        )
        laws.append(BlockLaw(block.outputs, scheme.law(request)))
    if all(each.law == laws[0].law for each in laws):
        return (BlockLaw(weight.count("O"), laws[0].law),)
    return tuple(laws)


def numbers_of(spec: Spec) -> Numbers:
    """The numbers of the scheme that the request has."""
    return Numbers(**{field: getattr(spec, field) for field in NUMBER_FIELDS})


def _blocks(weight: Weight, scheme: Scheme) -> Iterator[Block]:
    """The blocks of a weight. Equal blocks are one block that repeats, unless they are gates."""
    heights, repeats = heights_of(weight), isinstance(weight.parts, int)
    if scheme.gated and isinstance(weight.parts, int):
        _refuse_many_gates(scheme, weight.parts)
        heights, repeats = heights * weight.parts, False
    first = 0
    for number, outputs in enumerate(heights):
        distance = outputs if repeats else weight.count("O")
        yield Block(first, outputs, distance, number)
        first += outputs


def _refuse_many_gates(scheme: Scheme, parts: int) -> None:
    if parts > MOST_PARTS:
        message = f"{scheme.name} has a block for each gate, and {parts} are too many"
        raise ImpossibleError("too_large", Problem("parts", message, "write parts=4"))


def _inner_law(spec: Spec, placement: Placement, scheme: Scheme, numbers: Numbers) -> Law | None:
    """The law of the scheme in the field `inner`, for its smaller tensor.

    Raises ImpossibleError (`conflicting_fields`) if the smaller tensor has several blocks.
    """
    if scheme.sub_kernel is None or numbers.inner is None:
        return None
    shape = scheme.sub_kernel(spec.shape, placement.letters or "", numbers)
    own = dict.fromkeys(("inner", "factor", "variant"))
    smaller = spec.model_copy(update=own | {"scheme": numbers.inner, "shape": shape, "slice": None})
    try:
        laws = laws_of(smaller, place(smaller))
    except ImpossibleError as error:
        raise _about_inner(error) from None
    if len(laws) > 1:
        message = f"{scheme.name} repeats the outputs of one block, and there are {len(laws)}"
        raise ImpossibleError("conflicting_fields", Problem("parts", message, "leave parts out"))
    return laws[0].law


def _about_inner(error: ImpossibleError) -> ImpossibleError:
    """The refusal of the smaller tensor, whose scheme is the field `inner` of the request."""
    problems = (
        replace(problem, hint=problem.hint.replace("write scheme=", "write inner="))
        for problem in error.problems
    )
    return ImpossibleError(error.reason, *problems)


def activation_of(spec: Spec) -> Activation:
    """The activation of the request, or its default.

    Raises ImpossibleError: `slope_not_taken` for `negative_slope` with an activation that has no
    slope, `out_of_range` for a slope whose square overflows float64.
    """
    slope = spec.negative_slope
    if slope is None:
        return find_activation(spec.activation or ABSENT_ACTIVATION)
    if math.isinf(slope * slope):
        problem = Problem("negative_slope", "its square overflows float64", "write 0.01")
        raise ImpossibleError("out_of_range", problem)
    activation = find_activation(spec.activation or SLOPED_ACTIVATION)
    if not activation.takes_slope:
        sloped = " or ".join(a.name for a in ACTIVATIONS.values() if a.takes_slope)
        message = f"{activation.name} has no negative_slope"
        hint = f"leave negative_slope out, or write activation={sloped}"
        raise ImpossibleError("slope_not_taken", Problem("negative_slope", message, hint))
    return activation


def usual_slope(activation: Activation, scheme: Scheme) -> float | None:
    """The slope of a request without `negative_slope`; None if the activation takes none."""
    if activation.takes_slope and scheme.negative_slope is not None:
        return scheme.negative_slope
    return activation.slope


def weight_of(spec: Spec, placement: Placement) -> Weight:
    """The whole weight with the numbers of its layer, from which fans are counted."""
    return Weight(
        placement.letters or "",
        spec.shape if placement.letters else (),
        placement.layer,
        spec.groups,
        spec.parts,
        spec.stride,
    )


def _refuse_fields(spec: Spec, scheme: Scheme, numbers: Numbers) -> None:
    present = numbers.present()
    distribution = numbers.distribution or scheme.distribution
    called = f"{scheme.name}, which auto means here," if spec.scheme == AUTO else scheme.name
    foreign = [field for field in present if field not in scheme.fields]
    if foreign:
        problems = (_not_taken(field, spec, scheme, called) for field in foreign)
        raise ImpossibleError("scheme_field", *problems)
    if numbers.distribution is not None and distribution not in scheme.distributions:
        raise ImpossibleError("scheme_field", _no_distribution(distribution, scheme, called))
    _refuse_variant(scheme, numbers)
    idle = [field for field in present if field in _OF_TRUNCATION]
    if idle and distribution != "truncated_normal":
        raise ImpossibleError("scheme_field", *(_idle(field, distribution) for field in idle))
    for one, other in _EXCLUSIVE:
        if one in present and other in present:
            message = f"{one} and {other} set the same number"
            problem = Problem(other, message, f"leave {one} or {other} out")
            raise ImpossibleError("conflicting_fields", problem)


def _refuse_variant(scheme: Scheme, numbers: Numbers) -> None:
    if numbers.variant is not None and numbers.variant not in scheme.variants:
        message = f"{scheme.name} has no variant {numbers.variant}"
        raise ImpossibleError("scheme_field", Problem("variant", message, variant_hint(scheme)))


_MOST_OWNERS = 3
"""The most schemes that a hint names for a field."""

_PLAIN = ("normal", "uniform", "truncated_normal", "constant")
"""The schemes whose values are what their own fields say. A field of theirs means one of them."""


def _not_taken(field: str, spec: Spec, scheme: Scheme, called: str) -> Problem:
    """The problem of a field that the scheme does not take. The hint names schemes that do."""
    message, leave = f"{called} takes no {field}", f"leave {field} out"
    owners = _owners(field, spec, scheme)
    fitting = islice((name for name in owners if _fits(spec, name)), _MOST_OWNERS)
    named = list(fitting) or owners[:_MOST_OWNERS]
    if named[0] in _PLAIN:
        return Problem(field, message, f"write scheme={named[0]}, or {leave}")
    others = " and others" if len(owners) > len(named) else ""
    return Problem(field, message, f"{field} belongs to {', '.join(named)}{others}; or {leave}")


def _owners(field: str, spec: Spec, scheme: Scheme) -> list[str]:
    """The schemes that take a field: plain ones first, of these the one of the same distribution.

    A variant belongs to the schemes that have it. `auto` was not asked for its distribution.
    """
    owners = [name for name, other in SCHEMES.items() if _takes_at_once(other, field)]
    if field == "variant":
        owners = [name for name in owners if spec.variant in SCHEMES[name].variants]
    distribution = "normal" if spec.scheme == AUTO else scheme.distribution
    first = dict.fromkeys((distribution, *_PLAIN))
    plain = [name for name in first if name in owners and name in _PLAIN]
    alike = [name for name in owners if SCHEMES[name].distribution == distribution]
    return list(dict.fromkeys((*plain, *alike, *owners)))


def _fits(spec: Spec, name: str) -> bool:
    """Whether the request has a law with this scheme instead. `inner` is not looked at."""
    scheme, present = SCHEMES[name], numbers_of(spec).present()
    if scheme.sub_kernel is not None or not set(present) <= set(scheme.fields):
        return False
    other = spec.model_copy(update={"scheme": name})
    try:
        laws_of(other, place(other))
    except ImpossibleError:
        return False
    return True


def _takes_at_once(scheme: Scheme, field: str) -> bool:
    """Whether the scheme takes the field with its default distribution.

    Presets are left out of hints, because they belong to one layer of one framework.
    """
    if scheme.preset is not None:
        return False
    truncates = scheme.distribution == "truncated_normal"
    return field in scheme.fields and (truncates or field not in _OF_TRUNCATION)


def _no_distribution(distribution: str, scheme: Scheme, called: str) -> Problem:
    """The problem of a wrong distribution. The hint is a scheme of the same family that has it."""
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


def _fans(
    spec: Spec, scheme: Scheme, numbers: Numbers, weight: Weight, block: Block
) -> tuple[float | None, float | None, float | None]:
    """fan_in and fan_out of a block, requested or counted, and the n of the mode.

    All are None for a scheme without a mode.
    """
    if numbers.mode is None:
        return None, None, None
    counted_in, counted_out = _counted(spec, scheme, weight, block)
    fan_in, fan_out = spec.fan_in or counted_in, spec.fan_out or counted_out
    number = _fan_number(spec, weight, numbers.mode, {"fan_in": fan_in, "fan_out": fan_out})
    return fan_in, fan_out, number


def _counted(
    spec: Spec, scheme: Scheme, weight: Weight, block: Block
) -> tuple[float | None, float | None]:
    """fan_in and fan_out by the letters. Those of a preset are counted as its framework does."""
    if scheme.preset is not None:
        return preset_fans(scheme.preset.framework, weight, spec.shape)
    fans = fans_of(weight, block.outputs)
    return (None, None) if fans is None else (fans.fan_in, fans.fan_out)


def _fan_number(
    spec: Spec, weight: Weight, mode: str, fans: dict[str, float | None]
) -> float | None:
    """The n of the mode; None for an empty tensor that lacks a fan of the mode."""
    if 0 in spec.shape and not all(fans[name] for name in MODES[mode]):
        return None
    missing = next((name for name in MODES[mode] if fans[name] is None), None)
    if missing and len(spec.shape) == 3 and not weight.letters:
        message = f"three axes have several possible layouts, so {missing} cannot be counted"
        raise ambiguous_axes(spec, message)
    if missing:
        raise missing_fan(weight, missing, len(spec.shape))
    return fan_number(mode, fans["fan_in"] or 0.0, fans["fan_out"] or 0.0)


def ambiguous_axes(spec: Spec, message: str) -> ImpossibleError:
    """The error (`ambiguous_axes`) for three axes, with the possible layouts and their stds."""
    possible = list(_possible_layouts(spec))
    stds = "; ".join(f"{each.letters}, {each.weight}: std {std:.6g}" for each, std in possible)
    letters = possible[0][0].letters if possible else THREE_AXIS_LAYOUTS[0].letters
    hint = f"write layout={letters}, or the other letters that are meant"
    if stds:
        message = f"{message}. {stds}"
    return ImpossibleError("ambiguous_axes", Problem("layout", message, hint))


def _possible_layouts(spec: Spec) -> Iterator[tuple[ThreeAxisLayout, float]]:
    """Each possible layout of three axes that has a std, with the std."""
    for each in three_axis_layouts(spec.layout):
        std = std_with_letters(spec, each.letters)
        if std is not None:
            yield each, std


def std_with_letters(spec: Spec, letters: str) -> float | None:
    """The std of the first block with other letters; None if it does not depend on a fan."""
    other = spec.model_copy(update={"layout": letters})
    try:
        law = laws_of(other, place(other))[0].law
    except ImpossibleError:
        return None
    return None if law.mode is None else law.std
