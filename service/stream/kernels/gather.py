"""A box of elements that are scattered over the stream or over the bytes, each block drawn once.

`boxes` writes sheets of rows, which is fast if a sheet is large. Some boxes have only small sheets:
those of a tensor of eight short axes in Fortran order, or of a slice that keeps one element of each
row. Here the elements of a box are taken in the order of the stream, and each is written to its
place in `out`:

      in the stream, | between blocks            in `out`

      a . b . | . c . . | d e . .                d b . a . e c

Elements of one block follow each other in this order, so the block is drawn once for all of them.

A *part* is as many elements as fit the tables, at most PART. All parts have the same elements,
counted from the first one, so the tables say for every part which blocks it has, which words of
them are wanted, and where the elements are in `out`. A *strip* is the parts that are evaluated
together, at most 1024 blocks. Only the wanted words are transformed: a *unit* is a word, or the two
words that make a pair of normal values.

Element numbers, blocks and words are those of docs/stream-v1.md, section 2.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from service.stream.kernels.boxes import advance
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.evaluate import (
    LOW_WORDS,
    NORMAL_32,
    NORMAL_64,
    VALUES,
    draw_words,
    transform32,
    transform64,
)
from service.stream.kernels.memory import STRIP, borrowed
from service.stream.kernels.rounding import FLOAT32, FLOAT64, store

PART = 1024
"""The most elements of a part. In the worst case each has a block of its own: a whole strip."""
ZERO = np.uint64(0)


class Tables(NamedTuple):
    """What parts have in common. n is the elements of a part.

    The arrays of two axes have a row for each place in a block where a part may begin, 0 ... 3. A
    row is filled when it is needed first.
    """

    elements: npt.NDArray[np.int64]
    """Shape (n,): how far each element is behind the first one in the stream."""
    places: npt.NDArray[np.int64]
    """Shape (n,): how far it is behind the first one in `out`."""
    known: npt.NDArray[np.bool_]
    """Shape (4,): whether a row is filled."""
    blocks: npt.NDArray[np.int64]
    """Shape (4, n): each block of a part, counted from its first block in the stream."""
    units: npt.NDArray[np.int64]
    """Shape (4, n): each unit of a part, counted from the first one among all that are drawn."""
    sources: npt.NDArray[np.int64]
    """Shape (4, n): the value of each element, counted among those of the part's units."""


class Strip(NamedTuple):
    """The parts that are evaluated together. Shapes are (STRIP,): a part has at least a block."""

    rows: npt.NDArray[np.int64]
    """The row of the tables."""
    counts: npt.NDArray[np.int64]
    """The elements. The last part along an axis may have fewer than the tables."""
    places: npt.NDArray[np.int64]
    """Where the first element is in `out`."""
    blocks: npt.NDArray[np.int64]
    """The number of blocks in the parts before."""
    units: npt.NDArray[np.int64]
    """The number of units in the parts before."""


def parts_of(extents: tuple[int, ...]) -> tuple[int, int]:
    """How a box is divided into parts: the axis that is cut, and the elements of each position.

    `extents` are those of the axes in the order of `gather`. A part has all positions of the axes
    after the one that is cut, and PART // elements positions of that one, or what is left of it.
    """
    axis, size = len(extents) - 1, 1
    while axis > 0 and 2 * size * extents[axis] <= PART:
        size *= extents[axis]
        axis -= 1
    return axis, size


