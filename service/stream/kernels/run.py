"""A run of consecutive elements, and a box of elements anywhere in the stream, to bytes."""

import numpy as np

from service.stream.kernels.compiled import compiled
from service.stream.kernels.evaluate import evaluate
from service.stream.kernels.rounding import store

STRIP = 512
"""Blocks evaluated at a time: words and values of a strip stay in a first-level cache."""

LONGEST_PIECES = 4 * STRIP

NARROWEST_TILE = 16
"""Elements of a row in one tile: enough to fill the cache lines that neighbouring rows share."""


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
    width = max(NARROWEST_TILE, 4 * STRIP // rows // 4 * 4)
    for _ in range(sheets):
        start = 0
        while start < length:
            # A tile begins where a block does, so that the next one draws no block again.
            stop = min(length, start + width - ((element + start) & 3))
            tile = (element + start, stop - start, target + start * row_step)
            fill_tile(
                kind, code, itemsize, tile, row_step, rows, sheet_stride, sheet_step,
                address, constants32, constants64, bounds, scratch, out,
            )  # fmt: skip
            start = stop
        element, target = advance(position, axes, element, target)


@compiled
def fill_tile(
    kind, code, itemsize, tile, row_step, rows, sheet_stride, sheet_step,
    address, constants32, constants64, bounds, scratch, out,
):  # fmt: skip
    """Write the same stretch of every row of a sheet, a strip of blocks at a time."""
    values32, values64, pieces, packed = scratch[2], scratch[3], scratch[4], scratch[5]
    element, size, target = tile
    row, done = 0, 0
    while row < rows:
        used, count = 0, 0
        while row < rows and used < STRIP and count < LONGEST_PIECES:
            start = element + row * sheet_stride + done
            taken, used = claim(start, size - done, used, count, scratch[0], pieces)
            pieces[1, count] = target + row * sheet_step + done * row_step
            count += 1
            done += taken
            if done == size:
                row, done = row + 1, 0
        evaluate(kind, used, address, constants32, constants64, scratch)
        store(code, values32, values64, bounds[0], bounds[1], packed[: 4 * used * itemsize])
        spread(itemsize, pieces, count, row_step, packed, out)


@compiled
def claim(element, wanted, used, count, blocks, pieces):
    """Append the blocks of a piece of a row, as much of it as the strip has room for."""
    block, lane = element >> 2, element & 3
    if used > 0 and blocks[used - 1] == np.uint64(block):
        used -= 1
    size = min(wanted, 4 * (STRIP - used) - lane)
    pieces[0, count] = 4 * used + lane
    pieces[2, count] = size
    more = ((lane + size + 3) >> 2) + used
    for j in range(used, more):
        blocks[j] = np.uint64(block + j - used)
    return size, more


@compiled
def advance(position, axes, element, target):
    """Step to the next row: the last axis counts fastest."""
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
def spread(itemsize, pieces, count, step, packed, out):
    """Move the pieces' elements, `itemsize` bytes each, to where they belong."""
    if itemsize == 1:
        move(pieces, count, step, packed, out)
    elif itemsize == 2:
        move(pieces, count, step, packed.view(np.uint16), out.view(np.uint16))
    elif itemsize == 4:
        move(pieces, count, step, packed.view(np.uint32), out.view(np.uint32))
    else:
        move(pieces, count, step, packed.view(np.uint64), out.view(np.uint64))


@compiled
def move(pieces, count, step, source, target):
    for piece in range(count):
        start, to = pieces[0, piece], pieces[1, piece]
        for i in range(pieces[2, piece]):
            target[to + i * step] = source[start + i]
