"""The address of a tensor's random words: the Philox key and the stream number
(docs/stream-v1.md, section 2)."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """The Philox key (`seed`) and the upper half of its counter (`stream`), both below 2^64."""

    seed: int
    stream: int


def stream_of(name: str) -> int:
    """Return the stream number of a tensor's name.

    It is the first 8 bytes, little endian, of the SHA-256 (FIPS 180-4) of the name's UTF-8 bytes,
    without Unicode normalization. The empty name has stream 0.
    """
    if not name:
        return 0
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
