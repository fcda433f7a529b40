"""The outermost values of a draw in a dtype, and the refusal of draws that do not fit it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from service.errors import ImpossibleError, Problem
from service.stream.bounds import outermost
from service.stream.draws import (
    Constant,
    Draw,
    Elementwise,
    IndexFunction,
    Mapped,
    Normal,
    Orthogonal,
    Repeated,
    Sparse,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.precision import PRECISIONS, nearest
from service.stream.reference.arrays import WideWords, Words
from service.stream.reference.values import values32, values64

UNIFORM_STEPS = {"float32": 2.0**24, "float64": 2.0**53}
"""A uniform variate is an odd multiple k of 1 / steps with |k| < steps
(docs/stream-v1.md, section 3)."""

UNIFORM_ENDS = np.array([[0x7FFFFFFF, 0x80000000] * 2], np.uint32)
"""The words of the largest and the smallest uniform variate. It increases with the signed word."""

NORMAL_ENDS = np.array([[0, 0x40000000, 0, 0], [0, 0xC0000000, 0, 0x80000000]], np.uint32)
"""The first word of each pair gives the largest radius. The second gives a quarter turn: sine and
cosine are 1 in the first block and -1 in the second."""

NEIGHBOURS_32 = np.arange(4096, dtype=np.uint32)
"""The distances from the extreme words at which a truncated normal is evaluated.

