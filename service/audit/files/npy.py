"""Reads .npy files, and the members of .npz files a piece at a time (`numpy.lib.format`)."""

import io
import lzma
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from math import prod
from pathlib import Path, PurePath
from tokenize import TokenError
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from service.audit.files.sources import AuditError, Source
from service.audit.files.stored import PIECE_BYTES, Stored, checked_shape, pieces_of

MOST_HEADER_BYTES = 10_000
"""NumPy's own limit for files from others: a longer literal is slow to parse."""

_HEADERS: dict[tuple[int, int], Callable[..., Any]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(EOFError, NotImplementedError, RuntimeError),
)
"""What zipfile raises for an archive or a member that is damaged or of an unknown kind."""

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
        pieces = partial(pieces_of, source, begin, begin + size)
        raw = partial(_kept, shape, dtype, pieces, f"{source.name} {_REMOTE_ADVICE}")
        if source.is_local and size > STRIP_BYTES:
            raw = partial(_of_columns, source, begin, shape, dtype)
    else:
        raw = partial(_native, dtype, partial(pieces_of, source, begin, begin + size))
    yield Stored(PurePath(source.name).stem, shape, _name(dtype), source.name, raw)


def read_npz(path: Path, opened: ExitStack) -> Iterator[Stored]:
    """The tensors of a .npz file. Raises AuditError if the file or a member is not valid.

    The members are decompressed a piece at a time whenever their values are read. The archive is
    opened once, because its directory lists all members. It stays open until `opened` is closed.
    """
    try:
        archive = opened.enter_context(zipfile.ZipFile(path))
        counts = Counter(archive.namelist())
        for member in archive.infolist():
            name = member.filename
            if counts[name] > 1:
                raise AuditError(f"{path}: {name!r} occurs twice")
            if not name.endswith(".npy"):
                raise AuditError(f"{path}: {name[:80]!r} is not a .npy file")
            with archive.open(member) as stream:
                yield _member(path, archive, member, stream)
    except _UNREADABLE as error:
        raise AuditError(f"{path}: {error}") from None
    except OSError as error:
        raise AuditError(f"{path}: {error.strerror or error}") from None


def _member(
    path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, stream: IO[bytes]
) -> Stored:
    where = f"{path}: {member.filename!r}"
    shape, fortran, dtype = _header(stream, where)
    begin = stream.tell()
    if member.file_size != begin + prod(shape) * dtype.itemsize:
        raise AuditError(f"{where} has {member.file_size} bytes, which do not fit its header")
    unpacked = partial(_unpacked, archive, member, begin, where)
    raw = partial(_native, dtype, unpacked)
    if fortran and sum(extent > 1 for extent in shape) > 1:
        raw = partial(_kept, shape, dtype, unpacked, f"{where} {_ZIPPED_ADVICE}")
    return Stored(member.filename.removesuffix(".npy"), shape, _name(dtype), str(path), raw)


_INVALID = (ValueError, TypeError, SyntaxError, TokenError, EOFError, MemoryError, RecursionError)
"""What NumPy raises for a header that it cannot parse."""

MOST_KEPT_BYTES = 2**28
"""The most bytes of an array in Fortran order in an archive or on a server. It is kept as a whole,
because it cannot be read row by row."""

_TOO_LARGE = f"is in Fortran order and has more than {MOST_KEPT_BYTES >> 20} MiB"
_ZIPPED_ADVICE = f"{_TOO_LARGE}; save numpy.ascontiguousarray of it, or a .npy file"
_REMOTE_ADVICE = f"{_TOO_LARGE}; ask for order=C, which has the same values"

STRIP_BYTES = 2**25
"""The most bytes of a strip of a file in Fortran order."""


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


def _unpacked(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, begin: int, where: str
) -> Iterator[bytes]:
    """The values of a member, decompressed a piece at a time."""
    try:
        with archive.open(member) as stream:
            stream.read(begin)
            while piece := stream.read(PIECE_BYTES):
                yield piece
    except (*_UNREADABLE, OSError) as error:
        raise AuditError(f"{where}: {error}") from None


def _kept(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    pieces: Callable[[], Iterator[bytes]],
    too_large: str,
) -> Iterator[bytes]:
    """The values of an array in Fortran order, in C order. The array is kept once."""
    size = prod(shape) * dtype.itemsize
    if size > MOST_KEPT_BYTES:
        raise AuditError(too_large)
    yield from _in_rows(_filled(size, pieces()).view(dtype).reshape(shape, order="F"))


def _filled(size: int, pieces: Iterator[bytes]) -> npt.NDArray[np.uint8]:
    """The pieces, one after another."""
    memory, done = np.empty(size, np.uint8), 0
    for piece in pieces:
        memory[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
        done += len(piece)
    return memory


def _of_columns(
    source: Source, begin: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Iterator[bytes]:
    """The values of a file in Fortran order, in C order.

    The first axis changes fastest in the file. A strip has some indices of one axis, all of the
    later axes, and one index of each axis before. Its axis is the first one for which one index
    has at most STRIP_BYTES.
    """
    axis = next(
        k for k in range(len(shape)) if prod(shape[k + 1 :]) * dtype.itemsize <= STRIP_BYTES
    )
    before, later = shape[:axis], shape[axis + 1 :]
    fill = partial(_fill, source, begin, prod(before))
    longest = STRIP_BYTES // (prod(later) * dtype.itemsize)
    for place in np.ndindex(before):
        start = int(np.ravel_multi_index(place, before, order="F")) if before else 0
        for first in range(0, shape[axis], longest):
            count = min(longest, shape[axis] - first)
            strip = np.empty((prod(later), count), dtype)
            for number, column in enumerate(strip):
                fill(start + (first + number * shape[axis]) * prod(before), column)
            yield from _in_rows(strip.reshape(-1).reshape((count, *later), order="F"))


def _fill(source: Source, begin: int, step: int, start: int, column: npt.NDArray[Any]) -> None:
    """Read the elements start, start + step, ... of a file, whose first one is at byte `begin`."""
    itemsize = column.itemsize
    at_once = max(1, PIECE_BYTES // (step * itemsize))
    for first in range(0, column.size, at_once):
        last = min(first + at_once, column.size)
        span = start + first * step, start + (last - 1) * step + 1
        content = source.read(*(begin + number * itemsize for number in span))
        column[first:last] = np.frombuffer(content, column.dtype)[::step]


def _in_rows(values: npt.NDArray[Any]) -> Iterator[bytes]:
    """The values in C order, some indices of the first axis at a time."""
    if values.ndim > 1 and values[:1].nbytes > PIECE_BYTES:
        for row in values:
            yield from _in_rows(row)
        return
    rows = max(1, PIECE_BYTES // max(1, values[:1].nbytes))
    for first in range(0, values.shape[0], rows):
        yield _little_endian(values[first : first + rows])
