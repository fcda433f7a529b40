"""What is told of values after rounding, against casts of samples, mpmath and known answers."""

from dataclasses import astuple
from itertools import pairwise
from math import isfinite, sqrt
from statistics import NormalDist

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from service.errors import FaninError
from service.fields import Spec, parse_query
from service.initializers.schemes import Law
from service.plan.rounded import Rounded, is_fine, rounded
from service.plan.tensor import resolve
from service.stream.address import Address
from service.stream.draws import Elementwise
from service.stream.fill import filler
from service.stream.lattice import Lattice
from service.stream.precision import PRECISIONS
from service.stream.reference.values import values32
from tests.stream.drawing import elementwise

NARROW: dict[str, npt.DTypeLike] = {
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
}
Values = npt.NDArray[np.float64]
SAMPLE = 2**20

SIX_DIGITS = 5.1e-6
"""The most that rounding to six digits takes off, relatively, and a little for the other side."""


def law_of(query: str) -> Law:
    """The law of a query about a tensor of four elements, unless the query has a shape."""
    shape = "" if "shape=" in query else "shape=4&"
    return resolve(parse_query(f"{shape}seed=1&name=a&{query}".encode()), "raw").law


def told(query: str) -> Rounded:
    """What is told of it in the dtype of the query, float32 if it names none."""
    _, _, dtype = query.partition("dtype=")
    return rounded(law_of(query), dtype or "float32")


def sample(draw: Elementwise, dtype: str) -> Values:
    """2^20 elements of one stream as they are before they become a narrow dtype."""
    prepared = filler(draw, dtype, Address(20261127, 8), Lattice(0, (SAMPLE,), (1,)))
    out = np.empty(SAMPLE * prepared.itemsize, np.uint8)
    prepared.fill(0, SAMPLE, out)
    return out.view(dtype).astype(np.float64)


SAMPLED = [
    "scheme=normal",
    "scheme=normal&mean=0.3&std=0.02",
    "scheme=normal&mean=1.0078125&std=0.004",
    "scheme=normal&std=3e-3",
    "scheme=uniform&low=-0.0442&high=0.0442",
    "scheme=uniform&low=0.51&high=0.73",
    "scheme=uniform&low=-0.003&high=0.1",
    "scheme=truncated_normal&std=0.02",
    "scheme=truncated_normal&std=0.4&mean=-0.1&bounds=1.5",
    "scheme=truncated_normal&bounds=-1,3&std=0.05&mean=0.02",
    "scheme=truncated_normal&low=2&high=9",
]


@pytest.mark.parametrize("query", SAMPLED)
def test_a_sample_that_is_cast_agrees(query: str) -> None:
    """Mean, variance and zeros within five standard errors, and no value but those told of.

    What rounding adds to mean and variance is compared apart: both samples being one, its
    standard error is far smaller. Six digits of std leave twice their error in its square.
    """
    drawing = law_of(query)
    singles = sample(elementwise(drawing.draw), "float32")
    for dtype, type_ in NARROW.items():
        facts, cast = rounded(drawing, dtype), singles.astype(type_).astype(np.float64)
        _near(cast, facts.mean, SIX_DIGITS * abs(facts.mean))
        _near(cast - singles, facts.mean - (drawing.mean or 0.0), SIX_DIGITS * abs(facts.mean))
        squares = (cast - facts.mean) ** 2
        _near(squares, facts.std**2, 2 * SIX_DIGITS * facts.std**2)
        moved = (drawing.std or 0.0) ** 2 + ((drawing.mean or 0.0) - facts.mean) ** 2
        added = squares - (singles - facts.mean) ** 2
        _near(added, facts.std**2 - moved, 2 * SIX_DIGITS * facts.std**2)
        _near((cast == 0).astype(np.float64), facts.zeros, SIX_DIGITS * facts.zeros)
        found = np.unique(cast)
        assert facts.lowest <= found[0] <= found[-1] <= facts.highest
        assert facts.distinct is not None
        assert len(found) <= facts.distinct
        if "uniform" in query and PRECISIONS[dtype].itemsize == 1:
            assert len(found) == facts.distinct


