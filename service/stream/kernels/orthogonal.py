"""Orthogonal matrices as a product of Householder reflectors, with equal bits on every machine.

Q = H_0 H_1 ... H_(n-1), where the vector of reflector k is a normal vector of length m - k
(Stewart 1980, The Efficient Generation of Random Orthogonal Matrices). The order of operations is
that of docs/stream-v1-drafts.md, "Orthogonal matrices": every sum has one accumulator, its index
rises, and each step is a rounded multiplication and then a rounded addition or subtraction.

All floats are float64. m is the length of the columns of Q, and n <= m is their number.

    packed     shape (packed_size(m, n),)   the vectors of the reflectors, block after block
    signs      shape (n,)                   -1 or 1: column j of Q is multiplied by signs[j]
    scales     shape (n,)                   2 / |v|^2 of each reflector
    products   shape (n BLOCK,)             row k: inner products of reflector k with its block
    panel      shape (strips m STRIP,)      columns of Q, STRIP columns after STRIP columns

Block b has the reflectors from k0 = BLOCK b on, BLOCK of them or those that are left. It is a
matrix in C order whose columns are the vectors and whose rows are the rows k0 ... m-1 of Q. What
lies above its diagonal is 0. A step with such a 0 changes no bit, since no sum here is ever -0.
"""

import numpy as np

from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.tiles import ADD, ADD_ROW, COLUMNS, ROWS, SUBTRACT, SUBTRACT_ROW

BLOCK = 16
"""Reflectors applied together. The bits depend on it: it is part of the definition."""

STRIP = 16
"""Columns of Q that lie together: a cache line or two of each row. The bits do not depend on it,
but it has to be BLOCK, so that a block acts on all columns of a strip or on none."""

CHUNK = 64
"""Rows that are added up before the next tile, so that they stay in a first-level cache."""


