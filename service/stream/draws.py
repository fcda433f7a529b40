"""What a tensor's elements are drawn from: one record a distribution, constants in float64.

The records know neither dtype nor layout. Rounding their constants to float32, where the dtype
asks for it, belongs to the stream (docs/stream-v1.md, "Scaling").
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constant:
    """Every element is `value`."""

    value: float


@dataclass(frozen=True, slots=True)
class SymmetricUniform:
    """u limit, u uniform and symmetric in (-1, 1), never 0."""

    limit: float


@dataclass(frozen=True, slots=True)
class UniformBetween:
    """Uniform in [low, high], low < high."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Normal:
    """z std + mean, z standard normal."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class SymmetricTruncatedNormal:
    """z std + mean, z standard normal given |z| < c; then clamped into [low, high].

    With Phi the normal distribution function, `mass` = Phi(c) - 1/2 and `tail` = 1 - Phi(c), each
    the nearest float64.
    """

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

    mean: float
    std: float
    below: float
    mass: float
    above: float
    low: float
    high: float


Draw = (
    Constant
    | SymmetricUniform
    | UniformBetween
    | Normal
    | SymmetricTruncatedNormal
    | TruncatedNormalBetween
)
