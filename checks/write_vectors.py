"""Append to tests/golden/stream-v1.json what the reference computes: `make vectors`.

A vector never changes. The script does not write a file in which one differs. When a new draw or
dtype is frozen, add it at the end of ADDED; its cases follow all others. Drafts have no vectors.
"""

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import asdict
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from checks.append_only import write
from service.stream.address import Address, stream_of
from service.stream.draws import (
    Constant,
    Elementwise,
    Normal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.reference.values import element_bytes, values32, values64

PATH = Path(__file__).parent.parent / "tests" / "golden" / "stream-v1.json"
SEEDS = (0, 1, 2**32, 2**64 - 1)
NAMES = ("", "transformer.h.0.mlp.c_fc.weight", "caf\u00e9", "cafe\u0301")
FIRSTS = (0, 1, 3, 5, 2**32 - 2, 2**34 - 2, 2**40 + 1)
COUNT = 1031
LONG_COUNT = 2**17 + 1
"""In a uniform from 0 to 0.3, one element in 4,096 rounds to a float16 above 0.3."""
SHOWN = 8
# (Phi(c) - 1/2, 1 - Phi(c)) at 2 and at 5 sigma; Phi(-1), Phi(3) - Phi(-1), 1 - Phi(3).
MASS_2, TAIL_2 = map(float.fromhex, ("0x1.e8b4307d3627ap-2", "0x1.74bcf82c9d860p-6"))
MASS_5, TAIL_5 = map(float.fromhex, ("0x1.ffffecc35d0dfp-2", "0x1.33ca2f2133831p-22"))
BELOW, BETWEEN, ABOVE = map(
    float.fromhex, ("0x1.44ed0bb7cb20bp-3", "0x1.ae13ce02410a2p-1", "0x1.61de1f985b5d7p-10")
)
# Phi(3) - 1/2; Phi(12) - Phi(9), 1 - Phi(12).
TO_3, FROM_9, ABOVE_12 = map(
    float.fromhex, ("0x1.fe9e21e067a4ap-2", "0x1.0a7afbb1ee633p-63", "0x1.272b313666239p-109")
)

FIRST_DRAWS: tuple[Elementwise, ...] = (
    Constant(0.1),
    SymmetricUniform(0.1),
    UniformBetween(-0.25, 1.0),
    UniformBetween(0.1, 0.7),
    Normal(0.0, 1.0),
    Normal(1.0, 0.02),
    Normal(0.0, 1e-6),
    SymmetricTruncatedNormal(0.0, 1.0, MASS_2, TAIL_2, -2.0, 2.0),
    SymmetricTruncatedNormal(0.5, 0.02, MASS_5, TAIL_5, 0.4, 0.6),
    TruncatedNormalBetween(0.0, 1.0, BELOW, BETWEEN, ABOVE, -1.0, 3.0),
    TruncatedNormalBetween(0.0, 1.0, 0.5, TO_3, ABOVE, 0.0, 3.0),
    TruncatedNormalBetween(0.1, 0.02, BELOW, BETWEEN, ABOVE, 0.08, 0.16),
    TruncatedNormalBetween(0.0, 1.0, 1.0, FROM_9, ABOVE_12, 9.0, 12.0),
    TruncatedNormalBetween(0.0, 1.0, ABOVE_12, FROM_9, 1.0, -12.0, -9.0),
)
FIRST_DTYPES = ("float32", "float16", "bfloat16", "float64", "float8_e4m3fn", "float8_e5m2")
"""Draws and dtypes of release 0.1.0. Both are complete: seeds, names and starts rotate over their
pairs, so one more would move those that follow."""

Addition = Elementwise | str

ADDED: tuple[Addition, ...] = ()
"""The draws and the names of dtypes that were frozen later, in this order."""

BOUNDS_BETWEEN_NUMBERS: tuple[Elementwise, ...] = (
    SymmetricUniform(sqrt(6 / 1024)),
    SymmetricUniform(0.0015),
    SymmetricUniform(460.0),
    UniformBetween(0.51, 0.56),
    UniformBetween(-0.7, -0.1),
    UniformBetween(0.0005, 0.3),
    SymmetricTruncatedNormal(0.0, 0.6, MASS_2, TAIL_2, -1.2, 1.2),
    TruncatedNormalBetween(0.0, 0.3, BELOW, BETWEEN, ABOVE, -0.3, 0.9),
)
"""Draws whose bounds the narrow dtypes cannot represent. Some round outwards, some inwards."""
BOUND_OF_ZERO = UniformBetween(-1e-45, 1e-43)
"""In float32 `lowest` is +0, and a value can be the subnormal below it, or -0."""
EDGES = (
    0x00000000, 0x00000001, 0x00000002, 0x1FFFFFFF, 0x20000000, 0x20000001, 0x3FFFFFFF, 0x40000000,
    0x5FFFFFFF, 0x60000000, 0x7FFFFFFE, 0x7FFFFFFF, 0x80000000, 0x80000001, 0x9FFFFFFF, 0xA0000000,
    0xBFFFFFFF, 0xC0000000, 0xC0000001, 0xDFFFFFFF, 0xE0000000, 0xFFFFFF7F, 0xFFFFFFFE, 0xFFFFFFFF,
)  # fmt: skip
"""Words at the ends of the range, at quarter turns and where the logarithm changes sides."""


def constants(draw: Elementwise) -> dict[str, str]:
    """The fields of a draw as hexadecimal floats."""
    return {key: value.hex() for key, value in asdict(draw).items()}


def hex_words(data: bytes, itemsize: int) -> list[str]:
    """The bits of each little-endian number, as hexadecimal digits."""
    return [data[i : i + itemsize][::-1].hex() for i in range(0, len(data), itemsize)]


def run_case(
    draw: Elementwise, dtype: str, seed: int, name: str, first: int, count: int = COUNT
) -> dict[str, Any]:
    """`count` elements from `first` on: the first SHOWN as bits, all as the bytes' SHA-256."""
    data = element_bytes(draw, dtype, Address(seed, stream_of(name)), first, count)
    itemsize = len(data) // count
    return {
        "draw": type(draw).__name__,
        "constants": constants(draw),
        "dtype": dtype,
        "seed": str(seed),
        "name": name,
        "start": str(first),
        "count": count,
        "first": hex_words(data[: SHOWN * itemsize], itemsize),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def draws(added: tuple[Addition, ...] = ADDED) -> list[Elementwise]:
    """Every draw that has vectors."""
    return [*FIRST_DRAWS, *(one for one in added if not isinstance(one, str))]


def dtypes(added: tuple[Addition, ...] = ADDED) -> list[str]:
    """Every dtype that has vectors."""
    return [*FIRST_DTYPES, *(one for one in added if isinstance(one, str))]


def added_pairs(added: tuple[Addition, ...]) -> list[tuple[Elementwise, str]]:
    """Each added draw with the dtypes there were before it, each added dtype with the draws.

    So whatever is added next, these pairs keep their places.
    """
    found: list[tuple[Elementwise, str]] = []
    for place, one in enumerate(added):
        if isinstance(one, str):
            found += [(draw, one) for draw in draws(added[:place])]
        else:
            found += [(one, dtype) for dtype in dtypes(added[:place])]
    return found


def runs(pairs: Iterable[tuple[Elementwise, str]]) -> list[dict[str, Any]]:
    """Two starts of each pair, every start in float32 and float64; seeds and names rotate."""
    seeds, names, firsts = (
        itertools.cycle(SEEDS),
        itertools.cycle(NAMES[:3]),
        itertools.cycle(FIRSTS),
    )
    found = []
    for draw, dtype in pairs:
        starts = FIRSTS if dtype in ("float32", "float64") else (next(firsts), next(firsts))
        for first in starts:
            found.append(run_case(draw, dtype, next(seeds), next(names), first))
    return found


def run_cases(added: tuple[Addition, ...] = ADDED) -> list[dict[str, Any]]:
    """The runs of release 0.1.0, then those of what was added."""
    first = runs(itertools.product(FIRST_DRAWS, FIRST_DTYPES))
    decomposed = [run_case(Normal(0.0, 1.0), dtype, 0, NAMES[3], 0) for dtype in FIRST_DTYPES]
    return [*first, *decomposed, *cases_of_bounds(), *runs(added_pairs(added))]


def cases_of_bounds() -> list[dict[str, Any]]:
    """Bounds between the numbers of a dtype, in float32 and in each dtype rounded from it."""
    narrower = [dtype for dtype in FIRST_DTYPES if dtype != "float64"]
    found = [
        run_case(draw, dtype, SEEDS[1], NAMES[1], 1, LONG_COUNT)
        for draw, dtype in itertools.product(BOUNDS_BETWEEN_NUMBERS, narrower)
    ]
    return [*found, run_case(BOUND_OF_ZERO, "float32", SEEDS[1], NAMES[1], 0)]


def word_cases(added: tuple[Addition, ...] = ADDED) -> list[dict[str, Any]]:
    """Blocks of edge words to values, every edge as first and as second word of a pair."""
    turned = [EDGES[(i * 7 + 5) % len(EDGES)] for i in range(len(EDGES))]
    pairs = np.array([list(EDGES), turned, turned[::-1], list(EDGES)[::-1]], np.uint32).T
    pairs = np.ascontiguousarray(pairs)
    wide = pairs.astype(np.uint64) << np.uint64(32) | pairs[::-1]
    found = []
    for draw in draws(added):
        if isinstance(draw, Constant):
            continue  # of no words
        single, double = values32(draw, pairs).tobytes(), values64(draw, wide).tobytes()
        for dtype, words, data in (("float32", pairs, single), ("float64", wide, double)):
            found.append(
                {
                    "draw": type(draw).__name__,
                    "constants": constants(draw),
                    "dtype": dtype,
                    "words": hex_words(words.tobytes(), words.itemsize),
                    "values": hex_words(data, len(data) // words.size),
                }
            )
    return found


def document(added: tuple[Addition, ...] = ADDED) -> dict[str, Any]:
    """The whole file."""
    return {
        "stream": 1,
        "status": "frozen from release 0.1.0 on",
        "about": "docs/stream-v1.md; constants are hexadecimal floats, values hexadecimal bits",
        "word_cases": word_cases(added),
        "cases": run_cases(added),
    }


def main() -> None:
    write(PATH, document())


if __name__ == "__main__":
    main()
