"""Fans: fan_in is the number of inputs of one output element, fan_out of outputs of one input.

They are counted from the letters and extents of the whole weight. A slice does not change them.
"""

import math
from dataclasses import dataclass

from service.errors import ImpossibleError, Problem
from service.initializers.layers import LAYERS
from service.initializers.layouts import kernel_axes
from service.initializers.unknown_words import unknown_word

_EXACT_BELOW = 2.0**53
"""From 2^53 on, float64 does not represent every integer."""

MODES: dict[str, tuple[str, ...]] = {
    "fan_in": ("fan_in",),
    "fan_out": ("fan_out",),
    "fan_avg": ("fan_in", "fan_out"),
    "fan_geo_avg": ("fan_in", "fan_out"),
}
"""Each mode with the fans it uses. A fan that the mode does not use may be missing."""

LEAST_FAN, MOST_FAN = 1e-60, 2.0**58
"""Bounds of all counted fans: they are at least 1 / (2^58)^3 and at most 2^58 - 1."""


@dataclass(frozen=True, slots=True)
class Fans:
    """Both fans of a weight. Each is an int if it is whole, else the nearest float64."""

    fan_in: float
    fan_out: float


@dataclass(frozen=True, slots=True)
class Weight:
    """A whole weight: a letter and an extent for each axis, and the numbers of its layer.

    `letters` and `shape` are empty for a tensor whose axes have no letters. `groups` is None if
    the request has none. Then each output of a depthwise convolution is a group, and any other
    layer has one group. `parts` is a number of equal blocks fused along O, or the outputs of each
    block. `stride` has one number for all kernel axes, or one for each. `groups`, `parts` and
    strides are positive.
    """

    letters: str
    shape: tuple[int, ...]
    layer: str | None
    groups: int | None = None
    parts: int | tuple[int, ...] = 1
    stride: tuple[int, ...] = (1,)

    def count(self, letters: str) -> int:
        """The product of the extents of the axes with one of `letters`; 1 without such axes."""
        axes = zip(self.letters, self.shape, strict=True)
        return math.prod(extent for letter, extent in axes if letter in letters)

    @property
    def transposed(self) -> bool:
        """Whether it is a transposed convolution: I has all inputs, and O one group's outputs."""
        return self.layer is not None and LAYERS[self.layer].transposed

    @property
    def depthwise(self) -> bool:
        """Whether each input channel has its own outputs."""
        return self.layer is not None and LAYERS[self.layer].depthwise

    @property
    def has_fans(self) -> bool:
        """Whether its axes have fans. A bias, a scale and axes without letters have none."""
        return bool(self.letters) and (self.layer is None or LAYERS[self.layer].has_fans)


def refuse_impossible(weight: Weight) -> None:
    """Check groups, parts and stride against the shape. The check is the same for all schemes.

    Groups divide the outputs of a convolution, or the inputs of a transposed one. The other
    channel axis belongs to one group. The E axis of a depthwise layer is its groups. A number of
    parts divides the outputs. A list of parts adds up to the outputs. There is one stride for all
    kernel axes, or one for each.

    Raises ImpossibleError: `impossible_groups`, `impossible_parts`, `not_depthwise`,
    `stride_mismatch`.
    """
    _stride(weight)
    if weight.depthwise:
        _refuse_not_depthwise(weight)
    if not (weight.depthwise and "E" in weight.letters):
        divided = "I" if weight.transposed else "O"
        if (problem := _division(weight, "groups", weight.groups or 1, divided)) is not None:
            raise ImpossibleError("impossible_groups", problem)
    if (problem := _parts_problem(weight)) is not None:
        raise ImpossibleError("impossible_parts", problem)


