"""A tensor of a file: its name, shape and dtype, and its values in pieces."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from service.audit.files.sources import AuditError, Source
from service.audit.values import decoded
from service.dtypes import DTYPES

PIECE_BYTES = 2**22
"""The most bytes of a piece."""

MOST_AXES = 64

Pieces = Callable[[], Iterator[bytes]]
"""The little-endian bytes of all elements in C order. Each piece has whole elements. It can be
called again."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor of a file.

    `dtype` is a name of `service.dtypes`, or NumPy's name of an integer type or of bool. `file` is
    the name of the file that has it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    file: str
    raw: Pieces

    @property
    def count(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return itemsize_of(self.dtype)

    @property
    def is_float(self) -> bool:
        """Whether the elements are floating-point numbers."""
        return self.dtype in DTYPES

    def values(self, piece: bytes) -> npt.NDArray[Any]:
        """The numbers of a piece, shape (n,)."""
        if self.is_float:
            return decoded(np.frombuffer(piece, np.uint8), self.dtype)
        return np.frombuffer(piece, np.dtype(self.dtype).newbyteorder("<"))


def itemsize_of(dtype: str) -> int:
    """The bytes of an element of a dtype that `Stored` can have."""
    return DTYPES[dtype].itemsize if dtype in DTYPES else np.dtype(dtype).itemsize


def pieces_of(source: Source, begin: int, end: int) -> Iterator[bytes]:
    """The bytes from begin to end of a source."""
    for start in range(begin, end, PIECE_BYTES):
        yield source.read(start, min(start + PIECE_BYTES, end))


def checked_shape(shape: object, where: str) -> tuple[int, ...]:
    """The shape, if it is one. Raises AuditError."""
    if (
        not isinstance(shape, list | tuple)
        or len(shape) > MOST_AXES
        or not all(type(extent) is int and 0 <= extent < 2**62 for extent in shape)
    ):
        raise AuditError(f"{where} has no valid shape")
    return tuple(shape)
