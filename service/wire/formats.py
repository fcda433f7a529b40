"""The table of formats: name, file suffix, the bytes before the values, dtypes and orders."""

from collections.abc import Callable
from dataclasses import dataclass

from service.dtypes import DTYPES, Dtype
from service.errors import ImpossibleError, Problem
from service.wire import npy, safetensors

Head = Callable[[Dtype, tuple[int, ...], bool, str], bytes]
"""Makes the bytes before the values, of dtype, shape, whether column-major, and name."""

UNNAMED_KEY = "weight"
"""The safetensors key of a tensor without a name: what a layer's main parameter is called."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a tensor; `head` is None where no values are written at all.

    `carries_fortran`: the file can say that its values are in column-major order, or the format
    leaves it to the reader. `stores_name`: the head has the tensor's name.
    """

    name: str
    suffix: str
    media_type: str
    head: Head | None
    dtypes: frozenset[str]
    carries_fortran: bool
    stores_name: bool = False


def _npy_head(dtype: Dtype, shape: tuple[int, ...], fortran: bool, name: str) -> bytes:
    return npy.header(dtype, shape, fortran)


def _safetensors_head(dtype: Dtype, shape: tuple[int, ...], fortran: bool, name: str) -> bytes:
    return safetensors.header(dtype, shape, name or UNNAMED_KEY)


def _raw_head(dtype: Dtype, shape: tuple[int, ...], fortran: bool, name: str) -> bytes:
    return b""


_BYTES = "application/octet-stream"
_EVERY_DTYPE = frozenset(DTYPES)
_NPY_DTYPES = frozenset(name for name, dtype in DTYPES.items() if dtype.npy_descr)
_SAFETENSORS_DTYPES = frozenset(name for name, dtype in DTYPES.items() if dtype.safetensors_code)

FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        Format("npy", ".npy", _BYTES, _npy_head, _NPY_DTYPES, carries_fortran=True),
        Format(
            "safetensors",
            ".safetensors",
            _BYTES,
            _safetensors_head,
            _SAFETENSORS_DTYPES,
            carries_fortran=False,
            stores_name=True,
        ),
        Format("raw", ".raw", _BYTES, _raw_head, _EVERY_DTYPE, carries_fortran=True),
        Format("json", ".json", "application/json", None, _EVERY_DTYPE, carries_fortran=True),
    )
}
"""Every format, by the name that ends the URL."""


def refuse_pair(written: Format, dtype: Dtype, fortran: bool) -> None:
    """Pass if the format can carry the dtype, and column-major values where `fortran`.

    Raises ImpossibleError (`format_cannot_carry_dtype`, `format_cannot_carry_order`) that names
    the formats which can.
    """
    others = " or ".join(
        other.name
        for other in FORMATS.values()
        if other.head and dtype.name in other.dtypes and other.carries_fortran >= fortran
    )
    if dtype.name not in written.dtypes:
        message = f"{written.name} cannot carry {dtype.name}"
        raise ImpossibleError(
            "format_cannot_carry_dtype", Problem("dtype", message, f"use format {others}")
        )
    if fortran and not written.carries_fortran:
        message = f"{written.name} cannot carry order F"
        raise ImpossibleError(
            "format_cannot_carry_order",
            Problem("order", message, f"use order=C, or format {others}"),
        )
