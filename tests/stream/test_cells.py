"""Numbers of a dtype and the cells around them, against casts of ml_dtypes."""

import numpy as np
import numpy.typing as npt
import pytest

from service.stream.cells import cells, ordinal, spacing
from service.stream.precision import PRECISIONS
from tests.stream.casting import NARROW, TYPES


def every_number(dtype: str) -> npt.NDArray[np.float64]:
    """All finite numbers of a narrow dtype, from all of its bit patterns; 0 once."""
    itemsize = PRECISIONS[dtype].itemsize
    patterns = np.arange(256**itemsize).astype(f"u{itemsize}")
    with np.errstate(invalid="ignore"):  # signalling NaNs
        numbers = patterns.view(TYPES[dtype]).astype(np.float64)
    return np.unique(numbers[np.isfinite(numbers)])


@pytest.mark.parametrize("dtype", NARROW)
def test_cells_hold_every_number(dtype: str) -> None:
    """Between the outermost finite numbers there are those that the bit patterns have, in order."""
    largest = PRECISIONS[dtype].largest
    numbers, ways = cells(-largest, largest, dtype)
    assert numbers.tolist() == every_number(dtype).tolist()
    assert len(ways) == len(numbers) - 1


@pytest.mark.parametrize("dtype", NARROW)
def test_an_edge_is_where_casts_change(dtype: str) -> None:
    """The float64 beside each edge, cast to float32 and then to the dtype, is the number of its
    side: all edges of every dtype, ties and subnormals among them."""
    largest = PRECISIONS[dtype].largest
    numbers, ways = cells(-largest, largest, dtype)
    edges = numbers[:-1] + ways

    def cast(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return values.astype(np.float32).astype(TYPES[dtype]).astype(np.float64)

    assert (edges - numbers[:-1] == ways).all()
    assert (cast(np.nextafter(edges, -np.inf)) == numbers[:-1]).all()
    assert (cast(np.nextafter(edges, np.inf)) == numbers[1:]).all()
    # The plain middles would be wrong: each is a float32, and goes to one side.
    middles = (numbers[:-1] + numbers[1:]) / 2
    assert (np.sign(middles - edges) != 0).all()


@pytest.mark.parametrize("first", [1e6, -3.0, 2.0**-140, -(2.0**-148), 0.0])
def test_an_edge_of_float32_is_the_middle(first: float) -> None:
    """Two thousand numbers from here on."""
    single = np.float32(first)
    many = (np.arange(2000, dtype=np.float64) * abs(np.spacing(single)) + single).astype(np.float32)
    numbers, ways = cells(float(many[0]), float(many[-1]), "float32")
    assert numbers.tolist() == np.unique(many).astype(np.float64).tolist()
    edges = numbers[:-1] + ways
    assert (np.nextafter(edges, -np.inf).astype(np.float32) == numbers[:-1]).all()
    assert (np.nextafter(edges, np.inf).astype(np.float32) == numbers[1:]).all()


@pytest.mark.parametrize("first", [1e15, 2.0**52, -(2.0**60), 5e-324, 0.0])
def test_numbers_of_float64_follow_each_other(first: float) -> None:
    """NumPy's nextafter says which is next."""
    last = first
    for _ in range(500):
        last = float(np.nextafter(last, np.inf))
    numbers, ways = cells(first, last, "float64")
    assert len(numbers) == 501
    assert (numbers[0], numbers[-1]) == (first, last)
    assert (np.nextafter(numbers[:-1], np.inf) == numbers[1:]).all()
    assert (ways == (numbers[1:] - numbers[:-1]) / 2).all()


def test_small_numbers_can_be_left_out() -> None:
    """All but 0 and the largest odd one below the least; cells stay symmetric about 0."""
    numbers, _ = cells(-2.0, 3.0, "bfloat16")
    odd = 1 - 2.0**-8
    kept, ways = cells(-2.0, 3.0, "bfloat16", least=1.0)
    assert kept.tolist() == numbers[(np.abs(numbers) >= odd) | (numbers == 0)].tolist()
    [zero] = np.flatnonzero(kept == 0)
    assert -(kept[zero - 1] + ways[zero - 1]) == kept[zero] + ways[zero] > odd / 2
    assert cells(0.5, 3.0, "bfloat16", least=1.0)[0].min() == odd
    assert cells(-2.0, -0.5, "bfloat16", least=1.0)[0].max() == -odd


def test_ordinals_count_from_zero() -> None:
    """float16 has 1,024 numbers to a binade, and as many subnormals with 0."""
    precision = PRECISIONS["float16"]
    counted = [ordinal(x, precision) for x in (0.0, 2.0**-24, -(2.0**-24), 2.0**-14, 1.0, 65504.0)]
    assert counted == [0, 1, -1, 1024, 15 * 1024, 31 * 1024 - 1]


def test_spacing() -> None:
    """2^-23 of the power of two below in float32; never less than the least number."""
    assert spacing(1e6, PRECISIONS["float32"]) == 0.0625
    assert spacing(0.0, PRECISIONS["float32"]) == spacing(1e-40, PRECISIONS["float32"]) == 2.0**-149
    assert spacing(-1.0, PRECISIONS["float8_e4m3fn"]) == 0.125