def _near(values: Values, expected: float, unit: float) -> None:
    """The mean is within five standard errors. A probability below 25 in 2^20 may not show up."""
    error = 5 * float(values.std()) / sqrt(SAMPLE)
    assert abs(float(values.mean()) - expected) <= error + unit + 25 / SAMPLE * (error == 0)


def test_the_sample_can_disagree() -> None:
    """A negative control: 1 % of std more, and what rounding adds, are both noticed."""
    singles = sample(elementwise(law_of("scheme=normal&std=0.02").draw), "float32")
    facts = told("scheme=normal&std=0.0202&dtype=float8_e5m2")
    squares = singles.astype(ml_dtypes.float8_e5m2).astype(np.float64) ** 2
    with pytest.raises(AssertionError):
        _near(squares, facts.std**2, 2 * SIX_DIGITS * facts.std**2)
    facts = told("scheme=normal&std=0.02&dtype=float8_e5m2")
    with pytest.raises(AssertionError):
        _near(squares - singles**2, 0.0, 2 * SIX_DIGITS * facts.std**2)


@pytest.mark.parametrize(
    "query",
    [
        "scheme=normal&mean=1e6&std=0.05",
        "scheme=normal&mean=-1000000.3&std=1.5",
        "scheme=normal&std=1e-44",
        "scheme=uniform&low=1000000.2&high=1000000.5",
        "scheme=truncated_normal&low=1000000.2&high=1000001&mean=1000000&std=0.5",
        "scheme=truncated_normal&mean=3e5&std=0.2",
        "scheme=normal&mean=1e15&std=0.3&dtype=float64",
        "scheme=uniform&low=1e15&high=1000000000000001.4&dtype=float64",
        "scheme=normal&mean=1e200&std=1e184&dtype=float64",
    ],
)
def test_a_coarse_grid_of_a_wide_dtype_agrees_with_a_sample(query: str) -> None:
    """float32 and float64 where they have few numbers to a standard deviation."""
    facts = told(query)
    drawing = law_of(query)
    values = sample(elementwise(drawing.draw), "float64" if "float64" in query else "float32")
    away = (values - facts.mean) / facts.std
    _near(away, 0.0, SIX_DIGITS)
    _near(away**2, 1.0, 2 * SIX_DIGITS)
    _near((values == 0).astype(np.float64), facts.zeros, SIX_DIGITS * facts.zeros)
    found = np.unique(values)
    assert facts.distinct is not None
    assert len(found) <= facts.distinct < 64 * 20
    assert facts.lowest <= found[0] <= found[-1] <= facts.highest


@pytest.mark.slow
@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize(
    "query",
    [
        "scheme=uniform&low=-0.0442&high=0.0442",
        "scheme=uniform&low=-1&high=1",
        "scheme=uniform&low=-0.001&high=0.7",
    ],
)
def test_every_value_of_a_uniform(query: str, dtype: str) -> None:
    """All 2^24 of them, cast: nothing is left to chance, and every told digit is right."""
    drawing = law_of(query)
    words = (np.arange(2**25, dtype=np.uint32) << np.uint32(7)).reshape(-1, 4)
    cast = values32(elementwise(drawing.draw), words).astype(NARROW[dtype]).astype(np.float64)
    facts = rounded(drawing, dtype)
    assert facts.mean == pytest.approx(cast.mean(), rel=SIX_DIGITS, abs=1e-15)
    assert facts.std == pytest.approx(cast.std(), rel=SIX_DIGITS)
    assert facts.zeros == pytest.approx((cast == 0).mean(), rel=SIX_DIGITS)
    assert facts.distinct == len(np.unique(cast))
    assert (facts.lowest, facts.highest) == (cast.min(), cast.max())


