"""Random words (docs/stream-v1.md, section 2): Philox4x32-10, four words a block.

Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

import numpy as np

from service.stream import literals
from service.stream.address import Address
from service.stream.reference.arrays import WideWords, Words


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[int, int]) -> Words:
    """Return the four words of each of n counters, shape (n, 4).

    A round takes (c0, c1, c2, c3) to
    (high(M1 c2) ^ c1 ^ k0, low(M1 c2), high(M0 c0) ^ c3 ^ k1, low(M0 c0)).
    """
    c0, c1, c2, c3 = counter
    m0, m1 = (np.uint64(m) for m in literals.PHILOX_MULTIPLIERS)
    for step in range(literals.PHILOX_ROUNDS):
        k0, k1 = (
            np.uint32((k + step * w) & 0xFFFFFFFF)
            for k, w in zip(key, literals.PHILOX_KEY_STEPS, strict=True)
        )
        product0, product1 = c0.astype(np.uint64) * m0, c2.astype(np.uint64) * m1
        c0 = _high(product1) ^ c1 ^ k0
        c2 = _high(product0) ^ c3 ^ k1
        c1, c3 = _low(product1), _low(product0)
    return np.stack([c0, c1, c2, c3], axis=1)


def words(address: Address, blocks: WideWords, purpose: int = literals.PURPOSE_VALUES) -> Words:
    """Return the words of the given blocks, shape (n, 4); element i has word i mod 4 of i div 4.

    Counter: (block low, purpose << 24 | block high, stream low, stream high), block < 2^56.
    """
    counter = (
        _low(blocks),
        _high(blocks) | np.uint32(purpose << literals.PURPOSE_SHIFT),
        np.full(blocks.shape, address.stream & 0xFFFFFFFF, np.uint32),
        np.full(blocks.shape, address.stream >> 32, np.uint32),
    )
    return philox(counter, (address.seed & 0xFFFFFFFF, address.seed >> 32))


def wide_words(address: Address, blocks: WideWords) -> WideWords:
    """Return W = 2^32 w + w', w' being the same word under the low words' purpose; shape (n, 4)."""
    high = words(address, blocks).astype(np.uint64)
    low = words(address, blocks, literals.PURPOSE_LOW_WORDS)
    return (high << np.uint64(32)) | low


def _high(product: WideWords) -> Words:
    return (product >> np.uint64(32)).astype(np.uint32)


def _low(product: WideWords) -> Words:
    return (product & np.uint64(0xFFFFFFFF)).astype(np.uint32)
