"""A draw, a dtype and an address as the plain numbers and arrays that compiled code takes."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from service.stream import literals
from service.stream.address import Address
from service.stream.bounds import outermost
from service.stream.draws import (
    Constant,
    Elementwise,
    Normal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.kernels import evaluate as transforms
from service.stream.kernels.rounding import encoding_of
from service.stream.precision import NARROW, PRECISIONS, nearest

NOTHING_ADDED = -0.0
"""What is added for a mean of 0: x + -0.0 is x for every x, so one kernel serves both cases."""


class KernelParameters(NamedTuple):
    """All that compiled code has to know to turn blocks of the stream into bytes."""

    transform: int
    """Which kernel makes values of words: a number of `kernels.evaluate`."""
    encoding: int
    """How values are encoded: a number of `kernels.rounding`."""
    itemsize: int
    """Bytes of an encoded value."""
    address: npt.NDArray[np.uint32]
    """Shape (4,): low and high word of the seed, low and high word of the stream number."""
    constants32: npt.NDArray[np.float32]
    """Shape (5,): the constants that the transform takes, in its order, then zeros."""
    constants64: npt.NDArray[np.float64]
    """Shape (5,): the same in float64, for transforms that compute in it."""
    bounds: npt.NDArray[np.float64]
    """Shape (2,): lowest and highest of section 3, exact in the dtype computed in."""
    narrowing: npt.NDArray[np.int32]
    """Shape (4,): a `Narrowing`; zeros where the dtype is not narrow."""


def kernel_parameters(draw: Elementwise, dtype: str, address: Address) -> KernelParameters:
    """Round the draw's constants as docs/stream-v1.md, section 3, says, and lay them out."""
    words = np.array(_halves(address.seed) + _halves(address.stream), np.uint32)
    # A cache takes 0.0 and -0.0 for one key, and as constants they have different bits.
    parameters = _kept(draw, dtype) if draw.uses_words else _without_address(draw, dtype)
    return parameters._replace(address=words)


@lru_cache(maxsize=1024)
def _kept(draw: Elementwise, dtype: str) -> KernelParameters:
    """`_without_address`, kept for further tensors of the same draw; about 1 KiB each.

    The arrays are shared. Kernels only read them.
    """
    return _without_address(draw, dtype)


def _without_address(draw: Elementwise, dtype: str) -> KernelParameters:
    """The parameters but the address, which alone differs between the tensors of one draw."""
    transform, constants = _for_float64(draw) if dtype == "float64" else _for_float32(draw)
    table = np.zeros(transforms.CONSTANTS, np.float64)
    table[: len(constants)] = constants
    with np.errstate(under="ignore", over="ignore"):
        table32 = table.astype(np.float32)
    return KernelParameters(
        transform,
        encoding_of(dtype),
        PRECISIONS[dtype].itemsize,
        np.zeros(4, np.uint32),
        table32,
        table,
        np.array(outermost(draw, dtype), np.float64),
        np.array(NARROW.get(dtype, (0, 0, 0, 0)), np.int32),
    )


def _for_float32(draw: Elementwise) -> tuple[int, tuple[float, ...]]:
    """Transform and constants for every dtype but float64: the values are float32 at first."""
    match draw:
        case Constant(value):
            return transforms.CONSTANT_32, (_float32(value),)
        case SymmetricUniform(limit):
            return transforms.SYMMETRIC_UNIFORM_32, (_float32(limit) * 2.0**-24,)
        case UniformBetween(low, high):
            return transforms.UNIFORM_BETWEEN_32, _half_and_middle(low, high, 2.0**-24)
        case Normal(mean, std):
            return transforms.NORMAL_32, (_float32(std), _float32(mean or NOTHING_ADDED))
        case SymmetricTruncatedNormal(mean, std, mass, tail):
            central = mass <= literals.CENTRAL_MASS
            transform = transforms.CENTRAL_TRUNCATED_32 if central else transforms.WIDE_TRUNCATED_32
            scaling = (_float32(std), _float32(mean or NOTHING_ADDED))
            return transform, (_float32(mass) * 2.0**-31, _float32(tail), *scaling)
        case TruncatedNormalBetween(mean, std, below, mass, above):
            constants = (below, mass, above, std, mean or NOTHING_ADDED)
            return transforms.TRUNCATED_BETWEEN_32, constants


def _for_float64(draw: Elementwise) -> tuple[int, tuple[float, ...]]:
    """Transform and constants for float64."""
    match draw:
        case Constant(value):
            return transforms.CONSTANT_64, (value,)
        case SymmetricUniform(limit):
            return transforms.UNIFORM_64, (limit * 2.0**-53, NOTHING_ADDED)
        case UniformBetween(low, high):
            return transforms.UNIFORM_64, _half_and_middle(low, high, 2.0**-53)
        case Normal(mean, std):
            return transforms.NORMAL_64, (std, mean or NOTHING_ADDED)
        case SymmetricTruncatedNormal(mean, std, mass, tail):
            central = mass <= literals.CENTRAL_MASS
            transform = transforms.CENTRAL_TRUNCATED_64 if central else transforms.WIDE_TRUNCATED_64
            return transform, (mass * 2.0**-63, tail, std, mean or NOTHING_ADDED)
        case TruncatedNormalBetween(mean, std, below, mass, above):
            constants = (below, mass, above, std, mean or NOTHING_ADDED)
            return transforms.TRUNCATED_BETWEEN_64, constants


def _half_and_middle(low: float, high: float, unit: float) -> tuple[float, float]:
    """Half the width in units of the odd integer k, and the middle (section 4)."""
    # Each bound is halved before they are added or subtracted, so that neither overflows.
    return (high * 0.5 - low * 0.5) * unit, high * 0.5 + low * 0.5


def _float32(value: float) -> float:
    """RN32 of section 1. Powers of two it is multiplied with leave it a float32."""
    return nearest(value, PRECISIONS["float32"])


def _halves(number: int) -> list[int]:
    """Low and high word of a number below 2^64."""
    return [number & 0xFFFFFFFF, number >> 32]
