"""Unequal parts over real sockets: every block is a slice of the tensor with that block's fans."""

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from service.api.headers import IMMUTABLE, MOST_HEADER_BYTES, OF_EACH_BLOCK
from service.dtypes import DTYPES
from service.initializers.schemes import SCHEMES
from tests.application import Answer, ask, post, problem, ready, send
from tests.filling import needed
from tests.server import Address
from tests.stream.casting import TYPES

Array = npt.NDArray[Any]

QKV = "shape=6144,4096&parts=4096,1024,1024&scheme=glorot_uniform&seed=1&name=qkv"
LIMITS = (0.0270633, 0.0342327, 0.0342327)
"""sqrt(6 / (4096 + 4096)) and sqrt(6 / (4096 + 1024))."""

FAN_SCHEMES = [
    name
    for name, scheme in SCHEMES.items()
    if "mode" in scheme.fields and not scheme.preset and not scheme.sub_kernel and not needed(name)
]


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def get(address: Address, query: str, form: str = "raw") -> Answer:
    """An answer that is none of a refusal."""
    answer = ask(address, f"/v1/weights.{form}?{query}")
    assert answer.status == 200, answer.body
    return answer


def told(address: Address, query: str) -> Any:
    """The certificate."""
    return json.loads(get(address, query, "json").body)


def assert_blocks(
    address: Address, shape: tuple[int, ...], layout: str, parts: tuple[int, ...], rest: str
) -> None:
    """Each block has the values of the tensor without parts that is asked with its fan_out.

    The tensor without parts counts the same elements. A block's fan_out is outputs x kernel; of a
    transposed convolution it is so as well, and fan_in is left as it is.
    """
    written = ",".join(map(str, shape))
    asked = f"shape={written}&layout={layout}&{rest}&seed=7&name=b"
    dtype = rest.partition("dtype=")[2].partition("&")[0] or "float32"
    order = "F" if "order=F" in rest else "C"
    kernel = math.prod(n for n, letter in zip(shape, layout, strict=True) if letter in "DHW")
    got = values(get(address, f"{asked}&parts={','.join(map(str, parts))}"), shape, dtype, order)
    edges = np.cumsum([0, *parts])
    for (start, stop), height in zip(pairwise(edges), parts, strict=True):
        alone = get(address, f"{asked}&fan_out={height * kernel}")
        block = outputs(values(alone, shape, dtype, order), layout)[start:stop]
        assert outputs(got, layout)[start:stop].tobytes() == block.tobytes()


def values(answer: Answer, shape: tuple[int, ...], dtype: str, order: str) -> Array:
    flat = np.frombuffer(answer.body, TYPES[dtype])
    return flat.reshape(shape, order="F" if order == "F" else "C")


def outputs(array: Array, layout: str) -> Array:
    """All O axes in front, flattened in counting order."""
    axes = [axis for axis, letter in enumerate(layout) if letter == "O"]
    rest = [axis for axis in range(array.ndim) if axis not in axes]
    moved = array.transpose(axes + rest)
    return moved.reshape(-1, *moved.shape[len(axes) :])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((12, 5), "OI"),
        ((5, 12), "IO"),
        ((3, 12, 5), "EOI"),
        ((12, 5, 3), "OIE"),
        ((4, 3, 5), "OOI"),
        ((4, 5, 3), "OIO"),
        ((5, 2, 3, 2), "IOOO"),
        ((12, 2, 3, 2), "OIHW"),
        ((3, 2, 2, 12), "HWIO"),
        ((2, 12, 3), "WOI"),
        ((3, 2, 4, 2, 3), "OEOIW"),
    ],
)
@pytest.mark.parametrize("parts", [(7, 3, 2), (1, 11), (1, 2, 3, 1, 5)])
def test_each_block_has_its_own_fans(
    address: Address, shape: tuple[int, ...], layout: str, parts: tuple[int, ...], order: str
) -> None:
    """Whatever the layout and the order, where blocks end within an axis of several O as well."""
    rest = f"scheme=glorot_normal&order={order}"
    assert_blocks(address, shape, layout, parts, rest)


