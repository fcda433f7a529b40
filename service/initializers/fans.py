"""Fans: how many inputs feed one output element, and how many output elements one input feeds.

They are read off the letters of the whole weight, never off a shard or a slice of it.
"""

import math
from dataclasses import dataclass

from service.errors import ImpossibleError, Problem
from service.initializers.layers import LAYERS
from service.initializers.layouts import kernel_axes
from service.initializers.words import unknown_word

_EXACT_BELOW = 2.0**53
"""From here on a float64 stands for more than one integer."""

MODES: dict[str, tuple[str, ...]] = {
    "fan_in": ("fan_in",),
    "fan_out": ("fan_out",),
    "fan_avg": ("fan_in", "fan_out"),
    "fan_geo_avg": ("fan_in", "fan_out"),
}
"""Every mode with the fans it uses. The other fan need not exist."""

LEAST_FAN, MOST_FAN = 1e-60, 2.0**58
"""Every fan that can be counted lies between these: 1 / (2^58)^3 at least, 2^58 - 1 at most."""


@dataclass(frozen=True, slots=True)
class Fans:
    """Both fans of a weight: an int where it is whole, else the float64 nearest to the fraction."""

    fan_in: float
    fan_out: float


@dataclass(frozen=True, slots=True)
class Weight:
    """A whole weight as it is written: a letter and an extent for each axis, and its layer's
    numbers.

    `letters` and `shape` are empty for a tensor whose axes have no letters. `groups` is None
    where the request gives none: every output is then a group of its own in a depthwise
    convolution, and any other layer has one group. `parts` is a number of equal blocks that are
    fused along O, or the outputs of each block. `stride` has a number for each kernel axis, or one
    for all. `groups`, `parts` and strides are positive.
    """

    letters: str
    shape: tuple[int, ...]
    layer: str | None
    groups: int | None = None
    parts: int | tuple[int, ...] = 1
    stride: tuple[int, ...] = (1,)

    def count(self, letters: str) -> int:
        """The product of the extents of the axes that carry one of `letters`, 1 without any."""
        axes = zip(self.letters, self.shape, strict=True)
        return math.prod(extent for letter, extent in axes if letter in letters)

    @property
    def transposed(self) -> bool:
        """Whether I holds all inputs and O the outputs of one group, and not the other way."""
        return self.layer is not None and LAYERS[self.layer].transposed

    @property
    def depthwise(self) -> bool:
        """Whether every input channel has outputs of its own."""
        return self.layer is not None and LAYERS[self.layer].depthwise

    @property
    def has_fans(self) -> bool:
        """Whether its own axes make fans: those of a bias, a scale or no letters do not."""
        return bool(self.letters) and (self.layer is None or LAYERS[self.layer].has_fans)


def refuse_impossible(weight: Weight) -> None:
    """Pass if the weight's numbers can describe a layer, whatever scheme fills it.

    Groups divide the outputs of a convolution, or the inputs of a transposed one: the other
    channel axis is that of one group already. The E axis of a depthwise layer is its groups.
    A number of parts divides the outputs, and a list of them adds up to the outputs. There is a
    stride for each kernel axis.

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
    """The outputs of each block; one number for equal blocks, however many there are."""
    if isinstance(weight.parts, tuple):
        return weight.parts
    return (weight.count("O") // weight.parts,)


def fans_of(weight: Weight, outputs: int | None = None) -> Fans | None:
    """Both fans of a block of a weight that `refuse_impossible` lets pass; None where it has none.

        fan_in  = I x kernel                             transposed: I / groups x kernel / stride
        fan_out = outputs / groups x kernel / stride                 outputs x kernel

    `outputs` are those of the block, by default of the first one. I is a product over its axes,
    stride a product over the kernel axes, and E never counts. A fan need not be whole: each is
    rounded once, to the nearest float64.
    """
    if not weight.has_fans:
        return None
    inputs, kernel = weight.count("I"), weight.count("DHW")
    if outputs is None:
        outputs = heights_of(weight)[0]
    groups, stride = _groups(weight), math.prod(_stride(weight))
    if weight.transposed:
        fan_in = quotient(inputs * kernel, groups * stride)
        return Fans(fan_in, quotient(outputs * kernel, 1))
    fan_out = quotient(outputs * kernel, groups * stride)
    return Fans(quotient(inputs * kernel, 1), fan_out)


def quotient(count: int, divisor: int) -> float:
    """count / divisor as float64 has it, as an int where that is whole and exact."""
    # Python divides integers with one correct rounding, however large they are.
    nearest = count / divisor
    return int(nearest) if nearest.is_integer() and nearest < _EXACT_BELOW else nearest


def fan_number(mode: str, fan_in: float, fan_out: float) -> float:
    """n of std = gain sqrt(1/n): a fan, (fan_in + fan_out) / 2 or sqrt(fan_in fan_out), in float64.

    The fan that `mode` does not use may be anything. Raises UnreadableError (`unknown_word`) for
    an unknown mode.
    """
    if mode not in MODES:
        raise unknown_word("mode", mode, MODES, {}, "schemes")
    if mode == "fan_geo_avg":
        return math.sqrt(float(fan_in) * float(fan_out))
    if mode == "fan_avg":
        return (float(fan_in) + float(fan_out)) / 2.0
    return float(fan_in if mode == "fan_in" else fan_out)


def missing_fan(weight: Weight, fan: str, rank: int) -> ImpossibleError:
    """The refusal (`no_fan`) of a weight of `rank` axes that do not make the fan that is needed."""
    if not weight.letters:
        message = f"axes without letters have no {fan}"
        hint = f"give {fan}, or layout" if rank else f"give {fan}, or use scheme=normal"
        return ImpossibleError("no_fan", Problem(fan, message, hint))
    message = f"a {weight.layer} has no {fan} of its own"
    hint = f"give {fan}, that of the layer it belongs to"
    return ImpossibleError("no_fan", Problem(fan, message, hint))


def _division(weight: Weight, field: str, divisor: int, letter: str) -> Problem | None:
    """What is wrong with so many groups or parts of an axis: it is missing, or no multiple."""
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
    """What is wrong with the parts: their number does not divide O, or they do not add up to it."""
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
        message = f"every group of a depthwise layer has one input, not I = {inputs}"
        hint = "write I = 1, or E for the inputs (HWEO), or use a conv layer with groups"
        raise ImpossibleError("not_depthwise", Problem("shape", message, hint))
    copies = weight.count("E")
    if "E" in weight.letters and weight.groups not in (None, copies):
        message = f"E = {copies} are the groups of {weight.letters}, not {weight.groups}"
        raise ImpossibleError("not_depthwise", Problem("groups", message, "leave groups out"))


def _groups(weight: Weight) -> int:
    """The groups to divide by: 1 where E already sets the groups of a depthwise layer apart."""
    if not weight.depthwise:
        return weight.groups or 1
    if "E" in weight.letters:
        return 1
    return weight.groups or weight.count("O") or 1


def _stride(weight: Weight) -> tuple[int, ...]:
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
