"""A tensor's chunks: together its bytes, each by itself, none larger than it may be."""

from concurrent.futures import ThreadPoolExecutor
from math import prod

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from service.chunks import (
    CHUNK_BYTES,
    LARGEST_CHUNK_BYTES,
    BodyPart,
    JoinedBody,
    Memory,
    TensorBody,
    TextBody,
)
from service.fields import parse_query
from service.plan import Plan, plan
from service.stream.address import Address, stream_of
from service.stream.chunking import Chunks, chunks_of
from service.stream.fill import filler
from service.stream.lattice import Lattice

TENSORS = [
    ("raw", "shape=700,1100"),
    ("npy", "shape=700,1100&dtype=float64"),
    ("npy", "shape=300,256,3,3&dtype=float16"),
    ("npy", "shape=700,1100&layout=IO"),
    ("npy", "shape=3,3,400,401&layout=HWIO"),
    ("raw", "shape=3,3,400,401&layout=HWIO&dtype=float64"),
    ("npy", "shape=400,401,3,3&order=F"),
    ("npy", "shape=700,1100&order=F&slice=1:,3:1098"),
    ("safetensors", "shape=5,5,250,301&layout=HWIO&slice=:,1:4,:,7:290&dtype=bfloat16"),
    ("safetensors", "shape=3,3,700,801&layout=HWIO&dtype=float8_e5m2"),
    ("safetensors", "shape=1500,1501&dtype=float8_e4m3fn&slice=1:,1:"),
    ("npy", "shape=3,3,16,9001&layout=HWIO&name=long"),
    ("npy", "shape=7,3"),
    ("npy", "shape=scalar"),
    ("raw", "shape=scalar&dtype=float64"),
    ("safetensors", "shape=0,3"),
    ("npy", "shape=0,3&layout=IO"),
    ("npy", "shape=4,0&order=F"),
    ("npy", "shape=3,3,4,5&layout=HWIO&slice=:,:,2:2,:"),
    ("raw", "shape=3,0"),
]
"""Format and query; those of more than one chunk come first."""

MANY = TENSORS[:12]


def planned(form: str, query: str) -> Plan:
    scheme = "" if "scheme" in query else "&scheme=normal"
    spec = parse_query(f"{query}{scheme}&seed=1".encode())
    return plan(spec, form, max_bytes=2**40)


def whole(made: Plan) -> bytes:
    """The head, and the tensor's elements picked out of one run of the stream."""
    numbers = np.array(made.tensor.placement.lattice.offset)
    for extent, stride in zip(
        made.tensor.placement.lattice.extents, made.tensor.placement.lattice.strides, strict=True
    ):
        numbers = np.add.outer(numbers, np.arange(extent) * stride)
    count = int(numbers.max(initial=0)) + 1
    address = Address(1, stream_of(made.spec.name))
    run = filler(made.tensor.law.draw, made.spec.dtype, address, Lattice(0, (count,), (1,)))
    out = np.empty(count * run.itemsize, np.uint8)
    run.fill(0, count, out)
    picked: bytes = out.reshape(count, run.itemsize)[numbers.reshape(-1)].tobytes()
    return made.tensor.head + picked


@pytest.mark.parametrize(("form", "query"), TENSORS)
def test_all_chunks_together_are_the_tensor(form: str, query: str) -> None:
    """Whatever the layout, slice, order, head or dtype; the length is known before."""
    made = planned(form, query)
    expected = whole(made)
    for body in (TensorBody(made), TensorBody(made).in_larger_chunks()):
        assert b"".join(map(bytes, body.chunks())) == expected
        assert body.length == len(expected)


@pytest.mark.parametrize(
    ("form", "query"),
    [
        *TENSORS[5:],
        ("npy", "shape=64,64&scheme=orthogonal"),
        ("safetensors", "shape=12,8&scheme=glorot_uniform&parts=4,8"),
        ("raw", "shape=64,64&scheme=sparse&sparsity=0.5"),
    ],
)
def test_a_body_at_another_address_is_that_of_its_plan(form: str, query: str) -> None:
    """Also with a longer or shorter head, and in larger chunks; the first body stays as it is."""
    query = query.replace("&name=long", "")
    made = [planned(form, f"{query}&name={name}") for name in ("first", "a", "longer.weight")]
    first, *others = map(TensorBody, made)
    before = b"".join(map(bytes, first.chunks()))
    for planned_alone, other in zip(made[1:], others, strict=True):
        address = Address(1, stream_of(planned_alone.spec.name))
        moved = first.at(planned_alone.tensor.head, address)
        expected = b"".join(map(bytes, other.chunks()))
        for body in (moved, moved.in_larger_chunks()):
            assert b"".join(map(bytes, body.chunks())) == expected
        told = ("length", "chunk_count", "chunk_bytes", "materialised", "cost")
        assert [getattr(moved, name) for name in told] == [getattr(other, name) for name in told]
    assert b"".join(map(bytes, first.chunks())) == before