def heights_of(weight: Weight) -> tuple[int, ...]:
    """The outputs of each block. Equal blocks have one entry for all."""
    if isinstance(weight.parts, tuple):
        return weight.parts
    return (weight.count("O") // weight.parts,)


def fans_of(weight: Weight, outputs: int | None = None) -> Fans | None:
    """Both fans of a block of a weight that passes `refuse_impossible`; None if it has no fans.

        fan_in  = I x kernel                             transposed: I / groups x kernel / stride
        fan_out = outputs / groups x kernel / stride                 outputs x kernel

    `outputs` are those of the block, by default of the first one. I is a product over its axes,
    and stride is a product over the kernel axes. E does not count. A fan may be a fraction. Each
    is rounded once, to the nearest float64.
    """
    if not weight.has_fans:
        return None
    inputs, kernel = weight.count("I"), weight.count("DHW")
    if outputs is None:
        outputs = heights_of(weight)[0]
    groups, stride = groups_of(weight), math.prod(_stride(weight))
    if weight.transposed:
        fan_in = quotient(inputs * kernel, groups * stride)
        return Fans(fan_in, quotient(outputs * kernel, 1))
    fan_out = quotient(outputs * kernel, groups * stride)
    return Fans(quotient(inputs * kernel, 1), fan_out)


def quotient(count: int, divisor: int) -> float:
    """count / divisor as the nearest float64, or as an int if it is whole and exact."""
    # Python divides integers with one correct rounding, however large they are.
    nearest = count / divisor
    return int(nearest) if nearest.is_integer() and nearest < _EXACT_BELOW else nearest


def fan_number(mode: str, fan_in: float, fan_out: float) -> float:
    """n of std = gain sqrt(1/n): a fan, (fan_in + fan_out) / 2 or sqrt(fan_in fan_out), in float64.

    A fan that `mode` does not use is ignored. Raises UnreadableError (`unknown_word`) for an
    unknown mode.
    """
    if mode not in MODES:
        raise unknown_word("mode", mode, MODES, {}, "schemes")
    if mode == "fan_geo_avg":
        return math.sqrt(float(fan_in) * float(fan_out))
    if mode == "fan_avg":
        return (float(fan_in) + float(fan_out)) / 2.0
    return float(fan_in if mode == "fan_in" else fan_out)


def missing_fan(weight: Weight, fan: str, rank: int) -> ImpossibleError:
    """The error (`no_fan`) for a weight of `rank` axes that lacks the fan that the mode needs."""
    if not weight.letters:
        message = f"a tensor without layout letters has no {fan}"
        hint = f"give {fan}, or layout" if rank else f"give {fan}, or use scheme=normal"
        return ImpossibleError("no_fan", Problem(fan, message, hint))
    message = f"a {weight.layer} has no {fan} of its own"
    hint = f"give {fan}, that of the layer it belongs to"
    return ImpossibleError("no_fan", Problem(fan, message, hint))


def _division(weight: Weight, field: str, divisor: int, letter: str) -> Problem | None:
    """The problem if `divisor` does not divide the extent of `letter`, or that axis is missing."""
    what = {"I": "inputs", "O": "outputs"}[letter]
    if divisor == 1:
        return None
    if letter not in weight.letters:
        message = f"{field} {divisor} divide the {what}, and this tensor has no {letter} axis"
        return Problem(field, message, f"leave {field} out, or give layout with an {letter}")
    count = weight.count(letter)
    if count % divisor == 0:
        return None
    message = f"{field} {divisor} do not divide the {count} {what}"
    hint = f"write {math.gcd(count, divisor)}, or another number that divides {count}"
    return Problem(field, message, hint)


def _parts_problem(weight: Weight) -> Problem | None:
    """The problem if the number of parts does not divide O, or the list does not add up to O."""
    if isinstance(weight.parts, int):
        return _division(weight, "parts", weight.parts, "O")
    if "O" not in weight.letters:
        message = "parts divide the outputs, and this tensor has no O axis"
        return Problem("parts", message, "leave parts out, or give layout with an O")
    outputs, total = weight.count("O"), sum(int(part) for part in weight.parts)
    if total == outputs:
        return None
    message = f"the parts add up to {total} outputs, and the shape has {outputs}"
    return Problem("parts", message, f"write parts that add up to {outputs}, or leave parts out")


def _refuse_not_depthwise(weight: Weight) -> None:
    inputs = weight.count("I")
    if inputs != 1:
        message = f"each group of a depthwise layer has one input, but I is {inputs}"
        hint = "write I = 1, or E for the inputs (HWEO), or use a conv layer with groups"
        raise ImpossibleError("not_depthwise", Problem("shape", message, hint))
    copies = weight.count("E")
    if "E" in weight.letters and weight.groups not in (None, copies):
        message = f"groups is {weight.groups}, but the E axis of {weight.letters} has {copies}"
        raise ImpossibleError("not_depthwise", Problem("groups", message, "leave groups out"))


def groups_of(weight: Weight) -> int:
    """The groups that the fan is divided by. It is 1 if the E axis already separates the groups."""
    if not weight.depthwise:
        return weight.groups or 1
    if "E" in weight.letters:
        return 1
    return weight.groups or weight.count("O") or 1


def _stride(weight: Weight) -> tuple[int, ...]:
    """The stride of each kernel axis. Raises ImpossibleError (`stride_mismatch`)."""
    axes = kernel_axes(weight.letters)
    if len(weight.stride) == axes:
        return weight.stride
    if len(weight.stride) == 1 and (axes > 0 or weight.stride == (1,)):
        return weight.stride * axes
    numbers = ",".join(map(str, weight.stride))
    message = f"stride {numbers} does not fit {axes} kernel axes"
    hint = f"give 1 or {axes} numbers" if axes else "leave stride out"
    raise ImpossibleError("stride_mismatch", Problem("stride", message, hint))
