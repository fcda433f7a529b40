"""The memory that kernels work in, and how compiled code is handed arrays."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

STRIP = 1024
"""Blocks that are evaluated at a time. Words and values of a strip stay in a first-level cache."""


class Scratch(NamedTuple):
    """Memory for one strip, of one thread."""

    blocks: npt.NDArray[np.uint64]
    """Shape (STRIP,): the blocks to draw, counted from a base that comes with them."""
    words: npt.NDArray[np.uint32]
    """Shape (4 STRIP,): their words of purpose 0."""
    low_words: npt.NDArray[np.uint32]
    """Shape (4 STRIP,): their words of purpose 1, for float64."""
    values32: npt.NDArray[np.float32]
    """Shape (4 STRIP,): values of every dtype but float64."""
    values64: npt.NDArray[np.float64]
    """Shape (4 STRIP,): values of float64."""
    encoded: npt.NDArray[np.uint8]
    """Shape (32 STRIP,): values as bytes of their dtype, at most 8 each."""
    drawn: npt.NDArray[np.int64]
    """Shape (1,): the number of blocks drawn so far. A test compares it with the predicted cost."""


def new_scratch() -> Scratch:
    """Memory of one thread, about 140 KiB."""
    return Scratch(
        np.empty(STRIP, np.uint64),
        np.empty(4 * STRIP, np.uint32),
        np.empty(4 * STRIP, np.uint32),
        np.empty(4 * STRIP, np.float32),
        np.empty(4 * STRIP, np.float64),
        np.empty(32 * STRIP, np.uint8),
        np.zeros(1, np.int64),
    )


@intrinsic
def borrowed(_typing, value):
    """Return the same array, or named tuple of arrays, without reference counting.

    The caller keeps the memory alive. Numba otherwise counts references with an atomic operation
    for each slice and each call, which takes a fifth of the time of a strip.
    """

    def uncounted(context, builder, _signature, arguments):
        if isinstance(value, types.Array):
            return _without_owner(context, builder, value, arguments[0])
        members = [
            _without_owner(context, builder, member, builder.extract_value(arguments[0], place))
            for place, member in enumerate(value)
        ]
        return context.make_tuple(builder, value, members)

    return value(value), uncounted


def _without_owner(context, builder, array_type, value):
    """An array without its owner, whose references Numba would count; anything else as it is."""
    if not isinstance(array_type, types.Array):
        return value
    view = make_array(array_type)(context, builder, value)
    view.meminfo = view.meminfo.type(None)
    return view._getvalue()