@pytest.mark.parametrize(("form", "query"), MANY)
def test_a_chunk_depends_on_no_other(form: str, query: str) -> None:
    """Made last to first, in four threads, in memory that holds something else."""
    body = TensorBody(planned(form, query))

    def make(index: int) -> bytes:
        return bytes(body.chunk(index, np.full(body.chunk_bytes, 0xA5, np.uint8)))

    indexes = range(body.chunk_count)
    assert len(indexes) > 1
    with ThreadPoolExecutor(4) as threads:
        backwards = list(threads.map(make, [*indexes][::-1] * 2))
    assert b"".join(backwards[: len(indexes)][::-1]) == b"".join(map(bytes, body.chunks()))
    assert backwards[: len(indexes)] == backwards[len(indexes) :]


@pytest.mark.parametrize(("form", "query"), TENSORS)
def test_a_chunk_stays_within_its_memory(form: str, query: str) -> None:
    """`chunk_bytes` is what the longest takes: 1 or 16 MiB and the head at most."""
    made = planned(form, query)
    usual = TensorBody(made)
    for body, most in ((usual, CHUNK_BYTES), (usual.in_larger_chunks(), LARGEST_CHUNK_BYTES)):
        sizes = [len(chunk) for chunk in body.chunks()]
        assert all(size > 0 for size in sizes)
        assert body.chunk_bytes == max(sizes, default=0) <= most + len(made.tensor.head)


@pytest.mark.parametrize(
    ("shape", "strides", "itemsize", "elements"),
    [
        ((4096, 4096), (4096, 1), 4, 16 * 4 * 4096),
        ((16_777_216,), (1,), 4, 262_144),
        ((16_777_216,), (1,), 8, 131_072),
        ((16_777_216,), (1,), 1, 1_048_576),
        ((7,), (1,), 4, 7),
        ((), (), 4, 1),
        ((9, 64, 128), (1, 9, 576), 4, 9 * 64 * 128),
        ((9, 512, 400), (1, 9, 4608), 2, 9 * 512 * 400),
        ((9, 1024, 1024), (1, 9, 9216), 2, 4 * 1024 * 1024),
        ((1280, 9, 64), (576, 1, 9), 4, 455 * 9 * 64),
        ((4096, 4096), (1, 4096), 4, 4 * 16 * 4096),
        ((1000, 1000), (1, 1000), 8, 8 * 16 * 1000),
        ((8, 100_000), (1, 8), 4, 8 * 100_000),
        ((64, 262_144), (1, 64), 4, 16 * 262_144),
        ((64, 262_145), (1, 64), 4, 4 * 262_145),
        ((64, 1_048_576), (1, 64), 4, 4 * 1_048_576),
        ((2, 2, 1_048_576), (1, 2, 4), 4, 4 * 1_048_576),
        ((2, 2, 1_048_577), (1, 2, 4), 4, 2 * 1_048_577),
        ((2, 3, 300_000), (2, 1, 6), 4, 2 * 3 * 300_000),
    ],
)
def test_permuted_layouts_use_blocks_whole(
    shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int, elements: int
) -> None:
    """Whole rows of kernels, else 16 or at least 4 elements of a row; both axes of a block of two
    by two; 1 MiB where what is consecutive in the stream is written so.
    """
    lattice = Lattice(0, shape, strides)
    usual, most = CHUNK_BYTES // itemsize, LARGEST_CHUNK_BYTES // itemsize
    assert chunks_of(lattice, usual, most).largest == elements


@pytest.mark.parametrize(
    ("shape", "strides", "sizes"),
    [
        ((3, 600), (1000, 1), [208, 208, 184] * 3),
        ((3, 256), (1000, 1), [256] * 3),
        ((64, 257), (1, 64), [129, 128] * 64),
        ((600,), (1,), [256, 256, 88]),
        ((5, 100), (1000, 1), [200, 200, 100]),
        ((5, 3, 100), (10_000, 1000, 1), [200, 100] * 5),
    ],
)
def test_a_chunk_is_one_box(
    shape: tuple[int, ...], strides: tuple[int, ...], sizes: list[int]
) -> None:
    """Chunks of about 256 elements, about equal where they come again and again."""
    lattice = Lattice(0, shape, strides)
    chunks = chunks_of(lattice, 256, 256)
    ranges = [chunks.range(index) for index in range(chunks.count)]
    assert [stop - start for start, stop in ranges] == sizes
    assert all(len(list(lattice.boxes(*each))) == 1 for each in ranges)


