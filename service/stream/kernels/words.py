"""Random words (docs/stream-v1.md, section 2): Philox4x32-10 for a strip of blocks.

Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

import numpy as np

from service.stream import literals
from service.stream.kernels.compiled import compiled, inlined

M0, M1 = (np.uint64(m) for m in literals.PHILOX_MULTIPLIERS)
STEP0, STEP1 = (np.uint64(w) for w in literals.PHILOX_KEY_STEPS)
ROUNDS = literals.PHILOX_ROUNDS
UPPER, WORD = np.uint64(32), np.uint64(0xFFFFFFFF)
PURPOSE_SHIFT = np.uint64(literals.PURPOSE_SHIFT)


@inlined
def philox_round(c0, c1, c2, c3, k0, k1):
    """One round of section 2. All arguments are uint64 of which only the lower half counts.

    A product of 64 bits is then already the two words of the next round: its upper half after a
    shift, its lower half as it is. Masking is left to where a word is multiplied.
    """
    product0 = (c0 & WORD) * M0
    product1 = (c2 & WORD) * M1
    return (product1 >> UPPER) ^ c1 ^ k0, product1, (product0 >> UPPER) ^ c3 ^ k1, product0


@inlined
def block_words(block, above, stream0, stream1, k0, k1):
    """The four words of a block, each the lower half of a uint64.

    block, stream0, stream1, k0, k1 uint64; above uint64, the purpose shifted to its place in c1.
    """
    c0, c1, c2, c3 = block, (block >> UPPER) | above, stream0, stream1
    for _ in range(ROUNDS):
        c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1)
        k0, k1 = k0 + STEP0, k1 + STEP1
    return c0, c1, c2, c3


@compiled
def fill_words(base, blocks, count, address, purpose, words):
    """Write the words of blocks base + blocks[j], j < count: four a block, as in the stream.

    base uint64; blocks uint64, shape (count,) or longer; address uint32, shape (4,): key low, key
    high, stream low, stream high; purpose uint32; words uint32, shape (4 count,) or longer.
    """
    above = np.uint64(purpose) << PURPOSE_SHIFT
    key0, key1 = np.uint64(address[0]), np.uint64(address[1])
    stream0, stream1 = np.uint64(address[2]), np.uint64(address[3])
    for j in range(count):
        w0, w1, w2, w3 = block_words(base + blocks[j], above, stream0, stream1, key0, key1)
        words[4 * j], words[4 * j + 1] = np.uint32(w0), np.uint32(w1)
        words[4 * j + 2], words[4 * j + 3] = np.uint32(w2), np.uint32(w3)


@compiled
def fill_word_rows(base, blocks, count, address, purpose, words):
    """Write the same words, arranged by their place in a block: word i of block j at i count + j.

    Arguments as in `fill_words`. Boxes whose rows are neighbours in the output need them so.
    """
    above = np.uint64(purpose) << PURPOSE_SHIFT
    key0, key1 = np.uint64(address[0]), np.uint64(address[1])
    stream0, stream1 = np.uint64(address[2]), np.uint64(address[3])
    for j in range(count):
        w0, w1, w2, w3 = block_words(base + blocks[j], above, stream0, stream1, key0, key1)
        words[j], words[count + j] = np.uint32(w0), np.uint32(w1)
        words[2 * count + j], words[3 * count + j] = np.uint32(w2), np.uint32(w3)
