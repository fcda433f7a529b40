"""Fans: how many inputs feed one output element, and how many output elements one input feeds.

Read off the letters of the whole weight, never off a shard or a slice of it.
"""

import math
from dataclasses import dataclass

from service.errors import ImpossibleError, Problem
from service.initializers.layers import LAYERS
from service.initializers.layouts import kernel_axes
from service.initializers.words import unknown_word

MODES: dict[str, tuple[str, ...]] = {
    "fan_in": ("fan_in",),
    "fan_out": ("fan_out",),
    "fan_avg": ("fan_in", "fan_out"),
    "fan_geo_avg": ("fan_in", "fan_out"),
}
"""Every mode with the fans it uses: the others need not exist."""


@dataclass(frozen=True, slots=True)
class Fans:
    """Both fans of a weight."""

    fan_in: int
    fan_out: int


@dataclass(frozen=True, slots=True)
class Weight:
    """A whole weight as it is written: a letter and an extent an axis, and its layer's numbers.

    `groups` None is the layer's own: all inputs for a depthwise convolution, else 1. `parts`
    are equal blocks fused along O. `stride` has a number for each kernel axis, or one for all.
    `groups`, `parts` and strides are positive.
    """

    letters: str
    shape: tuple[int, ...]
    layer: str | None
    groups: int | None = None
    parts: int = 1
    stride: tuple[int, ...] = (1,)

    def extents(self, letters: str) -> list[int]:
        """The extents of the axes that carry one of `letters`."""
        axes = zip(self.letters, self.shape, strict=True)
        return [extent for letter, extent in axes if letter in letters]

    @property
    def transposed(self) -> bool:
        """Whether I holds all inputs and O those of a group, and not the other way round."""
        return self.layer is not None and LAYERS[self.layer].transposed

    @property
    def depthwise(self) -> bool:
        """Whether every input channel has outputs of its own."""
        return self.layer is not None and LAYERS[self.layer].depthwise


def fans_of(
    letters: str,
    shape: tuple[int, ...],
    *,
    layer: str | None,
    groups: int | None = None,
    parts: int = 1,
    stride: tuple[int, ...] = (1,),
) -> Fans:
    """Both fans of the weight of these fields (see `Weight`); raises as either of them does."""
    weight = Weight(letters, shape, layer, groups, parts, stride)
    return Fans(fan_in_of(weight), fan_out_of(weight))


def fan_in_of(weight: Weight) -> int:
    """fan_in = I x kernel, I being of one group; transposed: I / groups x kernel / stride.

    Raises ImpossibleError: `no_fan` for a bias, a scale or no letters, `inexact_fan` where a
    division leaves a remainder, `not_depthwise` and `stride_mismatch` where the fields contradict
    each other.
    """
    _refuse_fanless(weight, "fan_in")
    groups, stride = _groups(weight), stride_of(weight)
    inputs = math.prod(weight.extents("I"))
    if not weight.transposed:
        return inputs * math.prod(weight.extents("DHW"))
    per_group = _divide(inputs, "groups", groups, "inputs", "fan_in")
    return _over_stride(weight, per_group, stride, "fan_in")


def fan_out_of(weight: Weight) -> int:
    """fan_out = O / groups / parts x kernel / stride; transposed: O / parts x kernel.

    E never counts. Raises ImpossibleError as `fan_in_of` does.
    """
    _refuse_fanless(weight, "fan_out")
    groups, stride = _groups(weight), stride_of(weight)
    outputs = math.prod(weight.extents("O"))
    if weight.transposed:
        part = _divide(outputs, "parts", weight.parts, "outputs", "fan_out")
        return part * math.prod(weight.extents("DHW"))
    per_group = _divide(outputs, "groups", groups, "outputs", "fan_out")
    part = _divide(per_group, "parts", weight.parts, "outputs", "fan_out")
    return _over_stride(weight, part, stride, "fan_out")


