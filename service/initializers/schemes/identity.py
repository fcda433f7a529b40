"""The identity: a matrix, or a convolution that passes its input on.

Each element is a function of its position.
"""

from dataclasses import dataclass, replace
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import numpy as np

from service.errors import ImpossibleError, Problem
from service.initializers.layouts import canonical_axes
from service.initializers.references import LE_2015
from service.initializers.schemes.convolution import (
    Kernels,
    centre_of,
    divided,
    kernels_of,
    places,
)
from service.initializers.schemes.record import (
    Block,
    Law,
    Numbers,
    Request,
    Scheme,
    require_positive,
)
from service.stream import indexed
from service.stream.draws import Elements, Float64, IndexFunction

_DIGITS = 60
"""Decimal digits in which std is computed. Counts have 18 digits, and a float64 needs 17."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A block of a tensor of two axes: a matrix of `outputs` and `inputs`.

    `numbers` are what `positions` takes behind the element numbers.
    """

    outputs: int
    inputs: int
    numbers: tuple[int, int, int, bool]


def matrix_of(request: Request) -> Matrix:
    """The matrix that a law fills.

    Raises ImpossibleError (`scheme_axes`) unless the tensor has two axes, only one of them O if it
    has parts.
    """
    _refuse_axes(request)
    weight, block = request.weight, request.block
    axes = canonical_axes(weight.letters)
    rows, columns = (request.shape[axis] for axis in axes)
    by_rows = weight.parts == 1 or weight.letters[axes[0]] == "O"
    if weight.parts == 1:
        block = Block(0, rows, rows)
    numbers = (max(columns, 1), block.first, max(block.distance, 1), by_rows)
    return Matrix(block.outputs, columns if by_rows else rows, numbers)


def positions(
    elements: Elements, columns: int, first: int, distance: int, by_rows: bool
) -> tuple[Elements, Elements]:
    """The output and the input number of each element.

    Outputs are the rows if `by_rows`, else the columns. Output `first` has number 0, and the
    numbers start again after every `distance` outputs.
    """
    rows, places = divided(elements, columns)
    outputs, inputs = (rows, places) if by_rows else (places, rows)
    _, outputs = divided(outputs - first, distance)
    return outputs, inputs


def diagonal(
    elements: Elements, columns: int, first: int, distance: int, by_rows: bool, gain: float
) -> Float64:
    """gain where an output has the number of its input, else 0."""
    outputs, inputs = positions(elements, columns, first, distance, by_rows)
    values: Float64 = (outputs == inputs) * np.float64(gain)
    return values


def centred(
    elements: Elements,
    taps: int,
    inputs: int,
    outputs: int,
    group_inputs: int,
    group_outputs: int,
    first: int,
    centre: int,
    gain: float,
) -> Float64:
    """gain at the kernel's centre where an output has the number of its input, else 0.

    Both are counted in their group.
    """
    output, input_, tap = places(
        elements, taps, inputs, outputs, group_inputs, group_outputs, first
    )
    values: Float64 = ((output == input_) & (tap == centre)) * np.float64(gain)
    return values


def _law(request: Request) -> Law:
    """w[o, i] = gain if o = i, else 0. o is counted from the start of its block or group.

    In a tensor of more than two axes this holds at the kernel's centre, and the rest is 0.
    """
    gain = request.numbers.gain or 0.0
    require_positive("gain", gain)
    if len(request.shape) > 2 and "O" in request.weight.letters:
        return _law_of_kernels(request, gain)
    matrix = matrix_of(request)
    low = gain if matrix.outputs * matrix.inputs == 1 else 0.0
    draw = IndexFunction(diagonal, (*matrix.numbers, gain), low, gain)
    return permutation_law(draw, gain, matrix)


def _law_of_kernels(request: Request, gain: float) -> Law:
    """Groups begin anew, or else blocks.

    Raises ImpossibleError (`conflicting_fields`) for groups beside parts.
    """
    kernels, block = kernels_of(request), request.block
    if request.weight.parts == 1:
        return centred_law(kernels, gain, kernels.pairs, kernels.size)
    if kernels.groups != 1:
        message = f"{request.scheme} begins anew in each group, and parts are other blocks"
        raise ImpossibleError("conflicting_fields", Problem("parts", message, "leave parts out"))
    counted = replace(kernels, outputs=block.outputs, group_outputs=block.outputs)
    kernels = replace(kernels, group_outputs=block.distance, first=block.first)
    return centred_law(kernels, gain, counted.pairs, counted.size)


def centred_law(kernels: Kernels, gain: float, pairs: int, size: int, *, later: bool = True) -> Law:
    """The law of `gain` at the centre of `pairs` kernels, and 0 elsewhere, of `size` elements.

    Of two centres it is the later one, or the other one.
    """
    numbers = (*kernels.numbers, centre_of(kernels.extents, later=later), gain)
    low = gain if pairs == size else 0.0
    return spread_law(
        IndexFunction(centred, numbers, low, gain, indexed.centred), gain, pairs, size
    )


def _refuse_axes(request: Request) -> None:
    rank, weight = len(request.shape), request.weight
    if rank != 2:
        message = f"{request.scheme} fills two axes or a convolution, and the shape has {rank}"
        hint = "write two extents, such as shape=64,64"
        if rank > 2:
            message = f"{request.scheme} passes inputs on to outputs, and there is no O axis"
            hint = "write layout=OIW, or give 2 extents"
        raise ImpossibleError("scheme_axes", Problem("shape", message, hint))
    if weight.parts != 1 and weight.letters.count("O") > 1:
        message = f"{request.scheme} has no parts where both axes are outputs"
        raise ImpossibleError("scheme_axes", Problem("parts", message, "leave parts out"))


def permutation_law(draw: IndexFunction, gain: float, matrix: Matrix) -> Law:
    """The law of `gain` once in each row or each column of a matrix, and 0 elsewhere."""
    outputs, inputs = matrix.outputs, matrix.inputs
    return spread_law(draw, gain, min(outputs, inputs), outputs * inputs)


def spread_law(draw: IndexFunction, gain: float, k: int, n: int) -> Law:
    """The law of `gain` at k of n elements, and 0 elsewhere.

    mean = gain k/n, std = gain sqrt(k (n - k))/n. Each is the float64 nearest the exact number.
    """
    if n == 0:
        return Law(draw, "deterministic", 0.0, None, gain=gain)
    with localcontext(Context(prec=_DIGITS)):
        std = float(Decimal(gain) * Decimal(k * (n - k)).sqrt() / n)
    share = k / n
    levels = ((gain, 1.0),) if k == n else ((0.0, 1.0 - share), (gain, share))
    mean = float(Fraction(gain) * Fraction(k, n))
    return Law(draw, "deterministic", mean, std, low=draw.low, high=gain, gain=gain, levels=levels)


SCHEMES = (
    Scheme(
        name="identity",
        summary="The identity times a gain, also as a convolution: the layer passes its input on.",
        formula="w[o, i] = gain if o = i, else 0; in a convolution at the kernel's centre k // 2",
        distribution="deterministic",
        fields=("gain",),
        law=_law,
        aliases=("eye",),
        defaults=Numbers(gain=1.0),
        gain=1.0,
        references=(LE_2015,),
        access="index",
        draft=1,
    ),
)
