"""The mask of a sparse draw: a keyed permutation of the places of each unit.

docs/stream-v1-drafts.md, "Sparse draws", defines it. `service.stream.reference.sparse` is the same
in NumPy.
"""

import numpy as np

from service.stream import literals, sparse_literals
from service.stream.kernels.compiled import compiled, inlined
from service.stream.kernels.words import block_words

FIRST, SECOND = (np.uint64(m) for m in sparse_literals.MASK_MULTIPLIERS)
WORD = np.uint64(0xFFFFFFFF)
SHIFTS = tuple(np.uint64(shift) for shift in sparse_literals.MASK_SHIFTS)
PURPOSES = tuple(
    np.uint64(purpose << literals.PURPOSE_SHIFT)
    for purpose in (sparse_literals.PURPOSE_MASKS, sparse_literals.PURPOSE_LOW_MASKS)
)
KEY_MULTIPLIER = np.uint64(sparse_literals.KEY_MULTIPLIER)
KEY_ADDED = np.uint64(sparse_literals.KEY_ADDED)
LAST_BLOCK = np.uint64(2**56 - 1)


@inlined
def mixed(half, key, width):
    """The round function: the `width` upper bits of a hash of 32 bits; uint64 arguments."""
    value = ((half ^ key) * FIRST) & WORD
    value = ((value ^ (value >> SHIFTS[0])) * SECOND) & WORD
    return (value ^ (value >> SHIFTS[1])) >> (np.uint64(32) - width)


@inlined
def permuted(place, keys, width):
    """One pass of the Feistel network over 2 width bits; uint64 arguments, keys shape (16,)."""
    low = (np.uint64(1) << width) - np.uint64(1)
    left, right = place >> width, place & low
    for key in keys:
        left, right = right, left ^ mixed(right, key, width)
    return (left << width) | right


@compiled
def fill_mask(elements, zeros, length, step, width, address, out):
    """Write whether each element is 0.

    elements int64, shape (n,); zeros, length, step int64; width uint64; address uint32, shape (4,),
    as `words.fill_words` takes it; out bool, shape (n,).
    """
    keys = np.empty(16, np.uint64)
    known = np.int64(-1)
    for i in range(elements.size):
        outer, inside = elements[i] // step, elements[i] % step
        unit, place = outer // length * step + inside, np.uint64(outer % length)
        if unit != known:
            known = unit
            block = np.uint64(unit) & LAST_BLOCK
            for half in range(2):
                w0, w1, w2, w3 = block_words(
                    block,
                    PURPOSES[half],
                    np.uint64(address[2]),
                    np.uint64(address[3]),
                    np.uint64(address[0]),
                    np.uint64(address[1]),
                )
                keys[4 * half], keys[4 * half + 1] = w0 & WORD, w1 & WORD
                keys[4 * half + 2], keys[4 * half + 3] = w2 & WORD, w3 & WORD
            for later in range(8):
                keys[8 + later] = (keys[later] * KEY_MULTIPLIER + KEY_ADDED) & WORD
        place = permuted(place, keys, width)
        while place >= np.uint64(length):
            place = permuted(place, keys, width)
        out[i] = place < np.uint64(zeros)


def mask(draw, address, elements):
    """Whether each element of a `Sparse` draw is 0: int64 numbers to bool, shape (n,)."""
    words = (address.seed, address.seed >> 32, address.stream, address.stream >> 32)
    words = np.array([word & 0xFFFFFFFF for word in words], np.uint32)
    out = np.empty(elements.shape, np.bool_)
    width = np.uint64(half_width(draw.length))
    fill_mask(elements, draw.zeros, draw.length, draw.step, width, words, out)
    return out


def half_width(length):
    """Half the bits of the permuted numbers: the least b >= 1 with 2^(2b) >= length."""
    return max(1, ((length - 1).bit_length() + 1) // 2)
