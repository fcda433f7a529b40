"""The table of element types: one row a dtype.

Everything else that the program knows of a dtype is derived from its row: its largest number and
its rounding by `service.stream.precision`, what the formats write by `service.wire`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dtype:
    """A binary floating-point format: one sign bit, then the exponent, then the fraction.

    The exponent's bias is 2^(exponent_bits - 1) - 1, and subnormal numbers are part of the format,
    as in IEEE 754. There, the largest exponent stands for infinities and NaNs. If `finite_only`,
    it stands for numbers too, all fraction bits set is the only NaN, and there is no infinity:
    the suffix `fn` of ml_dtypes.

    `npy_descr` and `safetensors_code` are None if files of that format have no word for the dtype.
    `draft` is the edition of a draft, from 1, and None once the dtype is frozen
    (docs/stream-v1-drafts.md).
    """

    name: str
    exponent_bits: int
    fraction_bits: int
    npy_descr: str | None
    safetensors_code: str | None
    finite_only: bool = False
    draft: int | None = None

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return (1 + self.exponent_bits + self.fraction_bits) // 8


DTYPES: dict[str, Dtype] = {
    dtype.name: dtype
    for dtype in (
        Dtype("float32", 8, 23, "<f4", "F32"),
        Dtype("float16", 5, 10, "<f2", "F16"),
        Dtype("bfloat16", 8, 7, None, "BF16"),
        Dtype("float64", 11, 52, "<f8", "F64"),
        Dtype("float8_e4m3fn", 4, 3, None, "F8_E4M3", finite_only=True),
        Dtype("float8_e5m2", 5, 2, None, "F8_E5M2"),
    )
}
"""Every dtype, by the name that requests use."""
