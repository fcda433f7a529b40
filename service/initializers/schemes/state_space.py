"""State space models: S4D, HiPPO-LegS and the decays of retention. All are tables."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from service.errors import ImpossibleError, Problem
from service.initializers.layouts import canonical_axes
from service.initializers.references import GU_2020, GU_2022, SUN_2023
from service.initializers.schemes.identity import Matrix, matrix_of, positions
from service.initializers.schemes.laws import table_law
from service.initializers.schemes.plain import constant_law
from service.initializers.schemes.record import Law, Numbers, Request, Scheme
from service.stream import elementary
from service.stream.draws import Elements, Float64, IndexFunction

PI = float.fromhex("0x1.921fb54442d18p+1")
LN_HALF = float.fromhex("-0x1.62e42fefa39efp-1")
"""ln(1/2). The real part of S4D's eigenvalues is -1/2."""


def last_axis(request: Request) -> int:
    """The extent of the axis that is counted last, on which states or heads lie.

    Raises ImpossibleError (`scheme_axes`) for a scalar.
    """
    if not request.shape:
        message = f"{request.scheme} is a function of the position along an axis"
        raise ImpossibleError("scheme_axes", Problem("shape", message, "write shape=16"))
    letters = request.weight.letters
    return request.shape[canonical_axes(letters)[-1] if letters else -1]


def row_law(request: Request, function: Callable[..., Float64]) -> Law:
    """The law of a table whose rows, along the axis that is counted last, are all equal.

    `function` takes element numbers and the extent of that axis. It is monotone. A table of one
    column may have only zeros, which a constant draws.
    """
    extent = last_axis(request)
    numbers = (max(extent, 1),)
    ends = function(np.array([0, max(extent, 1) - 1]), *numbers).tolist()
    low, high = min(ends), max(ends)
    if math.prod(request.shape) and low == high == 0.0:
        return replace(constant_law(0.0), distribution="deterministic", low=0.0, high=0.0)
    draw = IndexFunction(function, numbers, low, high)
    return table_law(draw, extent if math.prod(request.shape) else 0)


