"""The outermost values within a draw's bounds, before rounding to the dtype."""

from math import inf

from service.stream.draws import (
    Constant,
    Elementwise,
    Normal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.precision import PRECISIONS, at_least, at_most


def outermost(draw: Elementwise, dtype: str) -> tuple[float, float]:
    """Return (lowest, highest); lowest > highest means that there is no such value.

    They are the smallest and the largest finite float32 inside the draw's bounds. For float64 they
    are the smallest and the largest float64 inside them. A draw without bounds has (-inf, inf).
    Source: docs/stream-v1.md, section 3.
    """
    precision = PRECISIONS["float64" if dtype == "float64" else "float32"]
    match draw:
        case SymmetricUniform(limit):
            highest = at_most(limit, precision)
            return -highest, highest
        case (
            UniformBetween(low, high)
            | SymmetricTruncatedNormal(low=low, high=high)
            | TruncatedNormalBetween(low=low, high=high)
        ):
            return at_least(low, precision), at_most(high, precision)
        case Constant() | Normal():
            return -inf, inf
