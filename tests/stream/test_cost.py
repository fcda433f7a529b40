"""The cost of an answer is known before a block is drawn, and it is what is drawn."""

import time
from math import prod

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.chunks import TensorBody
from service.fields import parse_query
from service.plan import plan
from service.stream.address import Address
from service.stream.chunking import chunks_of
from service.stream.counting import blocks_of_run, distinct_blocks, summed
from service.stream.draws import Elementwise, Normal, SymmetricUniform
from service.stream.fill import filler
from service.stream.lattice import Lattice
from service.stream.sources import elementwise
from service.stream.sources.walks import Gathered, Run, Sheets, walk
from tests.stream.test_boxes import COLUMNS_BY_1, LARGE, lattices, numbers

ADDRESS = Address(7, 9)
NORMAL, UNIFORM = Normal(0.0, 1.0), SymmetricUniform(1.0)

AWKWARD = (
    "shape=2,2,2,2,4096,16,16,16&slice=:,:,:,:,:,0:1,0:1,0:1&order=F&dtype=float8_e5m2",
    "shape=2,2,2,64,64,2,2,2&order=F",
    "shape=4,4,4,4,4,4,4,4&order=F&dtype=float8_e5m2",
    "shape=3,3,3,3,3,3,9,9&order=F&dtype=float16",
    "shape=2,2,8192,8&order=F&slice=:,:,:,0:2&dtype=float8_e5m2",
    "shape=8192,33&slice=:,0:7",
)
"""Requests of at most 64 KiB in float8, or little more, that were slow."""


def drawn() -> int:
    """The blocks that kernels have drawn in this thread."""
    return int(elementwise._memory.scratch.drawn[0])


def drawn_for(draw: Elementwise, dtype: str, box: Lattice) -> int:
    """The blocks that kernels draw for a box."""
    prepared = filler(draw, dtype, ADDRESS, box)
    before = drawn()
    prepared.fill(0, box.size, np.empty(box.size * prepared.itemsize, np.uint8))
    return drawn() - before


def ascending(lattice: Lattice) -> list[tuple[int, int]]:
    """The axes, the smallest stride first."""
    return sorted(zip(lattice.extents, lattice.strides, strict=True), key=lambda axis: axis[1])


