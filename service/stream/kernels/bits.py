"""Bits seen another way: floats as integers, integers as floats, two words as one."""

import numpy as np
from numba import types
from numba.extending import intrinsic

from service.stream.kernels.compiled import inlined

INTEGER_OF = {types.float32: types.int32, types.float64: types.int64}
FLOAT_OF = {types.int32: types.float32, types.int64: types.float64}
UPPER = np.uint64(32)


def _bitcast(context, builder, signature, arguments):
    """One LLVM bitcast: the bits stay, the type changes."""
    return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))


@intrinsic
def bits_of(_typing, value):
    """`bits(x)` of section 1: of a float32 as int32, of a float64 as int64."""
    return INTEGER_OF[value](value), _bitcast


@intrinsic
def float_of(_typing, bits):
    """`float(b)` of section 1: of an int32 as float32, of an int64 as float64."""
    return FLOAT_OF[bits](bits), _bitcast


@inlined
def wide_word(word, low_word):
    """W = 2^32 w + w' of section 2: uint64 of two uint32."""
    # The shift is typed: Numba makes float64 of uint64 with a signed integer.
    return (np.uint64(word) << UPPER) | np.uint64(low_word)
