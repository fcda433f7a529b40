"""The distribution function of the standard normal, against mpmath's."""

import hashlib
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from mpmath import mp, mpf

from service.initializers.normal_distribution import (
    CENTRAL,
    FAR,
    FARTHEST,
    ROOT_HALF,
    cell_masses,
    distribution,
)

Float64 = npt.NDArray[np.float64]

SEAMS = [edge / ROOT_HALF * (1 + step * 2.0**-52) for edge in (CENTRAL, FAR) for step in (-2, 0, 2)]
POINTS = np.concatenate(
    [
        np.linspace(-FARTHEST, FARTHEST, 1501),
        np.linspace(-1.0, 1.0, 401),
        10.0 ** np.linspace(-300, 1, 302),
        np.array([0.0, *SEAMS]),
    ]
)


def tail(z: mpf) -> mpf:
    """1 - Phi(z)."""
    return mp.erfc(z / mp.sqrt(2)) / 2


def worst(found: Float64, right: list[mpf]) -> float:
    """The largest relative error; where the truth is 0, so is what is found."""
    assert all(f == 0 for f, r in zip(found, right, strict=True) if r == 0)
    return float(max(abs(mpf(float(f)) / r - 1) for f, r in zip(found, right, strict=True) if r))


def test_both_tails_and_the_middle_keep_their_digits() -> None:
    """What rounding z z / 2 costs grows with its square: 1e-14 at 10 sigma, 1e-13 at 37."""
    found = distribution(POINTS)
    with mp.workdps(40):
        z = [mpf(float(point)) for point in POINTS]
        for side, sign in ((found.lower, -1), (found.upper, 1)):
            assert worst(side, [tail(sign * x) for x in z]) < 1e-13
        near = np.abs(POINTS) <= 10
        assert worst(found.upper[near], [tail(x) for x in z if abs(x) <= 10]) < 1e-14
        assert worst(found.central, [mp.erf(x / mp.sqrt(2)) / 2 for x in z]) < 1e-15


def test_infinity_and_what_is_too_far_to_tell() -> None:
    """Beyond 37.5 sigma the tail is that of 37.5, 5e-308, so no power of two underflows."""
    found = distribution(np.array([-np.inf, -40.0, 40.0, np.inf]))
    assert found.central.tolist() == [-0.5, -0.5, 0.5, 0.5]
    assert found.lower[2:].tolist() == found.upper[:2].tolist() == [1.0, 1.0]
    assert (found.upper[2:] > 0).all()
    assert (found.upper[2:] < 1e-306).all()


@pytest.mark.parametrize(
    ("a", "b"),
    [(-np.inf, np.inf), (-2.0, 2.0), (-1.0, 3.0), (5.0, 6.0), (-9.0, -8.5), (0.1, 0.1001)],
)
def test_masses_of_narrow_cells_keep_their_digits(a: float, b: float) -> None:
    """Six digits and more of each cell, in a tail and beside 0, of a normal cut anywhere."""
    first, last = max(a, -9.5), min(b, 9.5)
    edges = np.concatenate([np.linspace(first, last, 1001)[1:-1], [1e-9, 2e-9, 1e-6]])
    edges = np.unique(edges[(edges > first) & (edges < last)])
    with mp.workdps(40):
        below, above = tail(-mpf(a)), tail(mpf(b))
        mass = mp.erfc(-mpf(b) / mp.sqrt(2)) / 2 - below if b < 0 else tail(mpf(a)) - above
        found = cell_masses(edges, float(below), float(mass), float(above))
        ends = [mpf(a), *(mpf(float(edge)) for edge in edges), mpf(b)]
        right = [
            (tail(x) - tail(y) if x > 0 else tail(-y) - tail(-x)) / mass for x, y in pairwise(ends)
        ]
    assert worst(found, right) < 1e-8
    assert abs(found.sum() - 1) < 1e-12


def test_edges_outside_the_cut_change_nothing() -> None:
    """Rounding may put an edge beside the end: its cell is empty and no other one grows."""
    with mp.workdps(30):
        below, mass, above = (float(x) for x in (tail(1), tail(-1) - tail(1), tail(1)))
    found = cell_masses(np.array([-1.5, -1.0, 0.0, 1.0, 1.5]), below, mass, above)
    assert found.tolist() == pytest.approx([0.0, 0.0, 0.5, 0.5, 0.0, 0.0], abs=1e-15)


def test_every_machine_has_the_same_bits() -> None:
    """Pinned from one machine, x86-64: each operation is IEEE's, so no other one may differ."""
    z = np.arange(-2400, 2401) / 64
    found = distribution(z)
    arrays = (found.lower, found.upper, found.central, cell_masses(z / 8, 0.0, 1.0, 0.0))
    bits = b"".join(array.astype("<f8").tobytes() for array in arrays)
    pinned = "35265f48a3ed875f8577c82b958531c15a76132b3c6556e2c202a6c7f3f0efc9"
    assert hashlib.sha256(bits).hexdigest() == pinned
