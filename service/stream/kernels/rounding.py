"""The last step of every draw (docs/stream-v1.md, section 3): into the bounds, then to the dtype.

A dtype is not known here by its name but by how it is encoded, so a further dtype of 16 or 8 bits
needs no further kernel: its four numbers (`service.stream.precision.Narrowing`) come at run time.
"""

import numpy as np

from service.stream.kernels.bits import bits_of, float_of
from service.stream.kernels.compiled import compiled, inlined
from service.stream.precision import NARROW, PRECISIONS

FLOAT32, FLOAT64, BFLOAT16, NARROW_16, NARROW_8 = range(5)
"""The ways of encoding. BFLOAT16 serves the one format of 16 bits with float32's exponents."""

STRIP = 1024
"""Values that are rounded to float32 at a time."""

MAGNITUDE, SIGN, ONE = np.int32(0x7FFFFFFF), np.int32(-0x80000000), np.int32(1)
UPPER_HALF, BELOW_HALF, BIT = np.uint32(16), np.uint32(0x7FFF), np.uint32(1)
SIGN_TO_16, SIGN_TO_8 = np.int32(16), np.int32(24)


def encoding_of(dtype: str) -> int:
    """Return how values are encoded in the dtype."""
    if dtype not in NARROW:
        return FLOAT64 if PRECISIONS[dtype].itemsize == 8 else FLOAT32
    if NARROW[dtype].rebias == 0:
        return BFLOAT16
    return NARROW_16 if PRECISIONS[dtype].itemsize == 2 else NARROW_8


@inlined
def clamped(value, low, high):
    """Section 3, "Bounds": value, or the bound that it is beyond; all float32 or all float64.

    A NaN stays. So does -0 where a bound is +0, and neither `min` nor `max` would promise that.
    """
    raised = low if value < low else value
    return high if raised > high else raised


@inlined
def store(encoding, narrowing, values32, values64, out):
    """Section 3, "Dtype": encode as many values as `out` has room for.

    encoding one of the numbers above; narrowing int32, shape (4,); values32 float32 or, for
    FLOAT64, values64 float64; out uint8, a whole number of elements.
    """
    if encoding == FLOAT32:
        copy(values32, out.view(np.float32))
    elif encoding == FLOAT64:
        copy(values64, out.view(np.float64))
    elif encoding == BFLOAT16:
        narrow_bfloat16(values32, out.view(np.uint16))
    elif encoding == NARROW_16:
        narrow(values32, narrowing, SIGN_TO_16, out.view(np.uint16))
    else:
        narrow(values32, narrowing, SIGN_TO_8, out)


@compiled
def narrow(values, narrowing, sign_shift, encoded):
    """Round to 16 or 8 bits, ties to even.

    values float32, shape (n,) or longer; narrowing int32, shape (4,); sign_shift int32, from the
    sign of float32 down to that of the dtype; encoded uint16 or uint8, shape (n,).

    A normal result drops bits of the magnitude's pattern and rebiases the exponent. For a
    subnormal one, a float32 is added whose last place is worth the smallest subnormal number of the
    dtype. The sum is rounded to a multiple of that number, ties to even, and the multiple is the
    difference of the two patterns.
    """
    dropped, rebias, least_normal, anchor = narrowing[0], narrowing[1], narrowing[2], narrowing[3]
    # Each operation is cast back to int32, since Numba makes int64 of int32 - int32.
    below_half = np.int32((ONE << np.int32(dropped - ONE)) - ONE)
    anchor_value = float_of(np.int32(anchor))
    for i in range(encoded.size):
        bits = bits_of(values[i])
        magnitude = np.int32(bits & MAGNITUDE)
        # Half of what is dropped rounds up only if the last bit that is kept is odd.
        tie = np.int32(np.int32(magnitude >> dropped) & ONE)
        normal = np.int32(np.int32(magnitude + below_half) + np.int32(tie - rebias)) >> dropped
        subnormal = np.int32(bits_of(float_of(magnitude) + anchor_value) - anchor)
        pattern = np.int32(subnormal if magnitude < least_normal else normal)
        sign = np.uint32(np.int32(bits & SIGN)) >> np.uint32(sign_shift)
        encoded[i] = np.uint32(pattern) | sign


@compiled
def narrow_bfloat16(values, encoded):
    """Round to bfloat16: the upper half of the pattern, ties to even.

    values float32, shape (n,) or longer; encoded uint16, shape (n,).

    bfloat16 has float32's exponents, so that subnormal numbers are no case of their own and
    nothing is rebiased. `narrow` gives the same, slower.
    """
    for i in range(encoded.size):
        bits = np.uint32(bits_of(values[i]))
        tie = np.uint32(np.uint32(bits >> UPPER_HALF) & BIT)
        encoded[i] = np.uint16(np.uint32(bits + np.uint32(tie + BELOW_HALF)) >> UPPER_HALF)


@compiled
def copy(values, out):
    """Copy as many values as `out` has room for; both of any one dtype, one axis each."""
    for i in range(out.size):
        out[i] = values[i]


def encode(values, dtype, out):
    """Write float64 values to bytes, rounded to float32 first unless the dtype is float64.

    values float64, shape (n,); out uint8, n elements of the dtype.
    """
    narrowing = np.array(NARROW.get(dtype, (0, 0, 0, 0)), np.int32)
    store_all(encoding_of(dtype), narrowing, values, out)


@compiled
def store_all(encoding, narrowing, values, out):
    """`store` for float64 values that were not computed in the dtype, a strip at a time."""
    if encoding == FLOAT64:
        copy(values, out.view(np.float64))
        return
    values32, itemsize = np.empty(STRIP, np.float32), out.size // values.size
    for start in range(0, values.size, STRIP):
        strip = values[start : start + STRIP]
        for i in range(strip.size):
            values32[i] = np.float32(strip[i])
        target = out[start * itemsize : (start + strip.size) * itemsize]
        store(encoding, narrowing, values32, strip, target)
