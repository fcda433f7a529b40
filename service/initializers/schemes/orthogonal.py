"""Orthogonal matrices. Rows are outputs, and columns are inputs times kernel."""

import math

from service.errors import ImpossibleError, Problem
from service.initializers.references import SAXE_2013, STEWART_1980
from service.initializers.schemes.record import Law, Numbers, Request, Scheme, require_positive
from service.stream.draws import Orthogonal
from service.stream.sources.materialised import MOST_ELEMENTS, MOST_MATRICES


def _law(request: Request) -> Law:
    """w = gain Q. Each copy along E and each block has its own Q from the Haar measure.

    The rows or the columns of Q, the fewer ones, are orthonormal. So the mean of w^2 is
    gain^2 / max(rows, columns).

    Raises ImpossibleError: `scheme_axes` for a tensor without outputs, or without inputs and
    kernel; `too_large` for more elements or more matrices than are computed at once.
    """
    gain, weight, block = request.numbers.gain or 0.0, request.weight, request.block
    require_positive("gain", gain)
    _refuse_axes(request)
    _refuse_many(request)
    rows, columns = block.outputs, weight.count("IDHW")
    draw = Orthogonal(gain, rows, columns, block.first * columns, max(block.distance * columns, 1))
    longer = max(rows, columns)
    empty = math.prod(request.shape) == 0
    std = None if empty else gain * math.sqrt(1.0 / longer)
    return Law(draw, "orthogonal", 0.0, std, gain=gain)


def _refuse_axes(request: Request) -> None:
    letters = request.weight.letters
    if "O" not in letters or not set(letters) & set("IDHW"):
        message = f"{request.scheme} needs outputs for its rows, and inputs or a kernel"
        hint = "write two extents, such as shape=64,64"
        if len(request.shape) > 1:
            hint = "write layout with an O and an I, or use scheme=normal"
        raise ImpossibleError("scheme_axes", Problem("layout", message, hint))


def _refuse_many(request: Request) -> None:
    weight, size = request.weight, math.prod(request.shape)
    if size > MOST_ELEMENTS:
        message = f"{request.scheme} computes whole matrices, and {size} elements are too many"
        hint = f"write at most {MOST_ELEMENTS} elements, or use scheme=lecun_normal"
        raise ImpossibleError("too_large", Problem("shape", message, hint))
    parts = weight.parts if isinstance(weight.parts, int) else len(weight.parts)
    matrices = weight.count("E") * parts if size > 0 else 0
    if matrices > MOST_MATRICES:
        message = f"{request.scheme} computes a matrix for each copy, and {matrices} are too many"
        hint = f"write at most {MOST_MATRICES} copies and parts, or use scheme=lecun_normal"
        raise ImpossibleError("too_large", Problem("shape", message, hint))


SCHEMES = (
    Scheme(
        name="orthogonal",
        summary="A random orthogonal matrix times a gain: every singular value is the gain.",
        formula="w = gain Q, Q^T Q = I or Q Q^T = I; rows O, columns I x kernel",
        distribution="orthogonal",
        fields=("gain",),
        law=_law,
        defaults=Numbers(gain=1.0),
        gain=1.0,
        references=(SAXE_2013, STEWART_1980),
        access="materialised",
        draft=1,
    ),
)
