"""Materialised draws: an element is an entry of a matrix that is computed as a whole.

Of an orthogonal matrix the columns of Q that a box needs are computed, a panel at a time, and each
panel is encoded into the answer before the next one is computed. Columns of Q are the rows of a
matrix that is at least as wide as tall, and the columns of a taller one.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from service.stream.address import Address
from service.stream.draws import Elements, Float64, Orthogonal
from service.stream.kernels.orthogonal import STRIP, place32, place64
from service.stream.kernels.rounding import encode
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS
from service.stream.sources.index import element_pieces
from service.stream.sources.matrices import MATRICES, Float32, Key, Matrix, Panel, Reader

MOST_ELEMENTS = 2**26
"""The most elements of a materialised tensor with all its copies: 8,192 x 8,192.

Its time and its memory are limited so. A matrix of m x n elements, n <= m, takes 8 (m n - n^2 / 2)
bytes for its reflectors: 256 MiB for 8,192 x 8,192, and at most 512 MiB.
"""

MOST_SIDE = 2**20
"""The most outputs, and the most inputs times kernel: a panel of 16 columns takes 128 MiB then."""

MOST_MATRICES = 2**12
"""The most matrices of a materialised tensor: copies times parts. Each takes at least 0.1 ms."""

OPERATIONS = 128
"""A matrix of m x n elements, n <= m, takes the time of m n^2 / 128 blocks, and of m n for its
normals: 18 s for 8,192 x 8,192."""

WRITTEN = 2**18
"""The entries that are encoded at a time where no kernel does it: 2 MiB for each array of them."""

Bytes = npt.NDArray[np.uint8]


class Axis(NamedTuple):
    """An axis of a box: its extent, and the distances between neighbours.

    `stride` is in element numbers, and `step` in elements of the bytes that are written.
    """

    extent: int
    stride: int
    step: int


class Side(NamedTuple):
    """Numbers along one side of a matrix: `first`, and those along some axes from it."""

    first: int
    axes: list[Axis]


class Positions(NamedTuple):
    """The numbers of a side, and where each of them is in the bytes, in elements."""

    numbers: Elements
    places: Elements


@dataclass(frozen=True, slots=True)
class MaterialisedSource:
    """The values of orthogonal matrices. Each copy has its own matrix."""

    materialised: ClassVar[bool] = True

    draw: Orthogonal
    dtype: str
    address: Address
    _stopped: Event = field(default_factory=Event, compare=False, repr=False)

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return PRECISIONS[self.dtype].itemsize

    def cost(self, box: Lattice) -> int:
        """The operations of each whole matrix, in blocks, and the elements that are written.

        It is an upper estimate: a slice may need less of a matrix, and the cache may have it.
        """
        draw = self.draw
        longer, shorter = max(draw.rows, draw.columns), min(draw.rows, draw.columns)
        return len(self._copies(box)) * longer * shorter * (1 + shorter // OPERATIONS) + box.size

    def begun(self, box: Lattice) -> bool:
        """Whether each matrix of a box is in the cache, or another source uses it."""
        return all(MATRICES.has(self._key(copy)) for copy in self._copies(box))

    def _copies(self, box: Lattice) -> range:
        """The copies from that of the first element of a box to that of the last."""
        draw = self.draw
        pitch = draw.distance * draw.kernel
        first = box.offset - draw.first * draw.kernel
        last = first
        for extent, stride in zip(box.extents, box.strides, strict=True):
            last += (extent - 1) * stride
        # A part of the outputs begins after the first element of a tensor.
        return range(max(first // pitch, 0), max(last // pitch, 0) + 1)

    def stop(self) -> None:
        """Make a `fill` that runs raise StoppedError soon, and every later one."""
        self._stopped.set()

    def fill(self, box: Lattice, out: Bytes) -> None:
        """Write the elements of a box. Computes the panels that contain them.

        Raises StoppedError soon after `stop`.
        """
        if box.size == 0:
            return
        if self.draw.kernel > 1:
            out[:] = 0
        for part, place in self._parts(box):
            if not self._fill_grid(part, place, out):
                self._fill_elements(part, out[place * self.itemsize :])

    def _parts(self, box: Lattice) -> Iterator[tuple[Lattice, int]]:
        """A run of elements in parts of whole and cut lines, any other box as it is.

        Each part comes with its place in the bytes, in elements.
        """
        draw = self.draw
        if box.merged().strides != (1,) or draw.kernel > 1:
            yield box, 0
            return
        start = box.offset - draw.first
        lines = -(-(start + box.size) // draw.columns)
        place = 0
        whole = Lattice(draw.first, (lines, draw.columns), (draw.columns, 1))
        for part in whole.boxes(start, start + box.size):
            yield part, place
            place += part.size

    def _fill_grid(self, box: Lattice, place: int, out: Bytes) -> bool:
        """Write a box in which every line has the same columns, from element `place` of `out` on.

        A line is a row of a matrix: line l is row l % pitch of copy l // pitch. Returns False, and
        writes nothing, if the box is not of this kind.
        """
        draw = self.draw
        split = _split(box.offset - draw.first * draw.kernel, _axes(box), draw.kernel)
        if split is None:
            return False
        entries, kernel = split
        split = _split(entries.first, entries.axes, draw.columns)
        if split is None:
            return False
        lines, columns = split
        middle = _positions(kernel)
        for centre in middle.places[middle.numbers == draw.centre].tolist():
            self._fill_lines(lines, _positions(columns), place + centre, out)
        return True

    def _fill_lines(self, side: Side, columns: Positions, place: int, out: Bytes) -> None:
        """Write these columns of all lines of a side."""
        whole = [axis for axis in side.axes if axis.stride % self._pitch == 0]
        lines = _positions(Side(side.first, [a for a in side.axes if a.stride % self._pitch]))
        for skipped, beyond in zip(*_positions(Side(0, whole)), strict=True):
            copies, rows = _divided(lines.numbers + skipped, self._pitch)
            for copy, chosen in _groups(copies):
                places = lines.places[chosen] + (place + beyond)
                self._fill_matrix(copy, Positions(rows[chosen], places), columns, out)

    def _fill_matrix(self, copy: int, rows: Positions, columns: Positions, out: Bytes) -> None:
        """Write rows x columns of a matrix, panel by panel."""
        along, across = (columns, rows) if self._tall else (rows, columns)
        entries = Positions(across.numbers * STRIP, across.places)
        elements = rows.numbers.size * columns.numbers.size
        reader = self._reader(parts=elements < self.draw.rows * self.draw.columns)
        with self._matrix(copy, reader) as matrix:
            for panel, starts, chosen in _panels(matrix, along.numbers, reader):
                signs = matrix.signs[along.numbers[chosen]]
                self._write(panel, Positions(starts, along.places[chosen]), signs, entries, out)

    def _write(
        self, panel: Panel, columns: Positions, signs: Float64, entries: Positions, out: Bytes
    ) -> None:
        """Write entries of some columns of a panel to their places, in the dtype."""
        values, gain = panel.values, np.float64(self.draw.gain)
        if panel.gain is None and self.dtype in ("float32", "float64"):
            kernel = place64 if self.dtype == "float64" else place32
            starts, targets, rows, row_targets = (
                each.view(np.uint64) for each in (*columns, *entries)
            )
            kernel(values, starts, signs, gain, rows, targets, row_targets, out)
            return
        patterns = out.view(f"u{self.itemsize}")
        # Not all columns at once, because each array of places takes as much memory as they do.
        step = max(WRITTEN // entries.numbers.size, 1)
        for first in range(0, columns.numbers.size, step):
            some = slice(first, first + step)
            found = values[columns.numbers[some, np.newaxis] + entries.numbers]
            encoded = self._encoded(found, signs[some, np.newaxis], panel.gain)
            places = columns.places[some, np.newaxis] + entries.places
            patterns[places] = encoded.view(patterns.dtype).reshape(places.shape)

    def _fill_elements(self, box: Lattice, out: Bytes) -> None:
        """Write a box of any strides, each element by its number."""
        for elements, part in element_pieces(box, self.itemsize, out):
            self._fill_piece(elements, part)

    def _fill_piece(self, elements: Elements, out: Bytes) -> None:
        """Write Q[row, column] times gain by element numbers, or 0 beside a kernel's centre."""
        draw = self.draw
        numbers = elements - draw.first * draw.kernel
        out[:] = 0
        patterns = out.view(f"u{self.itemsize}")
        reader = self._reader(parts=True)
        central = np.flatnonzero(numbers % draw.kernel == draw.centre)
        lines, columns = _divided(numbers[central] // draw.kernel, draw.columns)
        copies, rows = _divided(lines, self._pitch)
        along, across = (columns, rows) if self._tall else (rows, columns)
        for copy, of_copy in _groups(copies):
            with self._matrix(copy, reader) as matrix:
                for panel, starts, of_panel in _panels(matrix, along[of_copy], reader):
                    chosen = of_copy[of_panel]
                    found = panel.values[starts + across[chosen] * STRIP]
                    encoded = self._encoded(found, matrix.signs[along[chosen]], panel.gain)
                    patterns[central[chosen]] = encoded.view(patterns.dtype)

    def _encoded(self, values: Float64 | Float32, signs: Float64, gain: float | None) -> Bytes:
        """Values of a panel as bytes. Those of a panel with a gain are only rounded.

        An entry may pass 1 by a rounding error, as that of a 1 x 1 matrix does. It is clamped.
        """
        if gain is None:
            wide = np.clip(values * signs, -1.0, 1.0) * np.float64(self.draw.gain)
        else:
            wide = values.astype(np.float64)
        out = np.empty(wide.size * self.itemsize, np.uint8)
        encode(wide.reshape(-1), self.dtype, out)
        return out

    @property
    def _tall(self) -> bool:
        """Whether columns of Q are columns of the matrix."""
        return self.draw.rows > self.draw.columns

    @property
    def _pitch(self) -> int:
        """The lines from one copy to the next."""
        return self.draw.distance // self.draw.columns

    def _key(self, copy: int) -> Key:
        draw, address = self.draw, self.address
        first = draw.first + copy * draw.distance
        return address.seed, address.stream, first, draw.rows, draw.columns

    def _reader(self, *, parts: bool) -> Reader:
        return Reader(None if self.dtype == "float64" else self.draw.gain, parts, self._stopped)

    def _matrix(self, copy: int, reader: Reader) -> AbstractContextManager[Matrix]:
        draw, address = self.draw, self.address
        first = draw.first + copy * draw.distance
        make = partial(Matrix, draw.rows, draw.columns, first, address)
        return MATRICES.use(self._key(copy), make, reader)


def _panels(
    matrix: Matrix, columns: Elements, reader: Reader
) -> Iterator[tuple[Panel, Elements, Elements]]:
    """The panels with these columns of Q: each panel, where the columns begin, and which.

    A panel is valid until the next one.
    """
    for number, chosen in _groups(columns // matrix.width):
        panel = matrix.panel(number, reader)
        strips, lanes = _divided(columns[chosen] - number * matrix.width, STRIP)
        yield panel, strips * (matrix.m * STRIP) + lanes, chosen


def _axes(box: Lattice) -> list[Axis]:
    """The axes of a box that is written in its own order, without those of extent 1."""
    axes, step = list[Axis](), 1
    for extent, stride in zip(box.extents[::-1], box.strides[::-1], strict=True):
        if extent > 1:
            axes.append(Axis(extent, stride, step))
        step *= extent
    return axes


def _split(offset: int, axes: list[Axis], radix: int) -> tuple[Side, Side] | None:
    """Divide numbers by `radix`: the sides of the quotients and of the remainders.

    None if this does not divide the axes, because a remainder would pass the radix.
    """
    quotient, remainder = divmod(offset, radix)
    high = [axis._replace(stride=axis.stride // radix) for axis in axes if axis.stride % radix == 0]
    low = [axis for axis in axes if axis.stride % radix]
    last = remainder
    for axis in low:
        last += (axis.extent - 1) * axis.stride
    if last >= radix:
        return None
    return Side(quotient, high), Side(remainder, low)


def _positions(side: Side) -> Positions:
    """All positions of a side."""
    numbers, places = np.full(1, side.first, np.int64), np.zeros(1, np.int64)
    for extent, stride, step in side.axes:
        along = np.arange(extent, dtype=np.int64)[:, np.newaxis]
        numbers = (numbers + along * stride).reshape(-1)
        places = (places + along * step).reshape(-1)
    return Positions(numbers, places)


def _divided(numbers: Elements, divisor: int) -> tuple[Elements, Elements]:
    """Quotient and remainder; NumPy's own remainder takes several times as long."""
    quotients = numbers // divisor
    return quotients, numbers - quotients * divisor


def _groups(keys: Elements) -> Iterator[tuple[int, Elements]]:
    """Each different key with the places where it stands, in order."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    for chosen in np.split(order, np.flatnonzero(ranked[1:] != ranked[:-1]) + 1):
        if chosen.size:
            yield int(keys[chosen[0]]), chosen
