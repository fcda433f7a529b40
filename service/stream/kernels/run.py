"""A run of consecutive elements, and a box of elements anywhere in the stream, to bytes."""

import numpy as np

from service.stream.kernels.compiled import compiled
from service.stream.kernels.evaluate import evaluate
from service.stream.kernels.rounding import store

STRIP = 512
"""Blocks evaluated at a time: words and values of a strip stay in a first-level cache."""

NARROWEST_TILE = 16
"""Elements of a row in one tile: enough to fill the cache lines that neighbouring rows share."""
WIDEST_TILE = 4 * STRIP - 8
"""A strip less the ends of the first and the last block."""


@compiled
def run(kind, code, itemsize, first, address, constants32, constants64, bounds, scratch, out):
    """Write elements first, first + 1, ... of the stream to `out`, as many as it has room for."""
    blocks, values32, values64 = scratch[0], scratch[2], scratch[3]
    block = np.uint64(first) >> np.uint64(2)
    skip = np.int64(np.uint64(first) & np.uint64(3))
    total = out.size // itemsize
    done = 0
    while done < total:
        count = min(STRIP, (skip + total - done + 3) >> 2)
        for j in range(count):
            blocks[j] = block + np.uint64(j)
        evaluate(kind, count, address, constants32, constants64, scratch)
        size = min(4 * count - skip, total - done)
        target = out[done * itemsize : (done + size) * itemsize]
        store(code, values32[skip:], values64[skip:], bounds[0], bounds[1], target)
        block += np.uint64(count)
        done += size
        skip = 0


@compiled
def scatter(
    kind, code, itemsize, box, axes, address, constants32, constants64, bounds, scratch, out
):
    """Write a box of elements to `out`, wherever in the stream they lie.

    box int64: (first element, row length, row step, rows a sheet, sheet stride, sheet step). A
    row is consecutive in the stream and `row step` elements apart in `out`; the rows of a sheet
    lie `sheet stride` apart in the stream and `sheet step` apart in `out`, where they should be
    neighbours. axes int64, shape (3, n), tells of the n axes above the sheet: extents, strides in
    the stream, steps in `out`.
    """
    element, length, row_step, rows, sheet_stride, sheet_step = box
    position = np.zeros(axes.shape[1], np.int64)
    sheets, target = 1, 0
    for extent in axes[0]:
        sheets *= extent
    width = WIDEST_TILE
    if row_step > 1:
        width = min(max(NARROWEST_TILE, 4 * (STRIP // rows - 2)), WIDEST_TILE)
    for _ in range(sheets):
        start = 0
        while start < length:
            # A tile begins where a block does, so that the next one draws no block again.
            stop = min(length, start + width - ((element + start) & 3))
            tile = np.array(
                (element + start, stop - start, row_step, rows, sheet_stride, sheet_step)
            )
            fill_tile(
                kind, code, itemsize, tile, address, constants32, constants64, bounds, scratch,
                out[(target + start * row_step) * itemsize :],
            )  # fmt: skip
            start = stop
        element, target = advance(position, axes, element, target)


@compiled
def fill_tile(kind, code, itemsize, tile, address, constants32, constants64, bounds, scratch, out):
    """Write a stretch of every row of a sheet, as many rows at a time as fill a strip."""
    blocks, values32, values64 = scratch[0], scratch[2], scratch[3]
    packed, starts = scratch[4], scratch[5]
    element, size, row_step, rows, sheet_stride, sheet_step = tile
    each = (size + 6) >> 2
    row = 0
    while row < rows:
        count = min(rows - row, STRIP // each)
        for i in range(count):
            first = element + (row + i) * sheet_stride
            starts[i] = 4 * i * each + (first & 3)
            for j in range(each):
                blocks[i * each + j] = np.uint64((first >> 2) + j)
        evaluate(kind, count * each, address, constants32, constants64, scratch)
        batch = packed[: 4 * count * each * itemsize]
        store(code, values32, values64, bounds[0], bounds[1], batch)
        target = out[row * sheet_step * itemsize :]
        spread(itemsize, starts, count, size, row_step, sheet_step, batch, target)
        row += count


@compiled
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
def spread(itemsize, starts, rows, size, row_step, sheet_step, packed, out):
    """Move the rows, elements of `itemsize` bytes, to where they belong."""
    if itemsize == 1:
        move(starts, rows, size, row_step, sheet_step, packed, out)
    elif itemsize == 2:
        source, target = packed.view(np.uint16), out.view(np.uint16)
        move(starts, rows, size, row_step, sheet_step, source, target)
    elif itemsize == 4:
        source, target = packed.view(np.uint32), out.view(np.uint32)
        move(starts, rows, size, row_step, sheet_step, source, target)
    else:
        source, target = packed.view(np.uint64), out.view(np.uint64)
        move(starts, rows, size, row_step, sheet_step, source, target)


@compiled
def move(starts, rows, size, row_step, sheet_step, source, target):
    """target[row sheet_step + i row_step] = element i of a row, along the sheet first."""
    if sheet_step == 1:
        for i in range(size):
            for row in range(rows):
                target[i * row_step + row] = source[starts[row] + i]
    else:
        for row in range(rows):
            for i in range(size):
                target[row * sheet_step + i * row_step] = source[starts[row] + i]
