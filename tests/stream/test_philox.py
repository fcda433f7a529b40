"""Words are Philox4x32-10's, in both implementations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.stream.address import Address, stream_of
from service.stream.kernels.words import fill_word_rows, fill_words
from service.stream.reference.philox import philox, words

# Random123, tests/kat_vectors: counter, key, words.
KNOWN_ANSWERS = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


def kernel_words(address: Address, blocks: list[int], purpose: int = 0) -> list[list[int]]:
    """The words of each block, after both arrangements were seen to be the same words."""
    halves = [address.seed & 0xFFFFFFFF, address.seed >> 32]
    halves += [address.stream & 0xFFFFFFFF, address.stream >> 32]
    key = np.array(halves, np.uint32)
    # Numbers of blocks are added to a base, modulo 2^64.
    base, numbers = np.uint64(2**64 - 5), np.array(blocks, np.uint64) + np.uint64(5)
    in_order, rows = np.empty((2, 4 * len(blocks)), np.uint32)
    fill_words(base, numbers, len(blocks), key, np.uint32(purpose), in_order)
    fill_word_rows(base, numbers, len(blocks), key, np.uint32(purpose), rows)
    assert np.array_equal(in_order.reshape(-1, 4), rows.reshape(4, -1).T)
    words: list[list[int]] = in_order.reshape(-1, 4).tolist()
    return words


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_the_published_answers_come_out(
    counter: list[int], key: list[int], expected: list[int]
) -> None:
    """The generator, and the way seed, stream, purpose and block make its key and counter."""
    c0, c1, c2, c3 = (np.array([c], np.uint32) for c in counter)
    assert philox((c0, c1, c2, c3), (key[0], key[1]))[0].tolist() == expected
    address = Address(key[0] | key[1] << 32, counter[2] | counter[3] << 32)
    block, purpose = counter[0] | (counter[1] & 0xFFFFFF) << 32, counter[1] >> 24
    assert words(address, np.array([block], np.uint64), purpose)[0].tolist() == expected
    assert kernel_words(address, [block], purpose) == [expected]


@given(
    seed=st.integers(0, 2**64 - 1),
    stream=st.integers(0, 2**64 - 1),
    blocks=st.lists(st.integers(0, 2**56 - 1), min_size=1, max_size=40),
    purpose=st.integers(0, 255),
)
def test_both_implementations_draw_the_same_words(
    seed: int, stream: int, blocks: list[int], purpose: int
) -> None:
    """Any blocks, in any order, under any purpose."""
    address = Address(seed, stream)
    expected = words(address, np.array(blocks, np.uint64), purpose).tolist()
    assert kernel_words(address, blocks, purpose) == expected


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("weight", "0844df8fee9eeada"),
        ("caf\u00e9", "850f7dc43910ff89"),
        ("cafe\u0301", "81ef060bcd98adc7"),
        ("", "0000000000000000"),
    ],
)
def test_a_name_is_its_utf8_bytes_hashed(name: str, digest: str) -> None:
    """The first 16 digits that sha256sum prints; composed and decomposed differ; empty is 0."""
    assert stream_of(name).to_bytes(8, "little").hex() == digest