def by_mpmath(query: str, dtype: str) -> tuple[float, float, float, int]:
    """Mean, std, zeros and distinct of a float8 dtype from 30 digits of the normal's law.

    Of a normal, or one cut at 2 sigma; ties are left aside, which moves an edge by 2^-24 of it.
    """
    drawing = law_of(query)
    parent = drawing.parent_std or drawing.std
    numbers = np.arange(256, dtype=np.uint8).view(NARROW[dtype]).astype(np.float64)
    numbers = np.unique(numbers[np.isfinite(numbers)])
    with mp.workdps(30):

        def below(x: float) -> mpf:
            z = (mpf(x) - drawing.mean) / parent
            if drawing.parent_std is None:
                return mp.ncdf(z)
            if abs(z) >= 2:
                return mpf(z > 0)
            return (mp.ncdf(z) - mp.ncdf(-2)) / (mp.ncdf(2) - mp.ncdf(-2))

        edges = [mpf(0), *(below(float(x)) for x in (numbers[:-1] + numbers[1:]) / 2), mpf(1)]
        masses = [right - left for left, right in pairwise(edges)]
        mean = sum(p * mpf(float(x)) for p, x in zip(masses, numbers, strict=True))
        square = sum(p * (mpf(float(x)) - mean) ** 2 for p, x in zip(masses, numbers, strict=True))
        zeros = sum(p for p, x in zip(masses, numbers, strict=True) if x == 0)
        return float(mean), float(mp.sqrt(square)), float(zeros), sum(p > 2**-32 for p in masses)


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize(
    "query",
    [
        "scheme=normal&std=0.00144",
        "scheme=normal&std=0.02",
        "scheme=normal&mean=0.1&std=0.7",
        "scheme=normal&mean=-20&std=0.5",
        "scheme=truncated_normal&std=0.02",
        "scheme=truncated_normal&mean=0.3&std=0.11",
    ],
)
def test_digits_of_float8_agree_with_mpmath(query: str, dtype: str) -> None:
    """All six: what moves an edge by 2^-24 of it moves a probability by less than 1e-6."""
    facts = rounded(law_of(query), dtype)
    mean, std, zeros, distinct = by_mpmath(query, dtype)
    assert facts.mean == pytest.approx(mean, rel=6e-6, abs=1e-15)
    assert facts.std == pytest.approx(std, rel=6e-6)
    assert facts.zeros == pytest.approx(zeros, rel=6e-6, abs=2.0**-32)
    assert facts.distinct == distinct


def one_value(value: float, zeros: float = 0.0) -> Rounded:
    return Rounded(value, 0.0, zeros, 1, value, value)


SINGLE_VALUES = [
    # the neighbours of 1 begin 19.5 sigma below and 39 above
    ("scheme=normal&mean=1&std=1e-4&dtype=bfloat16", one_value(1.0)),
    ("scheme=normal&mean=-1&std=2.8e-4&dtype=bfloat16", one_value(-1.0)),
    # between 1 and the next number: every float32 is the tie, which goes to the even one
    ("scheme=normal&mean=1.00390625&std=1e-9&dtype=bfloat16", one_value(1.0)),
    ("scheme=normal&mean=1.01171875&std=1e-9&dtype=bfloat16", one_value(1.015625)),
    # a constant
    ("scheme=constant&value=1e-3&dtype=float8_e4m3fn", one_value(0.001953125)),
    ("scheme=constant&value=1e-3&dtype=float8_e5m2", one_value(0.0009765625)),
    ("scheme=constant&value=-0.3&dtype=float8_e4m3fn", one_value(-0.3125)),
    ("scheme=zeros&dtype=float16", one_value(0.0, zeros=1.0)),
    ("scheme=constant&value=0.1", one_value(float(np.float32(0.1)))),
    # the neighbours of 10^6 begin 31 sigma away
    ("scheme=normal&mean=1e6&std=0.001", one_value(1e6)),
    ("scheme=normal&mean=1e6&std=0.004", one_value(1e6)),
    ("scheme=normal&mean=1e18&std=1&dtype=float64", one_value(1e18)),
    ("scheme=uniform&low=0.51&high=0.56&dtype=float8_e5m2", one_value(0.5)),
]


@pytest.mark.parametrize(("query", "facts"), SINGLE_VALUES)
def test_a_single_value_is_told_exactly(query: str, facts: Rounded) -> None:
    """No std, and every digit of the value."""
    assert told(query) == facts


UNIT = NormalDist()


