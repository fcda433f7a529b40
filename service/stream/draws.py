"""Draws: what a tensor's elements are computed from, one record a kind, constants in float64.

The records know neither dtype nor layout. Rounding their constants to float32, where the dtype
asks for it, belongs to the stream (docs/stream-v1.md, "Scaling").

Each kind states two separate facts. `uses_words` says whether random words decide the values, so
that a seed matters. `all_equal` says whether all elements have one value, so that their order
does not matter. An index function uses no words, and still its elements differ.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

Elements = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Constant:
    """Every element is `value`."""

    uses_words: ClassVar[bool] = False
    all_equal: ClassVar[bool] = True

    value: float


@dataclass(frozen=True, slots=True)
class SymmetricUniform:
    """u limit, u uniform and symmetric in (-1, 1), never 0."""

    uses_words: ClassVar[bool] = True
    all_equal: ClassVar[bool] = False

    limit: float


@dataclass(frozen=True, slots=True)
class UniformBetween:
    """Uniform in [low, high], low < high."""

    uses_words: ClassVar[bool] = True
    all_equal: ClassVar[bool] = False

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Normal:
    """z std + mean, z standard normal."""

    uses_words: ClassVar[bool] = True
    all_equal: ClassVar[bool] = False

    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class SymmetricTruncatedNormal:
    """z std + mean, z standard normal given |z| < c; then clamped into [low, high].

    With Phi the normal distribution function, `mass` = Phi(c) - 1/2 and `tail` = 1 - Phi(c), each
    the nearest float64.
    """

    uses_words: ClassVar[bool] = True
    all_equal: ClassVar[bool] = False

    mean: float
    std: float
    mass: float
    tail: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TruncatedNormalBetween:
    """z std + mean, z standard normal given a < z < b; then clamped into [low, high].

    `below` = Phi(a), `mass` = Phi(b) - Phi(a), `above` = 1 - Phi(b), each the nearest float64.
    """

    uses_words: ClassVar[bool] = True
    all_equal: ClassVar[bool] = False

    mean: float
    std: float
    below: float
    mass: float
    above: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class IndexFunction:
    """`function(elements, *numbers)`: the float64 values of element numbers, of the same shape.

    Every value lies from `low` to `high`. A function does + - * / and comparisons alone.
    """

    uses_words: ClassVar[bool] = False
    all_equal: ClassVar[bool] = False

    function: Callable[..., Float64]
    numbers: tuple[float, ...]
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Orthogonal:
    """gain Q, Q a `rows` x `columns` matrix of the Haar measure, another one for each copy.

    The shorter of its rows and columns are orthonormal. Row r and column k of copy c have element
    number first + c distance + r columns + k.
    """

    uses_words: ClassVar[bool] = True
    all_equal: ClassVar[bool] = False

    gain: float
    rows: int
    columns: int
    first: int
    distance: int


Draw = (
    Constant
    | SymmetricUniform
    | UniformBetween
    | Normal
    | SymmetricTruncatedNormal
    | TruncatedNormalBetween
    | IndexFunction
    | Orthogonal
)
