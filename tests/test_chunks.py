"""A tensor's chunks: together its bytes, each by itself, none larger than it may be."""

from concurrent.futures import ThreadPoolExecutor
from math import prod

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.chunks import CHUNK_BYTES, LARGEST_CHUNK_BYTES, TensorBody, elements_of_a_chunk
from service.fields import parse_query
from service.plan import Plan, plan
from service.stream.address import Address, stream_of
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
    spec = parse_query(f"{query}&scheme=normal&seed=1".encode())
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
        ((4096, 4096), (4096, 1), 4, 262_144),
        ((4096, 4096), (4096, 1), 8, 131_072),
        ((4096, 4096), (4096, 1), 1, 1_048_576),
        ((7,), (1,), 4, 262_144),
        ((), (), 4, 262_144),
        ((9, 64, 128), (1, 9, 576), 4, 3 * 9 * 64 * 128),
        ((9, 512, 400), (1, 9, 4608), 2, 9 * 512 * 400),
        ((9, 1024, 1024), (1, 9, 9216), 2, 4 * 1024 * 1024),
        ((128, 9, 64), (576, 1, 9), 4, 455 * 9 * 64),
        ((4096, 4096), (1, 4096), 4, 4 * 16 * 4096),
        ((1000, 1000), (1, 1000), 8, 8 * 16 * 1000),
        ((8, 100_000), (1, 8), 4, 8 * 100_000),
        ((64, 262_144), (1, 64), 4, 16 * 262_144),
        ((64, 262_145), (1, 64), 4, 4 * 262_145),
        ((64, 1_048_576), (1, 64), 4, 4 * 1_048_576),
        ((64, 1_048_577), (1, 64), 4, 262_144),
        ((512, 512), (1024, 2), 4, 262_144),
    ],
)
def test_permuted_layouts_use_blocks_whole(
    shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int, elements: int
) -> None:
    """Whole rows of kernels, else 16 or at least 4 elements of a row; 1 MiB where that is more
    than 16 MiB, or where what is consecutive in the stream is written so.
    """
    lattice = Lattice(0, shape, strides)
    assert elements_of_a_chunk(lattice, itemsize, LARGEST_CHUNK_BYTES) == elements


@given(
    extents=st.lists(st.integers(0, 10**6), max_size=5),
    axis=st.integers(0, 4),
    itemsize=st.sampled_from([1, 2, 4, 8]),
)
@example(extents=[0, 3], axis=0, itemsize=4)
@example(extents=[64, 10**6], axis=0, itemsize=1)
def test_no_layout_needs_more_than_the_most(extents: list[int], axis: int, itemsize: int) -> None:
    """Whichever axis is consecutive; at least an element, and 1 MiB in the usual case."""
    strides = [prod(extents[place + 1 :]) * 2 + 2 for place in range(len(extents))]
    if axis < len(strides):
        strides[axis] = 1
    lattice = Lattice(0, tuple(extents), tuple(strides))
    for most in (CHUNK_BYTES, LARGEST_CHUNK_BYTES):
        elements = elements_of_a_chunk(lattice, itemsize, most)
        assert 1 <= elements <= most // itemsize
        if axis >= len(strides) - 1:
            assert elements == CHUNK_BYTES // itemsize
