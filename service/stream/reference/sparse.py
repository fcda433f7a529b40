"""The mask of a sparse draw (docs/stream-v1-drafts.md, "Sparse draws") in NumPy."""

import numpy as np
import numpy.typing as npt

from service.stream import sparse_literals
from service.stream.address import Address
from service.stream.draws import Elements, Sparse
from service.stream.reference.arrays import WideWords
from service.stream.reference.philox import words

Mask = npt.NDArray[np.bool_]


def mask(draw: Sparse, address: Address, elements: Elements) -> Mask:
    """Whether each element is 0, shape (n,)."""
    outer, inside = elements // draw.step, elements % draw.step
    units = outer // draw.length * draw.step + inside
    keys = _keys(address, units)
    width = max(1, ((draw.length - 1).bit_length() + 1) // 2)
    places = _permuted((outer % draw.length).astype(np.uint64), keys, width)
    while (outside := places >= draw.length).any():
        places[outside] = _permuted(places[outside], keys[outside], width)
    zero: Mask = places < draw.zeros
    return zero


def _keys(address: Address, units: Elements) -> WideWords:
    """The keys of each unit, shape (n, 16): eight words, then eight that are made from them."""
    blocks = units.astype(np.uint64) & np.uint64(2**56 - 1)
    purposes = (sparse_literals.PURPOSE_MASKS, sparse_literals.PURPOSE_LOW_MASKS)
    each = [words(address, blocks, purpose) for purpose in purposes]
    first = np.concatenate(each, axis=1).astype(np.uint64)
    multiplier, added = (
        np.uint64(sparse_literals.KEY_MULTIPLIER),
        np.uint64(sparse_literals.KEY_ADDED),
    )
    later = (first * multiplier + added) & np.uint64(2**32 - 1)
    return np.concatenate([first, later], axis=1)


def _permuted(places: WideWords, keys: WideWords, width: int) -> WideWords:
    """One pass of the Feistel network of sixteen rounds over numbers of 2 width bits."""
    bits = np.uint64(width)
    left, right = places >> bits, places & np.uint64((1 << width) - 1)
    for key in keys.T:
        left, right = right, left ^ _mixed(right, key, width)
    return (left << bits) | right


def _mixed(half: WideWords, key: WideWords, width: int) -> WideWords:
    """The upper bits of a hash of 32 bits."""
    first, second = (np.uint64(multiplier) for multiplier in sparse_literals.MASK_MULTIPLIERS)
    above, below = (np.uint64(shift) for shift in sparse_literals.MASK_SHIFTS)
    word = np.uint64(2**32 - 1)
    value = ((half ^ key) * first) & word
    value = ((value ^ (value >> above)) * second) & word
    return (value ^ (value >> below)) >> np.uint64(32 - width)
