"""Whether the statistics of a tensor are consistent with a law.

First the class is tested, by the kurtosis and the outermost values. Then mean and std are tested,
each with its standard error, and for bounded laws the outermost value: it is near the bound.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, inf, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from service.audit.laws.candidates import Candidate, fitted, truncated_moments
from service.audit.laws.variants import CUTS
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
"""The standard errors of the std within which another layout is not considered. One right tensor in
370 is farther."""

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

LEAST_FLOAT16 = 2.0**-8
"""The std below which some values of a float16 tensor have fewer digits than the dtype has."""

QUANTILES = 4096
"""The values of a law of which the kurtosis after rounding to 8 bits is computed."""

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Expected:
    """What a law means after rounding to the dtype.

    `slack` is relative: half a unit of a dtype of 16 bits, in which some frameworks draw directly,
    so that not only the rounding counts. `unit` is the distance of two numbers near the bounds.
    `levels` is the number of equally probable values, where they are so few that it matters.
    """

    mean: float
    std: float
    kurtosis: float
    low: float | None
    high: float | None
    slack: float
    unit: float
    levels: int = 0


def possible(candidates: Iterable[Candidate], summary: Summary, dtype: str) -> list[Candidate]:
    """The candidates whose std is not far from that of the values. Most laws are not among them.

    Rounding to a dtype changes a std by less than the half unit, unless numbers are subnormal or of
    8 bits. No law has a larger kurtosis than a normal.
    """
    std = summary.std
    if std is None or summary.finite < FEWEST:
        return []
    share = STANDARD_ERRORS * sqrt(0.5 / summary.finite) + 2 * half_unit(dtype) + FLOAT32_SLACK
    narrow = dtype in DTYPES and DTYPES[dtype].itemsize == 1
    if narrow or (dtype == "float16" and std < LEAST_FLOAT16) or share > 1 / FAR:
        return [each for each in candidates if each.std / FAR < std < each.std * FAR]
    low, high = std / (1 + share), std / (1 - share)
    return [each for each in candidates if low <= each.std <= high]


def distance(
    candidate: Candidate, summary: Summary, dtype: str, *, exact: bool = False
) -> float | None:
    """How far the std is from the law's in standard errors; None if the law is excluded.

    The values are those of a tensor of one dtype. With `exact` nothing is allowed for frameworks
    that draw in 16 bits. An orthogonal law needs the test of `orthogonality.py`, and is excluded
    here.
    """
    if summary.finite < FEWEST or summary.std is None or candidate.distribution == "orthogonal":
        return None
    expected = expected_of(candidate, dtype)
    if exact and expected.slack:
        expected = replace(expected, slack=0.0)
    if exact:
        return _distance(candidate, summary, expected)
    found = _distance(candidate, summary, expected)
    if found is None and candidate.distribution == "normal" and dtype in _COARSE:
        found = _distance(candidate, summary, _coarse(candidate, dtype))
    return found


def _distance(candidate: Candidate, summary: Summary, expected: Expected) -> float | None:
    assert summary.std is not None
    if not _has_mean(summary, expected):
        return None
    away = abs(summary.std - expected.std) / expected.std - expected.slack
    errors = max(0.0, away) / std_error(candidate, summary.finite)
    return errors if errors <= STANDARD_ERRORS and has_class(candidate, summary, expected) else None


def window(candidate: Candidate, n: int) -> float:
    """How far the std of a law may be from that of n values which fit it, relative to it.

    The outermost value of a bounded law tells its limit better than the std does.
    """
    share = 2 * LIKELY_ERRORS * std_error(candidate, n)
    return share if candidate.low is None else min(share, bound_gap(candidate, n))


def _has_mean(summary: Summary, expected: Expected) -> bool:
    assert summary.mean is not None
    spread = STANDARD_ERRORS / sqrt(summary.finite) + 4 * expected.slack
    return abs(summary.mean - expected.mean) <= spread * expected.std


_COARSE = ("bfloat16", "float16")


def _coarse(candidate: Candidate, dtype: str) -> Expected:
    """What a normal law means where JAX draws it in a dtype of 16 bits.

    It takes sqrt(2) erfinv(u) of 2^f numbers u, where f is the number of fraction bits: they begin
    at -1 + 2^-(f+1), and their distance is 2^(1-f) (jax.random.normal, release 0.10.2).
    """
    mean, std, kurtosis, low, high = _coarse_moments(DTYPES[dtype].fraction_bits)
    slack = half_unit(dtype)
    return Expected(
        mean=candidate.mean + mean * candidate.std,
        std=std * candidate.std,
        kurtosis=kurtosis,
        low=candidate.mean + low * candidate.std,
        high=candidate.mean + high * candidate.std,
        slack=slack,
        unit=4 * slack * max(-low, high) * candidate.std,
        levels=2 ** DTYPES[dtype].fraction_bits,
    )


@lru_cache(maxsize=2)
def _coarse_moments(fraction_bits: int) -> tuple[float, float, float, float, float]:
    """Mean, std, kurtosis, least and greatest value of a standard normal that is drawn so."""
    count = 2**fraction_bits
    shares = (np.arange(count) + 0.25) / count
    values = np.array([_NORMAL.inv_cdf(share) for share in shares.tolist()])
    mean, std = float(values.mean()), float(values.std())
    return mean, std, _kurtosis(values), float(values[0]), float(values[-1])


_LEAST_STD, _MOST_STD = 2.0**-1000, 2.0**1000
"""Outside of these bounds a limit of a few std may be infinite, or its ratio to the std inexact."""


@lru_cache(maxsize=64)
def clean_classes(summary: Summary, dtype: str) -> tuple[Candidate, ...]:
    """The distributions that the values may have, with the measured std.

    They are normal, uniform, and a normal cut at two standard deviations. There are several if the
    values are too few to tell them apart. If it is none of these, the other `CUTS` are tried. The
    mean is 0, or the measured one if none has the mean 0.
    """
    if summary.std is None or not summary.std > 0 or summary.finite < FEWEST:
        return ()
    if summary.mean is None or summary.kurtosis is None:
        return ()
    if not _LEAST_STD < summary.std < _MOST_STD:
        return ()
    means = (0.0, summary.mean)
    return next(filter(None, (_with_mean(mean, summary, dtype) for mean in means)), ())


def _with_mean(mean: float, summary: Summary, dtype: str) -> tuple[Candidate, ...]:
    assert summary.std is not None
    assert summary.skewness is not None
    # With a mean of its own, a distribution is also tested for its symmetry.
    if mean and abs(summary.skewness) > KURTOSIS_ERRORS * sqrt(6 / summary.finite):
        return ()
    std = summary.std
    usual = [fitted(scheme, std, mean) for scheme in ("normal", "uniform", "truncated_normal")]
    cut = (fitted("truncated_normal", std, mean, bound) for bound in CUTS)
    return _of_any_std(usual, summary, dtype) or _of_any_std(cut, summary, dtype)


def _of_any_std(
    fits: Iterable[Candidate | None], summary: Summary, dtype: str
) -> tuple[Candidate, ...]:
    """The fits whose distribution the values have.

    The measured std has a standard error. The limit that is computed from it has the same relative
    error, which may be larger than the distance of the outermost value from the limit. A measured
    mean has an error of 5 std / sqrt n, which is up to twice as much.
    """
    found = []
    for fit in fits:
        if fit is None:
            continue
        share = std_error(fit, summary.finite) * STANDARD_ERRORS * (3 if fit.mean else 1)
        forms = [expected_of(fit, dtype)]
        if fit.distribution == "normal" and dtype in _COARSE:
            forms.append(_coarse(fit, dtype))
        if any(_has_mean(summary, form) and has_class(fit, summary, form, share) for form in forms):
            found.append(fit)
    return tuple(found)


def std_error(candidate: Candidate, n: int) -> float:
    """The standard error of the std of n values, relative to it."""
    return sqrt((candidate.kurtosis - 1) / (4 * n))


def has_class(
    candidate: Candidate, summary: Summary, expected: Expected, share: float = 0.0
) -> bool:
    """Whether the kurtosis and the outermost values are those of the candidate's distribution.

    `share` is the relative error of the candidate's std; a law that is known has none. With an
    error, the values must also reach both ends of a bounded law.
    """
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
        least, most = normal_reach(n) * (1 - share), normal_limit(n) * (1 + share)
        return least - unit <= outermost <= most + unit
    middle, half = (expected.low + expected.high) / 2, (expected.high - expected.low) / 2
    ends = (summary.max - middle, middle - summary.min)
    slack = FLOAT32_SLACK * (half + abs(middle)) + expected.unit
    if max(ends) > half * (1 + share) + slack:
        return False
    if share and min(ends) < half * (1 - _gap(candidate, expected, n, 1)) * (1 - share) - slack:
        return False
    return max(ends) >= half * (1 - _gap(candidate, expected, n, 2)) * (1 - share) - slack


def _gap(candidate: Candidate, expected: Expected, n: int, ends: int) -> float:
    """`bound_gap`, or that of a law with few levels, whose outermost one occurs or does not."""
    if expected.levels:
        return 0.0 if n > RARE * expected.levels else 1.0
    return bound_gap(candidate, n, ends)


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


def bound_gap(candidate: Candidate, n: int, ends: int = 2) -> float:
    """How far below the bound the outermost of n values is, relative to the bound, but for e^-25.

    `ends` is 2 for the value with the largest magnitude, and 1 for the largest one. For a uniform
    law the gap is 25/n, and 50/n for one end.
    """
    share = RARE / n * 2 / ends
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


def without(summary: Summary, value: float, count: int) -> Summary:
    """The summary of the values without `count` values that are `value`, by the raw moments.

    The sums of powers of n values are those of the m others and of the removed ones. If the removed
    value is the least or the greatest, the others are taken to be symmetric. The histogram is kept.
    """
    n, m = summary.finite, summary.finite - count
    mean, std = summary.mean, summary.std
    skewness, kurtosis = summary.skewness, summary.kurtosis
    if mean is None or std is None or skewness is None or kurtosis is None or m <= 0:
        return summary
    # In units of the std, so that no power is too large or too small.
    a, v = mean / std, value / std
    raw = (a, 1 + a**2, skewness + 3 * a + a**3, kurtosis + 4 * a * skewness + 6 * a**2 + a**4)
    first, second, third, fourth = (
        (n * moment - count * v**power) / m for power, moment in enumerate(raw, 1)
    )
    variance = second - first**2
    if variance <= 0:
        return summary
    central = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
    low, high = summary.min or 0.0, summary.max or 0.0
    return replace(
        summary,
        count=m,
        zeros=0,
        nan=0,
        inf=0,
        mean=first * std,
        std=std * sqrt(variance),
        rms=std * sqrt(second),
        skewness=(third - 3 * first * second + 2 * first**3) / variance**1.5,
        kurtosis=central / variance**2,
        min=-high if value == low else low,
        max=-low if value == high else high,
    )


TORCH_BOUND = -2.0
"""The default bound of PyTorch's trunc_normal_. It takes erfinv of numbers of 24 bits in releases
before 2.13 and in timm, so one of 2^24 values is the bound itself, whatever the std is."""

OUTLYING = 10.0
"""How many times as far from 0 as all others an outlier is."""


def outliers(summary: Summary) -> tuple[float, int]:
    """A value that is far from all others, and how often it occurs; (0, 0) if there is none.

    It occurs once, or it is PyTorch's bound. The histogram tells how many are beyond its half.
    """
    low, high, histogram = summary.min, summary.max, summary.histogram
    if low is None or high is None or histogram is None:
        return 0.0, 0
    value, others = (low, high) if -low > high else (high, -low)
    if abs(others) * OUTLYING > abs(value):
        return 0.0, 0
    edges, counts = histogram.edges, histogram.counts
    middle = (value / 2 - edges.low) / (edges.high - edges.low) * edges.bins
    # The edges are those of the first values, so the half may be beyond them.
    middle = min(max(middle, 0.0), float(edges.bins))
    if value < 0:
        count = histogram.below + sum(counts[: ceil(middle)])
    else:
        count = histogram.above + sum(counts[int(middle) :])
    at_bound = value == TORCH_BOUND and count <= 8 + summary.finite * 2.0**-20
    return (value, count) if count == 1 or at_bound else (0.0, 0)


def has_planted_zeros(summary: Summary, dtype: str) -> bool:
    """Whether there are far more zeros than a distribution without a zero has by rounding.

    A uniform number of 24 bits is 0 with the probability 2^-24, and one of 8 bits with 2^-8. In
    8 bits many values are rounded to 0.
    """
    if dtype not in DTYPES or DTYPES[dtype].itemsize == 1:
        return False
    share = 2.0**-6 if DTYPES[dtype].itemsize == 2 else 2.0**-20
    return 8 + share * summary.finite < summary.zeros < summary.finite
