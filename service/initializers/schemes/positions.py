"""Tables of positions: sinusoids, rotary frequencies and the slopes of linear biases."""

import math

import numpy as np
import numpy.typing as npt

from service.initializers.references import CHEN_2021, PRESS_2021, SU_2021, VASWANI_2017
from service.initializers.schemes.convolution import divided
from service.initializers.schemes.laws import table_law
from service.initializers.schemes.record import Law, Numbers, Request, Scheme
from service.initializers.schemes.tables import (
    length_of,
    require_within,
    rows_and_columns,
    with_extents,
    wrong_shape,
)
from service.stream import indexed
from service.stream.draws import Elements, Float64, IndexFunction
from service.stream.elementary import cos, powers, sin

MOST_POSITIONS = 2**30
"""sin and cos take angles up to 2^30. The first frequency is 1, so positions are angles."""

LEAST_BASE, MOST_BASE = 1.0, 1e30
"""The base of the frequencies. None is above 1."""

PARTS = {"interleaved": 2, "halves": 2, "grid": 4, "mae": 4}
"""The variants. The number divides the width: it counts the parts that are sines or cosines."""


def interleaved(elements: Elements, width: int, base: float) -> Float64:
    """Columns 2i and 2i + 1 are sin and cos of p base^(-2i/width)."""
    position, column = divided(elements, width)
    pair, odd = divided(column, 2)
    angle = position * powers(base, -(2 * pair) / np.float64(width))
    return _sin_or_cos(angle, odd == 0)


