"""Whether the statistics of a tensor are consistent with a law.

First the class is tested, by the kurtosis and the outermost values. Then mean and std are tested,
each with its standard error, and for bounded laws the outermost value: it is near the bound.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from service.audit.candidates import Candidate, fitted, truncated_moments
from service.audit.tally import Summary
from service.dtypes import DTYPES
from service.errors import FaninError
from service.initializers.truncation import between
from service.plan.extremes import refuse_out_of_range
from service.plan.rounded import is_known, rounded
from service.stream.cells import spacing
from service.stream.precision import PRECISIONS

FEWEST = 30
"""Fewer values decide nothing: the standard errors are those of many values."""

STANDARD_ERRORS = 5.0
"""How far mean and std may be from the law's. One right tensor in 1.7 million is farther."""

LIKELY_ERRORS = 3.0
"""The standard errors of the std within which another layout is not considered."""

KURTOSIS_ERRORS = 8.0
"""The same for the kurtosis, whose distribution has a long tail."""

RARE = 25.0
"""An event with the probability e^-25 is not expected."""

MOST_NEEDED = 5.0
"""Standard deviations that the outermost of many normal values must reach. JAX's stop at 5.3, those
of PyTorch on a CPU at 5.8 (docs/audit.md)."""

FARTHEST = 1e-9
"""The probability that a right normal tensor has a value beyond the limit."""

FLOAT32_SLACK = 1e-6
"""The relative error of a bound that a framework computes in float32."""

FAR = 3.0
"""The factor of the std beyond which no rounding to a dtype makes a tensor consistent. It saves the
computation of the rounded distribution."""

ORTHOGONAL_SLACK = 1e-4
"""The relative error of the std of an orthogonal matrix. It is fixed by the shape."""

QUANTILES = 4096
"""The values of a law of which the kurtosis after rounding to 8 bits is computed."""

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Expected:
    """What a law means after rounding to the dtype.

    `slack` is relative: half a unit of a dtype of 16 bits, in which some frameworks draw directly,
    so that not only the rounding counts. `unit` is the distance of two numbers near the bounds.
    """

    mean: float
    std: float
    kurtosis: float
    low: float | None
    high: float | None
    slack: float
    unit: float


def is_consistent(candidate: Candidate, summary: Summary, dtype: str) -> bool:
    """Whether the summary of a tensor with values of one dtype is consistent with a law.

    An orthogonal law needs the test of `service.audit.orthogonality` as well.
    """
    if summary.finite < FEWEST or summary.std is None or summary.mean is None:
        return False
    if summary.min is None or summary.max is None or summary.kurtosis is None:
        return False
    if candidate.distribution == "orthogonal":
        return _is_close(summary.rms or 0.0, candidate.std, ORTHOGONAL_SLACK + half_unit(dtype))
    if not candidate.std / FAR < summary.std < candidate.std * FAR:
        return False
    expected = expected_of(candidate, dtype)
    n = summary.finite
    spread = STANDARD_ERRORS * expected.std / sqrt(n)
    if abs(summary.mean - expected.mean) > spread + 4 * expected.slack * expected.std:
        return False
    share = STANDARD_ERRORS * sqrt((candidate.kurtosis - 1) / (4 * n))
    if not _is_close(summary.std, expected.std, share + expected.slack):
        return False
    return has_class(candidate, summary, expected)


def is_near(candidate: Candidate, summary: Summary, dtype: str) -> bool:
    """Whether the std of a consistent tensor is within three standard errors of the law's.

    One right tensor in 370 is farther. The law of another layout may then be the right one.
    """
    if candidate.distribution == "orthogonal" or summary.std is None:
        return True
    expected = expected_of(candidate, dtype)
    share = LIKELY_ERRORS * sqrt((candidate.kurtosis - 1) / (4 * summary.finite))
    return _is_close(summary.std, expected.std, share)


def is_clean(summary: Summary, dtype: str) -> str | None:
    """The distribution with mean 0 that the values have with their own std; None if they have none.

    It is normal, uniform, or a normal cut at two standard deviations.
    """
    if summary.std is None or not summary.std > 0:
        return None
    for scheme in ("normal", "uniform", "truncated_normal"):
        candidate = fitted(scheme, summary.std)
        if candidate is not None and is_consistent(candidate, summary, dtype):
            return scheme
    return None


def _is_close(value: float, target: float, share: float) -> bool:
    return abs(value - target) <= share * target


def has_class(candidate: Candidate, summary: Summary, expected: Expected) -> bool:
    """Whether the kurtosis and the outermost values are those of the candidate's distribution."""
    assert summary.kurtosis is not None
    assert summary.min is not None
    assert summary.max is not None
    n = summary.finite
    error = KURTOSIS_ERRORS * kurtosis_error(candidate) / sqrt(n)
    if abs(summary.kurtosis - expected.kurtosis) > error + 2 * expected.slack + 0.001:
        return False
    if expected.low is None or expected.high is None:
        outermost = max(summary.max - expected.mean, expected.mean - summary.min) / expected.std
        unit = expected.unit / expected.std
        return normal_reach(n) - unit <= outermost <= normal_limit(n) + unit
    middle, half = (expected.low + expected.high) / 2, (expected.high - expected.low) / 2
    outermost = max(summary.max - middle, middle - summary.min)
    slack = FLOAT32_SLACK * (half + abs(middle)) + expected.unit
    return half * (1 - bound_gap(candidate, n)) - slack <= outermost <= half + slack


