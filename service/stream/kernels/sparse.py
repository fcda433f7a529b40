"""The mask of a sparse draw: a keyed permutation of the places of each unit.

docs/stream-v1-drafts.md, "Sparse draws", defines it. `service.stream.reference.sparse` is the same
in NumPy.

Elements are done a strip at a time. Each has a copy of its unit's keys, so that a pass of the
network is one loop in vectors, in every layout.
"""

import numpy as np

from service.stream import sparse_literals
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.integers import below_reciprocal, divided
from service.stream.kernels.words import PURPOSE_SHIFT, block_words

FIRST, SECOND = (np.uint32(m) for m in sparse_literals.MASK_MULTIPLIERS)
SHIFTS = tuple(np.uint32(shift) for shift in sparse_literals.MASK_SHIFTS)
PURPOSE = np.uint64(sparse_literals.PURPOSE_MASKS) << PURPOSE_SHIFT
KEY_MULTIPLIER = np.uint32(sparse_literals.KEY_MULTIPLIER)
KEY_ADDED = np.uint32(sparse_literals.KEY_ADDED)
MANY_ROUNDS, FEW_ROUNDS = (rounds // 4 for rounds in sparse_literals.ROUNDS)
LAST_BLOCK = np.int64(2**56 - 1)
WORD_BITS, SHIFT_BITS = np.uint32(32), np.uint32(31)

STRIP = 1024
"""Elements that are done at a time."""
LANES = 16
"""Passes are made for a multiple of so many places. A loop in vectors leaves no rest then, which
would take longer than all the others."""

KEY_0, KEY_1, KEY_2, KEY_3, LEFT, RIGHT = range(0, 6 * STRIP, STRIP)
"""Where the rows of a strip begin in its memory: the four random words of each place's unit, from
which the later keys are made, and the row and the column of the place. It is one array, because
LLVM makes no vectors of a loop that writes to one of many arrays."""


@compiled
def fill_mask(elements, zeros, length, step, width, address, out):
    """Write whether each element is 0.

    elements int64, shape (n,); zeros, length, step int64; width uint32; address uint32, shape (4,):
    key low, key high, stream low, stream high; out bool, shape (n,).
    """
    strip, units = np.empty(6 * STRIP, np.uint32), np.empty(STRIP, np.int64)
    starts, indexes = np.empty(STRIP + 1, np.int64), np.empty(STRIP, np.int64)
    others, beyond = np.empty(STRIP, np.int64), np.empty(STRIP, np.bool_)
    rows = np.uint32(-(-length >> np.int64(width)))
    numbers = np.int64(rows) << np.int64(width)
    for start in range(0, elements.size, STRIP):
        count = min(STRIP, elements.size - start)
        locate(elements[start : start + count], length, step, width, units, strip)
        runs = find_runs(units, count, starts)
        make_keys(units, runs, address, strip)
        repeat_keys(starts, runs, strip)
        permute(strip, count, rows, width)
        if numbers == length:
            write_mask(strip, count, zeros, width, out[start : start + count])
            continue
        for i in range(count):
            indexes[i] = i
        while count > 0:
            find_others(strip, count, length, width, beyond)
            count = settle(strip, beyond, indexes, others, count, zeros, width, out[start:])
            if runs > 1:
                move_keys(others, count, strip)
            permute(strip, count, rows, width)


@compiled
def locate(elements, length, step, width, units, strip):
    """Write the unit of each element, and the row and the column of its place."""
    over_step, over_length = below_reciprocal(step), below_reciprocal(length)
    low = (np.int64(1) << np.int64(width)) - np.int64(1)
    for i in range(elements.size):
        outer, inside = divided(elements[i], step, over_step)
        line, place = divided(outer, length, over_length)
        units[i] = line * step + inside
        strip[LEFT + i] = np.uint32(place >> np.int64(width))
        strip[RIGHT + i] = np.uint32(place & low)


@compiled
def find_runs(units, count, starts):
    """Move the unit of each run of equal units to the front, and write where the runs start.

    Returns the number of runs. The start behind the last one is `count`.
    """
    runs, last = 0, np.int64(-1)
    for i in range(count):
        unit = units[i]
        if unit != last:
            units[runs], starts[runs] = unit, i
            runs += 1
            last = unit
    starts[runs] = count
    return runs


@compiled
def make_keys(units, runs, address, strip):
    """Write the four words of the unit of each run, at its number."""
    key0, key1 = np.uint64(address[0]), np.uint64(address[1])
    stream0, stream1 = np.uint64(address[2]), np.uint64(address[3])
    for i in range(runs):
        block = np.uint64(units[i] & LAST_BLOCK)
        w0, w1, w2, w3 = block_words(block, PURPOSE, stream0, stream1, key0, key1)
        strip[KEY_0 + i], strip[KEY_1 + i] = np.uint32(w0), np.uint32(w1)
        strip[KEY_2 + i], strip[KEY_3 + i] = np.uint32(w2), np.uint32(w3)


@compiled
def repeat_keys(starts, runs, strip):
    """Copy the keys of each run to all of its elements, the last run first."""
    if starts[runs] == runs:
        return
    for run in range(runs - 1, -1, -1):
        k0, k1, k2, k3 = words_at(strip, run)
        for i in range(starts[run], starts[run + 1]):
            strip[KEY_0 + i], strip[KEY_1 + i] = k0, k1
            strip[KEY_2 + i], strip[KEY_3 + i] = k2, k3


@inlined
def words_at(strip, i):
    """The four words of a place."""
    return strip[KEY_0 + i], strip[KEY_1 + i], strip[KEY_2 + i], strip[KEY_3 + i]


@compiled
def permute(strip, count, rows, width):
    """One pass of the network over `rows` x 2^width numbers, for `count` places.

    It is also made for arbitrary numbers behind them, up to a multiple of LANES.
    """
    shift = shift_of(width)
    factor, added = np.uint32(1), np.uint32(0)
    for _ in range(FEW_ROUNDS if width > 1 else MANY_ROUNDS):
        for i in range(-(-count // LANES) * LANES):
            k0, k1, k2, k3 = words_at(strip, i)
            left, right = strip[LEFT + i], strip[RIGHT + i]
            left = moved(left, hashed(right, later(k0, factor, added)), rows)
            right = np.uint32(right ^ np.uint32(hashed(left, later(k1, factor, added)) >> shift))
            left = moved(left, hashed(right, later(k2, factor, added)), rows)
            right = np.uint32(right ^ np.uint32(hashed(left, later(k3, factor, added)) >> shift))
            strip[LEFT + i], strip[RIGHT + i] = left, right
        factor = np.uint32(factor * KEY_MULTIPLIER)
        added = np.uint32(np.uint32(added * KEY_MULTIPLIER) + KEY_ADDED)


@inlined
def moved(left, value, rows):
    """The row left + value rows / 2^32, rounded down, modulo the number of rows; all uint32."""
    distance = np.uint32((np.uint64(value) * np.uint64(rows)) >> np.uint64(32))
    there = np.uint32(left + distance)
    # Below 0 it would be a large number, so the smaller of both is the row.
    return min(there, np.uint32(there - rows))


@inlined
def hashed(half, key):
    """A hash of 32 bits; uint32."""
    value = np.uint32(np.uint32(half ^ key) * FIRST)
    value = np.uint32(np.uint32(value ^ np.uint32(value >> SHIFTS[0])) * SECOND)
    return np.uint32(value ^ np.uint32(value >> SHIFTS[1]))


@inlined
def later(key, factor, added):
    """The key of a later round, from the word that it is made from; uint32."""
    return np.uint32(np.uint32(key * factor) + added)


@inlined
def shift_of(width):
    """The bits of a hash that do not move the column; uint32.

    The compiler is told that they are below 32. It would shift 64 bits otherwise.
    """
    return np.uint32(np.uint32(WORD_BITS - width) & SHIFT_BITS)


@inlined
def left_of(number, width):
    """The upper half of a number of 2 width bits, uint32; number int64."""
    return np.uint32(number >> np.int64(width))


@inlined
def right_of(number, width):
    """The lower half of a number of 2 width bits, uint32; number int64."""
    return np.uint32(number & ((np.int64(1) << np.int64(width)) - np.int64(1)))


@inlined
def is_below(left, right, most_left, most_right):
    """Whether the number of two halves is below another one; all uint32."""
    return (left < most_left) | ((left == most_left) & (right < most_right))


@compiled
def write_mask(strip, count, zeros, width, out):
    """Write whether each place is among the first `zeros`."""
    most_left, most_right = left_of(zeros, width), right_of(zeros, width)
    for i in range(count):
        out[i] = is_below(strip[LEFT + i], strip[RIGHT + i], most_left, most_right)


@compiled
def find_others(strip, count, length, width, beyond):
    """Write which places are not below `length`."""
    most_left, most_right = left_of(length, width), right_of(length, width)
    for i in range(count):
        beyond[i] = not is_below(strip[LEFT + i], strip[RIGHT + i], most_left, most_right)


@compiled
def settle(strip, beyond, indexes, others, count, zeros, width, out):
    """Write the mask. Move the places that are beyond the length to the front, to go on with them.

    Their mask is written as well, and again later. Writes to `others` where they were, and returns
    their number.
    """
    most_left, most_right = left_of(zeros, width), right_of(zeros, width)
    moved = 0
    for i in range(count):
        left, right = strip[LEFT + i], strip[RIGHT + i]
        out[indexes[i]] = is_below(left, right, most_left, most_right)
        others[moved] = i
        moved += beyond[i]
    for i in range(moved):
        place = others[i]
        indexes[i] = indexes[place]
        strip[LEFT + i], strip[RIGHT + i] = strip[LEFT + place], strip[RIGHT + place]
    return moved


@compiled
def move_keys(others, count, strip):
    """Move the words of places that were moved to the front."""
    for i in range(count):
        k0, k1, k2, k3 = words_at(strip, others[i])
        strip[KEY_0 + i], strip[KEY_1 + i], strip[KEY_2 + i], strip[KEY_3 + i] = k0, k1, k2, k3


@compiled
def clear(zero, itemsize, out):
    """Write +0 to the elements of the mask.

    zero bool, shape (n,); itemsize in bytes, 1, 2, 4 or 8; out uint8, n elements.
    """
    if itemsize == 1:
        clear_words(zero, out)
    elif itemsize == 2:
        clear_words(zero, out.view(np.uint16))
    elif itemsize == 4:
        clear_words(zero, out.view(np.uint32))
    else:
        clear_words(zero, out.view(np.uint64))


@compiled
def clear_words(zero, words):
    """Write 0 to the words of the mask; words unsigned, shape (n,)."""
    for i in range(words.size):
        if zero[i]:
            words[i] = 0


def mask(draw, address, elements):
    """Whether each element of a `Sparse` draw is 0: int64 numbers to bool, shape (n,)."""
    words = (address.seed, address.seed >> 32, address.stream, address.stream >> 32)
    words = np.array([word & 0xFFFFFFFF for word in words], np.uint32)
    out = np.empty(elements.shape, np.bool_)
    width = np.uint32(column_bits(draw.length))
    fill_mask(elements, draw.zeros, draw.length, draw.step, width, words, out)
    return out


def column_bits(length):
    """The bits of a column: half of those of `length`, rounded down, and at least 1."""
    return max(1, (length.bit_length() - 1) // 2)
