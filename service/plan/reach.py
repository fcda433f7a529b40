"""Whether a dtype can hold what a draw can reach: refused before the first byte, or never."""

from math import inf, isfinite

import numpy as np

from service.errors import ImpossibleError, Problem
from service.stream.bounds import outermost
from service.stream.draws import (
    Constant,
    Draw,
    Normal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.precision import PRECISIONS, nearest
from service.stream.reference.values import values32, values64

FARTHEST_SIGMAS = {"float32": 6.7638, "float64": 9.4926}
"""sqrt(-2 ln 2^-33) and sqrt(-2 ln 2^-65): the longest radii of Box-Muller, rounded up."""

UNIFORM_STEPS = {"float32": 2.0**24, "float64": 2.0**53}
"""How many odd multiples of the smallest step a uniform variate has on either side of 0."""

EXTREME_WORDS = np.array([[0, 2**31 - 1, 2**31, 2**32 - 1]], np.uint32)
"""The words of the outermost truncated normals: both ends, and either side of the sign."""


def refuse_out_of_reach(draw: Draw, dtype: str) -> None:
    """Pass if the draw's values, rounded to the dtype, are finite and not zeros alone.

    Raises ImpossibleError: `overflows_dtype`, `vanishes_in_dtype`, `nothing_between`.
    """
    working = "float64" if dtype == "float64" else "float32"
    _refuse_coarse(draw, working)
    reached = _largest_magnitude(draw, working)
    largest = PRECISIONS[dtype].largest
    issued = nearest(reached, PRECISIONS[dtype])
    if issued > largest:
        message = f"values would go beyond {largest:.6g}, where {dtype} ends"
        raise _refusal("overflows_dtype", message, "make them smaller, or use a wider dtype")
    lowest, highest = outermost(draw, dtype)
    if lowest > highest:
        message = f"no {dtype} lies between the bounds"
        raise _refusal("nothing_between", message, "move them apart, or use a wider dtype")
    if (issued == 0 or lowest == highest == 0) and draw != Constant(0.0):
        message = f"every value would be 0 in {dtype}"
        raise _refusal("vanishes_in_dtype", message, "make them larger, or say scheme=zeros")


def _refuse_coarse(draw: Draw, working: str) -> None:
    """Refuse a uniform whose step, limit / steps, would itself be rounded."""
    match draw:
        case SymmetricUniform(limit):
            least = UNIFORM_STEPS[working] * 2.0 ** PRECISIONS[working].least_exponent
            if 0 < limit < least:
                message = f"below {least:.3g} a uniform has no {working} steps left"
                raise _refusal("vanishes_in_dtype", message, "make it wider, or use float64")


def _refusal(reason: str, message: str, hint: str) -> ImpossibleError:
    return ImpossibleError(reason, Problem("dtype", message, hint))


def _largest_magnitude(draw: Draw, working: str) -> float:
    """What a value can at most be, from constants rounded to the working precision."""
    precision = PRECISIONS[working]
    match draw:
        case Constant(value):
            return nearest(abs(value), precision)
        case SymmetricUniform(limit):
            steps = UNIFORM_STEPS[working]
            return (steps - 1) * nearest(nearest(limit, precision) / steps, precision)
        case Normal(mean, std):
            return abs(mean) + FARTHEST_SIGMAS[working] * nearest(std, precision)
        case UniformBetween(low, high):
            return max(abs(low), abs(high))
        case SymmetricTruncatedNormal() | TruncatedNormalBetween():
            return _farthest_truncated(draw, working)


def _farthest_truncated(
    draw: SymmetricTruncatedNormal | TruncatedNormalBetween, working: str
) -> float:
    """The largest magnitude of the values that the extreme words make, inside the bounds."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if working == "float32":
            values = values32(draw, EXTREME_WORDS).reshape(-1).tolist()
        else:
            wide = EXTREME_WORDS.astype(np.uint64)
            ends = wide << np.uint64(32) | (wide & np.uint64(1)) * np.uint64(2**32 - 1)
            values = values64(draw, ends).reshape(-1).tolist()
    if not all(map(isfinite, values)):
        return inf
    return max(abs(min(max(value, draw.low), draw.high)) for value in values)