@pytest.mark.parametrize("scheme", FAN_SCHEMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_scheme_with_fans_and_every_dtype(address: Address, scheme: str, dtype: str) -> None:
    """Schemes of fan_in are asked with mode=fan_out, so that blocks differ."""
    rest = f"scheme={scheme}&mode=fan_out&dtype={dtype}"
    assert_blocks(address, (5, 12), "IO", (7, 3, 2), rest)
    for distribution in SCHEMES[scheme].distributions[1:]:
        assert_blocks(address, (5, 12), "IO", (7, 5), f"{rest}&distribution={distribution}")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("shape", "layout", "parts", "cut"),
    [
        ("12,5", "OI", "7,3,2", "3:9,1:4"),
        ("12,5", "OI", "7,3,2", "7:10,:"),
        ("5,12", "IO", "7,3,2", "1:4,6:8"),
        ("4,3,5", "OOI", "7,3,2", "1:4,1:3,2:"),
        ("4,3,5", "OOI", "1,10,1", ":,2:3,:"),
        ("2,12,5", "EOI", "7,3,2", "1:2,5:12,:"),
        ("3,2,2,12", "HWIO", "1,2,9", ":2,:,1:2,1:4"),
        ("12,5", "OI", "7,3,2", "12:12,:"),
    ],
)
def test_a_slice_cuts_through_blocks(
    address: Address, shape: str, layout: str, parts: str, cut: str, order: str
) -> None:
    """It has the values of that part of the whole."""
    query = f"shape={shape}&layout={layout}&parts={parts}&scheme=glorot_uniform&seed=3"
    extents = tuple(map(int, shape.split(",")))
    whole = values(get(address, query), extents, "float32", "C")
    items = (item.split(":") for item in cut.split(","))
    part = whole[tuple(slice(*(int(end) if end else None for end in item)) for item in items)]
    got = get(address, f"{query}&slice={cut}&order={order}").body
    assert got == part.tobytes(order="F" if order == "F" else "C")


def test_grouped_attention(address: Address) -> None:
    """Limits of q, k and v by header and certificate, and rows on both sides of the edges."""
    head = ask(address, f"/v1/weights.raw?{QKV}", "HEAD").headers
    limits = [float(limit) for limit in head["weights-limit"].split(",")]
    assert limits == pytest.approx(LIMITS, rel=2e-6)
    assert head["weights-fan-out"] == "4096,1024,1024"
    facts = told(address, QKV)
    assert [block["limit"] for block in facts["blocks"]] == limits
    assert [block["outputs"] for block in facts["blocks"]] == [4096, 1024, 1024]
    assert (facts["limit"], facts["fan_in"], facts["fan_out"]) == (max(limits), 4096, None)
    rows = values(get(address, f"{QKV}&slice=4094:4098,:"), (4, 4096), "float32", "C")
    assert np.abs(rows[:2]).max() < LIMITS[0] < np.abs(rows[2:]).max() < LIMITS[1]
    alone = get(
        address, f"{QKV.replace('&parts=4096,1024,1024', '')}&fan_out=1024&slice=4096:4098,:"
    )
    assert rows[2:].tobytes() == alone.body


def test_std_of_the_whole_is_that_of_the_mixture(address: Address) -> None:
    """Against 600,000 samples: their std has a standard error of 0.12 %, of which 5 are allowed."""
    query = "shape=2000,300&parts=1500,400,100&scheme=glorot_normal&seed=2"
    facts = told(address, query)
    sample = values(get(address, query), (2000, 300), "float32", "C").astype(np.float64)
    assert facts["std"] == pytest.approx(float(sample.std()), rel=0.006)
    stds = [math.sqrt(2 / (300 + outputs)) for outputs in (1500, 400, 100)]
    mixed = math.sqrt(sum(share * s * s for share, s in zip((0.75, 0.2, 0.05), stds, strict=True)))
    assert facts["std"] == pytest.approx(mixed, rel=1e-14)
    assert abs(facts["std"] / stds[0] - 1) > 0.05  # The check can fail: no block has this std.


