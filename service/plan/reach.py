"""Whether a dtype can hold what a draw can reach: refused before the first byte, or never."""

from math import isinf

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

FARTHEST_SIGMAS = {"float32": 6.7638, "float64": 9.4926}
"""sqrt(-2 ln 2^-33) and sqrt(-2 ln 2^-65): the longest radii of Box-Muller, rounded up."""

UNIFORM_STEPS = {"float32": 2.0**24, "float64": 2.0**53}
"""How many odd multiples of the smallest step a uniform variate has on either side of 0."""


def refuse_out_of_reach(draw: Draw, dtype: str) -> None:
    """Pass if the draw's values, rounded to the dtype, are finite and not zeros alone.

    Raises ImpossibleError: `overflows_dtype`, `vanishes_in_dtype`, `nothing_between`.
    """
    reached = _largest_magnitude(draw, "float64" if dtype == "float64" else "float32")
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
        case SymmetricTruncatedNormal(std=std) | TruncatedNormalBetween(std=std) if isinf(std):
            return std
        case SymmetricTruncatedNormal(mean, std, low=low, high=high):
            return 0.0 if mean == nearest(std, precision) == 0 else max(abs(low), abs(high))
        case UniformBetween(low, high) | TruncatedNormalBetween(low=low, high=high):
            return max(abs(low), abs(high))
