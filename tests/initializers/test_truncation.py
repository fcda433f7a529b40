"""Truncated normals: masses and moments against mpmath, which integrates what we sum."""

import random
from collections.abc import Callable
from decimal import ROUND_UP, Context, localcontext
from itertools import pairwise
from math import ceil, floor, inf, nextafter

import pytest
from mpmath import mp, mpf

from service.errors import ImpossibleError
from service.initializers.truncation import Between, Symmetric, between, symmetric

WITHIN_A_TAIL = [(8.0, 9.0), (-9.0, -8.0), (20.0, 21.0), (-36.5, -36.0), (5.0, 5.0 + 2.0**-40)]
ABOUT_THE_MIDDLE = [(-1.0, 3.0), (0.0, 1.0), (-3.0, 2.0**-30), (1.0, 1.0 + 2.0**-52)]
ONE_SIDED = [(-0.5, 40.0), (6.0, 40.0)]
FAR_APART = [(-40.0, -36.0), (-40.0, 38.5), (36.0, 40.0)]
NARROWEST = [(0.0, 2.0**-64), (2.0**-66, 2.0**-63)]


def nearest(exact: mpf) -> float:
    """The float64 nearest a number mpmath knows far better, by way of 60 digits."""
    return float(mp.nstr(exact, 60))


def below(x: mpf) -> mpf:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def mass_between(a: mpf, b: mpf) -> mpf:
    """Phi(b) - Phi(a) on the side of 0 where neither is next to 1."""
    return below(-a) - below(-b) if a > 0 else below(b) - below(a)


def integrated(a: float, b: float) -> Between:
    """The constants of (a, b) with both moments by quadrature: the variance cancels nothing."""
    with mp.workdps(120):
        low, high = mpf(a), mpf(b)
        mass = mass_between(low, high)
        pieces = list(pairwise([low, *map(mpf, range(floor(a) + 1, ceil(b))), high]))

        def expected(moment: Callable[[mpf], mpf]) -> mpf:
            # Divided inside: quad's tolerance is absolute.
            return sum(mp.quad(lambda z: moment(z) * mp.npdf(z) / mass, piece) for piece in pieces)

        mean = expected(lambda z: z)
        std = mp.sqrt(expected(lambda z: (z - mean) ** 2))
        return Between(*map(nearest, (below(low), mass, below(-high), mean, std)))


def in_closed_form(a: float, b: float) -> Between:
    """The same by formulas, which cost less; 200 digits outlast what the cases here cancel."""
    with mp.workdps(200):
        low, high = mpf(a), mpf(b)
        mass = mass_between(low, high)
        at_low, at_high = mp.npdf(low), mp.npdf(high)
        mean = (at_low - at_high) / mass
        std = mp.sqrt(1 + (low * at_low - high * at_high) / mass - mean**2)
        return Between(*map(nearest, (below(low), mass, below(-high), mean, std)))


@pytest.mark.parametrize(
    ("c", "mass", "tail", "ratio"),
    [
        (1.0, "0x1.5d897a241a6fap-2", "0x1.44ed0bb7cb20bp-3", "0x1.14413879ced60p-1"),
        (2.0, "0x1.e8b4307d3627ap-2", "0x1.74bcf82c9d860p-6", "0x1.c25e4b6dba981p-1"),
        (3.0, "0x1.fe9e21e067a4ap-2", "0x1.61de1f985b5d7p-10", "0x1.f920cd95f4642p-1"),
        (40.0, "0x1.0000000000000p-1", "0x0.0p+0", "0x1.0000000000000p+0"),
    ],
)
def test_a_symmetric_bound_has_these_constants(c: float, mass: str, tail: str, ratio: str) -> None:
    """Phi(c) - 1/2, 1 - Phi(c) and the std of what is left are these, to the last bit."""
    assert symmetric(c) == Symmetric(*map(float.fromhex, (mass, tail, ratio)))


@pytest.mark.parametrize(("a", "b"), WITHIN_A_TAIL + ABOUT_THE_MIDDLE + ONE_SIDED + NARROWEST)
def test_every_constant_of_an_interval_is_the_nearest_float64(a: float, b: float) -> None:
    """Masses and moments equal mpmath's integrals once rounded, in tails and narrow strips too."""
    assert between(a, b) == integrated(a, b)


@pytest.mark.parametrize(("a", "b"), FAR_APART)
def test_bounds_far_apart_have_the_nearest_constants(a: float, b: float) -> None:
    """So do those across a tail in which the density falls by 280 decades."""
    assert between(a, b) == in_closed_form(a, b)


def test_intervals_drawn_at_random_have_the_nearest_constants() -> None:
    """Sixty intervals of every width and distance agree with mpmath in every bit."""
    draw = random.Random(20)
    for _ in range(60):
        a = draw.uniform(-36.0, 36.0)
        b = min(a + 10.0 ** draw.uniform(-13.0, 1.5), 40.0)
        assert between(a, b) == in_closed_form(a, b)


def test_one_bit_more_of_a_bound_is_seen() -> None:
    """The comparison is not blind: the next float64 as a bound is another interval."""
    assert between(8.0, nextafter(9.0, inf)) != integrated(8.0, 9.0)


def test_a_symmetric_bound_agrees_with_its_interval() -> None:
    """The two ways to ask for -c to c share their tail and std, down to the narrowest."""
    for c in (2.0**-65, 1e-6, 0.5, 2.0, 8.5, 38.0):
        half, whole = symmetric(c), between(-c, c)
        assert (half.tail, half.ratio) == (whole.below, whole.ratio) == (whole.above, whole.ratio)
        assert (2 * half.mass, whole.mean) == (whole.mass, 0.0)


def test_reflection_exchanges_the_sides() -> None:
    """-z lies between -b and -a: the same mass and std, the mean negated, the tails exchanged."""
    for a, b in ((8.0, 9.0), (-1.0, 3.0), (-40.0, 0.0)):
        here, there = between(a, b), between(-b, -a)
        assert there == Between(here.above, here.mass, here.below, -here.mean, here.ratio)


def test_the_half_normal_has_its_known_moments() -> None:
    """Cut at 0 alone, the mean is sqrt(2 / pi) and the variance 1 - 2 / pi."""
    half = between(0.0, 40.0)
    assert half.mean == float.fromhex("0x1.9884533d43651p-1")
    assert half.ratio == float.fromhex("0x1.34a38c618ab2dp-1")


def test_bounds_closer_than_the_narrowest_are_refused() -> None:
    """Less than 2^-64 apart, bounds hold a constant, and the refusal says so."""
    with pytest.raises(ImpossibleError, match="closer than 2\\^-64") as refusal:
        between(0.0, nextafter(2.0**-64, 0.0))
    assert refusal.value.reason == "nothing_between"


def test_the_callers_decimal_context_changes_nothing() -> None:
    """Four digits rounded up, set by some other code, do not reach a constant."""
    expected = between(-1.25, 2.5)
    between.cache_clear()
    with localcontext(Context(prec=4, rounding=ROUND_UP)):
        assert between(-1.25, 2.5) == expected