@pytest.mark.parametrize("gain", ["1e300", "1e-300"])
def test_std_of_a_mixture_does_not_overflow(address: Address, gain: str) -> None:
    """Its square is beyond float64, or 0 there; the std is neither infinite nor 0."""
    query = "shape=5,3&parts=1,4&scheme=orthogonal&seed=1&dtype=float64"
    one, other = told(address, query)["std"], told(address, f"{query}&gain={gain}")["std"]
    assert other == pytest.approx(one * float(gain), rel=1e-14)


def test_headers_list_a_value_for_each_block(address: Address) -> None:
    """By commas, in the order of the blocks; without parts there is one."""
    head = get(address, "shape=12,5&parts=7,3,2&scheme=glorot_uniform&seed=1").headers
    for name in ("fan-in", "fan-out", "gain", "std", "limit"):
        assert head[f"weights-{name}"].count(",") == 2
    assert head["weights-fan-in"] == "5,5,5"
    assert "," not in get(address, "shape=12,5&scheme=glorot_uniform&seed=1").headers["weights-std"]


def head_bytes(address: Address, target: str) -> tuple[int, dict[str, str]]:
    """Size of everything before the body, and the headers, of an answer on a raw socket."""
    request = f"HEAD {target} HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\nConnection: close\r\n\r\n"
    head, end, _ = send(address, request.encode()).partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")[1:]
    return len(head) + len(end), dict(line.lower().split(": ", 1) for line in lines)


@pytest.mark.parametrize("name", ["", "w" * 100, "é" * 60])
def test_headers_stay_below_3_kib(address: Address, name: str) -> None:
    """Whatever the number of blocks; lists go together, the last before the limit is near it."""
    listed = {}
    for count in (2, 8, 16, *range(30, 65)):
        heights = [1 + number % 7 for number in range(count)]
        parts = ",".join(map(str, heights))
        query = f"shape={sum(heights)},9&parts={parts}&scheme=glorot_uniform&seed=1"
        target = f"/v1/weights.raw?{query}" + (
            "&name=" + "".join(f"%{b:02X}" for b in name.encode())
        )
        size, head = head_bytes(address, target.removesuffix("&name="))
        assert size <= MOST_HEADER_BYTES == 3072
        lists = [name for name in OF_EACH_BLOCK if name.lower() in head]
        assert lists in ([], [n for n in OF_EACH_BLOCK if n != "Weights-Std-Rounded"])
        listed[count] = size if lists else 0
    assert listed[8]
    assert not listed[64]
    assert max(listed.values()) > MOST_HEADER_BYTES - 350


def test_the_certificate_tells_what_headers_leave_out(address: Address) -> None:
    """64 blocks, of which each has its outputs and its limit."""
    heights = [1 + number % 7 for number in range(64)]
    query = f"shape={sum(heights)},9&parts={','.join(map(str, heights))}&scheme=glorot_uniform"
    head = get(address, f"{query}&seed=1").headers
    assert not [name for name in OF_EACH_BLOCK if name.lower() in head]
    blocks = told(address, f"{query}&seed=1")["blocks"]
    assert [block["outputs"] for block in blocks] == heights
    limits = [math.sqrt(6 / (9 + height)) for height in heights]
    assert [block["limit"] for block in blocks] == pytest.approx(limits, rel=1e-15)


