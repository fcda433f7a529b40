"""The golden vectors hold in both implementations, and cannot be rewritten."""

import hashlib
from collections import Counter
from copy import deepcopy
from itertools import product
from typing import Any

import numpy as np
import pytest

from checks import write_vectors
from checks.append_only import rewritten
from service.stream.address import Address, stream_of
from service.stream.draws import Elementwise, Normal, UniformBetween
from service.stream.fill import filler
from service.stream.kernels.evaluate import transform32, transform64
from service.stream.kernels.parameters import kernel_parameters
from service.stream.lattice import Lattice
from service.stream.reference.values import element_bytes, values32, values64
from tests.stream.drawing import elementwise
from tests.stream.vectors import cases, document, draw_of


def check(case: dict[str, Any], data: bytes) -> None:
    shown, itemsize = len(case["first"]), len(data) // case["count"]
    bits = [data[i * itemsize : (i + 1) * itemsize][::-1].hex() for i in range(shown)]
    assert bits == case["first"], case
    assert hashlib.sha256(data).hexdigest() == case["sha256"], case


def test_there_are_vectors_enough() -> None:
    """At least 80, with every draw, dtype, seed, start and name that the contract lists."""
    assert len(cases()) >= 80
    assert {case["seed"] for case in cases()} == {"0", "1", str(2**32), str(2**64 - 1)}
    starts = {int(case["start"]) for case in cases()}
    assert starts == {0, 1, 3, 5, 2**32 - 2, 2**34 - 2, 2**40 + 1}
    assert {len(case["name"].encode()) for case in cases()} >= {0, 5, 6}
    kinds = {type(draw).__name__ for draw in write_vectors.draws()}
    pairs = {(case["draw"], case["dtype"]) for case in cases()}
    assert pairs == set(product(kinds, write_vectors.dtypes()))


def test_the_reference_gives_the_vectors() -> None:
    """Every run, by NumPy."""
    for case in cases():
        address = Address(int(case["seed"]), stream_of(case["name"]))
        start, count = int(case["start"]), case["count"]
        check(case, element_bytes(elementwise(draw_of(case)), case["dtype"], address, start, count))


def test_the_kernels_give_the_vectors() -> None:
    """Every run, by the kernels."""
    for case in cases():
        address = Address(int(case["seed"]), stream_of(case["name"]))
        count = case["count"]
        lattice = Lattice(int(case["start"]), (count,), (1,))
        prepared = filler(draw_of(case), case["dtype"], address, lattice)
        out = np.empty(count * prepared.itemsize, np.uint8)
        prepared.fill(0, count, out)
        check(case, out.tobytes())


@pytest.mark.parametrize("case", document()["word_cases"], ids=lambda c: c["draw"] + c["dtype"])
def test_edge_words_become_the_vectors_values(case: dict[str, Any]) -> None:
    """The values of hand-picked words, before bounds and rounding, in both implementations."""
    wide = case["dtype"] == "float64"
    words = np.array([int(w, 16) for w in case["words"]], np.uint64).reshape(-1, 4)
    draw = elementwise(draw_of(case))
    if wide:
        values: Any = values64(draw, words).view(np.uint64)
    else:
        values = values32(draw, words.astype(np.uint32)).view(np.uint32)
    expected = [int(v, 16) for v in case["values"]]
    assert values.reshape(-1).tolist() == expected
    assert kernel_values(draw, words, wide) == [expected, expected]


def kernel_values(draw: Elementwise, words: Any, wide: bool) -> list[list[int]]:
    """The bits of the values in either arrangement: in the order of the stream, and as rows."""
    found = []
    made = kernel_parameters(draw, "float64" if wide else "float32", Address(0, 0))
    unbounded = made._replace(bounds=np.array([-np.inf, np.inf]))
    for in_rows in (False, True):
        arranged = np.ascontiguousarray(words.T if in_rows else words).reshape(-1)
        high, low = (arranged >> 32).astype(np.uint32), arranged.astype(np.uint32)
        out = np.empty(words.size, np.float64 if wide else np.float32)
        row = words.size // 4 if in_rows else 0
        if wide:
            transform64(unbounded, row, high, low, out)
        else:
            transform32(unbounded, row, low, out)
        bits = out.view(np.uint64 if wide else np.uint32)
        found.append((bits.reshape(4, -1).T if in_rows else bits).reshape(-1).tolist())
    return found


def test_a_frozen_vector_cannot_be_rewritten() -> None:
    """The script computes the very file, and one bit of one vector changed would be named."""
    computed, frozen = write_vectors.document(), document()
    assert computed == frozen
    changed = deepcopy(frozen)
    changed["cases"][7]["first"][0] = "3f800000"
    changed["word_cases"][2]["draw"] = "Normal"
    assert rewritten(frozen, changed) == ["word_cases 2", "cases 7"]
    changed["status"] = "open"
    assert rewritten(frozen, changed)[0] == "status"


def test_a_new_draw_follows_all_others() -> None:
    """With one draw more the script writes the file as it stands and appends to it."""
    frozen, grown = document(), write_vectors.document((Normal(2.0, 3.0),))
    assert rewritten(frozen, grown) == []
    added = grown["cases"][len(frozen["cases"]) :]
    assert {case["dtype"] for case in added} == set(write_vectors.dtypes())
    assert {case["constants"]["std"] for case in added} == {(3.0).hex()}
    assert len(grown["word_cases"]) == len(frozen["word_cases"]) + 2


def test_draws_and_dtypes_are_added_in_any_order() -> None:
    """What comes later moves nothing, and every draw ends up with every dtype."""
    added = (Normal(2.0, 3.0), "float8_e3m4", UniformBetween(1.0, 2.0), "float8_e4m3")
    pairs = write_vectors.added_pairs(added)
    for count in range(len(added)):
        before = write_vectors.added_pairs(added[:count])
        assert pairs[: len(before)] == before
    first = product(write_vectors.FIRST_DRAWS, write_vectors.FIRST_DTYPES)
    everything = product(write_vectors.draws(added), write_vectors.dtypes(added))
    assert Counter([*first, *pairs]) == Counter(everything)
