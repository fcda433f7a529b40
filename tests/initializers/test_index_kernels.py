"""Compiled index functions have the bits of their NumPy forms, and none is slow."""

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.chunks import TensorBody
from service.fields import parse_query
from service.plan import Plan, plan
from service.plan.work import address_of
from service.stream.draws import IndexFunction
from service.stream.reference.elements import bytes_of
from service.stream.sources.index import element_numbers

DTYPES = ("float64", "float32", "bfloat16", "float8_e5m2")


def planned(query: str) -> Plan:
    return plan(parse_query(query.encode()), "raw", max_bytes=2**60)


def draw_of(query: str) -> IndexFunction:
    draw = planned(query).tensor.law.draw
    assert isinstance(draw, IndexFunction)
    return draw


extents = st.integers(1, 40)
odd = st.sampled_from([3, 5, 7])


def _positions(variant: str, side: int, parts: int, base: float) -> str:
    rows = side * side if variant in ("grid", "mae") else side
    return f"sinusoidal_positions&shape={rows},{4 * parts}&variant={variant}&base={base}"


QUERIES = st.one_of(
    st.builds(
        "gabor&shape={},{},{},{}&sigma={}&wavelength={}&phase={}&aspect={}".format,
        *(extents, st.integers(1, 5), st.integers(1, 20), st.integers(1, 20)),
        *(st.floats(0.1, 9), st.floats(0.01, 50), st.floats(-7, 7), st.floats(0.01, 9)),
    ),
    st.builds("gabor&shape={},2,5,4&channels=each&normalise=l1".format, st.sampled_from([2, 6, 8])),
    st.builds(
        "stft&shape={},1,{}&layout=OIW&variant={}&window={}&periodic={}&scaling=none".format,
        *(st.integers(2, 60), st.integers(1, 99), st.sampled_from(["real", "imag"])),
        st.sampled_from(["hann", "hamming", "blackman", "bartlett"]),
        st.sampled_from(["true", "false"]),
    ),
    st.builds("stft&shape={},1,{}&layout=OIW&window=none".format, st.integers(2, 60), extents),
    st.builds(
        "mel_filter_bank&shape={},{}&variant={}&normalise={}&sample_rate={}".format,
        *(extents, st.integers(2, 99), st.sampled_from(["slaney", "htk"])),
        *(st.sampled_from(["none", "area"]), st.sampled_from([8000, 16000, 44100])),
    ),
    st.builds(
        _positions,
        st.sampled_from(["interleaved", "halves", "grid", "mae"]),
        *(st.integers(1, 30), st.integers(1, 20), st.floats(1, 1e6)),
    ),
    st.builds(
        "dct&shape={0},{0}&variant={1}".format,
        st.integers(2, 50),
        st.sampled_from(["type1", "type2", "type3", "type4"]),
    ),
    st.builds("zero_hadamard&shape={},{}".format, extents, extents),
    st.builds("zero_hadamard&shape={},{},3&layout=OIW".format, extents, extents),
    st.builds("dirac&shape={},{},{},{}&gain=0.7".format, extents, extents, odd, odd),
    st.builds("dirac&shape=12,6,3,{}&groups=2".format, odd),
    st.builds("bilinear&shape={0},{0},{1},{1}".format, extents, st.integers(1, 9)),
    st.builds("sobel&shape={},{},{},3".format, extents, extents, odd),
    st.builds("box&shape={},3,{},{}&channels=each".format, st.sampled_from([3, 9]), odd, extents),
    st.builds("cross&shape={0},2,{1},{1}".format, extents, st.integers(1, 9)),
)


def slices(shape: list[int], cut: st.DataObject) -> str:
    """A range of each axis."""
    ranges = []
    for extent in shape:
        start = cut.draw(st.integers(0, extent - 1))
        ranges.append(f"{start}:{cut.draw(st.integers(start + 1, extent))}")
    return ",".join(ranges)


def answer(query: str) -> tuple[bytes, bytes]:
    """The bytes of a body, and those of the NumPy form."""
    made = planned(query)
    tensor = made.tensor
    elements = element_numbers(tensor.placement.lattice)
    reference = bytes_of(tensor.law.draw, tensor.spec.dtype, address_of(tensor), elements)
    return b"".join(bytes(chunk) for chunk in TensorBody(made).chunks()), reference


@settings(max_examples=300, deadline=None)
@given(query=QUERIES, dtype=st.sampled_from(DTYPES), order=st.sampled_from("CF"), cut=st.data())
def test_the_bytes_are_those_of_the_numpy_form(
    query: str, dtype: str, order: str, cut: st.DataObject
) -> None:
    """For any shape, slice, order and dtype."""
    shape = [int(n) for n in query.split("shape=")[1].split("&")[0].split(",")]
    made, reference = answer(
        f"scheme={query}&dtype={dtype}&order={order}&slice={slices(shape, cut)}"
    )
    assert made == reference


