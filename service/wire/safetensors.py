"""The header of a safetensors file of one tensor, byte for byte as the official writer makes it.

Format: the safetensors README, "Format".
"""

import json
from math import prod
from struct import pack

from service.dtypes import Dtype
from service.errors import ImpossibleError, Problem

_RESERVED_KEY = "__metadata__"
_ALIGNMENT = 8


def header(dtype: Dtype, shape: tuple[int, ...], key: str) -> bytes:
    """The length and the JSON before the values, a multiple of 8 bytes.

    Raises ImpossibleError (`reserved_name`) for `__metadata__`, which the format reserves.
    """
    if key == _RESERVED_KEY:
        raise ImpossibleError(
            "reserved_name",
            Problem(
                "name",
                f"{_RESERVED_KEY} is the key safetensors keeps for its own metadata",
                "use format npy or raw, or choose another name",
            ),
        )
    tensor = {
        "dtype": dtype.safetensors_code,
        "shape": shape,
        "data_offsets": (0, prod(shape) * dtype.itemsize),
    }
    entries = {_RESERVED_KEY: {"format": "pt"}, key: tensor}
    # The official writer escapes only what JSON forbids and leaves the rest as UTF-8.
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return pack("<Q", len(text)) + text