@compiled
def gather(parameters, element, axes, cut, size, scratch, out):
    """Write a box that begins at number `element`.

    parameters KernelParameters, not of a constant; element int64; axes int64, shape (3, m), m >= 1:
    of each axis the extent, the stride in the stream and the step in `out`, both in elements, the
    axis with the largest stride first; cut and size as `parts_of` returns them; scratch Scratch;
    out uint8, all bytes of the box.
    """
    parameters, scratch, out = borrowed(parameters), borrowed(scratch), borrowed(out)
    shift = unit_shift(parameters.transform)
    extent, stride, step = axes[0, cut], axes[1, cut], axes[2, cut]
    each = min(PART // size, extent)
    tables = new_tables(axes, cut, size * each)
    strip = new_strip()
    outer = axes[:, :cut]
    position = np.zeros(cut, np.int64)
    times = 1
    for along in outer[0]:
        times *= along
    parts, blocks, units, place = 0, 0, 0, 0
    for _ in range(times):
        for start in range(0, extent, each):
            first, count = element + start * stride, size * min(each, extent - start)
            row = first & 3
            if not tables.known[row]:
                fill_row(tables, row, shift)
            more_units = (tables.sources[row, count - 1] >> shift) + 1
            more = (tables.units[row, more_units - 1] >> (2 - shift)) + 1
            if blocks + more > STRIP:
                write(parameters, tables, strip, parts, blocks, units, shift, scratch, out)
                parts, blocks, units = 0, 0, 0
            for i in range(more):
                scratch.blocks[blocks + i] = (first >> 2) + tables.blocks[row, i]
            strip.rows[parts], strip.counts[parts] = row, count
            strip.places[parts] = place + start * step
            strip.blocks[parts], strip.units[parts] = blocks, units
            parts, blocks, units = parts + 1, blocks + more, units + more_units
        element, place = advance(position, outer, element, place)
    write(parameters, tables, strip, parts, blocks, units, shift, scratch, out)


@inlined
def unit_shift(transform):
    """1 if a unit is a pair of words, 0 if it is a word."""
    return 1 if transform in (NORMAL_32, NORMAL_64) else 0


@inlined
def new_strip():
    """Memory for the parts of a strip."""
    return Strip(
        np.empty(STRIP, np.int64),
        np.empty(STRIP, np.int64),
        np.empty(STRIP, np.int64),
        np.empty(STRIP, np.int64),
        np.empty(STRIP, np.int64),
    )


@inlined
def new_tables(axes, cut, count):
    """The tables of parts of `count` elements, without rows."""
    elements, places = np.zeros(count, np.int64), np.zeros(count, np.int64)
    size = 1
    for axis in range(axes.shape[1] - 1, cut - 1, -1):
        for i in range(size, min(count, size * axes[0, axis])):
            elements[i] = elements[i - size] + axes[1, axis]
            places[i] = places[i - size] + axes[2, axis]
        size *= axes[0, axis]
    return Tables(
        elements,
        places,
        np.zeros(4, np.bool_),
        np.empty((4, count), np.int64),
        np.empty((4, count), np.int64),
        np.empty((4, count), np.int64),
    )


@compiled
def fill_row(tables, row, shift):
    """Fill the row of parts whose first element is number `row` of a block."""
    blocks, units = 0, 0
    last_block, last_unit = np.int64(-1), np.int64(-1)
    for i in range(tables.elements.size):
        number = row + tables.elements[i]
        if number >> 2 != last_block:
            last_block = number >> 2
            tables.blocks[row, blocks] = last_block
            blocks += 1
        if number >> shift != last_unit:
            last_unit = number >> shift
            inside = last_unit & (3 >> shift)
            tables.units[row, units] = ((blocks - 1) << (2 - shift)) + inside
            units += 1
        tables.sources[row, i] = ((units - 1) << shift) + (number & shift)
    tables.known[row] = True


@compiled
def write(parameters, tables, strip, parts, blocks, units, shift, scratch, out):
    """Draw the blocks of a strip, and write the elements of its parts to their places."""
    words, low_words, size = scratch.words, scratch.low_words, units << shift
    wide = parameters.encoding == FLOAT64
    scratch.drawn[0] += blocks
    draw_words(parameters, ZERO, blocks, 0, scratch.blocks, VALUES, words)
    if wide:
        draw_words(parameters, ZERO, blocks, 0, scratch.blocks, LOW_WORDS, low_words)
    if size < 4 * blocks:
        pick(tables, strip, parts, units, shift, words)
        if wide:
            pick(tables, strip, parts, units, shift, low_words)
    values32, values64 = scratch.values32[:size], scratch.values64[:size]
    if wide:
        transform64(parameters, 0, words[:size], low_words[:size], values64)
        lay_parts(tables, strip, parts, shift, values64.view(np.uint64), out.view(np.uint64))
        return
    transform32(parameters, 0, words[:size], values32)
    if parameters.encoding == FLOAT32:
        lay_parts(tables, strip, parts, shift, values32.view(np.uint32), out.view(np.uint32))
        return
    encoded = scratch.encoded[: size * parameters.itemsize]
    store(parameters.encoding, parameters.narrowing, values32, values64, encoded)
    if parameters.itemsize == 2:
        lay_parts(tables, strip, parts, shift, encoded.view(np.uint16), out.view(np.uint16))
    else:
        lay_parts(tables, strip, parts, shift, encoded, out)


@compiled
def pick(tables, strip, parts, units, shift, words):
    """Move the words of all units to the front, in their order.

    words uint32, shape (4 STRIP,). A unit never moves back, so none is overwritten before it moves.
    """
    for part in range(parts):
        begin = strip.units[part]
        end = strip.units[part + 1] if part + 1 < parts else units
        skipped = strip.blocks[part] << (2 - shift)
        row = tables.units[strip.rows[part]]
        if shift == 1:
            for i in range(end - begin):
                source = 2 * (skipped + row[i])
                words[2 * (begin + i)] = words[source]
                words[2 * (begin + i) + 1] = words[source + 1]
        else:
            for i in range(end - begin):
                words[begin + i] = words[skipped + row[i]]


@compiled
def lay_parts(tables, strip, parts, shift, encoded, out):
    """Write the elements of a strip to their places.

    encoded and out unsigned integers of one width.
    """
    for part in range(parts):
        sources = tables.sources[strip.rows[part]]
        values = encoded[strip.units[part] << shift :]
        target = out[strip.places[part] :]
        for i in range(strip.counts[part]):
            target[tables.places[i]] = values[sources[i]]
