"""Variates are as near the exact ones as docs/stream-v1.md says, against mpmath at 40 digits."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from service.stream.draws import SymmetricTruncatedNormal, TruncatedNormalBetween
from service.stream.reference import normal, truncated_normal, truncated_normal64

COUNT = 3000
EDGES = (0, 1, 2**29, 2**30 - 1, 2**31 - 1, 2**31, 3 * 2**30 - 1, 3 * 2**30, 2**32 - 2, 2**32 - 1)


def sample_words(bits: int) -> Any:
    """Uniform words, words near both ends on a logarithmic scale, and the edges."""
    generator = np.random.default_rng(20)
    near = np.exp2(generator.uniform(0, bits, COUNT // 2)).astype(np.uint64)
    top = np.uint64(2**bits - 1)
    anywhere = generator.integers(0, 2**bits, COUNT // 2, dtype=np.uint64)
    edges = np.array([edge << (bits - 32) for edge in EDGES], np.uint64)
    words = np.concatenate([anywhere, np.minimum(near, top), top - np.minimum(near, top), edges])
    return words.astype(np.uint32 if bits == 32 else np.uint64)


def exact_p(word: Any, bits: int) -> Any:
    return (mpmath.mpf(int(word)) + 0.5) / mpmath.mpf(2) ** bits


@pytest.mark.parametrize(("bits", "target"), [(32, 3e-7), (64, 4e-16)])
def test_normal_variates_are_accurate(bits: int, target: float) -> None:
    """|error| / r of both elements of a pair."""
    first = sample_words(bits)
    second = np.random.default_rng(3).permutation(first)
    radius, turn = (
        (normal.radius32, normal.turn32) if bits == 32 else (normal.radius64, normal.turn64)
    )
    r, (sine, cosine) = radius(first), turn(second)
    with mpmath.workdps(40):
        for w, v, a, b in zip(first, second, r * sine, r * cosine, strict=True):
            length = mpmath.sqrt(-2 * mpmath.log(exact_p(w, bits)))
            angle = 2 * mpmath.pi * exact_p(v, bits)
            assert abs(float(a) - length * mpmath.sin(angle)) <= target * length
            assert abs(float(b) - length * mpmath.cos(angle)) <= target * length


def test_no_radius_is_zero_and_the_largest_is_as_documented() -> None:
    """The smallest keeps its digits: sqrt(2^-32) for the last single word."""
    words = np.array([0, 2**32 - 1], np.uint32)
    largest, smallest = normal.radius32(words).tolist()
    assert largest == pytest.approx(6.763705635, abs=1e-6)
    assert smallest == pytest.approx(2.0**-16, rel=1e-6)


def upper_quantile(tail: Any, start: float) -> Any:
    """x with 1 - Phi(x) = tail, by Newton's method on the logarithm."""
    x = mpmath.mpf(start)
    for _ in range(4):
        q = mpmath.erfc(x / mpmath.sqrt(2)) / 2
        x += mpmath.log(q / tail) * q / mpmath.npdf(x)
    return x


@pytest.mark.parametrize("c", [0.5, 1.0, 2.0, 2.5, 4.0, 6.0, 8.0, 40.0])
@pytest.mark.parametrize(("bits", "target"), [(32, 5e-7), (64, 1e-15)])
def test_symmetric_truncated_variates_are_accurate(c: float, bits: int, target: float) -> None:
    """Relative error at every sampled word, the extreme ones among them."""
    words = sample_words(bits)[::5]
    with mpmath.workdps(400 if c > 10 else 60):
        mass, tail = mpmath.ncdf(c) - 0.5, mpmath.ncdf(-c)
    draw = SymmetricTruncatedNormal(0.0, 1.0, float(mass), float(tail), -c, c)
    transform: Callable[..., Any] = (
        truncated_normal.symmetric32 if bits == 32 else truncated_normal64.symmetric64
    )
    top = 2 ** (bits - 1)
    with mpmath.workdps(45):
        for w, z in zip(words, transform(words, draw), strict=True):
            rest = (mpmath.mpf(top - 1 - int(w) % top) + 0.5) / top
            exact = upper_quantile(rest * mass + tail, abs(float(z)))
            assert abs(abs(float(z)) - exact) <= target * exact
            assert (z < 0) == (int(w) >= top)


@pytest.mark.parametrize(
    ("a", "b"), [(-1.0, 3.0), (0.0, 1.0), (8.0, 9.0), (-9.0, -8.0), (-0.5, 30.0), (36.0, 40.0)]
)
def test_variates_between_any_bounds_are_accurate(a: float, b: float) -> None:
    """Far in a tail too: relative error beyond 1 sigma, absolute within."""
    words = sample_words(64)[::5]
    with mpmath.workdps(60):
        below, above = mpmath.ncdf(a), mpmath.ncdf(-b)
        mass = mpmath.ncdf(-a) - above if a > 0 else mpmath.ncdf(b) - below
    draw = TruncatedNormalBetween(0.0, 1.0, float(below), float(mass), float(above), a, b)
    with mpmath.workdps(60):
        for w, z in zip(words, truncated_normal64.between64(words, draw), strict=True):
            upper = above + (1 - exact_p(w, 64)) * mass
            lower = below + exact_p(w, 64) * mass
            tail = min(lower, upper)
            exact = upper_quantile(tail, abs(float(z))) * (1 if upper < lower else -1)
            assert abs(float(z) - exact) <= 1e-15 * max(abs(exact), 1)
