"""The safetensors head against the official library, which writes and reads it."""

import ctypes
import json
from math import prod
from struct import unpack

import pytest
import safetensors
from hypothesis import example, given
from hypothesis import strategies as st

from service.dtypes import DTYPES, Dtype
from service.errors import ImpossibleError
from service.wire.safetensors import header

each_dtype = st.sampled_from([dtype for dtype in DTYPES.values() if dtype.safetensors_code])
shapes = st.lists(st.integers(0, 3), max_size=8).map(tuple)
keys = st.text().filter(lambda key: key != "__metadata__")


def official_file(dtype: Dtype, shape: tuple[int, ...], key: str, values: bytes) -> bytes:
    """What the official Rust writer makes of one tensor."""
    memory = ctypes.create_string_buffer(values, max(len(values), 1))
    tensor = safetensors.TensorSpec(
        dtype=dtype.name, shape=shape, data_ptr=ctypes.addressof(memory), data_len=len(values)
    )
    return bytes(safetensors.serialize({key: tensor}, metadata={"format": "pt"}))


def size(dtype: Dtype, shape: tuple[int, ...]) -> int:
    """The bytes such a tensor's values take."""
    return prod(shape) * dtype.itemsize


@given(each_dtype, shapes, keys)
@example(DTYPES["float32"], (3,), 'quo"te\\back/slash')
@example(DTYPES["float32"], (3,), "e\u0301 is not \u00e9")
@example(DTYPES["bfloat16"], (), "\U0001f600")
@example(DTYPES["float16"], (0,), "\x7f\u2028\x1f")
@example(DTYPES["float64"], (2, 3), "")
def test_head_is_the_official_writers(dtype: Dtype, shape: tuple[int, ...], key: str) -> None:
    """For any dtype, shape and UTF-8 key the file is the official library's, byte for byte."""
    values = bytes(size(dtype, shape))
    assert header(dtype, shape, key) + values == official_file(dtype, shape, key, values)


@given(each_dtype, shapes, keys)
def test_the_official_reader_finds_the_tensor(
    dtype: Dtype, shape: tuple[int, ...], key: str
) -> None:
    """The official reader returns the key, the shape and the values."""
    values = bytes(range(256)) * (size(dtype, shape) // 256 + 1)
    values = values[: size(dtype, shape)]
    file = header(dtype, shape, key) + values
    [(found, tensor)] = safetensors.deserialize(file)  # type: ignore[no-untyped-call]
    assert found == key
    assert tuple(tensor["shape"]) == shape
    assert bytes(tensor["data"]) == values


def test_head_is_pinned() -> None:
    """One head, written out: length, metadata first, no blanks, padded to 8."""
    text = (
        b'{"__metadata__":{"format":"pt"},'
        b'"weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}   '
    )
    head = header(DTYPES["float32"], (2, 3), "weight")
    assert head == b"\x60" + bytes(7) + text


def test_offsets_reach_beyond_64_bits() -> None:
    """The head of a tensor too large to make still says its exact length."""
    head = header(DTYPES["float64"], (2**40, 2**40), "w")
    (length,) = unpack("<Q", head[:8])
    assert len(head) == 8 + length
    assert json.loads(head[8:])["w"]["data_offsets"] == [0, 2**83]


def test_the_formats_own_key_is_refused() -> None:
    """A tensor called __metadata__ would make a file with that key twice."""
    with pytest.raises(ImpossibleError) as refusal:
        header(DTYPES["float32"], (3,), "__metadata__")
    assert refusal.value.reason == "reserved_name"
    assert refusal.value.problems[0].field == "name"
