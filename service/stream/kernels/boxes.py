"""A box of elements, anywhere in the stream and in any order, to bytes."""

from typing import NamedTuple

import numpy as np

from service.stream.kernels.borrowing import borrowed, borrowed_recipe, borrowed_scratch
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.evaluate import evaluate
from service.stream.kernels.rounding import copy, store
from service.stream.kernels.run import fill_strip
from service.stream.kernels.scratch import STRIP

WIDEST_TILE = 4 * STRIP - 8
"""Elements: a strip less the ends of the first and the last block."""
ZERO = np.uint64(0)


class Sheet(NamedTuple):
    """Rows of `length` elements that are consecutive in the stream.

    In the stream the rows lie `stride` apart. In `out` a row's elements lie `row_step` apart and
    the rows `step`; one of both is 1.
    """

    length: int
    row_step: int
    rows: int
    stride: int
    step: int


@compiled
def scatter(recipe, element, sheet, axes, scratch, out):
    """Write a box to `out`: its first element, its sheets, and the axes above them.

    axes int64, shape (3, n): extents, strides in the stream, steps in `out`.
    """
    recipe, scratch, out = borrowed_recipe(recipe), borrowed_scratch(scratch), borrowed(out)
    position = np.zeros(axes.shape[1], np.int64)
    sheets, target = 1, 0
    for extent in axes[0]:
        sheets *= extent
    for _ in range(sheets):
        place = out[target * recipe.itemsize :]
        if sheet.row_step == 1:
            fill_rows(recipe, element, sheet, scratch, place)
        else:
            fill_columns(recipe, element, sheet, scratch, place)
        element, target = advance(position, axes, element, target)


@inlined
def advance(position, axes, element, target):
    """Step to the next sheet: the last axis counts fastest."""
    for axis in range(position.size - 1, -1, -1):
        position[axis] += 1
        element += axes[1, axis]
        target += axes[2, axis]
        if position[axis] < axes[0, axis]:
            break
        element -= axes[0, axis] * axes[1, axis]
        target -= axes[0, axis] * axes[2, axis]
        position[axis] = 0
    return element, target


@compiled
def fill_rows(recipe, element, sheet, scratch, out):
    """Write a sheet whose rows are written as they come, as many at a time as fill a strip."""
    start = 0
    while start < sheet.length:
        # A tile begins where a block does, so that the next one draws no block again.
        stop = min(sheet.length, start + WIDEST_TILE - ((element + start) & 3))
        place = out[start * recipe.itemsize :]
        fill_tile(recipe, element + start, stop - start, sheet, scratch, place)
        start = stop


@inlined
def fill_tile(recipe, element, size, sheet, scratch, out):
    """Write `size` elements of every row."""
    itemsize, codes = recipe.itemsize, scratch.codes
    most_skipped = 3 if sheet.stride & 3 else element & 3
    each = (most_skipped + size + 3) >> 2
    for row in range(0, sheet.rows, STRIP // each):
        count = min(sheet.rows - row, STRIP // each)
        first = element + row * sheet.stride
        for i in range(count):
            for j in range(each):
                scratch.blocks[i * each + j] = ((first + i * sheet.stride) >> 2) + j
        strip = codes[: 4 * count * each * itemsize]
        fill_strip(recipe, ZERO, count * each, 0, scratch, strip)
        for i in range(count):
            source = (4 * i * each + ((first + i * sheet.stride) & 3)) * itemsize
            target = (row + i) * sheet.step * itemsize
            width = size * itemsize
            copy(codes[source : source + width], out[target : target + width])


@compiled
def fill_columns(recipe, element, sheet, scratch, out):
    """Write a sheet whose rows are neighbours in `out`.

    Rows that begin alike within their blocks are evaluated together: every row, every second or
    every fourth.
    """
    kinds = 1 if sheet.stride & 3 == 0 else 2 if sheet.stride & 1 == 0 else 4
    for row in range(0, sheet.rows, kinds * STRIP):
        for kind in range(row, min(row + kinds, sheet.rows)):
            count = min(STRIP, (sheet.rows - kind + kinds - 1) // kinds)
            alike = Sheet(sheet.length, sheet.row_step, count, kinds * sheet.stride, kinds)
            place = out[kind * recipe.itemsize :]
            fill_alike(recipe, element + kind * sheet.stride, alike, scratch, place)


@inlined
def fill_alike(recipe, first, alike, scratch, out):
    """Write rows, at most a strip, whose stride is a multiple of a block.

    The same block of all of them gives four stretches of `out` as they are.
    """
    rows = alike.rows
    across = STRIP // rows
    for j in range(across):
        for i in range(rows):
            scratch.blocks[j * rows + i] = j + i * (alike.stride >> 2)
    past = (first + alike.length + 3) >> 2
    for block in range(first >> 2, past, across):
        columns = min(across, past - block)
        # Of a single block of each row some words may not be wanted: at its ends, or always.
        start = max(first - 4 * block, 0) if columns == 1 else 0
        stop = min(first + alike.length - 4 * block, 4) if columns == 1 else 4
        codes = row_codes(recipe, block, columns * rows, start & 2, (stop + 1) & 6, scratch)
        lay(recipe.itemsize, codes, first, block, columns, alike, out)


@inlined
def row_codes(recipe, base, count, start, stop, scratch):
    """The codes of blocks, bytes, a row for each word of a block: rows start ... stop - 1, even."""
    values32, values64, itemsize = scratch.values32, scratch.values64, recipe.itemsize
    begin, end = start * count, stop * count
    evaluate(recipe, np.uint64(base), count, count, begin, end, scratch, values32, values64)
    codes = scratch.codes[begin * itemsize : end * itemsize]
    store(recipe.code, values32[begin:end], values64[begin:end], codes)
    return scratch.codes[: 4 * count * itemsize]


@compiled
def lay(itemsize, codes, first, block, columns, alike, out):
    """Write the elements of so many blocks of alike rows to their places."""
    if itemsize == 1:
        lay_stretches(codes, first, block, columns, alike, out)
    elif itemsize == 2:
        source, target = codes.view(np.uint16), out.view(np.uint16)
        lay_stretches(source, first, block, columns, alike, target)
    elif itemsize == 4:
        source, target = codes.view(np.uint32), out.view(np.uint32)
        lay_stretches(source, first, block, columns, alike, target)
    else:
        source, target = codes.view(np.uint64), out.view(np.uint64)
        lay_stretches(source, first, block, columns, alike, target)


@compiled
def lay_stretches(codes, first, block, columns, alike, out):
    rows, step = alike.rows, alike.step
    start, end = max(first, 4 * block), min(first + alike.length, 4 * (block + columns))
    for element in range(start, end):
        source = ((element & 3) * columns + (element >> 2) - block) * rows
        target = (element - first) * alike.row_step
        if step == 1:
            copy(codes[source : source + rows], out[target : target + rows])
        else:
            copy(codes[source : source + rows], out[target : target + rows * step : step])
