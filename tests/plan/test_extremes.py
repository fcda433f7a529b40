"""The outermost values of a draw: nothing lies beyond them, and each of them occurs."""

import re

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import ImpossibleError
from service.fields import Spec, parse_query
from service.plan.extremes import outermost_values, refuse_out_of_range
from service.plan.tensor import resolve
from service.stream.bounds import outermost
from service.stream.draws import (
    Constant,
    Elementwise,
    Normal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.precision import PRECISIONS
from service.stream.reference.values import values32, values64
from tests.stream.drawing import elementwise

NARROW: dict[str, npt.DTypeLike] = {
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
}
TOP = 2**32 - 1
NEAR = 2**14


def draw_of(query: str) -> Elementwise:
    """The draw of a query about a tensor of four elements."""
    tensor = resolve(parse_query(f"shape=4&seed=1&name=a&{query}".encode()), "raw")
    return elementwise(tensor.law.draw)


def around(*words: int) -> list[int]:
    return [word + step for word in words for step in range(-NEAR // 2, NEAR // 2)]


def many_words() -> npt.NDArray[np.uint32]:
    """Words about every end and quarter turn, as each word of a pair beside 0 and beside others,
    and a quarter of a million more."""
    ends = np.array(around(0, 2**30, 2**31, 3 * 2**30), np.int64).astype(np.uint32)
    pairs = [np.column_stack([np.full_like(ends, first), ends]) for first in (0, 1, TOP)]
    more = np.random.Generator(np.random.Philox(1)).integers(0, 2**32, 2**18, np.uint32)
    return np.concatenate([ends, *(pair.reshape(-1) for pair in pairs), more]).reshape(-1, 4)


def many_wide_words() -> npt.NDArray[np.uint64]:
    """The same, and above every word once nothing and once ones."""
    high = many_words().astype(np.uint64) << np.uint64(32)
    near = np.array([word % 2**64 for word in around(0, 2**63)], np.uint64).reshape(-1, 4)
    return np.concatenate([high, high | np.uint64(TOP), near])


WORDS, WIDE_WORDS = many_words(), many_wide_words()


def outermost_singles(draw: Elementwise) -> npt.NDArray[np.float32]:
    """The least and the largest float32 of many words, within the draw's bounds."""
    low, high = outermost(draw, "float32")
    singles = np.clip(values32(draw, WORDS), np.float32(low), np.float32(high))
    return np.array([singles.min(), singles.max()], np.float32)


def outermost_doubles(draw: Elementwise) -> tuple[float, float]:
    """The same in float64."""
    doubles = np.clip(values64(draw, WIDE_WORDS), *outermost(draw, "float64"))
    return float(doubles.min()), float(doubles.max())


QUERIES = [
    "scheme=constant&value=1e-3",
    "scheme=normal",
    "scheme=normal&mean=0.3&std=0.02",
    "scheme=normal&mean=-5&std=1e-4",
    "scheme=uniform&low=-0.3&high=0.3",
    "scheme=uniform&low=0.51&high=0.56",
    "scheme=uniform&low=-1&high=0.1",
    "scheme=truncated_normal&std=0.02",
    "scheme=truncated_normal&mean=-0.12&bounds=0.78&std=0.307",
    "scheme=truncated_normal&bounds=0.78&std=0.193",
    "scheme=truncated_normal&bounds=3.77&std=0.07",
    "scheme=truncated_normal&bounds=0.01&std=0.5",
    "scheme=truncated_normal&bounds=40&std=0.5",
    "scheme=truncated_normal&bounds=-1,3&mean=0.1",
    "scheme=truncated_normal&bounds=5,6",
    "scheme=truncated_normal&low=-0.1&high=7&std=0.5&mean=0.2",
    "scheme=truncated_normal&low=0.1&high=0.12&std=10",
]


@pytest.mark.parametrize("query", QUERIES)
def test_no_word_leads_beyond_and_some_word_leads_there(query: str) -> None:
    """Every neighbour of every end, and many words more, have exactly these ends when cast."""
    draw = draw_of(query)
    singles = outermost_singles(draw)
    for dtype, type_ in {"float32": np.float32, **NARROW}.items():
        lowest, highest = singles.astype(type_).astype(np.float64)
        assert outermost_values(draw, dtype) == (lowest, highest)


@pytest.mark.parametrize("query", QUERIES)
def test_in_float64_they_are_right_to_the_last_places(query: str) -> None:
    """Exact but for truncated normals, where the reference errs by up to 1e-15 of a value."""
    draw = draw_of(query)
    found, right = outermost_values(draw, "float64"), outermost_doubles(draw)
    if "truncated" in query:
        assert np.abs(np.subtract(found, right)).max() <= 1e-15 * max(map(abs, right))
    else:
        assert found == right


def test_the_last_word_alone_would_not_do() -> None:
    """A negative control: 57 words before the last one the value is larger, by its last bit."""
    draw = draw_of("scheme=truncated_normal&bounds=0.78&std=0.193")
    at_the_end = values32(draw, np.full((1, 4), 0x7FFFFFFF, np.uint32)).max()
    assert outermost_values(draw, "float32")[1] > at_the_end


@pytest.mark.slow
def test_every_word_of_a_uniform() -> None:
    """All 2^24 values of a variate: nothing beyond, in every dtype."""
    words = (np.arange(2**25, dtype=np.uint32) << np.uint32(7)).reshape(-1, 4)
    for draw in (SymmetricUniform(0.3), UniformBetween(-0.2, 0.7)):
        values = values32(draw, words)
        ends = np.array([values.min(), values.max()])
        for dtype, narrow in NARROW.items():
            assert outermost_values(draw, dtype) == tuple(ends.astype(narrow).astype(float))


KNOWN = [
    # a bound is passed by half a unit of the narrow dtype
    (UniformBetween(0.51, 0.56), "float8_e5m2", (0.5, 0.5)),
    (UniformBetween(0.51, 0.56), "float8_e4m3fn", (0.5, 0.5625)),
    (SymmetricUniform(0.3), "float8_e5m2", (-0.3125, 0.3125)),
    (Constant(1e-3), "float8_e4m3fn", (2.0**-9, 2.0**-9)),
    (Constant(-0.0), "bfloat16", (0.0, 0.0)),
    (Normal(1.0, 1e-4), "bfloat16", (1.0, 1.0)),
    (Normal(0.0, 9700.0), "float16", (-np.inf, np.inf)),
    (Constant(465.0), "float8_e4m3fn", (np.inf, np.inf)),
    (Constant(1e39), "bfloat16", (-np.inf, np.inf)),
    # between which float32 has one number
    (UniformBetween(1e6 + 0.05, 1e6 + 0.1), "float32", (1e6 + 0.0625, 1e6 + 0.0625)),
]


@pytest.mark.parametrize(("draw", "dtype", "ends"), KNOWN)
def test_known_ends(draw: Elementwise, dtype: str, ends: tuple[float, float]) -> None:
    """By hand: the ends in float32, then the nearest number of the dtype."""
    assert outermost_values(draw, dtype) == ends
    assert not any(end == 0 and np.signbit(end) for end in outermost_values(draw, dtype))


POWERS = st.floats(-330.0, 308.0).map(lambda power: 10.0**power)
NUMBERS = st.one_of(st.floats(-2.0, 2.0), POWERS, POWERS.map(lambda power: -power))


@st.composite
def draws(draw: st.DrawFn) -> Elementwise:
    """Of every kind that has no constants to be computed, with numbers of any size."""
    low, high = sorted(draw(st.lists(NUMBERS, min_size=2, max_size=2, unique=True)))
    scale = draw(POWERS)
    kinds: list[Elementwise] = [
        Constant(low),
        SymmetricUniform(scale),
        UniformBetween(low, high),
        Normal(low, scale),
        TruncatedNormalBetween(low, scale, 0.1, 0.8, 0.1, low, high),
    ]
    return draw(st.sampled_from(kinds))


@settings(max_examples=300)
@given(draws(), st.sampled_from(sorted(PRECISIONS)))
def test_a_hint_followed_is_not_refused(draw: Elementwise, dtype: str) -> None:
    """The dtype that a hint names serves; the field is one that the request can change."""
    try:
        refuse_out_of_range(draw, dtype)
    except ImpossibleError as refused:
        (problem,) = refused.problems
        named = re.search(r"dtype=(\w+)", problem.hint)
        assert problem.field == "dtype"
        if named:
            refuse_out_of_range(draw, named[1])
    else:
        lowest, highest = outermost_values(draw, dtype)
        assert -PRECISIONS[dtype].largest <= lowest <= highest <= PRECISIONS[dtype].largest
        assert (lowest, highest) != (0, 0) or draw == Constant(0.0)


def test_a_limit_that_a_refusal_tells_is_served() -> None:
    """Of a uniform too narrow for its steps."""
    for dtype in ("float32", "bfloat16", "float64"):
        with pytest.raises(ImpossibleError) as refused:
            refuse_out_of_range(SymmetricUniform(1e-300), dtype)
        message = refused.value.problems[0].message
        least = re.search("; ([0-9.e-]+) is large enough", message)
        assert least, message
        refuse_out_of_range(SymmetricUniform(float(least[1])), dtype)


def test_what_is_served_now_is_within_single_bounds() -> None:
    """Only float32 has to have a number between them: 0.51 to 0.56 in e5m2 has one value."""
    for low, high in ((0.51, 0.56), (0.52, 0.67), (1.001, 1.002)):
        spec = Spec(shape=(4,), scheme="uniform", low=low, high=high, dtype="float8_e5m2")
        lowest, highest = outermost_values(resolve(spec, "raw").law.draw, "float8_e5m2")
        assert lowest == float(np.array(low).astype(ml_dtypes.float8_e5m2))
        assert highest == float(np.array(high).astype(ml_dtypes.float8_e5m2))