FAR = (
    "scheme=gabor&shape=1000003,1000033,31,33&sigma=9",
    "scheme=stft&shape=1073741823,1,1000003&layout=OIW&window=blackman&scaling=none",
    "scheme=stft&shape=1000003,1,1073741823&layout=OIW&variant=imag&scaling=none",
    "scheme=mel_filter_bank&shape=60000,1073741823",
    "scheme=sinusoidal_positions&shape=1073741823,1000002",
    "scheme=sinusoidal_positions&shape=1073741824,1000004&variant=grid",
    "scheme=dct&shape=100000007,1073741823",
    "scheme=dct&shape=100000007,1073741823&variant=type4",
    "scheme=zero_hadamard&shape=1000000007,1000003",
    "scheme=zero_hadamard&shape=1003,1000000007",
    "scheme=dirac&shape=1000003,100003,511,511",
    "scheme=bilinear&shape=10007,10007,20011,20011",
    "scheme=sobel&shape=10000019,10000079,31,31",
)
"""Tensors with large element numbers, extents and products."""


@pytest.mark.parametrize("query", FAR)
def test_far_elements_have_equal_bits(query: str) -> None:
    """Where divisions are hardest: numbers far beyond those that float64 has exactly."""
    shape = [int(n) for n in query.split("shape=")[1].split("&")[0].split(",")]
    size = int(np.prod(shape, dtype=np.int64))
    rng, draw = np.random.default_rng(7), draw_of(f"{query}&dtype=float64&slice={_first(shape)}")
    elements = np.concatenate(
        [rng.integers(0, size, 20_000), size - 1 - np.arange(2000), np.arange(2000)]
    )
    assert draw.kernel is not None
    compiled = draw.kernel(*draw.numbers)(elements)
    assert compiled.tobytes() == draw.function(elements, *draw.numbers).tobytes()


def _first(shape: list[int]) -> str:
    """The slice of one element."""
    return ",".join(["0:1"] * len(shape))


def test_another_function_has_other_bits() -> None:
    """Negative control: the comparison sees a phase that is off by its last place."""
    draw = draw_of("scheme=gabor&shape=8,1,9,9&phase=0.5&dtype=float64")
    numbers = list(draw.numbers)
    numbers[11] = np.nextafter(numbers[11], 1.0)
    assert draw.kernel is not None
    elements = np.arange(648)
    compiled = draw.kernel(*numbers)(elements)
    assert compiled.tobytes() != draw.function(elements, *draw.numbers).tobytes()


COSTLY = (
    "scheme=gabor&shape=1024,1,8,8",
    "scheme=gabor&shape=65536,1,1,1",
    "scheme=gabor&shape=8192,8,8,8&order=F&slice=:,0:1,:,0:1",
    "scheme=gabor&shape=1024,16,8,8&slice=:,0:1,:,:&order=F",
    "scheme=stft&shape=256,1,256&layout=OIW&window=blackman",
    "scheme=stft&shape=2,1,32768&layout=OIW&window=blackman&variant=imag",
    "scheme=mel_filter_bank&shape=256,256",
    "scheme=mel_filter_bank&shape=65536,2&slice=:,0:1",
    "scheme=sinusoidal_positions&shape=256,256&variant=grid",
    "scheme=sinusoidal_positions&shape=65536,256&slice=:,7:8",
    "scheme=dct&shape=256,256&variant=type1",
    "scheme=zero_hadamard&shape=512,128",
    "scheme=bilinear&shape=16,16,16,16",
    "scheme=hippo_legs_a&shape=256,256",
    "scheme=retnet_decays&shape=65536",
    "scheme=rg_lru_lambda&shape=65536&seed=1",
)
"""64 KiB in float8 each: the costliest index functions, and functions of a draw."""

COSTLY_MASKS = (
    "scheme=sparse&sparsity=0.5&shape=256,257&slice=:,0:256&order=F&seed=1",
    "scheme=sparse&sparsity=0.5&shape=65536,1025&slice=:,0:1&seed=1",
    "scheme=sparse&sparsity=0.5&shape=65536,17&slice=:,0:1&seed=1",
    "scheme=sparse&sparsity=0.5&shape=13107,5&seed=1",
)
"""The costliest masks: hardly more than a power of 4 places, which takes nearly four passes each,
and units of which each element is another one."""


def shortest(bodies: list[Callable[[], TensorBody]]) -> Iterator[float]:
    """The shortest of several times for each body, in turns, so that others disturb all alike."""
    times = [[float("inf")] for _ in bodies]
    for _ in range(15):
        for body, found in zip(bodies, times, strict=True):
            start = time.perf_counter()
            for _ in body().chunks():
                pass
            found.append(time.perf_counter() - start)
    return (min(found) for found in times)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "most"), [*((query, 16) for query in COSTLY), *((each, 32) for each in COSTLY_MASKS)]
)
def test_no_small_answer_is_much_slower_than_a_plain_one(query: str, most: float) -> None:
    """64 KiB in process against a plain normal tensor of as many bytes.

    Measured: up to 12 times for functions and 20 times for masks, with half as much slack. Before
    they were compiled it was 30 and 46 times.
    """
    plain = planned("scheme=normal&shape=256,256&dtype=float8_e5m2&seed=1")
    other = planned(f"{query}&dtype=float8_e5m2")
    base, taken = shortest([lambda: TensorBody(plain), lambda: TensorBody(other)])
    assert taken < most * base
