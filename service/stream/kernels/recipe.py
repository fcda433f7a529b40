"""A draw and a dtype as the plain arrays that compiled code takes."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from service.stream import literals
from service.stream.address import Address
from service.stream.bounds import outermost
from service.stream.draws import (
    Constant,
    Draw,
    IndexFunction,
    Normal,
    Orthogonal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.kernels import evaluate as kinds
from service.stream.kernels.rounding import CODES
from service.stream.precision import PRECISIONS, nearest

NOTHING_ADDED = -0.0
"""What is added for a mean of 0: x + -0.0 is x for every x, so one kernel serves both cases."""


class Recipe(NamedTuple):
    """What makes values of blocks; `kernels.evaluate` tells what a kind makes of its constants."""

    kind: int
    code: int
    itemsize: int
    address: npt.NDArray[np.uint32]
    constants32: npt.NDArray[np.float32]
    constants64: npt.NDArray[np.float64]
    bounds: npt.NDArray[np.float64]


def recipe(draw: Draw, dtype: str, address: Address) -> Recipe:
    """Round the draw's constants as docs/stream-v1.md says and lay them out for the kernels."""
    kind, constants = _wide(draw) if dtype == "float64" else _narrow(draw)
    table = np.zeros(kinds.CONSTANTS, np.float64)
    table[: len(constants)] = constants
    with np.errstate(under="ignore", over="ignore"):
        table32 = table.astype(np.float32)
    return Recipe(
        kind,
        CODES[dtype],
        PRECISIONS[dtype].itemsize,
        np.array(_halves(address.seed) + _halves(address.stream), np.uint32),
        table32,
        table,
        np.array(outermost(draw, dtype), np.float64),
    )


def _narrow(draw: Draw) -> tuple[int, tuple[float, ...]]:
    """Kind and constants where float32 is the canonical value."""
    match draw:
        case Constant(value):
            return kinds.CONSTANT_32, (_float32(value),)
        case SymmetricUniform(limit):
            return kinds.SYMMETRIC_UNIFORM_32, (_float32(limit) * 2.0**-24,)
        case UniformBetween(low, high):
            return kinds.UNIFORM_BETWEEN_32, _half_and_middle(low, high, 2.0**-24)
        case Normal(mean, std):
            return kinds.NORMAL_32, (_float32(std), _float32(mean or NOTHING_ADDED))
        case SymmetricTruncatedNormal(mean, std, mass, tail):
            central = mass <= literals.CENTRAL_MASS
            kind = kinds.CENTRAL_TRUNCATED_32 if central else kinds.WIDE_TRUNCATED_32
            scaling = (_float32(std), _float32(mean or NOTHING_ADDED))
            return kind, (_float32(mass) * 2.0**-31, _float32(tail), *scaling)
        case TruncatedNormalBetween(mean, std, below, mass, above):
            constants = (below, mass, above, std, mean or NOTHING_ADDED)
            return kinds.TRUNCATED_BETWEEN_32, constants
        case IndexFunction() | Orthogonal():
            raise TypeError(f"{type(draw).__name__} is not computed word by word")


def _wide(draw: Draw) -> tuple[int, tuple[float, ...]]:
    """Kind and constants where the values are float64."""
    match draw:
        case Constant(value):
            return kinds.CONSTANT_64, (value,)
        case SymmetricUniform(limit):
            return kinds.UNIFORM_64, (limit * 2.0**-53, NOTHING_ADDED)
        case UniformBetween(low, high):
            return kinds.UNIFORM_64, _half_and_middle(low, high, 2.0**-53)
        case Normal(mean, std):
            return kinds.NORMAL_64, (std, mean or NOTHING_ADDED)
        case SymmetricTruncatedNormal(mean, std, mass, tail):
            central = mass <= literals.CENTRAL_MASS
            kind = kinds.CENTRAL_TRUNCATED_64 if central else kinds.WIDE_TRUNCATED_64
            return kind, (mass * 2.0**-63, tail, std, mean or NOTHING_ADDED)
        case TruncatedNormalBetween(mean, std, below, mass, above):
            constants = (below, mass, above, std, mean or NOTHING_ADDED)
            return kinds.TRUNCATED_BETWEEN_64, constants
        case IndexFunction() | Orthogonal():
            raise TypeError(f"{type(draw).__name__} is not computed word by word")


def _half_and_middle(low: float, high: float, unit: float) -> tuple[float, float]:
    return (high * 0.5 - low * 0.5) * unit, high * 0.5 + low * 0.5


def _float32(value: float) -> float:
    return nearest(value, PRECISIONS["float32"])


def _halves(number: int) -> list[int]:
    return [number & 0xFFFFFFFF, number >> 32]