def test_equal_heights_are_the_number(address: Address) -> None:
    """The same canonical URL, which is frozen; unequal ones are a draft."""
    number = get(address, "shape=12,5&parts=3&scheme=glorot_uniform&seed=1")
    listed = get(address, "shape=12,5&parts=4,4,4&scheme=glorot_uniform&seed=1")
    url = "/v1/weights.raw?shape=12,5&parts=3&scheme=glorot_uniform&seed=1"
    assert listed.headers["content-location"] == url
    assert (listed.body, listed.headers["etag"]) == (number.body, number.headers["etag"])
    assert number.headers["cache-control"] == IMMUTABLE
    facts = told(address, "shape=12,5&parts=4,4,4&scheme=glorot_uniform&seed=1")
    assert (facts["status"], facts["blocks"]) == ("frozen", [])
    unequal = told(address, "shape=12,5&parts=4,5,3&scheme=glorot_uniform&seed=1")
    assert (unequal["status"], len(unequal["blocks"])) == ("draft", 3)


def test_parts_that_no_scheme_looks_at_leave_the_url(address: Address) -> None:
    """With normal and zeros all blocks have one law; a bias has no fans."""
    for rest in ("shape=12,5&scheme=normal&seed=1", "shape=12&scheme=zeros", "shape=12&layer=bias"):
        answer = get(address, f"{rest}&parts=7,5")
        assert "parts" not in answer.headers["content-location"]


@pytest.mark.parametrize(
    ("parts", "reason", "hint"),
    [
        ("7,4", "impossible_parts", "write parts that add up to 12, or leave parts out"),
        ("7,7", "impossible_parts", "write parts that add up to 12, or leave parts out"),
        ("0,12", "out_of_range", "write integers from 1, such as 3"),
        ("12,0", "out_of_range", "write integers from 1, such as 3"),
        ("-1,13", "out_of_range", "write integers from 1, such as 3"),
        ("1.5,10.5", "malformed_number", "write integers from 1, such as 3"),
        ("6,,6", "malformed_number", "write 6,6"),
        ("6;6", "malformed_number", "write 6,6"),
        ("5", "impossible_parts", "write 1, or another number that divides 12"),
        (",".join(["1"] * 65), "out_of_range", "write at most 64 values, such as 3"),
    ],
)
def test_parts_that_cannot_be_are_refused(
    address: Address, parts: str, reason: str, hint: str
) -> None:
    """In a query."""
    answer = ask(address, f"/v1/weights.raw?shape=12,5&parts={parts}&scheme=normal&seed=1")
    (entry,) = problem(answer)["errors"]
    assert (problem(answer)["reason"], entry["field"]) == (reason, "parts")
    assert entry["hint"].startswith(hint)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [([12], "malformed_number"), ([], "malformed_number"), ([6, 0, 6], "out_of_range")],
)
def test_a_posted_list_has_two_blocks_at_least(
    address: Address, parts: list[int], reason: str
) -> None:
    """One block is no list; the hint's number of blocks is accepted."""
    fields = {"shape": [12, 5], "scheme": "normal", "seed": 1, "format": "raw"}
    answer = post(address, json.dumps(fields | {"parts": parts}).encode())
    assert problem(answer)["reason"] == reason
    for instead in (3, [7, 5]):
        assert post(address, json.dumps(fields | {"parts": instead}).encode()).status == 200


def test_recommendations_are_for_one_block(address: Address) -> None:
    """Unequal parts are refused; the hint's shapes are answered, and equal heights are a number."""
    query = "/recommend?activation=linear&seed=1&shape="
    refused = ask(address, f"{query}6144,4096&parts=4096,1024,1024")
    (entry,) = problem(refused)["errors"]
    assert (refused.status, entry["field"]) == (422, "parts")
    assert entry["hint"].startswith("leave parts out, and ask for a shape of 4096 outputs")
    for accepted in (
        "4096,4096",
        "1024,4096",
        "6144,4096&parts=3",
        "6144,4096&parts=2048,2048,2048",
    ):
        assert ask(address, f"{query}{accepted}").status == 200
    assert ask(address, f"{query}6144,4096&parts=2048,2048").status == 422
