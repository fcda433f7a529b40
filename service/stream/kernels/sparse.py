"""The mask of a sparse draw: a keyed permutation of the places of each unit.

docs/stream-v1-drafts.md, "Sparse draws", defines it. `service.stream.reference.sparse` is the same
in NumPy.

Elements are done a strip at a time, so that every loop but the search for keys runs in vectors. The
keys of a unit are kept for further strips: in many layouts neighbours are in different units, which
come again in the next row.
"""

import numpy as np

from service.stream import sparse_literals
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.words import fill_words

FIRST, SECOND = (np.uint32(m) for m in sparse_literals.MASK_MULTIPLIERS)
SHIFTS = tuple(np.uint32(shift) for shift in sparse_literals.MASK_SHIFTS)
PURPOSE, LOW_PURPOSE = (
    np.uint32(sparse_literals.PURPOSE_MASKS),
    np.uint32(sparse_literals.PURPOSE_LOW_MASKS),
)
KEY_MULTIPLIER = np.uint32(sparse_literals.KEY_MULTIPLIER)
KEY_ADDED = np.uint32(sparse_literals.KEY_ADDED)
LAST_BLOCK = np.uint64(2**56 - 1)
WORD_BITS, ONE, ZERO = np.uint32(32), np.uint32(1), np.uint64(0)

ROUNDS = 16
STRIP = 1024
"""Elements that are done at a time."""
MOST_UNITS = 2 * STRIP
"""The most units whose keys are kept: 128 KiB."""
BUCKETS = 4 * MOST_UNITS
"""The buckets of the table that finds the keys of a unit; a power of two."""
SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio: numbers of units become numbers of buckets (Knuth, volume 3,
section 6.4)."""
SPREAD_SHIFT = np.uint64(64 - (BUCKETS - 1).bit_length())


@compiled
def fill_mask(elements, zeros, length, step, width, address, out):
    """Write whether each element is 0.

    elements int64, shape (n,); zeros, length, step int64; width uint32; address uint32, shape (4,),
    as `words.fill_words` takes it; out bool, shape (n,).
    """
    keys = np.empty((ROUNDS, MOST_UNITS), np.uint32)
    buckets, units = np.full(BUCKETS, -1, np.int32), np.empty(MOST_UNITS, np.int64)
    slots, indexes = np.empty(STRIP, np.uint32), np.empty(STRIP, np.uint32)
    lefts, rights = np.empty(STRIP, np.uint32), np.empty(STRIP, np.uint32)
    words = np.empty(4 * STRIP, np.uint32)
    chosen = np.empty((2, STRIP), np.uint32)
    low, kept = (ONE << width) - ONE, 0
    for start in range(0, elements.size, STRIP):
        count = min(STRIP, elements.size - start)
        if kept + count > MOST_UNITS:
            buckets[:] = -1
            kept = 0
        known, last, slot = kept, np.int64(-1), 0
        for i in range(count):
            outer = np.uint64(elements[start + i]) // np.uint64(step)
            inside = elements[start + i] - np.int64(outer) * step
            line = outer // np.uint64(length)
            place = outer - line * np.uint64(length)
            unit = np.int64(line) * step + inside
            if unit != last:
                last = unit
                slot, kept = find(unit, buckets, units, kept)
            slots[i], indexes[i] = slot, i
            lefts[i] = np.uint32(place >> np.uint64(width))
            rights[i] = np.uint32(place) & low
        make_keys(units, known, kept, address, words, keys)
        part = out[start : start + count]
        while count > 0:
            permute(lefts, rights, slots, count, keys, chosen, width)
            count = settle(lefts, rights, slots, indexes, count, zeros, length, width, part)


@inlined
def find(unit, buckets, units, kept):
    """The slot of a unit's keys, and how many units have one; a new unit gets the next slot."""
    bucket = np.int64((np.uint64(unit) * SPREAD) >> SPREAD_SHIFT)
    while buckets[bucket] >= 0 and units[buckets[bucket]] != unit:
        bucket = (bucket + 1) & (BUCKETS - 1)
    slot = np.int64(buckets[bucket])
    if slot < 0:
        slot = kept
        buckets[bucket], units[slot] = slot, unit
        kept += 1
    return slot, kept


