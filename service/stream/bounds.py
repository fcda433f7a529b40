"""The outermost numbers of a dtype that a draw's bounds allow."""

from service.stream.draws import (
    Draw,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.precision import PRECISIONS, at_least, at_most


def outermost(draw: Draw, dtype: str) -> tuple[float, float]:
    """Return (lowest, highest), numbers of the dtype; lowest > highest means there is none.

    A draw without bounds has the dtype's own largest finite values.
    """
    precision = PRECISIONS[dtype]
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
        case _:
            return -precision.largest, precision.largest
