"""The header of a .npy file, byte for byte as NumPy writes it (NumPy docs, `numpy.lib.format`).

The format version is always 1.0. Its headers have up to 65,535 bytes, enough for thousands of axes.
"""

from struct import pack

from service.dtypes import Dtype

_MAGIC = b"\x93NUMPY\x01\x00"
_ALIGNMENT = 64

_GROWTH_DIGITS = 21
"""NumPy leaves room for the slowest axis to grow to this many digits in place."""


def is_fortran(shape: tuple[int, ...], order: str) -> bool:
    """Whether order "F" writes this shape's elements in another sequence than order "C".

    It does not where at most one axis is longer than 1, or where there is no element; NumPy then
    calls the array C-contiguous.
    """
    return order == "F" and 0 not in shape and sum(extent > 1 for extent in shape) > 1


def header(dtype: Dtype, shape: tuple[int, ...], fortran_order: bool) -> bytes:
    """The bytes before the values, a multiple of 64.

    `fortran_order` is what `is_fortran` says; `dtype` has an `npy_descr`.
    """
    text = f"{{'descr': {dtype.npy_descr!r}, 'fortran_order': {fortran_order}, 'shape': {shape}, }}"
    if shape:
        slowest = shape[-1] if fortran_order else shape[0]
        text += " " * (_GROWTH_DIGITS - len(str(slowest)))
    unpadded = len(_MAGIC) + 2 + len(text) + 1
    # NumPy pads a header that is aligned already by another 64 bytes.
    text += " " * (_ALIGNMENT - unpadded % _ALIGNMENT) + "\n"
    return _MAGIC + pack("<H", len(text)) + text.encode("ascii")
