"""Division by a number that stays the same is exact for all int64 numbers from 0 on."""

from fractions import Fraction

import numba
import numpy as np
import numpy.typing as npt
from hypothesis import example, given
from hypothesis import strategies as st

from service.stream.kernels.integers import BELOW_ONE, below_reciprocal, divided, rest_of

Elements = npt.NDArray[np.int64]

LARGEST = 2**63 - 1


@numba.njit()
def quotients_and_rests(
    numbers: Elements, divisor: int, quotients: Elements, rests: Elements, floored: Elements
) -> None:
    """The three results of each number, through the functions of the kernels."""
    below = below_reciprocal(divisor)
    for i in range(numbers.size):
        quotients[i], rests[i] = divided(numbers[i], divisor, below)
        floored[i] = rest_of(-numbers[i], divisor, below)


def check(numbers: list[int], divisor: int) -> None:
    arrays = [np.empty(len(numbers), np.int64) for _ in range(3)]
    quotients_and_rests(np.array(numbers, np.int64), divisor, *arrays)
    quotients, rests, floored = (array.tolist() for array in arrays)
    assert list(zip(quotients, rests, strict=True)) == [divmod(n, divisor) for n in numbers]
    assert floored == [-n % divisor for n in numbers]


sizes = st.integers(0, 63).flatmap(lambda bits: st.integers(0, (1 << bits) - 1 if bits else 0))


@given(numbers=st.lists(sizes, min_size=1), divisor=sizes.map(lambda size: max(size, 1)))
@example([LARGEST, LARGEST - 1, 2**62, 0], 1)
@example([LARGEST, 2**62], LARGEST)
@example([LARGEST, LARGEST - 1], LARGEST - 1)
def test_any_number_by_any_other(numbers: list[int], divisor: int) -> None:
    """Of all sizes."""
    check(numbers, divisor)


@given(divisor=sizes.map(lambda size: max(size, 1)), factor=st.integers(0, LARGEST))
def test_beside_multiples(divisor: int, factor: int) -> None:
    """Where an estimate that is too large or too small would be seen."""
    multiple = factor % (LARGEST // divisor + 1) * divisor
    check([n for n in (multiple - 1, multiple, multiple + 1) if 0 <= n <= LARGEST], divisor)


@given(divisor=sizes.map(lambda size: max(size, 1)))
def test_the_reciprocal_is_below(divisor: int) -> None:
    """By 2^-51 to 2^-49, as the proof of `divided` says."""
    below = Fraction(BELOW_ONE / float(divisor)) * divisor
    assert Fraction(1, 2**51) <= 1 - below <= Fraction(1, 2**49)
