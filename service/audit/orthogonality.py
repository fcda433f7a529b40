"""The Gram test: whether some rows or columns of a tensor are orthogonal and equally long."""

from dataclasses import dataclass
from math import isclose, prod, sqrt

import numpy as np
import numpy.typing as npt

from service.audit.stored import Stored

VECTORS = 8
"""The rows or columns that are compared."""

LONGEST = 2**20
"""The longest row or column. Fanin issues no orthogonal matrix with longer ones."""

FEWEST = 3
"""Fewer vectors may be orthogonal by accident in a dtype of few digits."""

TOLERANCE = 2e-5
"""The largest cosine of two vectors in float32. QR leaves less than 1e-6 to 1e-5."""

ROUNDING = 4.0
"""Rounding to a dtype with the half unit e moves a cosine of n elements by about e / sqrt n. This
many times that are allowed. The cosine of random vectors is about 1 / sqrt n."""

SAME_LENGTH = 1e-3
"""The relative difference of std from gain / sqrt(larger side)."""


@dataclass(frozen=True, slots=True)
class _Matrix:
    """A tensor as a matrix in C order."""

    rows: int
    columns: int

    @property
    def vectors(self) -> npt.NDArray[np.int64]:
        """The element numbers of the first vectors along the shorter side, shape (v, length)."""
        if self.rows <= self.columns:
            first = min(VECTORS, self.rows)
            return np.arange(first * self.columns).reshape(first, self.columns)
        first = min(VECTORS, self.columns)
        return np.arange(self.rows) * self.columns + np.arange(first)[:, np.newaxis]


def is_orthogonal(tensor: Stored, std: float, half_unit: float) -> bool:
    """Whether the first vectors along the shorter side are orthogonal and equally long.

    The matrix is that of the first axis and the others, as in PyTorch, or that of the last axis
    and the others, as in Keras and JAX. `std` is that of the law with gain 1, which tells the
    larger side. `half_unit` is the relative rounding error of the dtype.
    """
    return any(
        _has_orthogonal_vectors(tensor, matrix, half_unit)
        for matrix in _matrices(tensor.shape)
        if isclose(std * sqrt(max(matrix.rows, matrix.columns)), 1, rel_tol=SAME_LENGTH)
    )


def _matrices(shape: tuple[int, ...]) -> list[_Matrix]:
    found = [
        _Matrix(shape[0], prod(shape[1:])),
        _Matrix(prod(shape[:-1]), shape[-1]),
    ]
    return [each for each in dict.fromkeys(found) if max(each.rows, each.columns) <= LONGEST]


def _has_orthogonal_vectors(tensor: Stored, matrix: _Matrix, half_unit: float) -> bool:
    wanted = matrix.vectors
    if wanted.shape[0] < FEWEST:
        return False
    vectors = _elements(tensor, wanted.reshape(-1)).reshape(wanted.shape)
    lengths = np.sqrt((vectors * vectors).sum(axis=1))
    tolerance = TOLERANCE + ROUNDING * half_unit / sqrt(wanted.shape[1])
    # The lengths of random vectors differ by about as much as their cosines differ from 0.
    if lengths.min() == 0 or lengths.max() > lengths.min() * (1 + tolerance + half_unit):
        return False
    unit = vectors / lengths[:, np.newaxis]
    cosines = np.abs(np.einsum("ik,jk->ij", unit, unit) - np.eye(len(unit)))
    return bool(cosines.max() <= tolerance)


def _elements(tensor: Stored, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The values of some elements, read a piece at a time."""
    found = np.empty(numbers.size, np.float64)
    first = 0
    for piece in tensor.raw():
        values = tensor.values(piece)
        inside = (numbers >= first) & (numbers < first + values.size)
        found[inside] = values[numbers[inside] - first]
        first += values.size
        if first > numbers.max():
            break
    return found
