"""The outermost values of a draw do not depend on the narrow dtype it is issued in."""

from math import inf, nextafter

import numpy as np
import pytest

from service.stream.bounds import outermost
from service.stream.draws import (
    Constant,
    Elementwise,
    Normal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)
from tests.stream.casting import NARROW

LOW, HIGH = -0.1, 0.3
BOUNDED: list[Elementwise] = [
    UniformBetween(LOW, HIGH),
    SymmetricTruncatedNormal(0.1, 0.1, 0.4772498680518208, 0.022750131948179195, LOW, HIGH),
    TruncatedNormalBetween(0.0, 0.1, 0.1586552539, 0.8399948480, 0.0013498980, LOW, HIGH),
]
LIMITED = SymmetricUniform(0.3)
UNBOUNDED: list[Elementwise] = [Constant(1.0), Normal(0.0, 1.0)]


@pytest.mark.parametrize("dtype", ["float32", *NARROW])
@pytest.mark.parametrize("draw", BOUNDED)
def test_they_are_the_outermost_singles_between_the_bounds(draw: Elementwise, dtype: str) -> None:
    """The next single outwards passes the bound."""
    lowest, highest = outermost(draw, dtype)
    single = np.float32
    assert (float(single(lowest)), float(single(highest))) == (lowest, highest)
    assert float(np.nextafter(single(lowest), single(-1))) < LOW <= lowest
    assert highest <= HIGH < float(np.nextafter(single(highest), single(1)))


@pytest.mark.parametrize("draw", BOUNDED)
def test_for_float64_they_are_the_bounds(draw: Elementwise) -> None:
    """Both are doubles already."""
    assert outermost(draw, "float64") == (LOW, HIGH)


@pytest.mark.parametrize("dtype", NARROW)
def test_a_symmetric_uniform_has_its_limit_on_both_sides(dtype: str) -> None:
    """RN32(0.3) is above 0.3, so that the outermost single is the one below it."""
    highest = float(np.nextafter(np.float32(0.3), np.float32(0)))
    assert outermost(LIMITED, dtype) == (-highest, highest)


@pytest.mark.parametrize("draw", UNBOUNDED)
def test_a_draw_without_bounds_has_none(draw: Elementwise) -> None:
    """Nothing is done to its values before they are rounded."""
    assert outermost(draw, "float8_e5m2") == outermost(draw, "float64") == (-inf, inf)


@pytest.mark.parametrize("dtype", NARROW)
def test_only_a_lack_of_singles_leaves_nothing_between(dtype: str) -> None:
    """No number of float8_e5m2 lies between 0.51 and 0.56, and singles do."""
    lowest, highest = outermost(UniformBetween(0.51, 0.56), dtype)
    assert lowest < highest
    lowest, highest = outermost(UniformBetween(nextafter(1.0, 2.0), 1.00000001), dtype)
    assert lowest > highest