@inlined
def start_of(block, m):
    """Where a block begins in `packed`: the sum of BLOCK (m - BLOCK i) over the blocks i before."""
    return BLOCK * block * m - BLOCK * BLOCK * (block * (block - 1) // 2)


def packed_size(m: int, n: int) -> int:
    """The length of `packed`."""
    whole, left = divmod(n, BLOCK)
    return int(start_of(whole, m)) + left * (m - BLOCK * whole)


@compiled
def prepare(packed, m, n, block, signs, scales, products):
    """Make the reflectors of a block of normal vectors, in place."""
    begin = BLOCK * block
    count, rows = min(BLOCK, n - begin), m - begin
    vectors = packed[start_of(block, m) :][: rows * count]
    for i in range(count):
        for k in range(i + 1, count):
            vectors[i * count + k] = 0.0
    sums = np.zeros(BLOCK, np.float64)
    for i in range(rows):
        for k in range(count):
            entry = vectors[i * count + k]
            sums[k] = sums[k] + entry * entry
    for k in range(count):
        r, x = np.sqrt(sums[k]), vectors[k * count + k]
        signs[begin + k] = -1.0 if x >= 0.0 else 1.0
        vectors[k * count + k] = x + r if x >= 0.0 else x - r
        scales[begin + k] = 1.0 / (r * abs(vectors[k * count + k]))
    for k in range(count):
        for other in range(count):
            products[(begin + k) * BLOCK + other] = 0.0
    wide = np.zeros(rows * STRIP, np.float64) if count < STRIP else vectors
    if count < STRIP:
        for i in range(rows):
            for k in range(count):
                wide[i * STRIP + k] = vectors[i * count + k]
    project(vectors, count, wide, 0, rows, products[begin * BLOCK :])


@compiled
def fill_panel(packed, m, n, scales, products, first, panel):
    """Write columns first, first + 1, ... of Q without their signs to `panel`.

    first is a multiple of STRIP. Columns from n on are 0.
    """
    strips = panel.size // (m * STRIP)
    dots = np.empty(BLOCK * STRIP, np.float64)
    y = np.zeros(BLOCK * STRIP, np.float64)
    panel[:] = 0.0
    for column in range(first, min(first + strips * STRIP, n)):
        strip, lane = divmod(column - first, STRIP)
        panel[(strip * m + column) * STRIP + lane] = 1.0
    last = (min(n, first + strips * STRIP) - 1) // BLOCK
    for block in range(last, -1, -1):
        begin = BLOCK * block
        count, rows = min(BLOCK, n - begin), m - begin
        vectors = packed[start_of(block, m) :][: rows * count]
        # A block leaves the columns before it as they are.
        for strip in range(max(0, begin - first) // STRIP, strips):
            top = (strip * m + begin) * STRIP
            dots[:] = 0.0
            project(vectors, count, panel, top, rows, dots)
            solve(scales, products, begin, count, dots, y)
            subtract(vectors, count, panel, top, rows, y)


@compiled
def project(vectors, count, panel, top, rows, dots):
    """dots[k, j] = dots[k, j] + sum of vectors[i, k] panel[i, j], i rising; dots (count, STRIP)."""
    for start in range(0, rows, CHUNK):
        length = min(CHUNK, rows - start)
        for j in range(0, STRIP, COLUMNS):
            source = top + start * STRIP + j
            k = 0
            while k + ROWS <= count:
                at = start * count + k
                ADD(vectors, at, 1, count, panel, source, STRIP, dots, k * STRIP + j, STRIP, length)
                k += ROWS
            while k < count:
                at = start * count + k
                ADD_ROW(
                    vectors, at, 1, count, panel, source, STRIP, dots, k * STRIP + j, STRIP, length
                )
                k += 1


@compiled
def subtract(vectors, count, panel, top, rows, y):
    """panel[i, j] = panel[i, j] - vectors[i, k] y[k, j], k rising."""
    for j in range(0, STRIP, COLUMNS):
        i = 0
        while i + ROWS <= rows:
            target = top + i * STRIP + j
            SUBTRACT(vectors, i * count, count, 1, y, j, STRIP, panel, target, STRIP, count)
            i += ROWS
        while i < rows:
            target = top + i * STRIP + j
            SUBTRACT_ROW(vectors, i * count, count, 1, y, j, STRIP, panel, target, STRIP, count)
            i += 1


@compiled
def solve(scales, products, begin, count, dots, y):
    """y[k] = scales[k] (dots[k] - sum over l > k of products[k, l] y[l]), from the last k up."""
    for k in range(count - 1, -1, -1):
        for later in range(k + 1, count):
            product = products[(begin + k) * BLOCK + later]
            for j in range(STRIP):
                dots[k * STRIP + j] = dots[k * STRIP + j] - product * y[later * STRIP + j]
        for j in range(STRIP):
            y[k * STRIP + j] = dots[k * STRIP + j] * scales[begin + k]


@inlined
def place(panel, columns, signs, gain, rows, places, row_places, out):
    """out[places[a] + row_places[b]] = gain times entry b of column a, clamped to [-gain, gain].

    Entry b of column a is panel[columns[a] + rows[b]] signs[a]. A few rows are written for all
    columns before the next ones, since columns may be far apart in `panel` and in `out`. All
    numbers are uint64, so that Numba does not check whether they are negative.
    """
    for begin in range(0, rows.size, STRIP):
        end = min(begin + STRIP, rows.size)
        for a in range(columns.size):
            column, sign, target = columns[a], signs[a], places[a]
            for b in range(begin, end):
                entry = panel[column + rows[b]] * sign
                entry = -1.0 if entry < -1.0 else entry
                entry = 1.0 if entry > 1.0 else entry
                out[target + row_places[b]] = entry * gain


@compiled
def place32(panel, columns, signs, gain, rows, places, row_places, out):
    """`place` in float32. `out` is uint8, a whole number of elements."""
    place(panel, columns, signs, gain, rows, places, row_places, out.view(np.float32))


@compiled
def place64(panel, columns, signs, gain, rows, places, row_places, out):
    """`place` in float64. `out` is uint8, a whole number of elements."""
    place(panel, columns, signs, gain, rows, places, row_places, out.view(np.float64))
