"""Reads .npy files, and the members of .npz files a piece at a time (`numpy.lib.format`)."""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from pathlib import Path, PurePath
from tokenize import TokenError
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from service.audit.sources import AuditError, Source
from service.audit.stored import PIECE_BYTES, Stored, checked_shape, pieces_of

MOST_HEADER_BYTES = 10_000
"""NumPy's own limit for files from others: a longer literal is slow to parse."""

_HEADERS: dict[tuple[int, int], Callable[..., Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

_BFLOAT16 = "V2"
"""How NumPy writes arrays of ml_dtypes.bfloat16: two bytes without a meaning."""


def read_npy(source: Source) -> Iterator[Stored]:
    """The tensor of a .npy file, named as the file. Raises AuditError if the file is not valid."""
    head = io.BytesIO(source.read(0, min(source.length, MOST_HEADER_BYTES + 12)))
    shape, fortran, dtype = _header(head, source.name)
    begin, size = head.tell(), prod(shape) * dtype.itemsize
    if source.length != begin + size:
        what = "is truncated" if source.length < begin + size else "has bytes after the values"
        raise AuditError(f"{source.name} {what}: {source.length} bytes, not {begin + size}")
    # Both orders are the same if at most one axis is longer than 1.
    if fortran and sum(extent > 1 for extent in shape) > 1:
        raw = partial(_of_columns, source, begin, shape, dtype)
    else:
        raw = partial(_native, dtype, partial(pieces_of, source, begin, begin + size))
    yield Stored(PurePath(source.name).stem, shape, _name(dtype), source.name, raw)


def read_npz(path: Path) -> Iterator[Stored]:
    """The tensors of a .npz file. Raises AuditError if the file or a member is not valid.

    The members are decompressed a piece at a time whenever their values are read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise AuditError(f"{path}: {twice!r} occurs twice")
            for member in members:
                if not member.filename.endswith(".npy"):
                    raise AuditError(f"{path}: {member.filename[:80]!r} is not a .npy file")
                with archive.open(member) as stream:
                    yield _member(path, member, stream)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise AuditError(f"{path}: {error}") from None
    except OSError as error:
        raise AuditError(f"{path}: {error.strerror or error}") from None


def _member(path: Path, member: zipfile.ZipInfo, stream: IO[bytes]) -> Stored:
    where = f"{path}: {member.filename!r}"
    shape, fortran, dtype = _header(stream, where)
    begin = stream.tell()
    if member.file_size != begin + prod(shape) * dtype.itemsize:
        raise AuditError(f"{where} has {member.file_size} bytes, which do not fit its header")
    unpacked = partial(_unpacked, path, member.filename, begin)
    raw = partial(_native, dtype, unpacked)
    if fortran and sum(extent > 1 for extent in shape) > 1:
        raw = partial(_reordered, shape, dtype, unpacked, where)
    return Stored(member.filename.removesuffix(".npy"), shape, _name(dtype), str(path), raw)


_INVALID = (ValueError, TypeError, SyntaxError, TokenError, EOFError, MemoryError, RecursionError)
"""What NumPy raises for a header that it cannot parse."""

MOST_REORDERED_BYTES = 2**28
"""The most bytes of a zipped array in Fortran order. It cannot be read row by row."""


def _header(stream: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and dtype; the stream is then at the first value. Raises AuditError."""
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise AuditError(f"{where} has the version {version[0]}.{version[1]} of the format")
        shape, fortran, dtype = _HEADERS[version](stream, max_header_size=MOST_HEADER_BYTES)
    except _INVALID:
        raise AuditError(f"{where} has no valid .npy header") from None
    if dtype.hasobject:
        raise AuditError(f"{where} has Python objects, which are not loaded from files")
    _name(dtype, where)
    return checked_shape(shape, where), fortran, dtype


def _name(dtype: np.dtype[Any], where: str = "") -> str:
    """The name of a dtype in `Stored`. Raises AuditError for one that it cannot have."""
    if dtype.str.endswith(_BFLOAT16):
        return "bfloat16"
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise AuditError(f"{where} has the dtype {dtype}, which is not a number that can be read")
    return dtype.newbyteorder("=").name


def _native(dtype: np.dtype[Any], pieces: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    """The pieces with their bytes in little-endian order."""
    for piece in pieces():
        yield _little_endian(np.frombuffer(piece, dtype))


def _little_endian(values: npt.NDArray[Any]) -> bytes:
    if values.dtype.byteorder == ">":
        return values.astype(values.dtype.newbyteorder("<")).tobytes()
    return values.tobytes()


def _unpacked(path: Path, name: str, begin: int) -> Iterator[bytes]:
    """The values of a member, decompressed a piece at a time."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as stream:
            stream.read(begin)
            while piece := stream.read(PIECE_BYTES):
                yield piece
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise AuditError(f"{path}: {name!r}: {error}") from None


def _reordered(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    unpacked: Callable[[], Iterator[bytes]],
    where: str,
) -> Iterator[bytes]:
    """The values of a zipped array in Fortran order, in C order."""
    if prod(shape) * dtype.itemsize > MOST_REORDERED_BYTES:
        most = MOST_REORDERED_BYTES >> 20
        raise AuditError(f"{where} is zipped in Fortran order and has more than {most} MiB")
    values = np.frombuffer(b"".join(unpacked()), dtype).reshape(shape, order="F")
    yield from _in_rows(values)


def _of_columns(
    source: Source, begin: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Iterator[bytes]:
    """The values of a file in Fortran order, in C order.

    The first axis changes fastest in the file. A strip of it is read for all other axes.
    """
    others, itemsize = prod(shape[1:]), dtype.itemsize
    if prod(shape) * itemsize <= MOST_REORDERED_BYTES:
        content = b"".join(pieces_of(source, begin, begin + prod(shape) * itemsize))
        yield from _in_rows(np.frombuffer(content, dtype).reshape(shape, order="F"))
        return
    rows = max(1, PIECE_BYTES // (others * itemsize))
    for first in range(0, shape[0], rows):
        last = min(first + rows, shape[0])
        starts = (begin + (column * shape[0] + first) * itemsize for column in range(others))
        content = b"".join(
            source.read(start, start + (last - first) * itemsize) for start in starts
        )
        strip = np.frombuffer(content, dtype).reshape((last - first, *shape[1:]), order="F")
        yield from _in_rows(strip)


def _in_rows(values: npt.NDArray[Any]) -> Iterator[bytes]:
    """The values in C order, some indices of the first axis at a time."""
    row = max(1, values[:1].nbytes)
    rows = max(1, PIECE_BYTES // row)
    for first in range(0, values.shape[0], rows):
        yield _little_endian(values[first : first + rows])
