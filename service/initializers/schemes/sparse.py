"""Sparse weights: an exact number of zeros among the inputs of each unit, and normal values."""

import math
from decimal import Context, Decimal, localcontext

from service.errors import ImpossibleError, Problem
from service.initializers.references import MARTENS_2010
from service.initializers.schemes.record import (
    Law,
    Numbers,
    Request,
    Scheme,
    missing,
    require_positive,
)
from service.spelling import shortest
from service.stream.draws import Normal, Sparse

_DIGITS = 60
"""Decimal digits in which the std of the whole is computed."""

_ALL_ZEROS = "leave sparsity out and use scheme=zeros"


def sparse_law(request: Request, length: int, step: int) -> Law:
    """The law of ceil(sparsity length) zeros of each `length` elements, else N(mean, std^2).

    Elements of a unit are `step` element numbers apart. With a share s of zeros the mean of all
    values is (1 - s) mean, and their std is sqrt((1 - s) (std^2 + s mean^2)). `mean` is 0 for
    schemes that do not take it.

    Raises ImpossibleError: `scheme_needs` without sparsity, `out_of_range` unless 0 <= sparsity < 1
    and at least one element of each unit is left.
    """
    sparsity, std = request.numbers.sparsity, request.numbers.std or 0.0
    mean = request.numbers.mean or 0.0
    require_positive("std", std)
    if sparsity is None:
        raise missing(request.scheme, sparsity=shortest(_possible(0.5, length)))
    zeros = math.ceil(sparsity * length) if 0 <= sparsity < 1 else length
    if not 0 <= sparsity < 1 or 0 < length <= zeros:
        raise ImpossibleError("out_of_range", _nothing_left(sparsity, length))
    with localcontext(Context(prec=_DIGITS)):
        kept, m, s = Decimal(length - zeros) / max(length, 1), Decimal(mean), Decimal(std)
        whole_mean = float(kept * m)
        whole_std = float((kept * (s * s + (1 - kept) * m * m)).sqrt())
    draw = Sparse(Normal(mean, std), zeros, max(length, 1), max(step, 1))
    return Law(draw, "sparse_normal", whole_mean, None if length == 0 else whole_std)


def _nothing_left(sparsity: float, length: int) -> Problem:
    if 0 <= sparsity < 1:
        message = f"sparsity {shortest(sparsity)} makes all {length} values of a unit 0"
        return Problem("sparsity", message, _sparsity_hint(sparsity, length))
    message = f"sparsity is {shortest(sparsity)}; it is a share, from 0 to below 1"
    share = sparsity / 100.0 if 1 < sparsity < 100 else 0.9
    return Problem("sparsity", message, _sparsity_hint(share, length))


def _sparsity_hint(share: float, length: int) -> str:
    possible = shortest(_possible(share, length))
    return f"write sparsity={possible}, or leave sparsity out and use scheme=zeros"


def _possible(share: float, length: int) -> float:
    """`share`, or a smaller one that leaves one of `length` values."""
    if length == 0 or math.ceil(share * length) < length:
        return share
    return math.floor((length - 1) / length * 1000) / 1000 if length < 1000 else 0.9


def _law(request: Request) -> Law:
    """Zeros among the inputs times kernel of each output, so that units have equal fan_in."""
    letters = request.weight.letters
    if "O" not in letters or not set(letters) & set("IDHW"):
        raise _no_unit(request)
    return sparse_law(request, request.weight.count("IDHW"), 1)


def _no_unit(request: Request) -> ImpossibleError:
    message = f"{request.scheme} counts zeros among inputs, and needs axes O and I"
    hint = "write two extents, such as shape=64,64"
    if len(request.shape) > 1:
        hint = "write layout with an O and an I, or use scheme=normal"
    return ImpossibleError("scheme_axes", Problem("layout", message, hint))


SCHEMES = (
    Scheme(
        name="sparse",
        summary="Each output has exactly the same number of inputs whose weight is not 0.",
        formula=(
            "ceil(sparsity n) of the n inputs x kernel of each output are 0, the others "
            "~ N(0, std^2)"
        ),
        distribution="sparse_normal",
        fields=("std", "sparsity"),
        law=_law,
        defaults=Numbers(std=0.01),
        references=(MARTENS_2010,),
        draft=2,
        example="shape=512,256&sparsity=0.5",
    ),
)
