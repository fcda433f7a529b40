"""The distributions as the literature has them, and the tests a sample of one has to pass.

Every threshold is five standard errors of the tested quantity under the exact law, or for
Kolmogorov-Smirnov the critical value of the same probability, 5.7e-7: D sqrt(n) < 2.74, since
P(D sqrt(n) > x) tends to 2 exp(-2 x x).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

STANDARD_ERRORS = 5.0
KOLMOGOROV_SMIRNOV = 2.74
GRID = 4096

Sample = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Law:
    """A symmetric law of unit variance: moments 4, 6 and 8, quantiles, mass beyond k sigma."""

    moments: tuple[float, float, float]
    quantiles: npt.NDArray[np.float64]
    beyond: dict[int, float]


def uniform() -> Law:
    """Limit sqrt 3: E x^2k = 3^k / (2k + 1)."""
    grid = np.arange(1, GRID) / GRID
    return Law((9 / 5, 27 / 7, 81 / 9), (2 * grid - 1) * np.sqrt(3.0), {})


def normal() -> Law:
    """E x^2k = (2k - 1)!!."""
    unit = NormalDist()
    quantiles = np.array([unit.inv_cdf(i / GRID) for i in range(1, GRID)])
    return Law((3.0, 15.0, 105.0), quantiles, {k: 2 * unit.cdf(-k) for k in (3, 4, 5)})


def truncated_normal(c: float) -> Law:
    """Cut at c sigma of the parent, std restored to 1.

    With m_0 = 1, m_2k = (2k - 1) m_(2k-2) - 2 c^(2k-1) phi(c) / (2 Phi(c) - 1) for the parent.
    """
    unit = NormalDist()
    mass = 2 * unit.cdf(c) - 1
    parent = [1.0]
    for k in range(1, 5):
        parent.append((2 * k - 1) * parent[-1] - 2 * c ** (2 * k - 1) * unit.pdf(c) / mass)
    ratio = np.sqrt(parent[1])
    quantiles = [unit.inv_cdf(unit.cdf(-c) + mass * i / GRID) / ratio for i in range(1, GRID)]
    beyond = {k: max(0.0, 2 * (unit.cdf(c) - unit.cdf(k * ratio)) / mass) for k in (3, 4, 5)}
    moments = tuple(parent[k] / ratio ** (2 * k) for k in (2, 3, 4))
    return Law((moments[0], moments[1], moments[2]), np.array(quantiles), beyond)


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
    fourth, sixth, eighth = law.moments
    expected = {1: (0.0, 1.0), 2: (1.0, fourth - 1), 3: (0.0, sixth)}
    expected[4] = (fourth, eighth - fourth**2)
    power = np.ones_like(x)
    for k, (mean, variance) in expected.items():
        power = power * x
        yield k, float((power.mean() - mean) / np.sqrt(variance / x.size))


def _tails(x: Sample, law: Law) -> Iterator[tuple[int, float]]:
    magnitude = np.abs(x)
    for k, p in law.beyond.items():
        count = np.count_nonzero(magnitude > k)
        expected = p * x.size
        yield k, float((count - expected) / np.sqrt(max(expected, 0.04)))


def _serial(x: Sample) -> Iterator[tuple[int, float]]:
    for lag in (1, 2, 3, 4, 8):
        yield lag, correlation(x[:-lag], x[lag:])
