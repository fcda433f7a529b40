"""What a thread works in: four rows of words, of values and of codes, and what boxes need."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

STRIP = 1024
"""Blocks evaluated at a time: words and values of a strip stay in a first-level cache."""


class Scratch(NamedTuple):
    """Memory for a strip of n blocks: row i, n long, holds what word i of each block became."""

    blocks: npt.NDArray[np.uint64]
    words: npt.NDArray[np.uint32]
    low_words: npt.NDArray[np.uint32]
    values32: npt.NDArray[np.float32]
    values64: npt.NDArray[np.float64]
    codes: npt.NDArray[np.uint8]


def new_scratch() -> Scratch:
    """Memory of one thread, about 120 KiB."""
    return Scratch(
        np.empty(STRIP, np.uint64),
        np.empty(4 * STRIP, np.uint32),
        np.empty(4 * STRIP, np.uint32),
        np.empty(4 * STRIP, np.float32),
        np.empty(4 * STRIP, np.float64),
        np.empty(32 * STRIP, np.uint8),
    )
