"""Any partition of any tensor into ranges, from any replica, joined is the whole tensor."""

import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from service.chunks import TensorBody
from service.initializers.schemes import SCHEMES
from service.wire.formats import FORMATS
from tests.application import Answer, ask, wait_until_ready
from tests.filling import distinct
from tests.process import served as server
from tests.ranges.partitions import collect
from tests.ranges.requests import BLOCKS, LARGE, served, small_targets
from tests.ranges.tensors import computed, planned, remembered
from tests.server import Address

REPLICAS = 3


@pytest.fixture(scope="module")
def replicas() -> Iterator[list[Address]]:
    """The service as three processes, each with a port of its own."""
    with ExitStack() as stack:
        addresses = [stack.enter_context(server("--workers", "1"))[1] for _ in range(REPLICAS)]
        for address in addresses:
            wait_until_ready(address)
        yield addresses


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