@given(
    extents=st.lists(st.integers(0, 10**6), max_size=5),
    axis=st.integers(0, 4),
    itemsize=st.sampled_from([1, 2, 4, 8]),
)
@example(extents=[0, 3], axis=0, itemsize=4)
@example(extents=[64, 10**6], axis=0, itemsize=1)
def test_no_layout_needs_more_than_the_most(extents: list[int], axis: int, itemsize: int) -> None:
    """Whichever axis is consecutive; on average at least half of the usual number of elements."""
    strides = [prod(extents[place + 1 :]) * 2 + 2 for place in range(len(extents))]
    if axis < len(strides):
        strides[axis] = 1
    lattice = Lattice(0, tuple(extents), tuple(strides))
    usual = CHUNK_BYTES // itemsize
    for most in (usual, LARGEST_CHUNK_BYTES // itemsize):
        chunks = chunks_of(lattice, usual, most)
        assert chunks.largest <= most
        if lattice.size:
            assert min(usual, lattice.size) / 2.01 <= lattice.size / chunks.count
        else:
            assert chunks.count == 0


@given(data=st.data())
def test_chunks_follow_each_other(data: st.DataObject) -> None:
    """From the first position to the last, whichever axis is cut and however often."""
    extents = data.draw(st.lists(st.integers(1, 7), max_size=4))
    strides = [prod(extents[place + 1 :]) for place in range(len(extents))]
    order = data.draw(st.permutations(range(len(extents))))
    lattice = Lattice(3, tuple(extents[a] for a in order), tuple(strides[a] for a in order))
    usual = data.draw(st.integers(1, 40))
    chunks: Chunks = chunks_of(lattice, usual, usual * data.draw(st.integers(1, 4)))
    ranges = [chunks.range(index) for index in range(chunks.count)]
    assert [start for start, _ in ranges] == [0, *(stop for _, stop in ranges[:-1])]
    assert ranges[-1][1] == lattice.size


@settings(deadline=None)
@given(st.data())
def test_any_part_is_that_part_of_the_whole(data: st.DataObject) -> None:
    """Whatever the layout, slice, order, head or dtype, and wherever the part begins and ends."""
    form, query = data.draw(st.sampled_from([*TENSORS, ("npy", "shape=64,48&scheme=orthogonal")]))
    body = TensorBody(planned(form, query))
    expected = b"".join(map(bytes, body.chunks()))
    assume(expected)
    near = st.one_of(st.integers(0, min(200, body.length - 1)), st.integers(0, body.length - 1))
    start = data.draw(near)
    stop = data.draw(st.one_of(near, st.integers(start, min(start + 40, body.length - 1)))) + 1
    assume(start < stop)
    part = body.part(start, stop)
    for cut in (part, part.in_larger_chunks()):
        assert cut.length == stop - start
        assert joined_chunks(cut) == expected[start:stop]
    # An element at each end, and a head of at most 700 bytes.
    assert part.chunk_bytes <= stop - start + 2 * 8 + 700


def test_a_small_part_of_terabytes_is_one_small_chunk() -> None:
    """The last bytes, and some in the middle, of a permuted tensor of 2 TiB cost a few blocks."""
    made = plan(
        parse_query(b"shape=3,3,200000,300000&layout=HWIO&scheme=normal&seed=1"),
        "npy",
        max_bytes=2**44,
    )
    body = TensorBody(made)
    for start in (0, body.length // 2 + 3, body.length - 8):
        part = body.part(start, start + 8)
        assert (part.chunk_count, part.cost <= 3) == (1, True)
        assert part.chunk_bytes <= 200


def test_bodies_are_joined_in_their_order() -> None:
    """Texts and parts of several chunks, made last to first."""
    body = TensorBody(planned("raw", "shape=700,1100"))
    expected = b"".join(map(bytes, body.chunks()))
    bodies: list[BodyPart | TextBody] = [
        TextBody(b"ab"),
        body.part(5, 3_000_001),
        TextBody(b"c"),
        body.part(0, 3),
    ]
    joined = JoinedBody(bodies)
    made = [bytes(joined.chunk(i, memory_of(joined))) for i in range(joined.chunk_count)][::-1]
    assert b"".join(made[::-1]) == b"ab" + expected[5:3_000_001] + b"c" + expected[:3]
    assert joined.length == 3_000_002


def memory_of(body: BodyPart | JoinedBody) -> Memory:
    return np.full(body.chunk_bytes, 0xA5, np.uint8)


def joined_chunks(body: BodyPart | JoinedBody) -> bytes:
    return b"".join(bytes(body.chunk(i, memory_of(body))) for i in range(body.chunk_count))
