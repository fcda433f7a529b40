"""Philox4x32-10 for a strip of blocks, one row of words for each of a block's four words."""

import numpy as np

from service.stream import literals
from service.stream.kernels.compiled import compiled, inlined

M0, M1 = (np.uint64(m) for m in literals.PHILOX_MULTIPLIERS)
STEP0, STEP1 = (np.uint32(w) for w in literals.PHILOX_KEY_STEPS)
ROUNDS = literals.PHILOX_ROUNDS
UPPER = np.uint64(32)
PURPOSE_SHIFT = np.uint32(literals.PURPOSE_SHIFT)


@inlined
def philox_round(c0, c1, c2, c3, k0, k1):
    product0 = np.uint64(c0) * M0
    product1 = np.uint64(c2) * M1
    return (
        np.uint32(product1 >> UPPER) ^ c1 ^ k0,
        np.uint32(product1),
        np.uint32(product0 >> UPPER) ^ c3 ^ k1,
        np.uint32(product0),
    )


@compiled
def fill_words(blocks, count, address, purpose, words):
    """Write word i of blocks[j] to words[i, j], j < count.

    blocks uint64, address uint32 (key low, key high, stream low, stream high), purpose uint32,
    words uint32 of four rows.
    """
    row0, row1, row2, row3 = words[0], words[1], words[2], words[3]
    above = np.uint32(purpose << PURPOSE_SHIFT)
    key0, key1, stream0, stream1 = address[0], address[1], address[2], address[3]
    for j in range(count):
        c0 = np.uint32(blocks[j])
        c1 = np.uint32(np.uint32(blocks[j] >> UPPER) | above)
        c2, c3, k0, k1 = stream0, stream1, key0, key1
        for _ in range(ROUNDS):
            c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1)
            k0, k1 = np.uint32(k0 + STEP0), np.uint32(k1 + STEP1)
        row0[j], row1[j], row2[j], row3[j] = c0, c1, c2, c3