@given(lattice=lattices())
def test_distinct_blocks_are_counted(lattice: Lattice) -> None:
    """As many as NumPy finds in the list of all elements."""
    elements = numbers(lattice) + lattice.offset
    counted = distinct_blocks(lattice.offset % 4, ascending(lattice))
    assert counted == np.unique(elements // 4).size


@given(lattice=lattices(), length=st.integers(1, 40))
def test_sums_over_a_lattice(lattice: Lattice, length: int) -> None:
    """The blocks of a run at each element, one by one and by their places."""
    places = (numbers(lattice) + lattice.offset) % 4
    one_by_one = sum(blocks_of_run(int(place), length) for place in places)
    summary = summed(lattice.offset % 4, ascending(lattice), lambda p: blocks_of_run(p, length))
    assert summary == one_by_one


@settings(max_examples=400)
@given(
    lattice=lattices(),
    dtype=st.sampled_from(["float32", "float64", "float16", "float8_e5m2"]),
    draw=st.sampled_from([NORMAL, UNIFORM]),
)
@example(COLUMNS_BY_1, "float32", NORMAL)
def test_a_box_costs_what_is_drawn(lattice: Lattice, dtype: str, draw: Elementwise) -> None:
    """The blocks that the kernels count, times the factor of normal values in float64."""
    factor = 3 if draw == NORMAL and dtype == "float64" else 1
    predicted = filler(draw, dtype, ADDRESS, lattice).source.cost(lattice)
    assert predicted == factor * drawn_for(draw, dtype, lattice)


def test_every_walk_is_among_the_large_boxes() -> None:
    """So the property above and tests/stream/test_boxes.py reach all of them."""
    walks = {type(walk(box)) for box in [*LARGE, Lattice(0, (7,), (1,))]}
    assert walks == {Run, Sheets, Gathered}


@given(lattice=lattices(), usual=st.integers(500, 5000), data=st.data())
def test_chunks_cost_what_is_drawn(lattice: Lattice, usual: int, data: st.DataObject) -> None:
    """All chunks together, although the sum is found without a list of them."""
    chunks = chunks_of(lattice.merged(), usual, usual * data.draw(st.integers(1, 8)))
    prepared = filler(NORMAL, "float32", ADDRESS, lattice)
    before, out = drawn(), np.empty(4 * chunks.largest, np.uint8)
    for index in range(chunks.count):
        start, stop = chunks.range(index)
        prepared.fill(start, stop, out[: 4 * (stop - start)])
    assert chunks.total(prepared.source.cost) == drawn() - before


@pytest.mark.parametrize("query", AWKWARD)
def test_a_body_costs_what_is_drawn(query: str) -> None:
    """As a request asks for it, in usual and in larger chunks."""
    made = plan(parse_query(f"{query}&scheme=normal&seed=1".encode()), "raw", max_bytes=2**40)
    for body in (TensorBody(made), TensorBody(made).in_larger_chunks()):
        before = drawn()
        for _ in body.chunks():
            pass
        assert body.cost == drawn() - before


@pytest.mark.parametrize("query", AWKWARD)
def test_an_awkward_layout_draws_no_block_twice(query: str) -> None:
    """Of the answers of one chunk: as many blocks as their elements have, and 1 % more at most."""
    made = plan(parse_query(f"{query}&scheme=normal&seed=1".encode()), "raw", max_bytes=2**40)
    body, lattice = TensorBody(made), made.tensor.placement.lattice
    assert body.chunk_count == 1
    needed = np.unique((numbers(lattice) + lattice.offset) // 4).size
    assert needed <= body.cost <= 1.01 * needed


STREAMS = (
    "shape=2,2,2,8192,8192,2,2,2&order=F",
    "shape=8,8,8,8,8,8,8,8&order=F",
    "shape=4,4,4,4,64,64,64,4&order=F",
)
"""Requests of many chunks that were slow."""


def seconds(body: TensorBody) -> float:
    """The shortest of seven times for a chunk in the middle."""
    memory, times = np.empty(body.chunk_bytes, np.uint8), []
    for _ in range(7):
        start = time.perf_counter()
        body.chunk(body.chunk_count // 2, memory)
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.parametrize("query", [*AWKWARD, *STREAMS])
def test_an_awkward_chunk_takes_about_as_long_as_it_costs(query: str) -> None:
    """At most 25 times as long as a plain one of as many bytes.

    It takes 2 to 8 times as long. Before these boxes were gathered it took 30 to 450 times as long,
    except the one with rows of 7.
    """
    awkward = TensorBody(
        plan(parse_query(f"{query}&scheme=normal&seed=1".encode()), "raw", max_bytes=2**40)
    )
    dtype = awkward._plan.spec.dtype
    size = awkward.chunk_bytes // awkward._filler.itemsize
    run = parse_query(f"shape={size}&scheme=normal&seed=1&dtype={dtype}".encode())
    plain = TensorBody(plan(run, "raw", max_bytes=2**40))
    assert seconds(awkward) < 25 * seconds(plain)


def test_a_large_tensor_costs_no_time() -> None:
    """2^57 elements of eight axes: the integers are exact, and each chunk draws four blocks for
    four elements, because the elements of a block are 2^55 elements apart."""
    query = b"shape=2,2,2,4194304,4194304,256,2,2&order=F&scheme=normal&seed=1&dtype=float8_e5m2"
    body = TensorBody(plan(parse_query(query), "raw", max_bytes=2**60))
    assert body.length == 2**57
    assert body.cost == 2**57


@given(extents=st.lists(st.sampled_from([1, 2, 3, 4, 5, 16, 100, 4096]), min_size=1, max_size=8))
def test_no_layout_draws_more_than_four_times(extents: list[int]) -> None:
    """A block for each element is the most. A row of 8 elements may have 3 blocks instead of 2."""
    strides = [prod(extents[axis + 1 :]) for axis in range(len(extents))]
    lattice = Lattice(0, tuple(extents[::-1]), tuple(strides[::-1]))
    chunks = chunks_of(lattice.merged(), 2**18, 2**22)
    total = chunks.total(filler(NORMAL, "float32", ADDRESS, lattice).source.cost)
    assert lattice.size / 4 <= total <= lattice.size


def test_a_wrong_count_would_be_noticed() -> None:
    """Negative control: two boxes of as many elements cost 4 to 1, and draw so."""
    spread, dense = Lattice(0, (4096,), (4,)), Lattice(0, (4096,), (1,))
    counts = [drawn_for(NORMAL, "float32", box) for box in (spread, dense)]
    assert counts == [4096, 1024]
