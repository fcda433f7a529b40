"""Ranges of tensors that no disk holds: the first, middle and last bytes against the reference."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
import pytest

from service.chunks import TensorBody
from service.dtypes import DTYPES
from service.stream.address import Address as StreamAddress
from service.stream.address import stream_of
from service.stream.reference.elements import bytes_of
from service.wire.formats import FORMATS
from tests import server
from tests.application import ask, ready
from tests.ranges.tensors import parts_of, planned
from tests.server import Address

SEED, NAME = 2**63 + 5, "virtual"
POWERS = (31, 32, 44, 53)
RANGE_BYTES = 19
"""Of a range here: not a multiple of any element, so it begins or ends within one."""


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """A server whose limit is above the usual one of 2^44 bytes."""
    with ready(max_bytes=2**54) as address:
        yield address


@dataclass(frozen=True, slots=True)
class Virtual:
    """A tensor of about 2^power bytes. `letters` is empty if its axes have none."""

    power: int
    format: str
    dtype: str
    shape: tuple[int, ...]
    letters: str
    scheme: str
    order: str = "C"

    def __str__(self) -> str:
        shape = "x".join(map(str, self.shape))
        return f"2^{self.power} {self.format} {self.dtype} {shape} {self.scheme} {self.order}"

    @property
    def target(self) -> str:
        """The target of a request for it."""
        layout = f"&layout={self.letters}" if self.letters else ""
        shape = ",".join(map(str, self.shape))
        return (
            f"/v1/weights.{self.format}?shape={shape}{layout}&scheme={self.scheme}"
            f"&dtype={self.dtype}&order={self.order}&seed={SEED}&name={NAME}"
        )

    def element(self, position: int) -> int:
        """The number of the element at a written position: its axes are counted E, O, I, D, H, W.

        Written from docs/stream-v1.md, section 4, without the library's lattices.
        """
        axes = list(range(len(self.shape)))
        index = dict[int, int]()
        for axis in axes if self.order == "F" else reversed(axes):
            position, index[axis] = divmod(position, self.shape[axis])
        number = 0
        for axis in sorted(axes, key=lambda axis: "EOIDHW".find((self.letters or "E" * 9)[axis])):
            number = number * self.shape[axis] + index[axis]
        return number

    def values(self, start: int, stop: int) -> bytes:
        """The bytes start ... stop - 1 of its values, by the reference."""
        size = DTYPES[self.dtype].itemsize
        first, last = start // size, -(-stop // size)
        numbers = np.array([self.element(place) for place in range(first, last)], np.int64)
        draw = planned(self.target).tensor.law.draw
        made = bytes_of(draw, self.dtype, StreamAddress(SEED, stream_of(NAME)), numbers)
        return made[start - first * size :][: stop - start]


def shapes(power: int, itemsize: int) -> Iterator[tuple[tuple[int, ...], str, str, str]]:
    """Shape, letters, scheme and order of tensors of about 2^power bytes."""
    elements = 2**power // itemsize
    for more in (-1, 0, 1):
        yield (elements + more,), "", "truncated_normal", "C"
    rows = 2 ** (power // 2 - 3) + 1
    columns = elements // rows + 1
    yield (rows, columns), "IO", "normal", "C"
    yield (rows, columns), "OI", "sparse&sparsity=0.5", "F"
    yield (columns, rows), "IO", "identity", "C"
    yield (3, 3, rows, columns // 9 + 1), "HWIO", "uniform&low=-0.5&high=2", "C"
    yield (columns // 9 + 1, rows, 3, 3), "OIHW", "he_normal", "F"


def tensors() -> Iterator[Virtual]:
    """Of each size in each format and layout. The dtypes take turns."""
    for form, entry in FORMATS.items():
        dtypes = [name for name in DTYPES if name in entry.dtypes]
        for turn, power in enumerate(POWERS if entry.head else ()):
            for place in range(8):
                dtype = dtypes[(8 * turn + place) % len(dtypes)]
                shape, letters, scheme, order = list(shapes(power, DTYPES[dtype].itemsize))[place]
                if order == "C" or entry.carries_fortran:
                    yield Virtual(power, form, dtype, shape, letters, scheme, order)


TENSORS = tuple(tensors())


def head_bytes(tensor: Virtual, head: bytes) -> int:
    """The length of the head, read by NumPy or as the safetensors README says; 0 for raw bytes."""
    count = prod(tensor.shape) * DTYPES[tensor.dtype].itemsize
    if tensor.format == "npy":
        file = io.BytesIO(head)
        np.lib.format.read_magic(file)
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        assert (shape, dtype) == (tensor.shape, np.dtype(tensor.dtype))
        assert fortran == (tensor.order == "F" and len(shape) > 1)
        return file.tell()
    if tensor.format == "safetensors":
        length = int.from_bytes(head[:8], "little")
        told = json.loads(head[8 : 8 + length])[NAME]
        assert (told["shape"], told["data_offsets"]) == ([*tensor.shape], [0, count])
        return 8 + length
    return 0


def places(head: int, length: int) -> list[int]:
    """Where the ranges begin: at both ends, within the head, and where numbers grow longer."""
    near = [0, head - 3, head, head + 1, length // 3, length // 2 - 7]
    near += [2**power - 5 for power in (31, 32, 44, 53)]
    return sorted({place for place in near if 0 <= place <= length - RANGE_BYTES})


@pytest.mark.parametrize("tensor", TENSORS, ids=str)
def test_its_ends_and_its_middle_are_those_of_the_reference(
    address: Address, tensor: Virtual
) -> None:
    """HEAD tells the length; single ranges, a suffix and all together have the right bytes."""
    first = ask(address, tensor.target, headers={"Range": "bytes=0-511"})
    head = first.body[: head_bytes(tensor, first.body)]
    length = len(head) + prod(tensor.shape) * DTYPES[tensor.dtype].itemsize
    assert abs(length - 2**tensor.power) <= 2**tensor.power // 50 + len(head)
    assert ask(address, tensor.target, "HEAD").headers["content-length"] == str(length)

    def expected(start: int, stop: int) -> bytes:
        values = tensor.values(max(start - len(head), 0), stop - len(head))
        return head[start:stop] + values if stop > len(head) else head[start:stop]

    for start in places(len(head), length):
        stop = start + RANGE_BYTES
        answer = ask(address, tensor.target, headers={"Range": f"bytes={start}-{stop - 1}"})
        (part,) = parts_of(answer)
        assert part == (start, stop, length, expected(start, stop))
    last = ask(address, tensor.target, headers={"Range": "bytes=-8"})
    assert parts_of(last) == [(length - 8, length, length, expected(length - 8, length))]
    several = ",".join(
        f"{start}-{start + RANGE_BYTES - 1}" for start in places(len(head), length)[::-1]
    )
    for part in parts_of(ask(address, tensor.target, headers={"Range": f"bytes={several}"})):
        assert part.content == expected(part.start, part.stop)
    beyond = ask(address, tensor.target, headers={"Range": f"bytes={length}-"})
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{length}")


def test_the_tensors_are_of_every_kind() -> None:
    """So that the test above leaves none out."""
    for power in POWERS:
        some = [tensor for tensor in TENSORS if tensor.power == power]
        assert {tensor.format for tensor in some} == {"npy", "safetensors", "raw"}
        assert {tensor.dtype for tensor in some} == {*DTYPES}
        assert {tensor.order for tensor in some} == {"C", "F"}
    exact = [prod(each.shape) * DTYPES[each.dtype].itemsize for each in TENSORS]
    assert {2**power for power in POWERS} < {*exact}


@pytest.mark.parametrize("tensor", TENSORS, ids=str)
def test_a_range_costs_what_it_covers(tensor: Virtual) -> None:
    """At any place, also across two chunks: the memory and the work of its elements alone.

    The work of an element is that of at most five blocks of words, if its block is computed for it
    alone. That is a sparse one in float64.
    """
    body = TensorBody(planned(tensor.target))
    itemsize = DTYPES[tensor.dtype].itemsize
    head = body.length - prod(tensor.shape) * itemsize
    for start in (*places(head, body.length), body.length - RANGE_BYTES):
        part = body.part(start, start + RANGE_BYTES)
        elements = RANGE_BYTES // itemsize + 2
        assert part.chunk_bytes <= elements * itemsize + (head if start < head else 0)
        assert part.cost <= 5 * elements
        assert part.chunk_count <= 2


def test_the_last_bytes_of_two_tebibytes_cost_a_few_blocks() -> None:
    """The work is counted, and it is that of the last bytes of a tensor of 2 KiB."""
    query = "scheme=normal&seed=1&name=w&layout=IO"
    for shape, dtype in (("1048576,524288", "float32"), ("1048577,262143", "float64")):
        large = TensorBody(planned(f"/v1/weights.npy?shape={shape}&dtype={dtype}&{query}"))
        small = TensorBody(planned(f"/v1/weights.npy?shape=16,32&dtype={dtype}&{query}"))
        assert large.length > 0.99 * 2**41
        last, of_small = (body.part(body.length - 8, body.length) for body in (large, small))
        assert (last.cost, last.chunk_bytes) == (of_small.cost, of_small.chunk_bytes)
        assert last.cost <= 4


def test_the_whole_of_the_largest_begins_at_once(address: Address) -> None:
    """A GET without a range of 2^53 bytes is a stream of the same bytes."""
    tensor = next(each for each in TENSORS if (each.power, each.format) == (53, "raw"))
    with server.ask(address, tensor.target) as client:
        received = bytearray()
        while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < 4096:
            received += client.recv(65536)
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    assert re.search(rb"(?i)content-length: (\d+)", head) is not None
    assert body[:4096] == tensor.values(0, 4096)
