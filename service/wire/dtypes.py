"""The element types Fanin issues: their width, their names in each format, their finite range."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dtype:
    """One element type; its numbers are sign * m * 2^e with m of `significand_bits` bits.

    `significand_bits` counts the implicit leading bit; `min_exponent` and `max_exponent` are the
    exponents of the smallest and the largest normal power of two. `npy_descr` is None where .npy
    has no word for the type.
    """

    name: str
    itemsize: int
    npy_descr: str | None
    safetensors_code: str
    significand_bits: int
    min_exponent: int
    max_exponent: int
    largest: float
    smallest_subnormal: float


DTYPES: dict[str, Dtype] = {
    dtype.name: dtype
    for dtype in (
        Dtype(
            name="float32",
            itemsize=4,
            npy_descr="<f4",
            safetensors_code="F32",
            significand_bits=24,
            min_exponent=-126,
            max_exponent=127,
            largest=float.fromhex("0x1.fffffep+127"),
            smallest_subnormal=float.fromhex("0x1p-149"),
        ),
        Dtype(
            name="float16",
            itemsize=2,
            npy_descr="<f2",
            safetensors_code="F16",
            significand_bits=11,
            min_exponent=-14,
            max_exponent=15,
            largest=float.fromhex("0x1.ffcp+15"),
            smallest_subnormal=float.fromhex("0x1p-24"),
        ),
        Dtype(
            name="bfloat16",
            itemsize=2,
            npy_descr=None,
            safetensors_code="BF16",
            significand_bits=8,
            min_exponent=-126,
            max_exponent=127,
            largest=float.fromhex("0x1.fep+127"),
            smallest_subnormal=float.fromhex("0x1p-133"),
        ),
        Dtype(
            name="float64",
            itemsize=8,
            npy_descr="<f8",
            safetensors_code="F64",
            significand_bits=53,
            min_exponent=-1022,
            max_exponent=1023,
            largest=float.fromhex("0x1.fffffffffffffp+1023"),
            smallest_subnormal=float.fromhex("0x1p-1074"),
        ),
        # Open Compute Project OFP8: e4m3fn gives up infinity, so its top binade holds numbers.
        Dtype(
            name="float8_e4m3fn",
            itemsize=1,
            npy_descr=None,
            safetensors_code="F8_E4M3",
            significand_bits=4,
            min_exponent=-6,
            max_exponent=8,
            largest=float.fromhex("0x1.cp+8"),
            smallest_subnormal=float.fromhex("0x1p-9"),
        ),
        Dtype(
            name="float8_e5m2",
            itemsize=1,
            npy_descr=None,
            safetensors_code="F8_E5M2",
            significand_bits=3,
            min_exponent=-14,
            max_exponent=15,
            largest=float.fromhex("0x1.cp+15"),
            smallest_subnormal=float.fromhex("0x1p-16"),
        ),
    )
}
"""Every element type, by the name the interface uses."""
