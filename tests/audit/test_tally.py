"""The statistics are exact, and do not depend on how the values are cut into pieces."""

import math
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest

from service.audit.tally import Edges, Summary, Tally
from service.audit.values import decoded

EDGES = Edges(-2.0, 2.0, 40)


def tallied(values: npt.NDArray[Any], edges: Edges | None = None) -> Summary:
    """The summary of values that are added at once."""
    tally = Tally(edges)
    tally.update(values)
    return tally.summary()


def drawn(dtype: str, n: int = 10_001) -> npt.NDArray[Any]:
    """Normal values of which some are zero, of a dtype of NumPy."""
    values = np.random.default_rng(7).standard_normal(n) * 0.7 + 0.1
    values[::97] = 0
    return values.astype(dtype)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_results_are_those_of_fractions(dtype: str) -> None:
    """Against sums of Python's fractions, which round nothing."""
    values = drawn(dtype, 500)
    exact = [Fraction(float(value)) for value in values]
    n = len(exact)
    mean = sum(exact, Fraction()) / n
    m2, m3, m4 = (sum(((x - mean) ** k for x in exact), Fraction()) / n for k in (2, 3, 4))
    found = tallied(values)
    assert (found.count, found.zeros, found.nan, found.inf) == (n, 6, 0, 0)
    assert found.mean == float(mean)
    assert found.std == pytest.approx(math.sqrt(m2), rel=3e-16)
    assert found.rms == pytest.approx(math.sqrt(m2 + mean**2), rel=3e-16)
    assert found.skewness == pytest.approx(float(m3) / float(m2) ** 1.5, rel=1e-15)
    assert found.kurtosis == pytest.approx(float(m4 / m2**2), rel=3e-16)
    assert (found.min, found.max) == (float(values.min()), float(values.max()))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_results_are_the_same_for_all_cuts(dtype: str) -> None:
    """In pieces of uneven sizes, in order, merged, and merged the other way round."""
    values = drawn(dtype)
    values[5], values[7], values[9] = np.nan, np.inf, -np.inf
    whole = tallied(values, EDGES)
    chooser = np.random.default_rng(3)
    for _ in range(5):
        pieces = np.split(values, np.sort(chooser.integers(0, values.size, 20)))
        one = Tally(EDGES)
        forwards, backwards = Tally(EDGES), Tally(EDGES)
        for piece in pieces:
            one.update(piece)
        for merged, order in ((forwards, pieces), (backwards, pieces[::-1])):
            for piece in order:
                part = Tally(EDGES)
                part.update(piece)
                merged.merge(part)
        assert one.summary() == forwards.summary() == backwards.summary() == whole


def test_a_running_sum_of_float64_would_depend_on_the_cuts() -> None:
    """Control: for these values sums in floating point differ, so the test above can fail."""
    values = drawn("float64")
    sums = {sum(float(piece.sum()) for piece in np.array_split(values, n)) for n in range(1, 30)}
    assert len(sums) > 1


def test_a_large_mean_does_not_hide_a_small_spread() -> None:
    """The naive formula E x^2 - (E x)^2 in float64 has no correct digit here."""
    values = np.float64(1e9) + np.array([-1.0, 0.0, 1.0, 0.0]) * 2.0**-20
    found = tallied(values)
    assert found.std == 2.0**-20 * math.sqrt(0.5)
    assert found.kurtosis == 2.0
    naive = (values**2).mean() - values.mean() ** 2
    assert not math.isclose(naive, 2.0**-41, rel_tol=0.5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_outermost_values_of_the_dtype(dtype: str) -> None:
    """Neither the largest numbers nor the smallest ones overflow or vanish."""
    info = np.finfo(dtype)
    for value in (float(info.max), float(info.smallest_subnormal), float(info.tiny)):
        found = tallied(np.array([value, -value, value, -value], dtype))
        assert (found.mean, found.std, found.kurtosis) == (0.0, value, 1.0)
        assert (found.min, found.max) == (-value, value)


def test_more_values_than_one_table_takes() -> None:
    """All ones fill the same row, whose limbs would overflow first."""
    largest = np.nextafter(np.float32(2), np.float32(0))
    found = tallied(np.full(2**20 + 3, largest))
    assert (found.count, found.mean, found.std) == (2**20 + 3, float(largest), 0.0)
    assert found.kurtosis is None


def test_special_values_are_counted_and_left_out() -> None:
    """NaN and infinities change no moment; -0 is a zero."""
    found = tallied(np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 3.0], np.float32))
    assert (found.count, found.zeros, found.nan, found.inf, found.finite) == (6, 2, 1, 2, 3)
    assert (found.mean, found.min, found.max) == (1.0, 0.0, 3.0)


def test_nothing_and_nothing_finite() -> None:
    """There is no mean of no values."""
    for values in (np.zeros(0, np.float32), np.full(3, np.nan, np.float32)):
        found = tallied(values)
        assert found.mean is found.std is found.kurtosis is found.min is found.max is None


def test_the_histogram_is_numpys() -> None:
    """For values away from the edges. Values outside are counted apart."""
    values = drawn("float32")
    found = tallied(values, EDGES).histogram
    assert found is not None
    expected, _ = np.histogram(values, 40, (-2.0, 2.0))
    assert abs(np.array(found.counts) - expected).sum() <= 2 * np.isin(values, [0]).sum()
    assert found.below == (values < -2).sum()
    assert found.above == (values > 2).sum()
    assert found.below + sum(found.counts) + found.above == values.size


def test_the_edges_of_a_histogram() -> None:
    """The lower edge of a bin belongs to it, and the upper one to the last bin only."""
    found = tallied(np.array([-2.0, -1.0, 0.0, 2.0, np.inf, -np.inf, np.nan]), Edges(-2.0, 2.0, 4))
    assert found.histogram is not None
    assert found.histogram.counts == (1, 1, 1, 1)
    assert (found.histogram.below, found.histogram.above) == (1, 1)


def test_other_edges_are_not_merged() -> None:
    """Neither are edges and none."""
    for other in (Tally(), Tally(Edges(-1.0, 2.0, 40))):
        with pytest.raises(ValueError, match="edges"):
            Tally(EDGES).merge(other)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "bool", "<f4", ">f4", ">f2", ">f8"])
def test_other_types(dtype: str) -> None:
    """Integers, bool and the other byte order."""
    values = np.array([0, 1, 1, 0, 1], dtype)
    found = tallied(values)
    assert (found.zeros, found.mean, found.max) == (2, 0.6, 1.0)


@pytest.mark.parametrize("dtype", ["complex64", "O", "U3", "longdouble"])
def test_types_that_cannot_be_counted(dtype: str) -> None:
    """No object is evaluated."""
    with pytest.raises(TypeError):
        Tally().update(np.zeros(3, dtype))


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_decoded_is_ml_dtypes(dtype: str) -> None:
    """Every code of the dtype."""
    kind = np.dtype(getattr(ml_dtypes, dtype))
    codes = np.arange(256**kind.itemsize, dtype=f"<u{kind.itemsize}")
    expected = codes.view(kind).astype(np.float32)
    np.testing.assert_array_equal(decoded(codes.view(np.uint8), dtype), expected)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_decoded_is_numpy(dtype: str) -> None:
    """The dtypes that NumPy has stay as they are."""
    values = drawn(dtype)
    np.testing.assert_array_equal(decoded(values.view(np.uint8), dtype), values)
