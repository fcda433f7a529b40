"""Drawn numbers have the distribution they claim, and are independent of one another."""

from dataclasses import replace

import numpy as np
import pytest

from service.initializers.truncation import between, symmetric
from service.stream.address import Address, stream_of
from service.stream.draws import (
    Draw,
    Normal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from service.stream.fill import filler
from service.stream.lattice import Lattice
from service.stream.reference.philox import words
from tests.stream import laws

COUNT = 2**24
UNIFORM = SymmetricUniform(3**0.5)


def truncated(c: float) -> SymmetricTruncatedNormal:
    """Cut at c sigma of the parent, std restored to 1."""
    exact = symmetric(c)
    std = 1 / exact.ratio
    return SymmetricTruncatedNormal(0.0, std, exact.mass, exact.tail, -c * std, c * std)


def truncated_between(a: float, b: float) -> TruncatedNormalBetween:
    """Cut at a and b sigma of the parent, moved and scaled to mean 0 and std 1."""
    exact = between(a, b)
    std = 1 / exact.ratio
    mean = -exact.mean * std
    low, high = mean + a * std, mean + b * std
    return TruncatedNormalBetween(mean, std, exact.below, exact.mass, exact.above, low, high)


CASES: dict[str, tuple[Draw, laws.Law]] = {
    "uniform": (UNIFORM, laws.uniform()),
    "uniform between": (UniformBetween(-(3**0.5), 3**0.5), laws.uniform()),
    "normal": (Normal(0.0, 1.0), laws.normal()),
    "truncated at 2": (truncated(2.0), laws.truncated_normal(-2.0, 2.0)),
    "truncated at 4": (truncated(4.0), laws.truncated_normal(-4.0, 4.0)),
    "truncated from -1 to 3": (truncated_between(-1.0, 3.0), laws.truncated_normal(-1.0, 3.0)),
    "truncated from 0.5 to 2": (truncated_between(0.5, 2.0), laws.truncated_normal(0.5, 2.0)),
}
"""Each draw has mean 0 and variance 1, so that its law can be told without the draw's constants."""


def sample(draw: Draw, dtype: str, seed: int, name: str, count: int = COUNT) -> laws.Sample:
    out = np.empty(count * np.dtype(dtype).itemsize, np.uint8)
    address = Address(seed, stream_of(name))
    filler(draw, dtype, address, Lattice(0, (count,), (1,))).fill(0, count, out)
    return out.view(dtype)


@pytest.mark.parametrize("case", CASES)
def test_a_sample_of_2_to_the_24_follows_its_law(case: str) -> None:
    """KS, four moments, tails at 3, 4 and 5 sigma and serial correlations, in float32."""
    draw, law = CASES[case]
    assert laws.faults(sample(draw, "float32", 0, "layer.0.weight"), law) == []


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("seed", "name"), [(0, ""), (1, "a"), (2**64 - 1, "b")])
@pytest.mark.parametrize("case", CASES)
def test_the_law_holds_for_every_seed_name_and_width(
    case: str, seed: int, name: str, dtype: str
) -> None:
    """The same tests for other seeds and names, in float32 and float64."""
    draw, law = CASES[case]
    assert laws.faults(sample(draw, dtype, seed, name), law) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((7, "a"), (8, "a")),
        ((7, "a"), (7, "b")),
        ((7, "a"), (7 + 2**32, "a")),
        ((0, "layer.1"), (0, "layer.2")),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_neighbouring_seeds_and_names_are_uncorrelated(
    one: tuple[int, str], other: tuple[int, str], dtype: str, case: str
) -> None:
    """Correlation of the values and of their squares stays within five standard errors."""
    draw, _ = CASES[case]
    a, b = (sample(draw, dtype, seed, name, 2**20) for seed, name in (one, other))
    assert abs(laws.correlation(a, b)) < laws.STANDARD_ERRORS
    assert abs(laws.correlation(a * a, b * b)) < laws.STANDARD_ERRORS


def test_adjacent_seeds_flip_half_of_the_bits() -> None:
    """First words of 2^14 adjacent seeds: mean Hamming distance 16 of 32, SE sqrt(8 / n)."""
    block = np.zeros(1, np.uint64)
    first = np.array([words(Address(seed, 0), block)[0, 0] for seed in range(2**14)])
    distance = np.bitwise_count(first[1:] ^ first[:-1]).mean()
    assert abs(distance - 16) < laws.STANDARD_ERRORS * np.sqrt(8 / first.size)


def test_the_statistics_see_an_uncorrected_std() -> None:
    """Negative control: a truncated normal whose std was not restored fails."""
    draw, law = CASES["truncated at 2"]
    assert isinstance(draw, SymmetricTruncatedNormal)
    values = sample(replace(draw, std=1.0), "float32", 0, "w", 2**20)
    assert "moment 2" in laws.faults(values, law)


def test_a_uniform_between_has_its_mean_and_variance_anywhere() -> None:
    """(low + high) / 2 and (high - low)^2 / 12, moved to 0 and 1 for the tests of the law."""
    values = sample(UniformBetween(-0.25, 1.0), "float64", 0, "w", 2**22)
    assert laws.faults((values - 0.375) / (1.25 / 12**0.5), laws.uniform()) == []


def test_the_statistics_see_bounds_that_are_moved() -> None:
    """Negative control: a uniform moved by 0.3 % of its width fails, and so does a wider one.

    The mean of 2^22 values has a standard error of 4.9e-4, and 0.3 % of the width are 0.0104. The
    variance has one of 4.4e-4, and bounds 0.3 % wider make it 0.0060 larger.
    """
    width = 2 * 3**0.5
    moved = UniformBetween(-(3**0.5) + 0.003 * width, 3**0.5 + 0.003 * width)
    assert "moment 1" in laws.faults(sample(moved, "float32", 0, "w", 2**22), laws.uniform())
    wider = UniformBetween(-(3**0.5) * 1.003, 3**0.5 * 1.003)
    assert "moment 2" in laws.faults(sample(wider, "float32", 0, "w", 2**22), laws.uniform())


def test_the_statistics_see_bounds_that_are_exchanged() -> None:
    """Negative control: a normal cut from -3 to 1, of the right mean and variance, is not skewed
    as one from -1 to 3 is. The moments above tell them apart, not the first two alone."""
    _, law = CASES["truncated from -1 to 3"]
    found = laws.faults(sample(truncated_between(-3.0, 1.0), "float32", 0, "w", 2**20), law)
    assert {"ks", "moment 3"} <= set(found)
    assert not {"moment 1", "moment 2"} & set(found)
