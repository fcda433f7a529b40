"""Bits seen another way: floats as integers, integers as floats, two words as one."""

import numpy as np
from numba import types
from numba.extending import intrinsic

from service.stream.kernels.compiled import inlined

INTEGER_OF = {types.float32: types.int32, types.float64: types.int64}
FLOAT_OF = {types.int32: types.float32, types.int64: types.float64}
UPPER = np.uint64(32)


def _bitcast(context, builder, signature, arguments):
    return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))


@intrinsic
def bits_of(_typing, value):
    """The bits of a float32 as int32, of a float64 as int64."""
    return INTEGER_OF[value](value), _bitcast


@intrinsic
def float_of(_typing, bits):
    """The float whose bits these are."""
    return FLOAT_OF[bits](bits), _bitcast


@inlined
def wide_word(word, low_word):
    """The uint64 of two words; every constant is typed, or Numba would compute in float64."""
    return (np.uint64(word) << UPPER) | np.uint64(low_word)
