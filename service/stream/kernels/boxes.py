"""A box of elements, anywhere in the stream and in any order, to bytes.

A *box* is a part of a written array that is whole in its lower axes (`Lattice.boxes`). Its axes are
walked in the order in which they are written. The two innermost make a *sheet*: rows of elements
that are consecutive in the stream. A sheet is written in one of two ways.

`fill_rows`: the elements of a row are neighbours in `out`, too. The stream is cut into blocks of
four elements, so a row begins and ends anywhere in a block:

      in the stream, | between blocks            in `out`, rows `step` apart

      row 0    .  . a0 a1 | a2 a3 a4 a5 | a6 .     a0 a1 a2 a3 a4 a5 a6
      row 1   b0 b1 b2 b3 | b4 b5 b6  . |          b0 b1 b2 b3 b4 b5 b6
      row 2    . c0 c1 c2 | c3 c4 c5 c6 |          c0 c1 c2 c3 c4 c5 c6

  A *strip* is the blocks that are evaluated at a time, at most 1024. It holds the blocks of as many
  rows as fit. Of each row the elements that are wanted are then copied to `out`. A row with more
  blocks than a strip is written like a run of the stream.

`fill_columns`: elements of neighbouring rows are neighbours in `out`, as in a transposed matrix.

      in the stream                              in `out`

      row 0   a0 a1 a2 a3 | a4 a5 a6 a7          a0 b0 c0 d0
      row 1   b0 b1 b2 b3 | b4 b5 b6 b7          a1 b1 c1 d1
      row 2   c0 c1 c2 c3 | c4 c5 c6 c7          a2 b2 c2 d2
      row 3   d0 d1 d2 d3 | d4 d5 d6 d7          ...

  A strip holds the same blocks of many rows, and `evaluate` arranges its values by their word:
  a0 b0 c0 d0, then a1 b1 c1 d1, and so on. Each such *stretch* is a piece of `out` as it stands.
  That works for rows that have their first element at the same place in a block. If the stride of
  the rows is no multiple of 4, they are every second or every fourth row, and `fill_columns` takes
  these in turn; a stretch is then written to every second or fourth place.

Element numbers, blocks and words are those of docs/stream-v1.md, section 2.
"""

from typing import NamedTuple

import numpy as np

from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.evaluate import evaluate
from service.stream.kernels.memory import STRIP, borrowed
from service.stream.kernels.rounding import copy, store
from service.stream.kernels.run import fill_run, fill_strip

ZERO = np.uint64(0)


class Sheet(NamedTuple):
    """`rows` rows of `length` elements each, consecutive in the stream.

    In the stream the rows lie `stride` elements apart. In `out` a row's elements lie `row_step`
    apart and the rows `step`; one of both is 1.
    """

    length: int
    row_step: int
    rows: int
    stride: int
    step: int


@compiled
def scatter(parameters, element, sheet, axes, scratch, out):
    """Write a box: the sheet that begins at number `element`, and its like along the axes above.

    parameters KernelParameters; element int64; sheet Sheet; axes int64, shape (3, m): of each axis
    above the sheet, slowest first, the extent, the stride in the stream and the step in `out`, both
    in elements; scratch Scratch; out uint8, all bytes of the box.
    """
    parameters, scratch, out = borrowed(parameters), borrowed(scratch), borrowed(out)
    position = np.zeros(axes.shape[1], np.int64)
    sheets, target = 1, 0
    for extent in axes[0]:
        sheets *= extent
    for _ in range(sheets):
        place = out[target * parameters.itemsize :]
        if sheet.row_step == 1:
            fill_rows(parameters, element, sheet, scratch, place)
        else:
            fill_columns(parameters, element, sheet, scratch, place)
        element, target = advance(position, axes, element, target)


@inlined
def advance(position, axes, element, target):
    """Step to the next sheet: the last axis counts fastest.

    position int64, shape (m,), is changed; axes as in `scatter`. Returns the first element of the
    sheet and its place in `out`.
    """
    for axis in range(position.size - 1, -1, -1):
        position[axis] += 1
        element += axes[1, axis]
        target += axes[2, axis]
        if position[axis] < axes[0, axis]:
            break
        # The axis is done: back to its beginning, and the next slower one steps.
        element -= axes[0, axis] * axes[1, axis]
        target -= axes[0, axis] * axes[2, axis]
        position[axis] = 0
    return element, target


@compiled
def fill_rows(parameters, element, sheet, scratch, out):
    """Write a sheet whose rows are consecutive in `out`, a strip of rows at a time.

    element int64, the first of the sheet; out uint8, from its place on.
    """
    width = sheet.length * parameters.itemsize
    begin, blocks = 0, 0
    for row in range(sheet.rows):
        first = element + row * sheet.stride
        more = blocks_of_row(first, sheet.length)
        if blocks > 0 and blocks + more > STRIP:
            write_rows(parameters, element, sheet, begin, row, blocks, scratch, out)
            begin, blocks = row, 0
        if more > STRIP:
            target = row * sheet.step * parameters.itemsize
            fill_run(parameters, first, scratch, out[target : target + width])
            begin = row + 1
            continue
        for j in range(more):
            scratch.blocks[blocks + j] = (first >> 2) + j
        blocks += more
    write_rows(parameters, element, sheet, begin, sheet.rows, blocks, scratch, out)


