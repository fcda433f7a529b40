"""The distributions as the literature has them, and the tests a sample of one has to pass.

Every threshold is five standard errors of the tested quantity under the exact law, or for
Kolmogorov-Smirnov the critical value of the same probability, 5.7e-7: D sqrt(n) < 2.74, since
P(D sqrt(n) > x) tends to 2 exp(-2 x x).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb, isfinite
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

STANDARD_ERRORS = 5.0
KOLMOGOROV_SMIRNOV = 2.74
GRID = 4096

Sample = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Law:
    """A law of mean 0 and variance 1.

    `moments[k]` is E x^k up to k = 8, `quantiles` those of 1 / GRID, 2 / GRID, ...; `beyond` is the
    probability of |x| > k for some whole k.
    """

    moments: tuple[float, ...]
    quantiles: npt.NDArray[np.float64]
    beyond: dict[int, float]


def uniform() -> Law:
    """Limit sqrt 3: E x^k = 3^(k/2) / (k + 1) for even k, and 0 for odd k."""
    grid = np.arange(1, GRID) / GRID
    return Law((1, 0, 1, 0, 9 / 5, 0, 27 / 7, 0, 81 / 9), (2 * grid - 1) * np.sqrt(3.0), {})


def normal() -> Law:
    """E x^k = (k - 1)!! for even k, and 0 for odd k."""
    return truncated_normal(-np.inf, np.inf)


def truncated_normal(a: float, b: float) -> Law:
    """A standard normal z given a < z < b, moved and scaled to mean 0 and variance 1.

    Johnson, Kotz and Balakrishnan, "Continuous Univariate Distributions" 1, section 10.1:
    E z^k = (k - 1) E z^(k-2) + (a^(k-1) phi(a) - b^(k-1) phi(b)) / (Phi(b) - Phi(a)).
    """
    unit = NormalDist()
    mass = unit.cdf(b) - unit.cdf(a)
    parent = [1.0, (unit.pdf(a) - unit.pdf(b)) / mass]
    for k in range(2, 9):
        ends = _end(a, k) - _end(b, k)
        parent.append((k - 1) * parent[k - 2] + ends / mass)
    mean, std = parent[1], np.sqrt(parent[2] - parent[1] ** 2)
    moments = tuple(
        sum(comb(k, i) * parent[i] * (-mean) ** (k - i) for i in range(k + 1)) / std**k
        for k in range(9)
    )
    grid = np.arange(1, GRID) / GRID
    quantiles = [(unit.inv_cdf(unit.cdf(a) + mass * p) - mean) / std for p in grid]
    beyond = {
        k: 1 - (unit.cdf(min(b, mean + k * std)) - unit.cdf(max(a, mean - k * std))) / mass
        for k in (3, 4, 5)
    }
    return Law(moments, np.array(quantiles), beyond)


def _end(bound: float, k: int) -> float:
    """bound^(k-1) phi(bound), which tends to 0."""
    return bound ** (k - 1) * NormalDist().pdf(bound) if isfinite(bound) else 0.0


def faults(sample: Sample, law: Law) -> list[str]:
    """Name every test that the sample fails; an empty list means that it could be of this law."""
    x = sample.astype(np.float64)
    checks = {
        "ks": _distance(sample, law) < KOLMOGOROV_SMIRNOV,
        **{f"moment {k}": abs(z) < STANDARD_ERRORS for k, z in _moments(x, law)},
        **{f"beyond {k} sigma": abs(z) < STANDARD_ERRORS for k, z in _tails(x, law)},
        **{f"lag {lag}": abs(z) < STANDARD_ERRORS for lag, z in _serial(x)},
        **{f"lag {lag} of squares": abs(z) < STANDARD_ERRORS for lag, z in _serial(x * x)},
    }
    return [name for name, passed in checks.items() if not passed]


def correlation(a: Sample, b: Sample) -> float:
    """Correlation of two samples in standard errors, 1 / sqrt(n) for independent ones."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).mean() / (x.std() * y.std()) * np.sqrt(x.size))


def _distance(sample: Sample, law: Law) -> float:
    """D sqrt(n), the largest distance of the distribution functions at the grid's quantiles."""
    below = np.searchsorted(np.sort(sample), law.quantiles.astype(sample.dtype))
    expected = np.arange(1, GRID) / GRID
    return float(np.abs(below / sample.size - expected).max() * np.sqrt(sample.size))


def _moments(x: Sample, law: Law) -> Iterator[tuple[int, float]]:
    """How far each mean of x^k is off; its variance is (E x^2k - (E x^k)^2) / n."""
    power = np.ones_like(x)
    for k in (1, 2, 3, 4):
        power = power * x
        variance = law.moments[2 * k] - law.moments[k] ** 2
        yield k, float((power.mean() - law.moments[k]) / np.sqrt(variance / x.size))


def _tails(x: Sample, law: Law) -> Iterator[tuple[int, float]]:
    magnitude = np.abs(x)
    for k, p in law.beyond.items():
        count = np.count_nonzero(magnitude > k)
        expected = p * x.size
        yield k, float((count - expected) / np.sqrt(max(expected, 0.04)))


def _serial(x: Sample) -> Iterator[tuple[int, float]]:
    """Correlation with the elements behind, as `correlation`, but centred once for all lags."""
    x = x - x.mean()
    scale = float(np.sqrt(x.size) / np.mean(x * x))
    for lag in (1, 2, 3, 4, 8):
        yield lag, float(np.mean(x[:-lag] * x[lag:])) * scale
