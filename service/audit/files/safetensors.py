"""Reads the tensors of a safetensors file (the safetensors README, "Format")."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from math import prod
from struct import unpack
from typing import Any

from service.audit.files.sources import AuditError, Source
from service.audit.files.stored import Stored, checked_shape, itemsize_of, pieces_of
from service.dtypes import DTYPES
from service.wire.safetensors import RESERVED_KEY

MOST_HEADER_BYTES = 100_000_000
"""The limit of the official reader."""

_CODES = {row.safetensors_code: name for name, row in DTYPES.items() if row.safetensors_code} | {
    "BOOL": "bool",
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}


def read_safetensors(source: Source) -> Iterator[Stored]:
    """The tensors in the order of their bytes. Raises AuditError if the file is not valid."""
    if source.length < 8:
        raise AuditError(f"{source.name} has {source.length} bytes and no header")
    (size,) = unpack("<Q", source.read(0, 8))
    if size > min(MOST_HEADER_BYTES, source.length - 8):
        raise AuditError(f"{source.name} has a header of {size} bytes, more than there can be")
    entries = parsed_object(source.read(8, 8 + size), source.name)
    begin, last = 8 + size, 0
    tensors = [
        _entry(name, entry, source, begin)
        for name, entry in entries.items()
        if name != RESERVED_KEY
    ]
    for start, end, tensor in sorted(tensors, key=lambda each: each[:2]):
        if start != last:
            raise AuditError(f"{source.name}: the bytes of {tensor.name!r} do not follow the last")
        last = end
        yield tensor
    if begin + last != source.length:
        what = "is truncated" if begin + last > source.length else "has bytes after the last tensor"
        raise AuditError(f"{source.name} {what}: {source.length} bytes, not {begin + last}")


def parsed_object(content: bytes, where: str) -> dict[str, Any]:
    """A JSON object without a key that occurs twice. Raises AuditError."""
    try:
        found = json.loads(content, object_pairs_hook=partial(_unique, where))
    except (ValueError, RecursionError):
        raise AuditError(f"{where}: the header is not JSON") from None
    if not isinstance(found, dict):
        raise AuditError(f"{where}: the header is not a JSON object")
    return found


def _unique(where: str, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise AuditError(f"{where}: {max(counts, key=lambda name: counts[name])!r} occurs twice")
    for name in found:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise AuditError(f"{where}: the name {name!r} has half a surrogate pair") from None
    return found


def _entry(name: str, entry: object, source: Source, begin: int) -> tuple[int, int, Stored]:
    """The first and the last byte of a tensor after the header, and the tensor."""
    where = f"{source.name}: {name!r}"
    if not isinstance(entry, dict):
        raise AuditError(f"{where} is not described by an object")
    code = entry.get("dtype")
    if not isinstance(code, str) or code not in _CODES:
        raise AuditError(f"{where} has the dtype {str(code)[:40]!r}, which cannot be read")
    shape = checked_shape(entry.get("shape"), where)
    offsets = entry.get("data_offsets")
    if (
        not isinstance(offsets, list)
        or len(offsets) != 2
        or not all(type(offset) is int and 0 <= offset < 2**62 for offset in offsets)
    ):
        raise AuditError(f"{where} has no valid offsets")
    start, end = offsets
    if end - start != prod(shape) * itemsize_of(_CODES[code]):
        raise AuditError(f"{where} has {end - start} bytes, which do not fit its shape and dtype")
    if begin + end > source.length:
        raise AuditError(f"{source.name} is truncated: {name!r} ends after the last byte")
    raw = partial(pieces_of, source, begin + start, begin + end)
    return start, end, Stored(name, shape, _CODES[code], source.name, raw)