The variate increases with the word, except for its relative error of 5e-7 in float32. So a word
near the last one can have a larger value. The exact variate grows by 1e-6, twice the error, within
the last 2,148 of the 2^31 words. Wider bounds need fewer words.
"""

NEIGHBOURS_64 = np.concatenate(
    [np.arange(512), np.arange(1, 1024) * 512, np.arange(1, 1024) * 512 + 511, [2**20 - 1] * 2]
).astype(np.uint64)
"""The same distances for 64-bit words. The last words round to the same float64 in runs of 1,024 or
2,048, so the first and last word of each 512 are enough."""

PROPOSED_DTYPES = ("float16", "float32", "float64")
"""The dtypes that a hint proposes: those that every format supports, the narrowest first."""


@lru_cache(maxsize=1024)
def outermost_values(draw: Draw, dtype: str) -> tuple[float, float]:
    """The lowest and the highest value of the draw in the dtype, over all random words.

    A value beyond the dtype's largest finite number is infinite. Both are infinite if a value
    overflows float32, or float64 if that is the dtype. For an orthogonal matrix they are bounds of
    its entries. The draw's bounds must contain a float32, or a float64 if that is the dtype.

    For a truncated normal in float64 the result may be too narrow by the error of the reference,
    about 1e-15 of the value. In all other cases it is exact.
    """
    if isinstance(draw, IndexFunction | Mapped):
        return _rounded_ends(draw.low, draw.high, dtype)
    if isinstance(draw, Repeated):
        return outermost_values(draw.draw, dtype)
    if isinstance(draw, Sparse):
        lowest, highest = outermost_values(draw.draw, dtype)
        return min(lowest, 0.0), max(highest, 0.0)
    if isinstance(draw, Orthogonal):
        return _rounded_ends(-draw.gain, draw.gain, dtype)
    working = _working(dtype)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        if working == "float64":
            values = values64(draw, _wide_words(draw)).astype(np.float64)
        else:
            values = values32(draw, _words(draw)).astype(np.float64)
    if not np.isfinite(values).all():
        return -np.inf, np.inf
    low, high = outermost(draw, working)
    ends = (min(max(float(end), low), high) for end in (values.min(), values.max()))
    lowest, highest = ends
    return _rounded_ends(lowest, highest, dtype)


def _rounded_ends(low: float, high: float, dtype: str) -> tuple[float, float]:
    # Adding 0.0 turns -0.0 into 0.0.
    return rounded_value(low, dtype) + 0.0, rounded_value(high, dtype) + 0.0


def rounded_value(value: float, dtype: str) -> float:
    """The value in the dtype. It is rounded to float32 first, unless the dtype is float64."""
    return nearest(nearest(value, PRECISIONS[_working(dtype)]), PRECISIONS[dtype])


def _working(dtype: str) -> str:
    """The dtype in which values are computed and clamped before the last rounding."""
    return "float64" if dtype == "float64" else "float32"


def _words(draw: Elementwise) -> Words:
    """Blocks of words, shape (n, 4). Their values include the outermost ones of the draw."""
    match draw:
        case Normal():
            return NORMAL_ENDS
        case Constant() | SymmetricUniform() | UniformBetween():
            return UNIFORM_ENDS
        case SymmetricTruncatedNormal() | TruncatedNormalBetween():
            near = NEIGHBOURS_32
            middle = np.uint32(2**31)
            return np.concatenate([near, middle + near, middle + ~near, ~near]).reshape(-1, 4)


def _wide_words(draw: Elementwise) -> WideWords:
    match draw:
        case Normal():
            return NORMAL_ENDS.astype(np.uint64) << np.uint64(32)
        case Constant() | SymmetricUniform() | UniformBetween():
            ones = (UNIFORM_ENDS & np.uint32(1)).astype(np.uint64) * np.uint64(0xFFFFFFFF)
            return UNIFORM_ENDS.astype(np.uint64) << np.uint64(32) | ones
        case SymmetricTruncatedNormal() | TruncatedNormalBetween():
            near = NEIGHBOURS_64
            middle = np.uint64(2**63)
            return np.concatenate([near, middle + near, middle + ~near, ~near]).reshape(-1, 4)


def refuse_out_of_range(draw: Draw, dtype: str) -> None:
    """Check that the draw's values, rounded to the dtype, are finite and not all 0.

    Raises ImpossibleError: `overflows_dtype`, `vanishes_in_dtype`, `nothing_between`. If a wider
    dtype works, the hint names it.
    """
    refusal = _refusal(draw, dtype)
    if refusal is None:
        return
    wider = next(_wider_dtypes(draw, dtype), None)
    if wider is None:
        raise refusal
    (problem,) = refusal.problems
    hint = f"{problem.hint}, or use dtype={wider}"
    raise ImpossibleError(refusal.reason, replace(problem, hint=hint))


def _wider_dtypes(draw: Draw, dtype: str) -> Iterator[str]:
    """The wider dtypes in which the draw can be issued."""
    for wider in PROPOSED_DTYPES:
        if PRECISIONS[wider].itemsize > PRECISIONS[dtype].itemsize and not _refusal(draw, wider):
            yield wider


def _refusal(draw: Draw, dtype: str) -> ImpossibleError | None:
    """The error if the draw cannot be issued in this dtype. The hint keeps the dtype."""
    if isinstance(draw, Repeated | Sparse):
        return _refusal(draw.draw, dtype)
    working = _working(dtype)
    if (coarse := _refusal_of_coarse_uniform(draw, dtype)) is not None:
        return coarse
    lowest, highest = outermost_values(draw, dtype)
    if max(-lowest, highest) > PRECISIONS[dtype].largest:
        message = f"values would exceed {PRECISIONS[dtype].largest:.6g}, the largest {dtype}"
        problem = Problem("dtype", message, "make the values smaller")
        return ImpossibleError("overflows_dtype", problem)
    if isinstance(draw, Elementwise):
        low, high = outermost(draw, working)
        if low > high:
            message = f"no {working} lies between the bounds"
            problem = Problem("dtype", message, "move the bounds apart")
            return ImpossibleError("nothing_between", problem)
    if lowest == highest == 0 and draw != Constant(0.0):
        message = f"every value would be 0 in {dtype}"
        problem = Problem("dtype", message, "make the values larger, or use scheme=zeros")
        return ImpossibleError("vanishes_in_dtype", problem)
    return None


def _refusal_of_coarse_uniform(draw: Draw, dtype: str) -> ImpossibleError | None:
    """The error for a uniform whose step, limit / steps, is too small to be exact.

    In a dtype with a narrower range than float32 all its values are 0. `_refusal` reports that.
    """
    working = _working(dtype)
    least_exponent = PRECISIONS[working].least_exponent
    if isinstance(draw, SymmetricUniform) and PRECISIONS[dtype].least_exponent == least_exponent:
        least = UNIFORM_STEPS[working] * 2.0**least_exponent
        if 0 < draw.limit < least:
            # One per cent above the least, so that the three digits are not below it.
            message = (
                f"a uniform of limit {draw.limit:.3g} has too few steps in {working}; "
                f"{1.01 * least:.3g} is large enough"
            )
            problem = Problem("dtype", message, "make the values larger, or use scheme=zeros")
            return ImpossibleError("vanishes_in_dtype", problem)
    return None