@inlined
def blocks_of_row(first, length):
    """The blocks that have an element of a row; first int64, its first element."""
    return ((first & 3) + length + 3) >> 2


@compiled
def write_rows(parameters, element, sheet, begin, end, blocks, scratch, out):
    """Evaluate scratch.blocks[:blocks], those of rows begin ... end - 1, and copy these to `out`.

    element int64, the first of the sheet; out uint8, from its place on.
    """
    itemsize = parameters.itemsize
    encoded = scratch.encoded[: 4 * blocks * itemsize]
    fill_strip(parameters, ZERO, blocks, 0, scratch, encoded)
    width, block = sheet.length * itemsize, 0
    for row in range(begin, end):
        first = element + row * sheet.stride
        source = (4 * block + (first & 3)) * itemsize
        target = row * sheet.step * itemsize
        copy(encoded[source : source + width], out[target : target + width])
        block += blocks_of_row(first, sheet.length)


@compiled
def fill_columns(parameters, element, sheet, scratch, out):
    """Write a sheet whose rows are neighbours in `out`.

    element int64, the first of the sheet; out uint8, from its place on.

    Rows with the same place of their first element in its block are evaluated together: every row,
    every second or every fourth.
    """
    period = 1 if sheet.stride & 3 == 0 else 2 if sheet.stride & 1 == 0 else 4
    for start in range(0, sheet.rows, period * STRIP):
        for row in range(start, min(start + period, sheet.rows)):
            count = min(STRIP, (sheet.rows - row + period - 1) // period)
            aligned = Sheet(sheet.length, sheet.row_step, count, period * sheet.stride, period)
            place = out[row * parameters.itemsize :]
            fill_aligned(parameters, element + row * sheet.stride, aligned, scratch, place)


@inlined
def fill_aligned(parameters, first, aligned, scratch, out):
    """Write rows whose stride is a multiple of 4 elements; there are at most STRIP of them.

    first int64, the first element of the first row; aligned Sheet; out uint8, from its place on.
    """
    rows = aligned.rows
    across = STRIP // rows
    for j in range(across):
        for i in range(rows):
            scratch.blocks[j * rows + i] = j + i * (aligned.stride >> 2)
    past = (first + aligned.length + 3) >> 2
    for block in range(first >> 2, past, across):
        columns = min(across, past - block)
        # Of a single block of each row some words may not be wanted: at its ends, or always.
        start = max(first - 4 * block, 0) if columns == 1 else 0
        stop = min(first + aligned.length - 4 * block, 4) if columns == 1 else 4
        # A pair of elements shares its words, so start is rounded down to even and stop up.
        encoded = encoded_by_word(
            parameters, block, columns * rows, start & 2, (stop + 1) & 6, scratch
        )
        lay(parameters.itemsize, encoded, first, block, columns, aligned, out)


@inlined
def encoded_by_word(parameters, base, count, start, stop, scratch):
    """Evaluate base + scratch.blocks[:count] and encode words start ... stop - 1 of all blocks.

    base int64; start and stop even. Returns uint8: four parts of `count` elements, one for each
    word of a block, of which start ... stop - 1 are valid.
    """
    values32, values64, itemsize = scratch.values32, scratch.values64, parameters.itemsize
    begin, end = start * count, stop * count
    evaluate(parameters, np.uint64(base), count, count, begin, end, scratch, values32, values64)
    encoded = scratch.encoded[begin * itemsize : end * itemsize]
    narrowing = parameters.narrowing
    store(parameters.encoding, narrowing, values32[begin:end], values64[begin:end], encoded)
    return scratch.encoded[: 4 * count * itemsize]


@compiled
def lay(itemsize, encoded, first, block, columns, aligned, out):
    """Write `columns` blocks of aligned rows to their places, as integers of the dtype's width.

    encoded uint8, as `encoded_by_word` returns it; out uint8; the rest as in `lay_stretches`.
    """
    if itemsize == 1:
        lay_stretches(encoded, first, block, columns, aligned, out)
    elif itemsize == 2:
        source, target = encoded.view(np.uint16), out.view(np.uint16)
        lay_stretches(source, first, block, columns, aligned, target)
    elif itemsize == 4:
        source, target = encoded.view(np.uint32), out.view(np.uint32)
        lay_stretches(source, first, block, columns, aligned, target)
    else:
        source, target = encoded.view(np.uint64), out.view(np.uint64)
        lay_stretches(source, first, block, columns, aligned, target)


@compiled
def lay_stretches(encoded, first, block, columns, aligned, out):
    """Write each stretch, the same element of all aligned rows, to every `step`-th place.

    encoded and out unsigned integers of one width; first int64, the first element of the first row;
    block int64, the first of the `columns` blocks of that row; aligned Sheet.
    """
    rows, step = aligned.rows, aligned.step
    start, end = max(first, 4 * block), min(first + aligned.length, 4 * (block + columns))
    for element in range(start, end):
        source = ((element & 3) * columns + (element >> 2) - block) * rows
        target = (element - first) * aligned.row_step
        # The two calls are alike; with a step that is known to be 1, copying runs in vectors.
        if step == 1:
            copy(encoded[source : source + rows], out[target : target + rows])
        else:
            copy(encoded[source : source + rows], out[target : target + rows * step : step])
