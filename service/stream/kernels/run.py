"""A run of consecutive elements, and a box of elements anywhere in the stream, to bytes."""

import numpy as np

from service.stream.kernels.compiled import compiled
from service.stream.kernels.evaluate import evaluate
from service.stream.kernels.rounding import store

STRIP = 512
"""Blocks evaluated at a time: words and values of a strip stay in a first-level cache."""

LONGEST_PIECES = 4 * STRIP


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

    box int64: (first element, elements a row, bytes' worth of elements from one of a row to the
    next in `out`). A row is consecutive in the stream; axes int64, shape (3, n), tells of the n
    axes above the row: extents, strides in the stream, steps in `out`. Rows are taken in the
    stream's order, so that neighbours share their blocks; a batch of rows fills one strip.
    """
    blocks, values32, values64 = scratch[0], scratch[2], scratch[3]
    pieces, packed = scratch[4], scratch[5]
    element, length, step = box[0], box[1], box[2]
    position = np.zeros(axes.shape[1], np.int64)
    rows, target, done = 1, 0, 0
    for extent in axes[0]:
        rows *= extent
    while rows > 0:
        used, count = 0, 0
        while rows > 0 and used < STRIP and count < LONGEST_PIECES:
            size, used = claim(element + done, length - done, used, count, blocks, pieces)
            pieces[1, count] = target + done * step
            count += 1
            done += size
            if done == length:
                done = 0
                rows -= 1
                element, target = advance(position, axes, element, target)
        evaluate(kind, used, address, constants32, constants64, scratch)
        store(code, values32, values64, bounds[0], bounds[1], packed[: 4 * used * itemsize])
        spread(itemsize, pieces, count, step, packed, out)


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
