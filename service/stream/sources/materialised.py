"""Materialised draws: the whole matrix is computed before its first element is known.

A tensor has at most MOST_ELEMENTS elements in at most MOST_MATRICES matrices. A matrix is computed
once, and kept while memory allows, so that slices of it, other dtypes, layouts and gains do not
compute it again.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from service.stream.address import Address
from service.stream.draws import Elements, Float64, Normal, Orthogonal
from service.stream.kernels.orthogonal import BLOCK, PANEL, fill_panel, prepare
from service.stream.kernels.rounding import encode
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS
from service.stream.sources.elementwise import ElementwiseSource
from service.stream.sources.index import element_pieces

MOST_ELEMENTS = 2**22
"""The most elements of a materialised tensor with all its copies: 2,048 x 2,048, which takes a few
seconds on one core.

All matrices of a tensor fit into KEPT_BYTES, so none is computed twice within one answer. While
one is computed, it takes 24 bytes for each element, 8 of which are kept.
"""

MOST_MATRICES = 2**12
"""The most matrices of a materialised tensor: copies times parts. Each takes at least 0.1 ms."""

KEPT_BYTES = 64 * 2**20
"""The memory limit of the cache: two of the largest matrices."""

ENTRY_BYTES = 1024
"""The memory that a matrix in the cache takes beside its elements, rounded up."""

Key = tuple[int, ...]


class Matrices:
    """A cache of matrices that discards the least recently used ones.

    Only one matrix is computed at a time. Other threads wait, so parallel requests for slices
    compute a matrix once.
    """

    def __init__(self, kept_bytes: int) -> None:
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[Key, Float64] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Key, compute: Callable[[], Float64]) -> Float64:
        """The matrix of `key`. `compute` makes it if the cache does not have it."""
        with self._lock:
            matrix = self._kept.get(key)
            if matrix is None:
                matrix = compute()
                self._keep(key, matrix)
            else:
                self._kept.move_to_end(key)
            return matrix

    def _keep(self, key: Key, matrix: Float64) -> None:
        """Keep a matrix as the most recently used one, and drop others while there are too many."""
        self._kept[key] = matrix
        self._bytes += _size(matrix)
        while self._bytes > self._kept_bytes:
            self._bytes -= _size(self._kept.popitem(last=False)[1])


def _size(matrix: Float64) -> int:
    return int(matrix.nbytes) + ENTRY_BYTES


MATRICES = Matrices(KEPT_BYTES)
"""The cache of this process."""


@dataclass(frozen=True, slots=True)
class MaterialisedSource:
    """The values of orthogonal matrices. Each copy has its own matrix."""

    materialised: ClassVar[bool] = True

    draw: Orthogonal
    dtype: str
    address: Address

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return PRECISIONS[self.dtype].itemsize

    def fill(self, box: Lattice, out: npt.NDArray[np.uint8]) -> None:
        """Write the elements of a box. Computes the matrices that contain them."""
        for elements, part in element_pieces(box, self.itemsize, out):
            encode(self._values(elements), self.dtype, part)

    def _values(self, elements: Elements) -> Float64:
        """gain Q[row, column] of element numbers.

        An entry may pass 1 by a rounding error, as that of a 1 x 1 matrix does. It is clamped.
        """
        draw = self.draw
        copies = (elements - draw.first) // draw.distance
        places = (elements - draw.first) % draw.distance
        values = np.empty(elements.shape, np.float64)
        if copies[0] == copies[-1] and (copies == copies[0]).all():
            values[...] = self._matrix(int(copies[0])).reshape(-1)[places]
        else:
            by_copy = np.argsort(copies, kind="stable")
            ranked = copies[by_copy]
            for chosen in np.split(by_copy, np.flatnonzero(ranked[1:] != ranked[:-1]) + 1):
                matrix = self._matrix(int(copies[chosen[0]]))
                values[chosen] = matrix.reshape(-1)[places[chosen]]
        return np.clip(values, -1.0, 1.0) * np.float64(draw.gain)

    def _matrix(self, copy: int) -> Float64:
        draw, address = self.draw, self.address
        first = draw.first + copy * draw.distance
        key = (address.seed, address.stream, first, draw.rows, draw.columns)
        return MATRICES.get(key, lambda: orthogonal(normals(draw, address, first)))


def normals(draw: Orthogonal, address: Address, first: int) -> Float64:
    """The float64 standard normals of elements first, first + 1, ..., shape (rows, columns)."""
    count = draw.rows * draw.columns
    out = np.empty(8 * count, np.uint8)
    standard = ElementwiseSource.of(Normal(0.0, 1.0), "float64", address)
    standard.fill(Lattice(first, (count,), (1,)), out)
    return out.view(np.float64).reshape(draw.rows, draw.columns)


def orthogonal(z: Float64) -> Float64:
    """The orthogonal factor Q of a matrix of independent normals, of the same shape.

    The rows or the columns of Q, the fewer ones, are orthonormal.
    """
    tall = z.shape[0] > z.shape[1]
    reflectors = np.ascontiguousarray(z.T) if tall else z
    n, m = reflectors.shape
    signs, scales = np.empty(n, np.float64), np.empty(n, np.float64)
    products = np.zeros((n, BLOCK), np.float64)
    prepare(reflectors, signs, scales, products)
    q = np.empty((m, n), np.float64)
    for first in range(0, n, PANEL):
        panel = np.empty((m, min(PANEL, n - first)), np.float64)
        fill_panel(reflectors, signs, scales, products, first, panel)
        q[:, first : first + PANEL] = panel
    return q if tall else np.ascontiguousarray(q.T)
