"""The mask of a sparse draw (docs/stream-v1-drafts.md, "Sparse draws") in NumPy."""

import numpy as np
import numpy.typing as npt

from service.stream import sparse_literals
from service.stream.address import Address
from service.stream.draws import Elements, Sparse
from service.stream.reference.arrays import WideWords
from service.stream.reference.philox import words

Mask = npt.NDArray[np.bool_]

WORD = np.uint64(2**32 - 1)


def mask(draw: Sparse, address: Address, elements: Elements) -> Mask:
    """Whether each element is 0, shape (n,)."""
    outer, inside = elements // draw.step, elements % draw.step
    units = outer // draw.length * draw.step + inside
    width = max(1, (draw.length.bit_length() - 1) // 2)
    keys = _keys(address, units, sparse_literals.ROUNDS[width > 1])
    rows = -(-draw.length >> width)
    places = _permuted((outer % draw.length).astype(np.uint64), keys, rows, width)
    while (outside := places >= draw.length).any():
        places[outside] = _permuted(places[outside], keys[outside], rows, width)
    zero: Mask = places < draw.zeros
    return zero


def _keys(address: Address, units: Elements, rounds: int) -> WideWords:
    """The keys of each unit, shape (n, rounds): four words, and those that are made from them."""
    blocks = units.astype(np.uint64) & np.uint64(2**56 - 1)
    keys = [words(address, blocks, sparse_literals.PURPOSE_MASKS).astype(np.uint64)]
    multiplier, added = (
        np.uint64(sparse_literals.KEY_MULTIPLIER),
        np.uint64(sparse_literals.KEY_ADDED),
    )
    while len(keys) < rounds // 4:
        keys.append((keys[-1] * multiplier + added) & WORD)
    return np.concatenate(keys, axis=1)


def _permuted(places: WideWords, keys: WideWords, rows: int, width: int) -> WideWords:
    """One pass of the Feistel network over `rows` rows and 2^width columns."""
    bits, count = np.uint64(width), np.uint64(rows)
    row, column = places >> bits, places & np.uint64((1 << width) - 1)
    for number, key in enumerate(keys.T):
        if number % 2 == 0:
            row = (row + (_hashed(column, key) * count >> np.uint64(32))) % count
        else:
            column = column ^ (_hashed(row, key) >> (np.uint64(32) - bits))
    return (row << bits) | column


def _hashed(half: WideWords, key: WideWords) -> WideWords:
    """A hash of 32 bits."""
    first, second = (np.uint64(multiplier) for multiplier in sparse_literals.MASK_MULTIPLIERS)
    above, below = (np.uint64(shift) for shift in sparse_literals.MASK_SHIFTS)
    value = ((half ^ key) * first) & WORD
    value = ((value ^ (value >> above)) * second) & WORD
    return value ^ (value >> below)