def fan_number(mode: str, fan_in: int | None, fan_out: int | None) -> float:
    """n of std = gain sqrt(1/n): a fan, (fan_in + fan_out) / 2 or sqrt(fan_in fan_out).

    The fan that `mode` does not use may be None. Raises ImpossibleError for one it uses that is
    None (`no_fan`) or 0 (`zero_fan`), UnreadableError (`unknown_word`) for an unknown mode.
    """
    if mode not in MODES:
        raise unknown_word("mode", mode, MODES, {}, "/schemes")
    fans = {"fan_in": fan_in, "fan_out": fan_out}
    used = [_usable(name, fans[name]) for name in MODES[mode]]
    first, last = used[0], used[-1]
    if mode == "fan_geo_avg":
        return math.sqrt(first * last)
    # Of integers, so rounded once; of one fan it is that fan.
    return (first + last) / 2


def _usable(name: str, fan: int | None) -> int:
    if fan is None:
        raise ImpossibleError("no_fan", Problem(name, f"there is no {name}", f"give {name}"))
    if fan == 0:
        hint = f"give {name}, or a mode or scheme that does not use it"
        raise ImpossibleError("zero_fan", Problem(name, f"{name} is 0: 1/0 is no variance", hint))
    return fan


def _refuse_fanless(weight: Weight, fan: str) -> None:
    if not weight.letters:
        message = f"without letters nothing says which axes make {fan}"
        raise ImpossibleError("no_fan", Problem(fan, message, f"give {fan}, or layout"))
    if weight.layer is not None and not LAYERS[weight.layer].has_fans:
        message = f"a {weight.layer} has no {fan} of its own"
        hint = f"give {fan}, that of the layer it belongs to"
        raise ImpossibleError("no_fan", Problem(fan, message, hint))


def _groups(weight: Weight) -> int:
    """The groups to divide by: 1 where E already sets the groups of a depthwise layer apart."""
    if not weight.depthwise:
        return weight.groups or 1
    inputs = math.prod(weight.extents("I"))
    if inputs != 1:
        message = f"every group of a depthwise layer has one input, not I = {inputs}"
        hint = "write I = 1, or E for the inputs (HWEO), or use a conv layer with groups"
        raise ImpossibleError("not_depthwise", Problem("shape", message, hint))
    if "E" not in weight.letters:
        return weight.groups or math.prod(weight.extents("O")) or 1
    copies = math.prod(weight.extents("E"))
    if weight.groups not in (None, copies):
        message = f"E = {copies} are the groups of {weight.letters}, not {weight.groups}"
        raise ImpossibleError("not_depthwise", Problem("groups", message, "leave groups out"))
    return 1


def stride_of(weight: Weight) -> tuple[int, ...]:
    """One stride for every kernel axis; raises ImpossibleError (`stride_mismatch`)."""
    axes = kernel_axes(weight.letters)
    if len(weight.stride) == axes:
        return weight.stride
    if len(weight.stride) == 1 and (axes > 0 or weight.stride == (1,)):
        return weight.stride * axes
    numbers = ",".join(map(str, weight.stride))
    message = f"stride {numbers} for {axes} kernel axes"
    hint = f"give 1 or {axes} numbers" if axes else "leave stride out"
    raise ImpossibleError("stride_mismatch", Problem("stride", message, hint))


def _divide(count: int, field: str, divisor: int, what: str, fan: str) -> int:
    if count % divisor:
        message = f"{field} {divisor} does not divide the {count} {what}"
        hint = f"give {field} that do, or {fan}"
        raise ImpossibleError("inexact_fan", Problem(field, message, hint))
    return count // divisor


def _over_stride(weight: Weight, channels: int, stride: tuple[int, ...], fan: str) -> int:
    factors = [channels, *weight.extents("DHW")]
    count, divisor = math.prod(factors), math.prod(stride)
    if count % divisor:
        message = f"{_spoken(stride)} does not divide {' x '.join(map(str, factors))} = {count}"
        raise ImpossibleError("inexact_fan", Problem("stride", message, f"give {fan}"))
    return count // divisor


def _spoken(stride: tuple[int, ...]) -> str:
    if len(set(stride)) == 1:
        return f"stride {stride[0]} in {len(stride)} axes"
    return f"stride {' x '.join(map(str, stride))}"
