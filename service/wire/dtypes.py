"""The element types Fanin issues: their width, and their names in each format."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dtype:
    """One element type of `itemsize` bytes; `npy_descr` is None where .npy has no word for it.

    What its numbers are is the stream's to know: `service.stream.precision`.
    """

    name: str
    itemsize: int
    npy_descr: str | None
    safetensors_code: str


DTYPES: dict[str, Dtype] = {
    dtype.name: dtype
    for dtype in (
        Dtype("float32", 4, "<f4", "F32"),
        Dtype("float16", 2, "<f2", "F16"),
        Dtype("bfloat16", 2, None, "BF16"),
        Dtype("float64", 8, "<f8", "F64"),
        Dtype("float8_e4m3fn", 1, None, "F8_E4M3"),
        Dtype("float8_e5m2", 1, None, "F8_E5M2"),
    )
}
"""Every element type, by the name the interface uses."""
