"""Kernels of convolutions: the axes of a tensor, and the place of each element in them."""

import math
from dataclasses import dataclass

import numpy as np

from service.errors import ImpossibleError, Problem
from service.initializers.fans import groups_of
from service.initializers.schemes.record import Law, Request
from service.stream.draws import Elements, Float64, IndexFunction

KERNEL_LETTERS = "DHW"


@dataclass(frozen=True, slots=True)
class Kernels:
    """The kernels of a tensor, one for each copy along E, output and input.

    `extents` has the kernel's size by its letter, in counting order. `outputs` and `inputs` are
    those of the tensor, `group_outputs` and `group_inputs` those of one group; a tensor without
    such an axis has one. Output `first` is the first one of a group.
    """

    copies: int
    outputs: int
    inputs: int
    group_outputs: int
    group_inputs: int
    extents: dict[str, int]
    first: int = 0

    @property
    def groups(self) -> int:
        """The groups of a tensor with outputs and inputs."""
        counts = (self.outputs, self.group_outputs), (self.inputs, self.group_inputs)
        return math.prod(count // max(of_group, 1) for count, of_group in counts)

    @property
    def pairs(self) -> int:
        """The kernels from an input to the output with the same number in its group."""
        return self.copies * self.groups * min(self.group_outputs, self.group_inputs)

    @property
    def size(self) -> int:
        """The elements of the tensor."""
        return self.copies * self.outputs * self.inputs * self.taps

    @property
    def taps(self) -> int:
        """The elements of one kernel."""
        return math.prod(self.extents.values())

    @property
    def numbers(self) -> tuple[int, ...]:
        """What `places` takes behind the element numbers. No divisor is 0."""
        counts = (self.taps, self.inputs, self.outputs, self.group_inputs, self.group_outputs)
        return *(max(count, 1) for count in counts), self.first


def kernels_of(request: Request) -> Kernels:
    """The kernels of a tensor. Without kernel axes each has one element."""
    weight = request.weight
    outputs, inputs, groups = weight.count("O"), weight.count("I"), groups_of(weight)
    of_inputs, of_outputs = (groups, 1) if weight.transposed else (1, groups)
    return Kernels(
        copies=weight.count("E"),
        outputs=outputs,
        inputs=inputs,
        group_outputs=outputs // of_outputs,
        group_inputs=inputs // of_inputs,
        extents={each: weight.count(each) for each in KERNEL_LETTERS if each in weight.letters},
    )


def refuse_without_kernel(request: Request, example: str) -> None:
    """Raise ImpossibleError (`scheme_axes`) for a tensor without a kernel axis.

    `example` is a shape that the scheme fills.
    """
    if not set(request.weight.letters) & set(KERNEL_LETTERS):
        message = f"{request.scheme} fills kernels of a convolution, and there is no kernel axis"
        hint = f"write shape={example} and leave layer and layout out"
        if len(request.shape) == 3 and not request.weight.letters:
            hint = "write layout=OIW, or give 4 extents"
        raise ImpossibleError("scheme_axes", Problem("shape", message, hint))


def places(
    elements: Elements,
    taps: int,
    inputs: int,
    outputs: int,
    group_inputs: int,
    group_outputs: int,
    first: int,
) -> tuple[Elements, Elements, Elements]:
    """Output in its group, input in its group, and place in the kernel, of each element.

    The place counts the elements of one kernel in the order D, H, W.
    """
    kernels, tap = divided(elements, taps)
    rest, input_ = divided(kernels, inputs)
    _, output = divided(rest, outputs)
    _, input_ = divided(input_, group_inputs)
    _, output = divided(output - first, group_outputs)
    return output, input_, tap


def divided(numbers: Elements, divisor: int) -> tuple[Elements, Elements]:
    """Quotient and remainder; NumPy's own remainder takes several times as long."""
    quotients = numbers // divisor
    return quotients, numbers - quotients * divisor


def centre_of(extents: dict[str, int], *, later: bool = True) -> int:
    """The place of the kernel's centre along each axis.

    An even number k of elements has two: the later one is k // 2, the other one (k - 1) // 2.
    """
    place = 0
    for extent in extents.values():
        place = place * extent + (extent if later else max(extent - 1, 0)) // 2
    return place


def tiled_law(draw: IndexFunction, tile: Float64, filled: int, size: int) -> Law:
    """The law of a tensor of `size` elements: `filled` of them are copies of a tile, the rest 0.

    With m and s the mean and std of the tile's values and f = filled / size,
    mean = f m and std^2 = f (s^2 + (m - mean)^2) + (1 - f) mean^2. Both are None if it is empty.
    """
    if size == 0:
        return Law(draw, "deterministic", None, None)
    taps, share = tile.tolist(), filled / size
    m = math.fsum(taps) / len(taps)
    variance = math.fsum((tap - m) * (tap - m) for tap in taps) / len(taps)
    mean = share * m
    spread = share * (variance + (m - mean) * (m - mean)) + (1.0 - share) * (mean * mean)
    return Law(draw, "deterministic", mean, math.sqrt(spread), low=draw.low, high=draw.high)


def as_numbers(values: Float64) -> tuple[float, ...]:
    """Values as numbers of a draw. A negative zero becomes +0."""
    return tuple((values.reshape(-1) + np.float64(0.0)).tolist())