def place(elements: Elements, extent: int) -> Float64:
    """The position of each element along the axis that is counted last."""
    positions: Float64 = (elements - elements // extent * extent).astype(np.float64)
    return positions


def logarithm_of_number(elements: Elements, extent: int) -> Float64:
    """ln(n + 1), n = 0, 1, ..."""
    return elementary.log(place(elements, extent) + 1.0)


def log_half(elements: Elements, extent: int) -> Float64:
    """ln(1/2) for every element."""
    return np.full(elements.shape, LN_HALF)


def linear_frequency(elements: Elements, extent: int) -> Float64:
    """pi n."""
    values: Float64 = place(elements, extent) * PI
    return values


def inverse_frequency(elements: Elements, extent: int) -> Float64:
    """N/pi (N/(2n + 1) - 1), N twice the extent, as the quotient (N - (2n + 1)) / (2n + 1)."""
    states = 2.0 * extent
    odd = 2.0 * place(elements, extent) + 1.0
    values: Float64 = (states - odd) / odd * (states / PI)
    return values


def log_retention(elements: Elements, extent: int) -> Float64:
    """ln(1 - 2^(-5 - h)). It is +0 from the head on at which the power is 0."""
    power = elementary.powers(2.0, -5.0 - place(elements, extent))
    values: Float64 = elementary.log1p(0.0 - power) + 0.0
    return values


def retention(elements: Elements, extent: int) -> Float64:
    """1 - 2^(-5 - h)."""
    values: Float64 = 1.0 - elementary.powers(2.0, -5.0 - place(elements, extent))
    return values


def legs_matrix(
    elements: Elements, columns: int, first: int, distance: int, by_rows: bool
) -> Float64:
    """-sqrt((2n + 1)(2k + 1)) below the diagonal, -(n + 1) on it, 0 above it; n rows, k columns."""
    outputs, inputs = positions(elements, columns, first, distance, by_rows)
    n, k = outputs.astype(np.float64), inputs.astype(np.float64)
    below = -np.sqrt((2.0 * n + 1.0) * (2.0 * k + 1.0))
    values: Float64 = np.where(n > k, below, np.where(n == k, -(n + 1.0), 0.0))
    return values


def legs_vector(elements: Elements, extent: int) -> Float64:
    """sqrt(2n + 1)."""
    values: Float64 = np.sqrt(2.0 * place(elements, extent) + 1.0)
    return values


def _variant(laws: dict[str, Callable[..., Float64]], request: Request) -> Law:
    return row_law(request, laws[request.numbers.variant or ""])


def _legs_matrix(request: Request) -> Law:
    """A of HiPPO-LegS, which is cut off if the tensor is not square."""
    matrix = matrix_of(request)
    low, high = _legs_ends(matrix)
    draw = IndexFunction(legs_matrix, matrix.numbers, low, high)
    # One block alone has the same values, and its elements are numbered from 0.
    alone = (max(matrix.inputs, 1), 0, max(matrix.outputs, 1), True)
    block = replace(draw, numbers=alone)
    return replace(table_law(block, matrix.outputs * matrix.inputs), draw=draw)


def _legs_ends(matrix: Matrix) -> tuple[float, float]:
    """The least value, which is in the last row, and the largest. An empty matrix has -1 as well.

    In the last row the value grows up to the diagonal, where it is smaller than beside it.
    """
    n = max(matrix.outputs, 1) - 1
    k = min(n - 1, matrix.inputs - 1)
    diagonal = -float(min(n + 1, max(matrix.inputs, 1)))
    below = -math.sqrt((2.0 * n + 1.0) * (2.0 * k + 1.0)) if k >= 0 else diagonal
    return min(below, diagonal), 0.0 if matrix.inputs > 1 else -1.0


_DECAYS: dict[str, Callable[..., Float64]] = {
    "lin": log_half,
    "real": logarithm_of_number,
}
_FREQUENCIES: dict[str, Callable[..., Float64]] = {
    "lin": linear_frequency,
    "inv": inverse_frequency,
}
_RETENTION: dict[str, Callable[..., Float64]] = {"log": log_retention, "plain": retention}

_S4D = "state-spaces/s4@593dbe4 src/models/sequence/kernels/dplr.py"
_HIPPO = "state-spaces/s4@bfd9eb1 src/models/hippo/hippo.py, transition('legs')"
_STATES = "shape=64,32"

SCHEMES = (
    Scheme(
        name="s4d_log_decay",
        summary=(
            "The real part of S4D's diagonal A, as ln(-Re A), with a column for each pair of "
            "states. S4D-Lin and S4D-Inv both have variant=lin, and S4D-Real has variant=real."
        ),
        formula="w[h, n] = ln(1/2) for lin, ln(n + 1) for real",
        distribution="deterministic",
        fields=("variant",),
        law=partial(_variant, _DECAYS),
        defaults=Numbers(variant="lin"),
        variants=tuple(_DECAYS),
        references=(GU_2022,),
        access="index",
        draft=1,
        example=_STATES,
        source=_S4D,
    ),
    Scheme(
        name="s4d_frequency",
        summary="The imaginary part of S4D's diagonal A, with a column for each pair of states: "
        "variant=lin for S4D-Lin, variant=inv for S4D-Inv.",
        formula="w[h, n] = pi n for lin, (N/pi)(N/(2n + 1) - 1) for inv; N is twice the columns",
        distribution="deterministic",
        fields=("variant",),
        law=partial(_variant, _FREQUENCIES),
        defaults=Numbers(variant="lin"),
        variants=tuple(_FREQUENCIES),
        references=(GU_2022,),
        access="index",
        draft=1,
        example=_STATES,
        source=_S4D,
    ),
    Scheme(
        name="hippo_legs_a",
        summary="The matrix A of HiPPO-LegS, which keeps the past as Legendre polynomials.",
        formula="w[n, k] = -sqrt((2n + 1)(2k + 1)) for n > k, -(n + 1) for n = k, else 0",
        distribution="deterministic",
        fields=(),
        law=_legs_matrix,
        aliases=("hippo_legs",),
        references=(GU_2020,),
        access="index",
        draft=1,
        example="shape=64,64",
        source=_HIPPO,
    ),
    Scheme(
        name="hippo_legs_b",
        summary="The vector B of HiPPO-LegS.",
        formula="w[n] = sqrt(2n + 1)",
        distribution="deterministic",
        fields=(),
        law=lambda request: row_law(request, legs_vector),
        references=(GU_2020,),
        access="index",
        draft=1,
        example="shape=64",
        source=_HIPPO,
    ),
    Scheme(
        name="retnet_decays",
        summary="The decay of each head of a retentive network, or its logarithm.",
        formula="w[h] = ln(1 - 2^(-5 - h)), or 1 - 2^(-5 - h) for variant=plain",
        distribution="deterministic",
        fields=("variant",),
        law=partial(_variant, _RETENTION),
        defaults=Numbers(variant="log"),
        variants=tuple(_RETENTION),
        references=(SUN_2023,),
        access="index",
        draft=1,
        example="shape=8",
        source="microsoft/torchscale@05a9628 torchscale/architecture/retnet.py, RetNetRelPos",
    ),
)
