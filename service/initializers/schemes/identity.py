"""The identity matrix: each element is a function of its position."""

from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction

import numpy as np

from service.errors import ImpossibleError, Problem
from service.initializers.layouts import canonical_axes
from service.initializers.references import LE_2015
from service.initializers.schemes.record import (
    Block,
    Law,
    Numbers,
    Request,
    Scheme,
    require_positive,
)
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
    rows, places = _divided(elements, columns)
    outputs, inputs = (rows, places) if by_rows else (places, rows)
    _, outputs = _divided(outputs - first, distance)
    return outputs, inputs


def diagonal(
    elements: Elements, columns: int, first: int, distance: int, by_rows: bool, gain: float
) -> Float64:
    """gain where an output has the number of its input, else 0."""
    outputs, inputs = positions(elements, columns, first, distance, by_rows)
    values: Float64 = (outputs == inputs) * np.float64(gain)
    return values


def _divided(numbers: Elements, divisor: int) -> tuple[Elements, Elements]:
    """Quotient and remainder; NumPy's own remainder takes several times as long."""
    quotients = numbers // divisor
    return quotients, numbers - quotients * divisor


def _law(request: Request) -> Law:
    """w[o, i] = gain if o = i, else 0. o is counted from the start of its block."""
    gain = request.numbers.gain or 0.0
    require_positive("gain", gain)
    matrix = matrix_of(request)
    low = gain if matrix.outputs * matrix.inputs == 1 else 0.0
    draw = IndexFunction(diagonal, (*matrix.numbers, gain), low, gain)
    return permutation_law(draw, gain, matrix)


def _refuse_axes(request: Request) -> None:
    rank, weight = len(request.shape), request.weight
    if rank != 2:
        message = f"{request.scheme} fills two axes, and the shape has {rank}"
        hint = "write two extents, such as shape=64,64"
        raise ImpossibleError("scheme_axes", Problem("shape", message, hint))
    if weight.parts != 1 and weight.letters.count("O") > 1:
        message = f"{request.scheme} has no parts where both axes are outputs"
        raise ImpossibleError("scheme_axes", Problem("parts", message, "leave parts out"))


def permutation_law(draw: IndexFunction, gain: float, matrix: Matrix) -> Law:
    """The law of `gain` once in each row or each column, and 0 elsewhere.

    With k of n elements gain, mean = gain k/n, std = gain sqrt(k (n - k))/n. Each is the
    float64 nearest the exact number.
    """
    outputs, inputs = matrix.outputs, matrix.inputs
    n, k = outputs * inputs, min(outputs, inputs)
    if n == 0:
        return Law(draw, "deterministic", 0.0, None, gain=gain)
    with localcontext(Context(prec=_DIGITS)):
        std = float(Decimal(gain) * Decimal(k * (n - k)).sqrt() / n)
    share = k / n
    levels = ((gain, 1.0),) if n == 1 else ((0.0, 1.0 - share), (gain, share))
    mean = float(Fraction(gain) * Fraction(k, n))
    return Law(draw, "deterministic", mean, std, low=draw.low, high=gain, gain=gain, levels=levels)


SCHEMES = (
    Scheme(
        name="identity",
        summary="The identity matrix, square or not, times a gain: the layer passes its input on.",
        formula="w[o, i] = gain if o = i, else 0",
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
