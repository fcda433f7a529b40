"""Wrong streams are caught: each mutant fails the statistics or the golden vectors, as said."""

from collections.abc import Callable

import numpy as np
import pytest

from service.stream.address import Address, stream_of
from service.stream.draws import Normal
from service.stream.reference import normal
from service.stream.reference.arrays import WideWords, Words
from service.stream.reference.philox import words
from tests.stream import laws
from tests.stream.vectors import cases

Mutant = Callable[[Address, WideWords], Words]


def block_reused(address: Address, blocks: WideWords) -> Words:
    return words(address, blocks & ~np.uint64(1))


def words_swapped(address: Address, blocks: WideWords) -> Words:
    return words(address, blocks)[:, [1, 0, 3, 2]]


def pair_shifted(address: Address, blocks: WideWords) -> Words:
    return np.roll(words(address, blocks).reshape(-1), -1).reshape(-1, 4)


def key_halves_swapped(address: Address, blocks: WideWords) -> Words:
    swapped = (address.seed >> 32) | (address.seed & 0xFFFFFFFF) << 32
    return words(Address(swapped, address.stream), blocks)


def counter_high_word_dropped(address: Address, blocks: WideWords) -> Words:
    return words(address, blocks & np.uint64(0xFFFFFFFF))


def true_stream(address: Address, blocks: WideWords) -> Words:
    return words(address, blocks)


def survives_statistics(mutant: Mutant) -> bool:
    blocks = np.arange(2**18, dtype=np.uint64)
    values = normal.normal32(mutant(Address(2**32, 5), blocks), Normal(0.0, 1.0))
    return laws.faults(values.reshape(-1), laws.normal()) == []


def survives_vectors(mutant: Mutant) -> bool:
    return all(
        first_values(mutant, case) == case["first"]
        for case in cases()
        if case["draw"] == "Normal" and case["dtype"] == "float32"
    )


def first_values(mutant: Mutant, case: dict[str, object]) -> list[str]:
    first = int(str(case["start"]))
    shown = case["first"]
    assert isinstance(shown, list)
    blocks = np.arange(first >> 2, (first + len(shown) + 7) >> 2, dtype=np.uint64)
    address = Address(int(str(case["seed"])), stream_of(str(case["name"])))
    constants = case["constants"]
    assert isinstance(constants, dict)
    draw = Normal(**{key: float.fromhex(text) for key, text in constants.items()})
    values = normal.normal32(mutant(address, blocks), draw).reshape(-1)[first & 3 :]
    return [f"{bits:08x}" for bits in values[: len(shown)].view(np.uint32)]


@pytest.mark.parametrize(
    ("mutant", "statistics", "vectors"),
    [
        (true_stream, True, True),
        (block_reused, False, False),
        (words_swapped, True, False),
        (pair_shifted, True, False),
        (key_halves_swapped, True, False),
        (counter_high_word_dropped, True, False),
    ],
)
def test_who_catches_a_mutant(mutant: Mutant, statistics: bool, vectors: bool) -> None:
    """Statistics fail for words that are not random, vectors for words of another stream."""
    assert survives_statistics(mutant) is statistics
    assert survives_vectors(mutant) is vectors
