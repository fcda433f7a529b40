"""Matrices and kernels of zeros, ones and simple fractions: Dirac, bilinear and causal mask."""

from dataclasses import replace

import numpy as np

from service.initializers.references import LONG_2015, VASWANI_2017, ZAGORUYKO_2017
from service.initializers.schemes.convolution import (
    Kernels,
    divided,
    kernels_of,
    places,
    refuse_without_kernel,
    tiled_law,
)
from service.initializers.schemes.identity import centred_law, spread_law
from service.initializers.schemes.laws import MOST_LISTED
from service.initializers.schemes.record import (
    Law,
    Numbers,
    Request,
    Scheme,
    require_positive,
)
from service.initializers.schemes.tables import rows_and_columns, wrong_shape
from service.stream import indexed
from service.stream.draws import Elements, Float64, IndexFunction


def _dirac(request: Request) -> Law:
    """w[o, i, k // 2] = gain if o = i, both counted in their group, else 0."""
    gain = request.numbers.gain or 0.0
    require_positive("gain", gain)
    refuse_without_kernel(request, "8,8,3,3")
    kernels = kernels_of(request)
    return centred_law(kernels, gain, kernels.pairs, kernels.size)


def interpolating(
    elements: Elements,
    taps: int,
    inputs: int,
    outputs: int,
    group_inputs: int,
    group_outputs: int,
    first: int,
    extent: int,
) -> Float64:
    """The bilinear kernel from each input to the output with the same number, else 0."""
    output, input_, tap = places(
        elements, taps, inputs, outputs, group_inputs, group_outputs, first
    )
    values: Float64 = (output == input_) * bilinear(tap, extent)
    return values


def bilinear(taps: Elements, extent: int) -> Float64:
    """The kernel of extent x extent elements that upsamples by f = ceil(extent / 2).

    (1 - |i/f - c|) (1 - |j/f - c|) with c = (2f - 1 - f mod 2) / (2f). Each factor is a quotient
    of integers, so it is rounded once and never negative.
    """
    factor = (extent + 1) // 2
    doubled_centre = 2 * factor - 1 - factor % 2
    rows, columns = divided(taps, extent)
    down, across = (
        (2 * factor - np.abs(2 * numbers - doubled_centre)) / np.float64(2 * factor)
        for numbers in (rows, columns)
    )
    kernel: Float64 = down * across
    return kernel


def _bilinear(request: Request) -> Law:
    refuse_without_kernel(request, "8,8,3,3")
    kernels = kernels_of(request)
    _refuse_not_diagonal(request, kernels)
    extent = max(kernels.extents["H"], 1)
    draw = IndexFunction(interpolating, (*kernels.numbers, extent), 0.0, 1.0, indexed.interpolating)
    if kernels.taps > MOST_LISTED:
        return Law(draw, "deterministic", None, None, low=0.0, high=1.0)
    tile = bilinear(np.arange(extent * extent), extent)
    whole = kernels.pairs * kernels.taps == kernels.size
    low, high = float(tile.min()) if whole else 0.0, float(tile.max())
    draw = replace(draw, low=low, high=high)
    return tiled_law(draw, tile, kernels.pairs * kernels.taps, kernels.size)


def _refuse_not_diagonal(request: Request, kernels: Kernels) -> None:
    """Check that kernels are square and that each input has its own output.

    Raises ImpossibleError (`scheme_axes`).
    """
    scheme, extents, weight = request.scheme, kernels.extents, request.weight
    if set(extents) != {"H", "W"} or extents["H"] != extents["W"]:
        message = f"{scheme} needs two kernel axes of the same extent"
        hint = "write shape=3,3,4,4 and leave layer and layout and groups out"
        raise wrong_shape(message, hint)
    outputs, inputs = kernels.group_outputs, kernels.group_inputs
    if outputs != inputs:
        message = f"{scheme} has an output for each input, and there are {outputs} and {inputs}"
        hint = "write shape=3,3,4,4 and leave layer and layout and groups out"
        single, groups = (outputs, inputs) if weight.transposed else (inputs, outputs)
        if single == 1 and weight.groups is None:
            hint = f"add groups={groups} for a kernel in each group"
        raise wrong_shape(message, hint)


def lower(elements: Elements, columns: int) -> Float64:
    """1 on and below the diagonal, else 0."""
    row, column = divided(elements, columns)
    values: Float64 = (column <= row) * np.float64(1.0)
    return values


def _causal_mask(request: Request) -> Law:
    """w[r, c] = 1 if c <= r, else 0."""
    rows, columns = rows_and_columns(request)
    above = min(rows, columns)
    ones = above * (above + 1) // 2 + (rows - above) * columns
    low = 1.0 if ones == rows * columns else 0.0
    draw = IndexFunction(lower, (max(columns, 1),), low, 1.0)
    return replace(spread_law(draw, 1.0, ones, rows * columns), gain=None)


SCHEMES = (
    Scheme(
        name="dirac",
        summary="1 at the kernel's centre from each input to its own output in each group.",
        formula="w[o, i, k // 2] = gain if o = i, both counted in their group, else 0",
        distribution="deterministic",
        fields=("gain",),
        law=_dirac,
        defaults=Numbers(gain=1.0),
        gain=1.0,
        references=(ZAGORUYKO_2017,),
        access="index",
        draft=1,
        example="shape=4,2,3,3",
        source="torch/nn/init.py, dirac_, torch 2.14.1",
    ),
    Scheme(
        name="bilinear",
        summary="The kernel of a transposed convolution that upsamples each channel bilinearly.",
        formula=(
            "w[o, i, y, x] = (1 - abs(y/f - c)) (1 - abs(x/f - c)) if o = i, else 0; "
            "f = ceil(k/2), c = (2f - 1 - f mod 2)/(2f)"
        ),
        distribution="deterministic",
        fields=(),
        law=_bilinear,
        references=(LONG_2015,),
        access="index",
        draft=1,
        example="shape=2,2,4,4&layer=conv_transpose2d",
        source="include/caffe/filler.hpp, BilinearFiller, Caffe 1.0",
    ),
    Scheme(
        name="causal_mask",
        summary="1 on and below the diagonal, else 0: a position sees itself and those before it.",
        formula="w[r, c] = 1 if c <= r, else 0",
        distribution="deterministic",
        fields=(),
        law=_causal_mask,
        references=(VASWANI_2017,),
        access="index",
        draft=1,
        example="shape=6,6",
    ),
)
