"""Orthogonal matrices, computed as far as they are needed, and the cache that keeps them.

Column j of Q depends on the reflectors 0 ... j alone, and a reflector on its own normals. So a
matrix is prepared block by block up to the last column that is asked for, and its columns are
computed in panels of a few at a time.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from weakref import WeakValueDictionary

import numpy as np

from service.errors import StoppedError
from service.stream.address import Address
from service.stream.draws import Float64, Normal
from service.stream.kernels.orthogonal import BLOCK, STRIP, fill_panel, packed_size, prepare
from service.stream.lattice import Lattice
from service.stream.sources.elementwise import ElementwiseSource

PANEL = 4 * STRIP
"""The most columns of a panel. They read a block of reflectors from a cache, not from memory."""

PANEL_ELEMENTS = 2**22
"""The most elements of a panel of more than STRIP columns: 32 MiB."""

KEPT_Q = 2**23
"""The most elements of a matrix whose panels can be kept: 64 MiB."""

KEPT_BYTES = 320 * 2**20
"""The memory limit of the cache: the reflectors of 8,192 x 8,192, which take 256 MiB, and more."""

ENTRY_BYTES = 2048
"""The memory that a matrix in the cache takes beside its arrays, rounded up."""

Key = tuple[int, ...]


class Matrix:
    """Q of a `rows` x `columns` matrix of normals, its shorter side first.

    m and n are the longer and the shorter side, and Q has n columns of length m. The normals have
    the element numbers first, first + 1, ... in the order of rows. The reflectors take
    8 (m n - n^2 / 2) bytes. Several threads may use a matrix at once, and each reflector is
    computed once.
    """

    def __init__(self, rows: int, columns: int, first: int, address: Address) -> None:
        self.m, self.n = max(rows, columns), min(rows, columns)
        widest = min(PANEL, PANEL_ELEMENTS // self.m // STRIP * STRIP)
        self.width = max(widest, STRIP)
        self.signs = np.empty(self.n, np.float64)
        self._scales = np.empty(self.n, np.float64)
        self._products = np.empty(self.n * BLOCK, np.float64)
        # The system provides the memory when it is first written to, so a slice of a few columns
        # takes only what it needs.
        self._packed = np.empty(packed_size(self.m, self.n), np.float64)
        self._normals = ElementwiseSource.of(Normal(0.0, 1.0), "float64", address)
        self._first = first
        self._steps = (columns, 1) if rows > columns else (1, columns)
        self._prepared = 0
        self._panels: dict[int, Float64] = {}
        self._panels_lock, self._lock = threading.Lock(), threading.Lock()

    @property
    def nbytes(self) -> int:
        """The most memory that it takes, once all of it is computed."""
        panels = 8 * self.m * (self.n + STRIP) if self.m * self.n <= KEPT_Q else 0
        small = self.signs.nbytes + self._scales.nbytes + self._products.nbytes
        return int(self._packed.nbytes + small + panels)

    def fill(self, panel: int, out: Float64, stopped: threading.Event) -> Float64:
        """Compute columns panel width, panel width + 1, ... of Q without `signs` in `out`.

        `out` comes from `new_panel`. Returns the part that is filled, with entry i of
        column c at (c // STRIP m + i) STRIP + c % STRIP. Columns of 0 fill up the last strip.
        Raises StoppedError soon after `stopped` is set.
        """
        with self._lock:
            self._prepare(panel, stopped)
        begin = panel * self.width
        strips = -(-min(self.width, self.n - begin) // STRIP)
        filled = out[: strips * self.m * STRIP]
        fill_panel(self._packed, self.m, self.n, self._scales, self._products, begin, filled)
        return filled

    def kept(self, panel: int, stopped: threading.Event) -> Float64 | None:
        """`fill` once for all who ask; None if the matrix is too large to keep its panels."""
        if self.m * self.n > KEPT_Q:
            return None
        with self._panels_lock:
            if stopped.is_set():
                raise StoppedError
            if panel not in self._panels:
                self._panels[panel] = self.fill(panel, self.new_panel(), stopped)
            return self._panels[panel]

    def new_panel(self) -> Float64:
        """Memory for a panel."""
        return np.empty(self.width * self.m, np.float64)

    def _prepare(self, panel: int, stopped: threading.Event) -> None:
        """Make the reflectors up to those of a panel's last column."""
        if stopped.is_set():
            raise StoppedError
        blocks = -(-min((panel + 1) * self.width, self.n) // BLOCK)
        for block in range(self._prepared, blocks):
            if stopped.is_set():
                raise StoppedError
            self._draw(block)
            prepare(self._packed, self.m, self.n, block, self.signs, self._scales, self._products)
            self._prepared = block + 1

    def _draw(self, block: int) -> None:
        """Write the normals of a block to its place: rows from its first reflector on."""
        begin, (row, column) = block * BLOCK, self._steps
        start, count = packed_size(self.m, begin), min(BLOCK, self.n - begin)
        place = self._packed[start : start + (self.m - begin) * count]
        box = Lattice(self._first + begin * (row + column), (self.m - begin, count), (row, column))
        self._normals.fill(box, place.view(np.uint8))


class Matrices:
    """A cache of matrices that discards the least recently used ones.

    A matrix counts with the memory that it will take once all of it is computed. One that is
    discarded, or too large to be kept, lives on until those who use it are done. Until then it is
    found here, so that it is computed once for all of them.
    """

    def __init__(self, kept_bytes: int) -> None:
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[Key, Matrix] = OrderedDict()
        self._used: WeakValueDictionary[Key, Matrix] = WeakValueDictionary()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], Matrix]) -> Matrix:
        """The matrix of `key`. If none is kept or in use, `make` makes one, not yet computed."""
        with self._lock:
            matrix = self._used.get(key)
            if matrix is None:
                matrix = self._used[key] = make()
            if key in self._kept:
                self._kept.move_to_end(key)
            else:
                self._keep(key, matrix)
            return matrix

    def has(self, key: Key) -> bool:
        """Whether the matrix of `key` is kept or in use. It may not be computed yet."""
        with self._lock:
            return key in self._used

    def _keep(self, key: Key, matrix: Matrix) -> None:
        """Keep a matrix as the most recently used one, and drop others while there are too many.

        A matrix that does not fit alone is not kept.
        """
        if matrix.nbytes + ENTRY_BYTES > self._kept_bytes:
            return
        self._kept[key] = matrix
        self._bytes += matrix.nbytes + ENTRY_BYTES
        while self._bytes > self._kept_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.nbytes + ENTRY_BYTES


MATRICES = Matrices(KEPT_BYTES)
"""The cache of this process."""
