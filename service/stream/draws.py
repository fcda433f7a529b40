"""Draws: the distributions of a tensor's elements. Each is a record with constants in float64.

A draw does not depend on dtype and layout. The stream rounds its constants to float32 if the dtype
requires it (docs/stream-v1.md, section 3, "Scaling").

Each draw states two separate facts. `uses_words` says whether the values depend on random words
and so on the seed. `all_equal` says whether all elements have one value, so that their order does
not matter. An index function uses no words, but its elements differ.
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
    """u limit, where u is uniform and symmetric in (-1, 1) and never 0."""

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
    """z std + mean, z standard normal given |z| < c, clamped to [low, high].

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
    """z std + mean, z standard normal given a < z < b, clamped to [low, high].

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
    """`function(elements, *numbers)` returns the float64 values of element numbers, same shape.

    All values lie from `low` to `high`. A function uses only + - * / sqrt, comparisons and
    `service.stream.elementary`.

    `kernel(*numbers)` returns a compiled function of the element numbers with the same bits
    (`service.stream.indexed`). Without it, `function` computes the values.
    """

    uses_words: ClassVar[bool] = False
    all_equal: ClassVar[bool] = False

    function: Callable[..., Float64]
    numbers: tuple[float, ...]
    low: float
    high: float
    kernel: Callable[..., Callable[[Elements], Float64]] | None = None


@dataclass(frozen=True, slots=True)
class Orthogonal:
    """gain Q, where Q is a `rows` x `columns` matrix from the Haar measure. Each copy has its own.

    The rows or the columns of Q, the fewer ones, are orthonormal. Row r and column k of copy c have
    element number first + c distance + r columns + k. `distance` is a multiple of `columns`.

    With `kernel` above 1, each entry is the element `centre` of so many, and the others are 0. The
    element numbers above then count entries.
    """

    uses_words: ClassVar[bool] = True
    all_equal: ClassVar[bool] = False

    gain: float
    rows: int
    columns: int
    first: int
    distance: int
    kernel: int = 1
    centre: int = 0


Elementwise = (
    Constant
    | SymmetricUniform
    | UniformBetween
    | Normal
    | SymmetricTruncatedNormal
    | TruncatedNormalBetween
)
"""The draws that kernels compute from the words of each element."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """`function(values, *numbers)` of the float64 values of `draw`, same shape.

    Element e has the value of element e + shift of `draw`. All values lie from `low` to `high`. A
    function uses what one of an `IndexFunction` uses.
    """

    uses_words: ClassVar[bool] = True
    all_equal: ClassVar[bool] = False

    draw: Elementwise
    function: Callable[..., Float64]
    numbers: tuple[float, ...]
    low: float
    high: float
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Sparse:
    """The values of `draw`, but exactly `zeros` of each `length` elements of a unit are +0.

    Element e has place (e // step) % length in its unit, and the units are numbered in counting
    order. Which places are 0 follows from the random words of the unit.
    """

    uses_words: ClassVar[bool] = True
    all_equal: ClassVar[bool] = False

    draw: Elementwise
    zeros: int
    length: int
    step: int


@dataclass(frozen=True, slots=True)
class Repeated:
    """Each output of `draw` `times` times: consecutively, or all outputs again and again.

    `draw` has `outputs` outputs of `inner` elements for each copy along E. Output o of the tensor
    is output o // times of `draw` if `consecutive`, else o % outputs.
    """

    all_equal: ClassVar[bool] = False

    draw: "Elementwise | IndexFunction | Mapped | Sparse | Orthogonal"
    times: int
    consecutive: bool
    outputs: int
    inner: int

    @property
    def uses_words(self) -> bool:
        """Whether the values of `draw` depend on random words."""
        return self.draw.uses_words


Draw = Elementwise | IndexFunction | Mapped | Sparse | Orthogonal | Repeated
