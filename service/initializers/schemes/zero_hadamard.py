"""ZerO: the identity, or a part of a Hadamard matrix where a layer has more outputs than inputs."""

import math
from dataclasses import dataclass, replace
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import numpy as np

from service.errors import ImpossibleError, Problem
from service.initializers.layouts import canonical_axes
from service.initializers.references import ZHAO_2021
from service.initializers.schemes.record import Law, Request, Scheme
from service.stream import indexed
from service.stream.draws import Elements, Float64, IndexFunction

_DIGITS = 60
"""Decimal digits in which std is computed. Counts have 18 digits, and a float64 needs 17."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """A block of a weight: a matrix of `outputs` and `inputs` for each place of the kernel.

    `numbers` are what `places` takes behind the element numbers.
    """

    outputs: int
    inputs: int
    kernel: int
    numbers: tuple[int, ...]


def kernels_of(request: Request) -> Kernels:
    """The matrices of a block. Each group of a grouped convolution has matrices of its own.

    Raises ImpossibleError: `scheme_axes` without an O or an I axis, `conflicting_fields` for parts
    and groups at once.
    """
    weight, block = request.weight, request.block
    if not {"O", "I"} <= set(weight.letters):
        message = f"{request.scheme} needs outputs and inputs"
        hint = "write two extents, such as shape=64,64"
        if len(request.shape) > 1:
            hint = "write layout with an O and an I, or use scheme=normal"
        raise ImpossibleError("scheme_axes", Problem("layout", message, hint))
    groups = _groups(request)
    outputs, inputs, distance = block.outputs, weight.count("I"), block.distance
    if groups > 1 and weight.parts != 1:
        message = f"{request.scheme} has a matrix for each group, and parts would cut them"
        raise ImpossibleError("conflicting_fields", Problem("parts", message, "leave parts out"))
    if weight.transposed:
        inputs //= groups
    else:
        outputs, distance = outputs // groups, distance // groups
    kernel, centre = _kernel(request)
    numbers = (
        *(max(weight.count(letters), 1) for letters in ("O", "I")),
        max(kernel, 1),
        centre,
        block.first,
        max(distance, 1),
        max(inputs, 1),
    )
    return Kernels(outputs, inputs, kernel, numbers)


def _groups(request: Request) -> int:
    """The groups of outputs or inputs; with an E axis they are the copies along it."""
    weight = request.weight
    if not weight.depthwise:
        return weight.groups or 1
    return 1 if "E" in weight.letters else weight.groups or max(weight.count("O"), 1)


def _kernel(request: Request) -> tuple[int, int]:
    """The places of a kernel, and the number of its centre: place k div 2 of k on each axis."""
    letters, places, centre = request.weight.letters, 1, 0
    for axis in canonical_axes(letters):
        if letters[axis] in "DHW":
            extent = request.shape[axis]
            places, centre = places * extent, centre * extent + extent // 2
    return places, centre


def places(
    elements: Elements,
    outputs: int,
    inputs: int,
    kernel: int,
    centre: int,
    first: int,
    height: int,
    width: int,
) -> tuple[Elements, Elements, Elements]:
    """The output and the input number of each element, and whether it is in the kernel's centre.

    Output `first` has number 0. The numbers start again after `height` outputs and after `width`
    inputs.
    """
    rows = elements // kernel
    at_centre = elements - rows * kernel == centre
    units = rows // inputs
    input_ = (rows - units * inputs) % width
    output = (units % outputs - first) % height
    return output, input_, at_centre


def partial_identity(elements: Elements, *numbers: int) -> Float64:
    """1 in the centre of the kernel where an output has the number of its input, else 0."""
    output, input_, at_centre = places(elements, *numbers)
    values: Float64 = ((output == input_) & at_centre) * np.float64(1.0)
    return values


def hadamard(elements: Elements, *numbers: float) -> Float64:
    """The last number times (-1)^(ones of o AND i) in the centre of the kernel, else 0.

    o and i are the output and the input number, and AND is that of their bits.
    """
    scale = np.float64(numbers[-1])
    output, input_, at_centre = places(elements, *map(int, numbers[:-1]))
    bits = output & input_
    for distance in (32, 16, 8, 4, 2, 1):
        bits = bits ^ (bits >> distance)
    values: Float64 = np.where((bits & 1) == 1, -scale, scale)
    return np.where(at_centre, values, 0.0)


def _law(request: Request) -> Law:
    """The identity if O <= I, else 2^(-q/2) times O rows and I columns of H_q, q = ceil(log2 O)."""
    kernels = kernels_of(request)
    outputs, inputs, numbers = kernels.outputs, kernels.inputs, kernels.numbers
    if outputs <= inputs:
        draw = IndexFunction(partial_identity, numbers, 0.0, 1.0, indexed.partial_identity)
        return _statistics(kernels, draw, 1.0, outputs, 0)
    # The root of a power of two is the float64 nearest to it.
    scale = math.sqrt(math.ldexp(1.0, -(outputs - 1).bit_length()))
    draw = IndexFunction(hadamard, (*numbers, scale), -scale, scale, indexed.hadamard)
    entries, surplus = outputs * inputs, surplus_of_ones(outputs, inputs)
    return _statistics(kernels, draw, scale, (entries + surplus) // 2, (entries - surplus) // 2)


def surplus_of_ones(rows: int, columns: int) -> int:
    """The entries 1 minus the entries -1 in the first rows and columns of a Hadamard matrix."""
    longer, shorter = max(rows, columns), min(rows, columns)
    if shorter == 0:
        return 0
    half = 1 << max((longer - 1).bit_length() - 1, 0)
    if longer == 1:
        return 1
    # A whole half of the rows adds up to 0 in every column but the first.
    if shorter <= half:
        return half + surplus_of_ones(longer - half, shorter)
    return 3 * half - surplus_of_ones(longer - half, shorter - half)


def _statistics(kernels: Kernels, draw: IndexFunction, scale: float, above: int, below: int) -> Law:
    """The law of `above` values scale and `below` values -scale among zeros.

    mean and std are the float64 nearest the exact numbers for the float64 scale.
    """
    size = kernels.outputs * kernels.inputs * kernels.kernel
    if size == 0:
        return Law(draw, "deterministic", 0.0, None)
    counts = ((-scale, below), (0.0, size - above - below), (scale, above))
    levels = tuple((value, count / size) for value, count in counts if count)
    balance = Fraction(above - below, size)
    variance = Fraction(above + below, size) - balance * balance
    with localcontext(Context(prec=_DIGITS)):
        root = (Decimal(variance.numerator) / Decimal(variance.denominator)).sqrt()
        std = float(Decimal(scale) * root)
    mean, low, high = float(Fraction(scale) * balance), levels[0][0], levels[-1][0]
    draw = replace(draw, low=low, high=high)
    return Law(draw, "deterministic", mean, std, low=low, high=high, levels=levels)


SCHEMES = (
    Scheme(
        name="zero_hadamard",
        summary="ZerO: the identity, or a part of a Hadamard matrix, without a random word.",
        formula="w = I if O <= I, else 2^(-q/2) I* H_q I*, q = ceil(log2 O); in a kernel's centre",
        distribution="deterministic",
        fields=(),
        law=_law,
        references=(ZHAO_2021,),
        access="index",
        draft=1,
        example="shape=8,4",
        source="jiaweizzhao/ZerO-initialization@cf2bf5d, example_mnist.ipynb, ZerO_Init_on_matrix",
    ),
)