def test_one_value_and_a_neighbour_within_reach() -> None:
    """N(1, 0.001) in bfloat16: below 1 - 2^-9 it is 1 - 2^-8, above 1 + 2^-8 it is 1 + 2^-7.

    The float32 at either edge goes to 1, so half of the gap to the next float32 does too.
    """
    facts = told("scheme=normal&mean=1&std=0.001&dtype=bfloat16")
    down, up = UNIT.cdf(-(2.0**-9 + 2.0**-25) / 0.001), UNIT.cdf(-(2.0**-8 + 2.0**-24) / 0.001)
    farther = UNIT.cdf(-3 * 2.0**-9 / 0.001)
    moved = 2.0**-8 * (2 * up - down - farther)
    square = 2.0**-16 * (4 * up + down + 3 * farther)
    assert facts.mean == pytest.approx(1 + moved, rel=1e-7)
    assert facts.std == pytest.approx(sqrt(square - moved**2), rel=1e-5)
    assert facts.distinct == 4
    assert (facts.lowest, facts.highest) == (1 - 2 * 2.0**-8, 1 + 2.0**-7)


@pytest.mark.parametrize(
    ("std", "dtype", "half_of_the_least"),
    [
        (0.00144, "float8_e4m3fn", 2.0**-10),
        (0.00288, "float8_e4m3fn", 2.0**-10),
        (1.1e-5, "float8_e5m2", 2.0**-17),
        (3e-8, "float16", 2.0**-25),
    ],
)
def test_zeros_are_what_lies_below_half_of_the_least(
    std: float, dtype: str, half_of_the_least: float
) -> None:
    """erf's share, 50.2 % in the row itself."""
    facts = told(f"scheme=normal&std={std}&dtype={dtype}")
    assert facts.zeros == pytest.approx(1 - 2 * UNIT.cdf(-half_of_the_least / std), rel=1e-5)
    if std == 0.00144:
        assert round(facts.zeros, 3) == 0.502
        assert round(facts.std, 5) == 0.00155


def test_a_wide_dtype_beside_the_single_value() -> None:
    """The grid at 10^6 is 1/16: from std 4 on, 64 of them, rounding no longer counts."""
    coarse, almost, fine = (told(f"scheme=normal&mean=1e6&std={s}") for s in (0.5, 3.99, 4))
    assert coarse.std == pytest.approx(sqrt(0.25 + 2.0**-8 / 12), rel=1e-5)
    assert almost.distinct is not None
    assert almost.std == pytest.approx(3.99, rel=3e-5)
    assert (fine.mean, fine.std, fine.zeros, fine.distinct) == (1e6, 4.0, 0.0, None)


def test_a_mean_far_above_std_keeps_the_digits_that_std_needs() -> None:
    """With six digits a mean of 1000000.3125 would be six standard deviations away."""
    assert told("scheme=normal&mean=1000000.3&std=0.05").mean == 1000000.3125
    assert told("scheme=uniform&low=1000000.2&high=1000000.5").mean == 1000000.3541667
    assert told("scheme=normal&mean=1.23456789e-4&std=1").mean == 0.000123457


def test_zeros_of_subnormal_values() -> None:
    """float32 has many numbers within 1e-42, and yet 0 has half a thousandth of the mass."""
    facts = told("scheme=normal&std=1e-42")
    std = float(np.float32(1e-42))
    assert facts.zeros == pytest.approx(1 - 2 * UNIT.cdf(-(2.0**-150) / std), rel=1e-5)
    assert facts.distinct is None
    assert told("scheme=normal").zeros == 0.0
    assert told("scheme=normal&dtype=float64").zeros == 0.0


def test_uniforms_are_counted_in_steps() -> None:
    """k is odd: of (-1, 1) no float16 is 0, and of (-1/2, 1/2) k = 1 and -1 are ties that are."""
    assert told("scheme=uniform&low=-1&high=1&dtype=float16").zeros == 0.0
    assert told("scheme=uniform&low=-0.5&high=0.5&dtype=float16").zeros == float(f"{2.0**-23:.6g}")


