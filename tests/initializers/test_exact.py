"""The constants of laws are the float64 nearest the exact numbers."""

import math
from decimal import Decimal
from fractions import Fraction

import mpmath
import pytest

from service.initializers import exact

LAYERS = (1, 2, 3, 5, 6, 7, 12, 16, 24, 36, 48, 81, 96, 100, 1000, 4096, 2**31 - 1)


def is_nearest_root(x: float, number: Fraction, root: int) -> bool:
    """Whether x is the float64 nearest to number^(1/root), by exact arithmetic.

    The midpoints to both neighbours are raised to the power and compared with the number.
    """
    below = (Fraction(math.nextafter(x, 0.0)) + Fraction(x)) / 2
    above = (Fraction(math.nextafter(x, math.inf)) + Fraction(x)) / 2
    return below**root <= number <= above**root


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("root", [2, 4, 6, 16])
def test_a_root_is_the_nearest(layers: int, root: int) -> None:
    """layers^(-1/root), and .87 times it."""
    plain = exact.power(layers, Fraction(-1, root))
    assert is_nearest_root(plain, Fraction(1, layers), root)
    scaled = exact.power(layers, Fraction(-1, root), Decimal("0.87"))
    assert is_nearest_root(scaled, Fraction(87, 100) ** root / layers, root)


def test_two_square_roots_are_not_always_the_nearest_fourth_root() -> None:
    """Negative control: why decimal, and that the check can fail."""
    twice = {n: math.sqrt(math.sqrt(1.0 / n)) for n in range(2, 200)}
    wrong = [n for n, x in twice.items() if not is_nearest_root(x, Fraction(1, n), 4)]
    assert wrong
    assert all(exact.power(n, Fraction(-1, 4)) != twice[n] for n in wrong)


@pytest.mark.parametrize("layers", LAYERS[1:])
def test_logarithms_are_the_nearest(layers: int) -> None:
    """ln n, sqrt(ln 2n) and sqrt(ln 3m ln 2n / 3), against mpmath with 80 digits."""
    with mpmath.workdps(80):
        two, three = mpmath.log(2 * layers), mpmath.log(3 * 7)
        assert exact.logarithm(layers) == float(mpmath.log(layers))
        assert exact.root_of_logarithms(2 * layers) == float(mpmath.sqrt(two))
        both = exact.root_of_logarithms(21, 2 * layers, divisor=3)
        assert both == float(mpmath.sqrt(two * three / 3))


@pytest.mark.parametrize("prior", [0.01, 0.1, 0.5, 0.75, 1e-300, math.nextafter(1.0, 0.0), 5e-324])
def test_log_odds_are_the_nearest(prior: float) -> None:
    """ln(p / (1 - p)) of the float64 p, against mpmath with 400 digits."""
    with mpmath.workdps(400):
        p = mpmath.mpf(prior)
        assert exact.log_odds(prior) == float(mpmath.log(p / (1 - p)))


def test_even_odds_are_plus_zero() -> None:
    """Not -0."""
    assert math.copysign(1.0, exact.log_odds(0.5)) == 1.0
