"""Where a tensor's random words live: the key from its seed, the stream from its name."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """The Philox key (`seed`) and the upper half of its counter (`stream`), both below 2^64."""

    seed: int
    stream: int


def stream_of(name: str) -> int:
    """Return the stream number of a tensor's name.

    The first 8 bytes, little endian, of the SHA-256 (FIPS 180-4) of the name's UTF-8 bytes,
    without Unicode normalization; the empty name is stream 0.
    """
    if not name:
        return 0
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
