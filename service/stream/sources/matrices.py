"""Orthogonal matrices, computed as far as they are needed, and the cache that keeps them.

Column j of Q depends on the reflectors 0 ... j alone, and a reflector on its own normals. So a
matrix is prepared block by block up to the last column that is asked for, and its columns are
computed in panels of a few at a time.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from service.errors import StoppedError
from service.stream.address import Address
from service.stream.draws import Float64, Normal
from service.stream.kernels.orthogonal import (
    BLOCK,
    STRIP,
    fill_panel,
    packed_size,
    place32,
    prepare,
)
from service.stream.lattice import Lattice
from service.stream.sources.elementwise import ElementwiseSource

PANEL = 4 * STRIP
"""The most columns of a panel. They read a block of reflectors from a cache, not from memory."""

PANEL_ELEMENTS = 2**22
"""The most elements of a panel of more than STRIP columns: 32 MiB."""

SMALL_ELEMENTS = 2**23
"""The most elements of a matrix whose panels are kept for every reader, in float64: 64 MiB."""

KEPT_BYTES = 896 * 2**20
"""The memory limit of the cache. Every allowed matrix fits alone with all its panels.

In float32 the reflectors take at most 512 MiB, and the panels 256 MiB. In float64 the panels take
512 MiB. A matrix that does not fit then frees its reflectors while its panels are computed.
"""

ENTRY_BYTES = 2048
"""The memory that a matrix in the cache takes beside its arrays, rounded up."""

MATRIX_BYTES = KEPT_BYTES - ENTRY_BYTES
"""The most memory that a matrix takes."""

Key = tuple[int, ...]
Float32 = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


@dataclass(slots=True)
class Reader:
    """One who reads entries of a matrix in one thread.

    `gain` is the factor of Q if entries in float32 or less are read, and None in float64. Those who
    read `parts` of a matrix need its panels again for the next part. `memory` is for a panel that
    is not kept.
    """

    gain: float | None
    parts: bool
    stopped: threading.Event
    memory: Float64 | None = field(default=None, repr=False)


class Panel(NamedTuple):
    """Some columns of Q, with entry i of column c at (c // STRIP m + i) STRIP + c % STRIP.

    With a `gain` the values are the final ones in float32. Without one they are float64 and still
    need their signs, the clamp to 1, and a gain. Columns of 0 fill up the last strip, or columns
    without a meaning if there is a gain.
    """

    values: Float64 | Float32
    gain: float | None


class Panels:
    """The panels of a matrix that are kept, in one form.

    With a `gain` they take 4 bytes an entry and serve every dtype but float64, because lower
    precisions are rounded from float32. Without one they take 8 bytes and serve everybody.
    """

    def __init__(self, size: int, total: int, gain: float | None) -> None:
        """`size` is the number of values of a panel, and `total` that of all panels."""
        self.gain = gain
        self.done: set[int] = set()
        itemsize = 8 if gain is None else 4
        self._panel_bytes = size * itemsize
        # The system provides the memory when it is first written to.
        self._bytes = np.empty(total * itemsize, np.uint8)

    @property
    def nbytes(self) -> int:
        """The memory of all panels."""
        return self._bytes.nbytes

    def serves(self, gain: float | None) -> bool:
        """Whether one who reads with this gain can use them."""
        return self.gain is None or self.gain == gain

    def values(self, number: int) -> Float64 | Float32:
        """The memory of a panel."""
        part = self._bytes[number * self._panel_bytes :][: self._panel_bytes]
        return part.view(np.float64) if self.gain is None else part.view(np.float32)


class Matrix:
    """Q of a `rows` x `columns` matrix of normals, its shorter side first.

    m and n are the longer and the shorter side, and Q has n columns of length m. The normals have
    the element numbers first, first + 1, ... in the order of rows. The reflectors take
    8 (m n - n^2 / 2) bytes. Several threads may use a matrix. One of them computes at a time, so
    each reflector and each panel that is kept is computed once. The reflectors are freed when all
    panels are kept.
    """

    def __init__(self, rows: int, columns: int, first: int, address: Address) -> None:
        self.m, self.n = max(rows, columns), min(rows, columns)
        widest = min(PANEL, PANEL_ELEMENTS // self.m // STRIP * STRIP)
        self.width = max(widest, STRIP)
        self.signs = np.empty(self.n, np.float64)
        self._count = -(-self.n // self.width)
        self._scales = np.empty(self.n, np.float64)
        self._products = np.empty(self.n * BLOCK, np.float64)
        self._packed = np.empty(0, np.float64)
        self._normals = ElementwiseSource.of(Normal(0.0, 1.0), "float64", address)
        self._first = first
        self._steps = (columns, 1) if rows > columns else (1, columns)
        self._prepared = 0
        self._kept: Panels | None = None
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """The most memory that it takes for readers like those it has had."""
        kept = self._kept
        if kept is None:
            return self._small_bytes + self._reflector_bytes
        if len(kept.done) == self._count and self._packed.size == 0:
            return self._small_bytes + kept.nbytes
        return self._all_bytes(kept)

    def expect(self, reader: Reader) -> int:
        """Choose the form of the panels for one more reader. Call this before `panel`.

        A matrix that is read with several gains, or in float64 as well, begins anew with panels
        that serve everybody. So it computes each panel at most twice. Returns the most memory that
        the matrix takes with this reader.
        """
        small = self.m * self.n <= SMALL_ELEMENTS
        kept = self._kept
        if kept is None and (small or reader.parts):
            self._kept = kept = self._new_panels(None if small else reader.gain)
        elif kept is not None and reader.parts and not kept.serves(reader.gain):
            self._kept = kept = self._new_panels(None)
        if kept is None or kept.serves(reader.gain):
            return self.nbytes
        return self._all_bytes(kept)

    def panel(self, number: int, reader: Reader) -> Panel:
        """Columns number width, number width + 1, ... of Q: kept ones, or else computed ones.

        One that is not kept is valid until the reader asks for the next one. Raises StoppedError
        soon after the reader has stopped.
        """
        with self._lock:
            if reader.stopped.is_set():
                raise StoppedError
            kept = self._kept
            if kept is None or not kept.serves(reader.gain):
                return Panel(self._computed(number, self._memory(reader), reader), None)
            if number not in kept.done:
                self._keep(kept, number, reader)
            return Panel(kept.values(number), kept.gain)

    def _keep(self, kept: Panels, number: int, reader: Reader) -> None:
        """Compute a panel that is kept, and all that are left if there is no room for waiting.

        If not all panels fit beside all reflectors, half of them and one more do. When half of them
        are there, the others are computed from the last one down, and the reflectors that no panel
        before it needs are freed after each.
        """
        last = len(kept.done) >= self._count // 2 and self._is_crowded(kept)
        missing = sorted(set(range(self._count)) - kept.done, reverse=True) if last else [number]
        for each in missing:
            values = kept.values(each)
            if kept.gain is None:
                self._computed(each, values.view(np.float64), reader)
            else:
                panel = self._computed(each, self._memory(reader), reader)
                self._place(each, panel, kept.gain, values.view(np.uint8))
            kept.done.add(each)
            if last:
                self._free_from(each * self.width // BLOCK)
        if len(kept.done) == self._count:
            self._free_from(0)

    def _is_crowded(self, kept: Panels) -> bool:
        """Whether all panels and all reflectors take more memory than there is for a matrix."""
        return self._small_bytes + self._reflector_bytes + kept.nbytes > MATRIX_BYTES

    def _all_bytes(self, kept: Panels) -> int:
        """The most memory of all arrays while panels are computed."""
        together = self._small_bytes + self._reflector_bytes + kept.nbytes
        return min(together, MATRIX_BYTES)

    @property
    def _small_bytes(self) -> int:
        return self.signs.nbytes + self._scales.nbytes + self._products.nbytes

    @property
    def _reflector_bytes(self) -> int:
        return 8 * packed_size(self.m, self.n)

    def _computed(self, number: int, out: Float64, reader: Reader) -> Float64:
        """Compute a panel of columns without signs, in the first part of `out`."""
        self._prepare(number, reader)
        begin = number * self.width
        strips = -(-min(self.width, self.n - begin) // STRIP)
        filled = out[: strips * self.m * STRIP]
        fill_panel(self._packed, self.m, self.n, self._scales, self._products, begin, filled)
        return filled

    def _place(self, number: int, panel: Float64, gain: float, out: Bytes) -> None:
        """Write the final values of a panel as float32, in the order of the panel."""
        columns = np.arange(min(self.width, self.n - number * self.width), dtype=np.uint64)
        starts = columns // STRIP * (self.m * STRIP) + columns % STRIP
        rows = np.arange(0, self.m * STRIP, STRIP, dtype=np.uint64)
        signs = self.signs[number * self.width :][: columns.size]
        place32(panel, starts, signs, np.float64(gain), rows, starts, rows, out)

    def _memory(self, reader: Reader) -> Float64:
        """The reader's memory for a panel."""
        if reader.memory is None or reader.memory.size < self.width * self.m:
            reader.memory = np.empty(self.width * self.m, np.float64)
        return reader.memory

    def _new_panels(self, gain: float | None) -> Panels:
        """Memory for all panels in a form."""
        strips = -(-self.n // STRIP)
        return Panels(self.width * self.m, strips * STRIP * self.m, gain)

    def _prepare(self, panel: int, reader: Reader) -> None:
        """Make the reflectors up to those of a panel's last column."""
        if reader.stopped.is_set():
            raise StoppedError
        columns = min((panel + 1) * self.width, self.n)
        if self._packed.size < packed_size(self.m, columns):
            # The system provides the memory when it is first written to, so a slice of a few
            # columns takes only what it needs.
            self._packed = np.empty(packed_size(self.m, self.n), np.float64)
            self._prepared = 0
        for block in range(self._prepared, -(-columns // BLOCK)):
            if reader.stopped.is_set():
                raise StoppedError
            self._draw(block)
            prepare(self._packed, self.m, self.n, block, self.signs, self._scales, self._products)
            self._prepared = block + 1

    def _free_from(self, block: int) -> None:
        """Free the reflectors from those of a block on."""
        self._prepared = min(self._prepared, block)
        # No array shares this memory, since the kernels have returned.
        self._packed.resize(packed_size(self.m, BLOCK * self._prepared), refcheck=False)

    def _draw(self, block: int) -> None:
        """Write the normals of a block to its place: rows from its first reflector on."""
        begin, (row, column) = block * BLOCK, self._steps
        start, count = packed_size(self.m, begin), min(BLOCK, self.n - begin)
        place = self._packed[start : start + (self.m - begin) * count]
        box = Lattice(self._first + begin * (row + column), (self.m - begin, count), (row, column))
        self._normals.fill(box, place.view(np.uint8))


class Matrices:
    """A cache of matrices that discards the least recently used ones.

    A matrix counts with the memory that it will take once all of it is computed, and with what it
    takes when that is so. The one that was asked for last is always kept. One that is discarded
    lives on until those who use it are done. Until then it is found here, so that it is computed
    once for all of them.
    """

    def __init__(self, kept_bytes: int) -> None:
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[Key, Matrix] = OrderedDict()
        self._counted: dict[Key, int] = {}
        self._used: WeakValueDictionary[Key, Matrix] = WeakValueDictionary()
        self._bytes = 0
        self._lock = threading.Lock()

    @contextmanager
    def use(self, key: Key, make: Callable[[], Matrix], reader: Reader) -> Iterator[Matrix]:
        """The matrix of `key` for a reader, while the block runs.

        If none is kept or in use, `make` makes one, not yet computed.
        """
        with self._lock:
            matrix = self._used.get(key)
            if matrix is None:
                matrix = self._used[key] = make()
            self._kept[key] = matrix
            self._kept.move_to_end(key)
            self._count(key, matrix.expect(reader))
            while self._bytes > self._kept_bytes and len(self._kept) > 1:
                dropped, _ = self._kept.popitem(last=False)
                self._bytes -= self._counted.pop(dropped)
        try:
            yield matrix
        finally:
            with self._lock:
                if key in self._kept:
                    self._count(key, matrix.nbytes)

    def has(self, key: Key) -> bool:
        """Whether the matrix of `key` is kept or in use. It may not be computed yet."""
        with self._lock:
            return key in self._used

    def _count(self, key: Key, nbytes: int) -> None:
        """Count a matrix that is kept with these bytes from now on."""
        counted = nbytes + ENTRY_BYTES
        self._bytes += counted - self._counted.get(key, 0)
        self._counted[key] = counted


MATRICES = Matrices(KEPT_BYTES)
"""The cache of this process."""
