"""The Gram test: whether some rows or columns of a tensor are orthogonal and equally long.

The vectors are gathered while the values are read, so that a tensor is read once.
"""

from dataclasses import dataclass
from math import erf, prod, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

VECTORS = 8
"""The most rows or columns that are compared."""

MOST_VALUES = 2**19
"""The most values of the compared vectors, which take 2 MiB. Longer rows or columns are fewer, and
those of more than 2^17 elements are not compared."""

TOLERANCE = 2e-5
"""The largest cosine of two vectors in float32. QR leaves less than 1e-6 to 1e-5."""

ROUNDING = 4.0
"""Rounding to a dtype with the half unit e moves a cosine of n elements by about e / sqrt n. This
many times that are allowed. The cosine of random vectors is about 1 / sqrt n."""

ACCIDENT = 1e-9
"""The largest probability that random vectors pass the test."""

GAINS = (1.0, sqrt(2), 5 / 3, 3 / 4, 1 / sqrt(2), 2.0, 0.5, 0.1, 0.02, 0.01)
"""Gains that people give. A measured gain that differs by its rounding is one of them."""

SAME_GAIN = 1e-3


@dataclass(frozen=True, slots=True)
class Orthogonal:
    """The first rows or columns are orthogonal, and their length is `gain`.

    `of_blocks` tells that they are more than they have elements. Then the matrix has blocks, such
    as the gates of an LSTM, and each block is orthogonal.
    """

    gain: float
    of_blocks: bool


class _Vectors:
    """`count` vectors of a tensor. They begin at multiples of `distance`, and have every `step`-th
    element from there on."""

    def __init__(self, count: int, size: int, *, distance: int, step: int, of_blocks: bool) -> None:
        self.found = np.zeros((count, size), np.float32)
        self.of_blocks = of_blocks
        self._distance, self._step = distance, step

    def update(self, values: npt.NDArray[Any], first: int) -> None:
        """Take what is in `values`, whose first element has this number."""
        step = self._step
        for number, vector in enumerate(self.found):
            start = number * self._distance
            skipped = max(0, -(-(first - start) // step))
            at = start + skipped * step - first
            if at < values.size and skipped < vector.size:
                taken = values[at : at + (vector.size - skipped) * step : step]
                # A float64 beyond float32 becomes infinite, and such vectors do not pass.
                with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                    vector[skipped : skipped + taken.size] = taken

    def gain(self, half_unit: float) -> float | None:
        """The length of the vectors if they are equally long and orthogonal; else None."""
        count, size = self.found.shape
        tolerance = TOLERANCE + ROUNDING * half_unit / sqrt(size)
        pairs = count * (count - 1) // 2
        # The cosine of two random vectors has about the distribution N(0, 1 / size).
        if erf(tolerance * sqrt(size / 2)) ** pairs > ACCIDENT:
            return None
        vectors = self.found.astype(np.float64)
        with np.errstate(invalid="ignore"):
            lengths = np.sqrt((vectors * vectors).sum(axis=1))
            # The lengths of random vectors differ by about as much as their cosines differ from 0.
            shortest = float(lengths.min())
            if not shortest > 0 or not lengths.max() <= shortest * (1 + tolerance + half_unit):
                return None
            unit = vectors / lengths[:, np.newaxis]
            cosines = np.abs(np.einsum("ik,jk->ij", unit, unit) - np.eye(count))
            return float(lengths.mean()) if cosines.max() <= tolerance else None


class GramTest:
    """The test of a tensor's values, which are given in pieces.

    The matrix is that of the first axis and the others, as in PyTorch, that of the last axis and
    the others, as in Keras and JAX, or the first of several matrices of the last two axes.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._vectors = _vectors_of(shape)
        self._first = 0

    def update(self, values: npt.NDArray[Any]) -> None:
        """Take the next values, in C order."""
        for vectors in self._vectors:
            vectors.update(values, self._first)
        self._first += values.size

    def result(self, half_unit: float) -> Orthogonal | None:
        """What was found. `half_unit` is the relative rounding error of the dtype."""
        passed = [
            Orthogonal(_known(gain, half_unit), vectors.of_blocks)
            for vectors in self._vectors
            if (gain := vectors.gain(half_unit)) is not None
        ]
        # A stack of orthogonal blocks has orthogonal columns too, so what tells blocks decides.
        return next((each for each in passed if each.of_blocks), next(iter(passed), None))


def _vectors_of(shape: tuple[int, ...]) -> list[_Vectors]:
    """The rows and the columns of each matrix."""
    if len(shape) < 2 or prod(shape) == 0:
        return []
    matrices = [(shape[0], prod(shape[1:])), (prod(shape[:-1]), shape[-1])]
    found = []
    for rows, columns in dict.fromkeys(matrices):
        found.append(_rows(rows, columns))
        found.append(_columns(rows, columns, of_blocks=columns > rows))
    if len(shape) == 3 and shape[1] > shape[2]:
        found.append(_columns(shape[1], shape[2], of_blocks=True))
    return [each for each in found if each is not None]


def _rows(rows: int, columns: int) -> _Vectors | None:
    count = min(rows, VECTORS, MOST_VALUES // columns)
    if count < 2:
        return None
    return _Vectors(count, columns, distance=columns, step=1, of_blocks=rows > columns)


def _columns(rows: int, columns: int, *, of_blocks: bool) -> _Vectors | None:
    count = min(columns, VECTORS, MOST_VALUES // rows)
    if count < 2:
        return None
    return _Vectors(count, rows, distance=1, step=columns, of_blocks=of_blocks)


def _known(gain: float, half_unit: float) -> float:
    """The gain that was meant, where the measured one differs by rounding alone."""
    share = SAME_GAIN + half_unit / 8
    return next((each for each in GAINS if abs(gain - each) <= share * each), gain)