@pytest.mark.parametrize("query", ["scheme=normal", "scheme=normal&mean=3e37&std=4e37"])
def test_numbers_too_small_to_count_are_left_out(
    query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sum over all 33,201 numbers of bfloat16 within reach, or more, has the same digits."""
    facts = told(f"{query}&dtype=bfloat16")
    monkeypatch.setattr("service.plan.rounded.least_that_counts", lambda draw, std: 0.0)
    assert rounded.__wrapped__(law_of(query), "bfloat16") == facts


PINNED = [
    (
        "scheme=normal&dtype=bfloat16",
        "0x0.0p+0 0x1.ffffde7210be9p-1 0x0.0p+0 6526",
    ),
    (
        "scheme=normal&mean=0.3&std=0.02&dtype=float16",
        "0x1.3333333333333p-2 0x1.47ae7fdaabb2ap-6 0x0.0p+0 1202",
    ),
    (
        "scheme=normal&std=0.00144&dtype=float8_e4m3fn",
        "0x0.0p+0 0x1.955fce1bd74c0p-10 0x1.01320d9945b6cp-1 11",
    ),
    (
        "scheme=truncated_normal&std=0.02&dtype=float8_e5m2",
        "0x0.0p+0 0x1.4783b7b00515fp-6 0x1.261e443028085p-12 85",
    ),
    (
        "scheme=truncated_normal&bounds=-1,3&mean=0.1&std=0.05&dtype=bfloat16",
        "0x1.e36163c82674ep-4 0x1.999a70592e6f8p-5 0x0.0p+0 385",
    ),
    (
        "scheme=uniform&low=-0.0442&high=0.0442&dtype=float8_e5m2",
        "0x0.0p+0 0x1.a132144f425d7p-6 0x1.69fff8f41d1ddp-13 85",
    ),
    (
        "scheme=uniform&low=0.51&high=0.73&dtype=float16",
        "0x1.3d70a7320890dp-1 0x1.042198003c65ep-4 0x0.0p+0 452",
    ),
    (
        "scheme=normal&mean=1e6&std=0.05",
        "0x1.e848000000000p+19 0x1.b372be637d7dep-5 0x0.0p+0 11",
    ),
    (
        "scheme=normal&mean=1e15&std=0.3&dtype=float64",
        "0x1.c6bf526340000p+49 0x1.3569f4906034fp-2 0x0.0p+0 31",
    ),
]


@pytest.mark.parametrize(("query", "digits"), PINNED)
def test_every_machine_tells_the_same(query: str, digits: str) -> None:
    """Mean, std, zeros and distinct as they are told, pinned from one machine."""
    facts = told(query)
    written = f"{facts.mean.hex()} {facts.std.hex()} {facts.zeros.hex()} {facts.distinct}"
    assert written == digits


NUMBERS = st.sampled_from([0.0, 1e-46, 1e-38, 1e-3, 1.0, 1e6, 3e38, 1e200]) | st.floats(-3.0, 3.0)
SIZES = st.floats(-46.0, 5.0).map(lambda power: 10.0**power)
SCHEMES = ("constant", "uniform", "normal", "truncated_normal", "he_uniform", "he_normal")


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """A scheme with the fields it takes."""
    scheme = draw(st.sampled_from(SCHEMES))
    shape, dtype = (4, draw(st.integers(1, 5000))), draw(st.sampled_from(sorted(PRECISIONS)))
    fields: dict[str, object] = {}
    match scheme:
        case "constant":
            fields = {"value": draw(NUMBERS)}
        case "uniform":
            low = draw(NUMBERS)
            fields = {"low": low, "high": low + draw(SIZES)}
        case "normal":
            fields = {"mean": draw(NUMBERS), "std": draw(SIZES)}
        case "truncated_normal":
            bounds = draw(st.sampled_from([(2.0,), (0.01,), (-1.0, 3.0), (30.0, 40.0), (7.0,)]))
            fields = {"mean": draw(NUMBERS), "std": draw(SIZES), "bounds": bounds}
    return Spec.model_validate({"shape": shape, "scheme": scheme, "dtype": dtype, **fields})


@pytest.mark.parametrize(
    "query",
    [
        "scheme=truncated_normal&mean=1000&std=1e-13&bounds=-1,2",
        "scheme=truncated_normal&mean=1&std=2e-16&bounds=-1,2",
        "scheme=normal&mean=1000&std=1.5e-13",
        "scheme=truncated_normal&low=1&high=1.0000000000000002",
        "scheme=truncated_normal&low=1&high=1.00000000000001",
        "scheme=truncated_normal&low=-2.00000000000002&high=-2",
        "scheme=normal&std=5e-324",
        "scheme=normal&mean=1e-323&std=2e-323",
        "scheme=truncated_normal&std=5e-324",
        "scheme=normal&std=4e-322",
    ],
)
def test_the_ends_of_float64_agree_with_a_sample(query: str) -> None:
    """Coarse grids far from 0, narrow intervals far from the mean, and subnormal numbers.

    2^20 values: the standard error of std is 0.07 % of itself for a normal, and below 0.2 % for
    every case here; five of them are allowed. Numbers of probability below 2^-18 may be missing.
    """
    drawing = law_of(f"{query}&dtype=float64")
    facts = rounded(drawing, "float64")
    values = sample(elementwise(drawing.draw), "float64")
    unit = float(np.diff(np.unique(values)).min())
    steps = (values - np.median(values)) / unit
    # A std of subnormal size is itself a whole number of units.
    whole = 0.5 if facts.std < 2.0**-1000 else 0.0
    assert facts.std / unit == pytest.approx(float(steps.std()), rel=0.01, abs=whole)
    assert facts.zeros == pytest.approx(float((values == 0).mean()), abs=0.0025)
    if facts.distinct is not None:
        assert 0 <= facts.distinct - len(np.unique(values)) <= max(2, facts.distinct // 4)


def test_a_sum_about_a_rounded_mean_would_be_wrong() -> None:
    """Negative control: the std of 1.0959e-13 that such a sum gave is beyond the tolerance."""
    facts = rounded(
        law_of("scheme=truncated_normal&mean=1000&std=1e-13&bounds=-1,2&dtype=float64"),
        "float64",
    )
    assert facts.std == 1.05138e-13
    assert abs(1.0959e-13 - facts.std) > 0.01 * facts.std


@settings(max_examples=300, deadline=None)
@given(specs())
def test_a_fine_grid_changes_next_to_nothing(spec: Spec) -> None:
    """What `is_fine` spares: std within 0.1 %, mean within 1 % of std, zeros below 1 %."""
    try:
        drawing = resolve(spec, "raw").law
    except FaninError:
        assume(False)
    assume(is_fine(drawing, spec.dtype) and drawing.std is not None)
    facts, std = rounded(drawing, spec.dtype), drawing.std or 0.0
    assert abs(facts.std - std) < 0.001 * std
    assert abs(facts.mean - (drawing.mean or 0.0)) < 0.01 * std
    assert facts.zeros < 0.01


@settings(max_examples=300, deadline=None)
@given(specs())
def test_what_is_told_is_possible(spec: Spec) -> None:
    """Finite, in order, and probabilities: of whatever is issued at all."""
    try:
        drawing = resolve(spec, "raw").law
    except FaninError:
        return
    facts = rounded(drawing, spec.dtype)
    assert all(isfinite(value) for value in astuple(facts) if value is not None)
    assert facts.lowest <= facts.mean <= facts.highest
    assert 0 <= facts.zeros <= 1
    assert 0 <= facts.std <= (facts.highest - facts.lowest) / 2 * (1 + 1e-6)
    assert facts.distinct is None or facts.distinct >= 1
    assert (facts.distinct == 1) >= (facts.std == 0)


@pytest.mark.parametrize("mean", [0.0, 0.5, -3.0, 1e-30, 1e30])
def test_a_sparse_tensor_counts_its_zeros_and_its_mean(mean: float) -> None:
    """The moments of the mixture of zeros and N(mean, 1): s = 3 of 10 elements are zeros."""
    found = told(f"scheme=mlx.sparse&shape=8,10&sparsity=0.3&mean={mean!r}".replace("+", ""))
    assert found.mean == pytest.approx(0.7 * mean, rel=SIX_DIGITS, abs=1e-12)
    assert found.std == pytest.approx(sqrt(0.7 * (1 + 0.3 * mean**2)), rel=SIX_DIGITS)
    assert found.zeros == 0.3


def test_zeros_far_from_the_mean_are_a_value_of_their_own() -> None:
    """N(40, 0.5^2) in e4m3fn has 36, 40 and 44, and the zeros are a fourth value."""
    found = told("scheme=mlx.sparse&shape=8,10&sparsity=0.3&mean=40&std=0.5&dtype=float8_e4m3fn")
    assert (found.distinct, found.lowest, found.highest) == (4, 0.0, 44.0)
    assert found.mean == pytest.approx(28.0, rel=1e-4)