def half_unit(dtype: str) -> float:
    """The relative rounding error of a dtype of 16 or 8 bits; 0 for others."""
    narrow = dtype in DTYPES and DTYPES[dtype].itemsize <= 2
    return 2.0 ** -PRECISIONS[dtype].significand if narrow else 0.0


@lru_cache(maxsize=4096)
def expected_of(candidate: Candidate, dtype: str) -> Expected:
    """Mean, std, kurtosis and bounds of a law's values in a dtype."""
    found = Expected(
        candidate.mean, candidate.std, candidate.kurtosis, candidate.low, candidate.high, 0.0, 0.0
    )
    if half_unit(dtype) == 0:
        return found
    outermost = max(abs(candidate.mean) + 4 * candidate.std, abs(candidate.high or 0.0))
    found = replace(found, slack=half_unit(dtype), unit=spacing(outermost, PRECISIONS[dtype]))
    try:
        refuse_out_of_range(candidate.law.draw, dtype)
    except FaninError:
        return found
    if not is_known(candidate.law):
        return found
    values = rounded(candidate.law, dtype)
    found = replace(found, mean=values.mean, std=values.std)
    if candidate.low is not None:
        found = replace(found, low=values.lowest, high=values.highest)
    if DTYPES[dtype].itemsize == 1:
        found = replace(found, kurtosis=_rounded_kurtosis(candidate, dtype), slack=0.0)
    return found


def _rounded_kurtosis(candidate: Candidate, dtype: str) -> float:
    """The kurtosis after rounding to a dtype with so few numbers that it changes.

    The change is that of evenly spaced quantiles, whose own kurtosis is a little too small.
    """
    values = _quantiles(candidate)
    precision = PRECISIONS[dtype]
    _, exponents = np.frexp(values)
    units = np.maximum(exponents - 1, precision.least_exponent) - precision.significand + 1
    in_dtype = np.ldexp(np.rint(np.ldexp(values, -units)), units)
    return candidate.kurtosis + _kurtosis(in_dtype) - _kurtosis(values)


def _quantiles(candidate: Candidate) -> npt.NDArray[np.float64]:
    if candidate.distribution == "uniform":
        assert candidate.low is not None
        assert candidate.high is not None
        return candidate.low + _shares() * (candidate.high - candidate.low)
    if candidate.distribution == "truncated_normal":
        parent = candidate.law.parent_std or candidate.std
        return candidate.mean + parent * _normal_quantiles(_bound(candidate))
    return candidate.mean + candidate.std * _normal_quantiles(None)


def _shares() -> npt.NDArray[np.float64]:
    """Evenly spaced probabilities."""
    return (np.arange(QUANTILES) + 0.5) / QUANTILES


@lru_cache(maxsize=16)
def _normal_quantiles(bound: float | None) -> npt.NDArray[np.float64]:
    """The quantiles of a standard normal, which is cut at +-bound if there is one."""
    shares = _shares()
    if bound is not None:
        constants = between(-bound, bound)
        shares = constants.below + shares * constants.mass
    return np.array([_NORMAL.inv_cdf(share) for share in shares.tolist()])


def _kurtosis(values: npt.NDArray[np.float64]) -> float:
    away = values - values.mean()
    return float((away**4).mean() / (away**2).mean() ** 2)


def normal_reach(n: int) -> float:
    """The standard deviations that the outermost of n normal values reaches, but for e^-25."""
    share = RARE / n
    return 0.0 if share >= 1 else min(MOST_NEEDED, -_NORMAL.inv_cdf(share / 2))


def normal_limit(n: int) -> float:
    """The standard deviations that no value of n normal ones exceeds."""
    return -_NORMAL.inv_cdf(FARTHEST / (2 * n))


def bound_gap(candidate: Candidate, n: int) -> float:
    """How far below the bound the outermost of n values is, relative to the bound, but for e^-25.

    For a uniform law it is 25/n.
    """
    share = RARE / n
    if share >= 1:
        return 1.0
    if candidate.distribution == "uniform":
        return share
    c = _bound(candidate)
    constants = between(-c, c)
    return (c + _NORMAL.inv_cdf(constants.above + share * constants.mass / 2)) / c


def _bound(candidate: Candidate) -> float:
    """The bound of a truncated normal in units of its parent's std."""
    law = candidate.law
    assert law.low is not None
    assert law.high is not None
    return (law.high - law.low) / 2 / (law.parent_std or law.std or inf)


@lru_cache(maxsize=4096)
def kurtosis_error(candidate: Candidate) -> float:
    """The standard error of a sample's kurtosis, times sqrt n, by the delta method.

    With moments in units of the std: m8 - k^2 - 4 k (m6 - k) + 4 k^2 (k - 1), which is 24 for a
    normal.
    """
    k = candidate.kurtosis
    if candidate.distribution == "uniform":
        sixth, eighth = 27 / 7, 9.0
    elif candidate.distribution == "truncated_normal":
        c = _bound(candidate)
        raw = truncated_moments(-c, c, 8)
        sixth, eighth = raw[6] / raw[2] ** 3, raw[8] / raw[2] ** 4
    else:
        sixth, eighth = 15.0, 105.0
    return sqrt(eighth - k**2 - 4 * k * (sixth - k) + 4 * k**2 * (k - 1))
