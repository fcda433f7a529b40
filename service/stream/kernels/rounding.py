"""Values to codes of their dtype, the bytes that will be sent."""

import numpy as np

from service.stream import literals
from service.stream.kernels.bits import bits_of, float_of
from service.stream.kernels.compiled import compiled, inlined

FLOAT32, FLOAT64, BFLOAT16, FLOAT16, FLOAT8_E4M3FN, FLOAT8_E5M2 = range(6)
CODES = {
    "float32": FLOAT32,
    "float64": FLOAT64,
    "bfloat16": BFLOAT16,
    "float16": FLOAT16,
    "float8_e4m3fn": FLOAT8_E4M3FN,
    "float8_e5m2": FLOAT8_E5M2,
}
"""How a dtype is named inside compiled code."""

MAGNITUDE, SIGN, ONE = np.int32(0x7FFFFFFF), np.int32(-0x80000000), np.int32(1)
NARROW_FLOAT16, NARROW_FLOAT8_E4M3FN, NARROW_FLOAT8_E5M2 = (
    tuple(np.int32(n) for n in literals.NARROW[dtype])
    for dtype in ("float16", "float8_e4m3fn", "float8_e5m2")
)
UPPER_HALF, BELOW_HALF, BIT = np.uint32(16), np.uint32(0x7FFF), np.uint32(1)
SIGN_TO_16, SIGN_TO_8 = np.int32(16), np.int32(24)


@compiled
def narrow(values, parameters, sign_shift, codes):
    """Round float32 values to codes of 16 or 8 bits, ties to even (literals.NARROW)."""
    dropped, rebias, least_normal, anchor = parameters
    below_half = np.int32((ONE << np.int32(dropped - ONE)) - ONE)
    anchor_value = float_of(np.int32(anchor))
    for i in range(codes.size):
        bits = bits_of(values[i])
        magnitude = np.int32(bits & MAGNITUDE)
        tie = np.int32(np.int32(magnitude >> dropped) & ONE)
        normal = np.int32(np.int32(magnitude + below_half) + np.int32(tie - rebias)) >> dropped
        subnormal = np.int32(bits_of(float_of(magnitude) + anchor_value) - anchor)
        code = np.int32(subnormal if magnitude < least_normal else normal)
        sign = np.uint32(np.int32(bits & SIGN)) >> np.uint32(sign_shift)
        codes[i] = np.uint32(code) | sign


@compiled
def narrow_bfloat16(values, codes):
    """The same for bfloat16, which has float32's exponents: no subnormal case, no rebiasing."""
    for i in range(codes.size):
        bits = np.uint32(bits_of(values[i]))
        tie = np.uint32(np.uint32(bits >> UPPER_HALF) & BIT)
        codes[i] = np.uint16(np.uint32(bits + np.uint32(tie + BELOW_HALF)) >> UPPER_HALF)


@inlined
def store(code, values32, values64, out):
    """Write the codes of as many values as the bytes `out` have room for."""
    if code == FLOAT32:
        copy(values32, out.view(np.float32))
    elif code == FLOAT64:
        copy(values64, out.view(np.float64))
    elif code == BFLOAT16:
        narrow_bfloat16(values32, out.view(np.uint16))
    elif code == FLOAT16:
        narrow(values32, NARROW_FLOAT16, SIGN_TO_16, out.view(np.uint16))
    elif code == FLOAT8_E4M3FN:
        narrow(values32, NARROW_FLOAT8_E4M3FN, SIGN_TO_8, out)
    else:
        narrow(values32, NARROW_FLOAT8_E5M2, SIGN_TO_8, out)


@compiled
def copy(values, out):
    for i in range(out.size):
        out[i] = values[i]


def encode(values, dtype, out):
    """Write float64 values to the bytes `out`, rounded to float32 first unless they stay float64.

    values float64 of any length n; out uint8, n bytes of the dtype each.
    """
    with np.errstate(over="ignore"):
        values32 = values.astype(np.float32)
    encode_both(CODES[dtype], values32, values, out)


@compiled
def encode_both(code, values32, values64, out):
    """Write the codes of the values, of which float64 alone takes the wide ones."""
    store(code, values32, values64, out)
