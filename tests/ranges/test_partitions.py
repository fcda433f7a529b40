"""Any partition of any tensor into ranges, from any replica, joined is the whole tensor."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from service.api.ranges import MOST_PARTS
from service.chunks import TensorBody
from service.initializers.schemes import SCHEMES
from service.wire.formats import FORMATS
from tests.application import Answer, ask, wait_until_ready
from tests.filling import distinct
from tests.process import served as server
from tests.ranges.requests import BLOCKS, LARGE, served, small_targets
from tests.ranges.tensors import computed, parts_of, planned, remembered
from tests.server import Address

REPLICAS = 3
Range = tuple[int, int]


@pytest.fixture(scope="module")
def replicas() -> Iterator[list[Address]]:
    """The service as three processes, each with a port of its own."""
    with ExitStack() as stack:
        addresses = [stack.enter_context(server("--workers", "1"))[1] for _ in range(REPLICAS)]
        for address in addresses:
            wait_until_ready(address)
        yield addresses


def cut(length: int, seed: random.Random) -> list[Range]:
    """A partition of 0 ... length - 1 into up to 24 ranges, in any order; some are one byte."""
    near = [min(length, place) for place in (1, 2, 7, 8, 127, 128, 129, 2**20 - 1, 2**20, length)]
    places = [seed.randrange(length + 1) for _ in range(seed.randrange(12))]
    places += seed.sample(near, seed.randrange(6))
    places += [min(length, place + 1) for place in places[:3]]
    ranges = list(pairwise(sorted({0, length, *places})))
    seed.shuffle(ranges)
    return ranges


def grouped(ranges: list[Range], seed: random.Random) -> Iterator[list[Range]]:
    """The ranges, one or several in a request."""
    waiting = ranges.copy()
    while waiting:
        count = seed.choice([1, 1, 1, 2, 3, MOST_PARTS])
        yield waiting[:count]
        waiting = waiting[count:]


def spelled(part: Range, length: int, seed: random.Random) -> str:
    """A range as a request writes it: with its last byte, to the end, or as a suffix."""
    start, stop = part
    ways = [f"{start}-{stop - 1}"]
    if stop == length:
        ways += [f"{start}-", f"{start}-{length + seed.randrange(2**70)}", f"-{length - start}"]
    return seed.choice(ways)


def collect(target: str, whole: bytes, replicas: list[Address], seed: random.Random) -> bytes:
    """The tensor from answers of replicas chosen at random, each with one or several ranges."""
    length, joined, times = len(whole), bytearray(whole), Counter[int]()
    # Any byte that no answer has must be wrong at the end.
    joined[:] = bytes(byte ^ 0xFF for byte in whole)
    tag = ask(replicas[0], target, "HEAD").headers["etag"]
    for group in grouped(cut(length, seed), seed):
        value = ", ".join(spelled(part, length, seed) for part in group)
        fields = {"Range": f"bytes={value}"} | seed.choice([{}, {"If-Range": tag}])
        answer = ask(seed.choice(replicas), target, headers=fields)
        assert (answer.status, answer.headers["etag"]) == (206, tag), fields
        for part in parts_of(answer):
            assert part.length == length
            joined[part.start : part.stop] = part.content
            times.update({part.start: 1})
            assert any(start >= part.start and stop <= part.stop for start, stop in group)
        wanted = sum(stop - start for start, stop in group)
        assert sum(part.stop - part.start for part in parts_of(answer)) == wanted
    assert len(joined) == length
    assert max(times.values()) == 1
    return bytes(joined)


@settings(max_examples=200)
@given(target=small_targets(), seed=st.integers(0, 2**32))
def test_any_partition_of_any_tensor(replicas: list[Address], target: str, seed: int) -> None:
    """Any scheme, dtype, format, layout, order, slice and seed, against the library's own bytes."""
    assume(served(target))
    whole = computed(target)
    assert collect(target, whole, replicas, random.Random(seed)) == whole


@pytest.mark.parametrize("target", LARGE)
def test_any_partition_of_a_tensor_of_several_chunks(replicas: list[Address], target: str) -> None:
    """Four partitions of each."""
    target += "&seed=11&name=large"
    whole = remembered(target)
    for seed in range(4):
        assert collect(target, whole, replicas, random.Random(seed)) == whole


def test_the_targets_are_of_every_kind() -> None:
    """So that the tests above leave no kind out."""
    accesses = {SCHEMES[name].access for name in distinct()}
    assert accesses == {"elementwise", "index", "materialised"}
    assert {"sparse", "icnr", "chrono_bias"} < {*distinct()}
    blocks = [planned(f"/v1/weights.raw?{query}&seed=1").tensor.blocks for query in BLOCKS]
    assert max(map(len, blocks)) > 1
    bodies = [TensorBody(planned(f"{target}&seed=11&name=large")) for target in LARGE]
    assert [body.materialised for body in bodies] == [False] * (len(LARGE) - 1) + [True]
    assert all(body.chunk_count > 1 for body in bodies[:-1])


@settings(max_examples=300)
@given(target=small_targets(tuple(FORMATS)), way=st.permutations(range(REPLICAS)))
@example(target="/v1/weights.npy?shape=0,3&scheme=zeros&seed=1", way=[0, 1, 2])
@example(target="/v1/weights.npy?shape=9999999999,9999999999&scheme=normal&seed=1", way=[0, 1, 2])
def test_head_has_the_headers_of_get(replicas: list[Address], target: str, way: list[int]) -> None:
    """Every header but Date, from two replicas, in every format, refusals included."""
    head = ask(replicas[way[0]], target, "HEAD")
    get = ask(replicas[way[1]], target)
    assert head.status == get.status
    assert undated(head) == undated(get)
    assert head.body == b""
    assert get.headers["content-length"] == str(len(get.body))


def undated(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}