def in_parts(
    elements: Elements, width: int, base: float, parts: int, steps: int, side: int
) -> Float64:
    """Equal parts of the columns are sin, cos, ... of p base^(-i/steps), i < width/parts.

    The row p is the cell p of a grid with `side` columns. The last two of the parts take the row
    of the cell for p, and the parts before them its column.
    """
    cell, column = divided(elements, width)
    row, across = divided(cell, side)
    part, i = divided(column, width // parts)
    position = np.where(part < parts - 2, across, row)
    angle = position * powers(base, -i / np.float64(steps))
    return _sin_or_cos(angle, part % 2 == 0)


def _sin_or_cos(angle: Float64, odd: npt.NDArray[np.bool_]) -> Float64:
    values: Float64 = np.where(odd, sin(angle), cos(angle)) + np.float64(0.0)
    return values


def _positions(request: Request) -> Law:
    """The rows are positions, and the columns are sines and cosines of them."""
    variant, base = request.numbers.variant or "", request.numbers.base or 0.0
    require_within("base", base, LEAST_BASE, MOST_BASE)
    rows, width = _rows_and_width(request)
    _refuse_width(request, rows, width)
    parts = PARTS[variant]
    if variant == "interleaved":
        draw = IndexFunction(interleaved, (max(width, 1), base), -1.0, 1.0, indexed.interleaved)
        return table_law(draw, rows * width)
    frequencies = width // parts
    steps = frequencies if variant == "mae" else frequencies - 1
    side = math.isqrt(rows) if parts == 4 else 1
    numbers = (max(width, parts), base, parts, max(steps, 1), max(side, 1))
    return table_law(IndexFunction(in_parts, numbers, -1.0, 1.0, indexed.in_parts), rows * width)


def _is_batch_of_one(request: Request) -> bool:
    """Whether the shape is 1 x positions x width, as the parameter of a ViT has it."""
    return len(request.shape) == 3 and request.shape[0] == 1 and not request.weight.letters


def _rows_and_width(request: Request) -> tuple[int, int]:
    if _is_batch_of_one(request):
        _, rows, width = request.shape
        return rows, width
    return rows_and_columns(request, _of_a_grid(request))


def _of_a_grid(request: Request) -> str:
    """The hint for a grid of positions: one row for each cell. It is empty if none is possible."""
    *grid, width = request.shape or (0,)
    cells, parts = math.prod(grid), PARTS[request.numbers.variant or ""]
    side = math.isqrt(cells)
    if (
        len(grid) < 2
        or width % parts
        or cells > MOST_POSITIONS
        or (parts == 4 and side * side != cells)
    ):
        return ""
    return f"write shape={cells},{width} and leave layer and layout out"


def _refuse_width(request: Request, rows: int, width: int) -> None:
    variant = request.numbers.variant or ""
    parts, scheme = PARTS[variant], request.scheme
    if width % parts != 0:
        nearest = max(width // parts, 1) * parts
        message = f"{variant} {scheme} need a width that {parts} divides, and it is {width}"
        raise wrong_shape(message, _with_extents(request, rows, nearest))
    side = math.isqrt(rows)
    if parts == 4 and side * side != rows:
        message = f"the positions of a square grid are a square number, and they are {rows}"
        raise wrong_shape(message, _with_extents(request, side * side, width))
    if rows > MOST_POSITIONS:
        message = f"{scheme} counts up to {MOST_POSITIONS} positions, and there are {rows}"
        raise wrong_shape(message, _with_extents(request, MOST_POSITIONS, width))


def _with_extents(request: Request, rows: int, width: int) -> str:
    """The hint to write another number of positions or another width."""
    if _is_batch_of_one(request):
        return f"write shape=1,{rows},{width}"
    return with_extents(request, rows, width)


def inverse_powers(elements: Elements, length: int, base: float) -> Float64:
    """base^(-i/length)."""
    return powers(base, -elements / np.float64(length))


def _rotary_frequencies(request: Request) -> Law:
    """w[i] = base^(-2i/d), where d is twice the length."""
    base = request.numbers.base or 0.0
    require_within("base", base, LEAST_BASE, MOST_BASE)
    length = length_of(request)
    numbers = (max(length, 1), base)
    last = np.array([max(length - 1, 0)])
    draw = IndexFunction(inverse_powers, numbers, float(inverse_powers(last, *numbers)[0]), 1.0)
    return table_law(draw, length)


def slopes(elements: Elements, power: int) -> Float64:
    """2^(-8 (h + 1)/m), h < m, then 2^(-8 (2 (h - m) + 1)/(2m)), where m = `power`."""
    further = elements - power
    steps = np.where(further < 0, 2 * (elements + 1), 2 * further + 1)
    return powers(2.0, -4 * steps / np.float64(power))


def _alibi_slopes(request: Request) -> Law:
    """The slope of each head."""
    heads = length_of(request)
    power = 1 << (max(heads, 1).bit_length() - 1)
    steepest = float(slopes(np.array([power if heads > power else 0]), power)[0])
    return table_law(IndexFunction(slopes, (power,), 2.0**-8, steepest), heads)


SCHEMES = (
    Scheme(
        name="sinusoidal_positions",
        summary=(
            "A table of sines and cosines: row p is position p, with frequencies from 1 down to "
            "about 1/base. Write variant=interleaved for the Transformer of 2017, halves for "
            "fairseq and tensor2tensor, grid for SimpleViT, mae for MAE, MoCo v3 and DiT. There is "
            "no row for a class token: MAE has a row of zeros in front. The shape may have a first "
            "axis of extent 1, as the parameters of vision transformers do."
        ),
        formula=(
            "interleaved: w[p, 2i] = sin(p base^(-2i/d)), w[p, 2i + 1] the cos; d columns. halves: "
            "the columns are sin, then cos, of p base^(-i/(d/2 - 1)). grid: row p is the cell x, y "
            "of a square, row by row; the columns are sin, cos of x base^(-i/(d/4 - 1)), then sin, "
            "cos of y base^(-i/(d/4 - 1)). mae: as grid, with i/(d/4). i counts the columns of "
            "a part from 0"
        ),
        distribution="deterministic",
        fields=("base", "variant"),
        law=_positions,
        defaults=Numbers(base=10000.0, variant="interleaved"),
        references=(VASWANI_2017, CHEN_2021),
        access="index",
        draft=1,
        variants=tuple(PARTS),
        example="shape=16,8",
    ),
    Scheme(
        name="rotary_frequencies",
        summary="The frequency by which rotary positions turn each pair of features.",
        formula="w[i] = base^(-2i/d), d twice the length",
        distribution="deterministic",
        fields=("base",),
        law=_rotary_frequencies,
        defaults=Numbers(base=10000.0),
        references=(SU_2021,),
        access="index",
        draft=1,
        example="shape=32",
    ),
    Scheme(
        name="alibi_slopes",
        summary="The slope of each head's linear bias on the distance of two positions.",
        formula=(
            "w[h] = 2^(-8 (h + 1)/m), m the largest power of 2 up to the heads; "
            "beyond m 2^(-4 (2 (h - m) + 1)/m)"
        ),
        distribution="deterministic",
        fields=(),
        law=_alibi_slopes,
        references=(PRESS_2021,),
        access="index",
        draft=1,
        example="shape=12",
        source=(
            "fairseq/models/transformer.py, get_slopes, "
            "ofirpress/attention_with_linear_biases 3b7c2ec"
        ),
    ),
)