@compiled
def make_keys(units, begin, end, address, words, keys):
    """Write the keys of units[begin:end]: eight words, then eight that are made from them.

    units int64, shape (MOST_UNITS,); words uint32, shape (4 STRIP,), is overwritten; keys uint32,
    shape (ROUNDS, MOST_UNITS).
    """
    blocks = np.empty(end - begin, np.uint64)
    for i in range(end - begin):
        blocks[i] = np.uint64(units[begin + i]) & LAST_BLOCK
    for half in range(2):
        purpose = LOW_PURPOSE if half else PURPOSE
        fill_words(ZERO, blocks, end - begin, address, purpose, words)
        for word in range(4):
            row = 4 * half + word
            for i in range(end - begin):
                key = words[4 * i + word]
                keys[row, begin + i] = key
                keys[row + 8, begin + i] = np.uint32(np.uint32(key * KEY_MULTIPLIER) + KEY_ADDED)


@compiled
def permute(lefts, rights, slots, count, keys, chosen, width):
    """One pass of the Feistel network over 2 width bits, for `count` places.

    chosen uint32, shape (2, STRIP), is overwritten.
    """
    shift = np.uint32(WORD_BITS - width)
    for first in range(0, ROUNDS, 2):
        # Keys are copied in a loop of their own: LLVM makes no vectors of a loop that writes, and
        # reads from places that it does not know.
        for i in range(count):
            chosen[0, i] = keys[first, slots[i]]
            chosen[1, i] = keys[first + 1, slots[i]]
        # Two rounds, so that neither half has to move.
        change(lefts[:count], rights[:count], chosen[0, :count], shift)
        change(rights[:count], lefts[:count], chosen[1, :count], shift)


@compiled
def change(halves, others, keys, shift):
    """One round: each half is changed by the other one; all uint32, shape (n,)."""
    for i in range(halves.size):
        halves[i] = np.uint32(halves[i] ^ mixed(others[i], keys[i], shift))


@inlined
def mixed(half, key, shift):
    """The round function: the upper bits of a hash of 32 bits; uint32 arguments."""
    value = np.uint32(np.uint32(half ^ key) * FIRST)
    value = np.uint32(np.uint32(value ^ np.uint32(value >> SHIFTS[0])) * SECOND)
    return np.uint32(np.uint32(value ^ np.uint32(value >> SHIFTS[1])) >> shift)


@compiled
def settle(lefts, rights, slots, indexes, count, zeros, length, width, out):
    """Write the mask of places below `length`. Move the others to the front, to be permuted again.

    Returns the number of others.
    """
    others = 0
    for i in range(count):
        place = (np.int64(lefts[i]) << np.int64(width)) | np.int64(rights[i])
        out[indexes[i]] = place < zeros
        lefts[others], rights[others] = lefts[i], rights[i]
        slots[others], indexes[others] = slots[i], indexes[i]
        others += place >= length
    return others


def mask(draw, address, elements):
    """Whether each element of a `Sparse` draw is 0: int64 numbers to bool, shape (n,)."""
    words = (address.seed, address.seed >> 32, address.stream, address.stream >> 32)
    words = np.array([word & 0xFFFFFFFF for word in words], np.uint32)
    out = np.empty(elements.shape, np.bool_)
    width = np.uint32(half_width(draw.length))
    fill_mask(elements, draw.zeros, draw.length, draw.step, width, words, out)
    return out


def half_width(length):
    """Half the bits of the permuted numbers: the least b >= 1 with 2^(2b) >= length."""
    return max(1, ((length - 1).bit_length() + 1) // 2)
