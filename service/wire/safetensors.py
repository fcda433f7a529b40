"""The header of a safetensors file, byte for byte as the official writer makes it.

Format: the safetensors README, "Format".
"""

import json
from collections.abc import Mapping, Sequence
from math import prod
from struct import pack
from typing import NamedTuple

from service.dtypes import Dtype
from service.errors import ImpossibleError, Problem

RESERVED_KEY = "__metadata__"
"""The key of texts about the file. No tensor has this key."""

_ALIGNMENT = 8


def header(dtype: Dtype, shape: tuple[int, ...], key: str) -> bytes:
    """The length and the JSON before the values, a multiple of 8 bytes.

    Raises ImpossibleError (`reserved_name`) for `__metadata__`, which the format reserves.
    """
    _refuse_reserved(key)
    tensor = {
        "dtype": dtype.safetensors_code,
        "shape": shape,
        "data_offsets": (0, prod(shape) * dtype.itemsize),
    }
    return _padded(_json({RESERVED_KEY: {"format": "pt"}, key: tensor}))


class FileEntry(NamedTuple):
    """A tensor of a file: its key, its dtype as the format writes it, and its place.

    `begin` and `end` count the bytes after the header.
    """

    key: str
    code: str
    shape: tuple[int, ...]
    begin: int
    end: int


def file_header(entries: Sequence[FileEntry], metadata: Mapping[str, str]) -> bytes:
    """The length and the JSON before the values of a file of several tensors.

    Raises ImpossibleError (`reserved_name`) for a key that the format reserves.
    """
    # One call of `json.dumps` would hold the interpreter's lock for the whole header.
    described = [f"{_json(RESERVED_KEY)}:{_json(dict(metadata))}"]
    for entry in entries:
        _refuse_reserved(entry.key)
        shape = ",".join(map(str, entry.shape))
        described.append(
            f'{_json(entry.key)}:{{"dtype":"{entry.code}","shape":[{shape}],'
            f'"data_offsets":[{entry.begin},{entry.end}]}}'
        )
    return _padded("{" + ",".join(described) + "}")


def _refuse_reserved(key: str) -> None:
    if key == RESERVED_KEY:
        raise ImpossibleError(
            "reserved_name",
            Problem(
                "name",
                f"{RESERVED_KEY} is the key safetensors keeps for its own metadata",
                "use format npy or raw, or choose another name",
            ),
        )


def _json(value: object) -> str:
    # The official writer escapes only what JSON forbids and leaves the rest as UTF-8.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _padded(header: str) -> bytes:
    text = header.encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return pack("<Q", len(text)) + text
