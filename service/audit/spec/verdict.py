"""The verdict on the values of a tensor: each statistic beside its expectation."""

import math
from dataclasses import dataclass
from typing import Literal

from service.audit.spec.expectation import Expectation, Expected, cuts_of
from service.audit.tally import Histogram, Summary
from service.plan.rounded import significant, significant_mean

RESOLUTION = 1e-6
"""A mean may differ by this share of the std, and a std by this share of itself, beside the
standard errors. The expectation has six significant digits (`service.plan.rounded`). The rounding
errors of an orthogonal matrix are far smaller."""

Verdict = Literal["consistent", "inconsistent"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A statistic of the values beside its expectation.

    `z` is the difference in standard errors. The statistic is `consistent` if |z| is at most
    `z_limit`, which a correct tensor exceeds with a probability of 1e-9. For `std`, z is that of
    the mean square of the distances from the expected mean, which has no bias. Both are null if the
    expectation is not known to a standard error. Without a standard error the statistic must be
    equal to its expectation.
    """

    realised: float | None
    expected: float | None
    standard_error: float | None
    z: float | None
    z_limit: float | None
    consistent: bool


@dataclass(frozen=True, slots=True)
class Extreme:
    """The least or the largest of the values, and the outermost value that is possible.

    It is `consistent` if it is not beyond `bound`, or equal to it if no random word is used.
    """

    realised: float | None
    bound: float | None
    consistent: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """The values from `low` to below `high`; the last bin that has a `high` includes it.

    The first entry has no `low`, and the last no `high`: they are the values beyond the histogram.
    The other members are as for a statistic.
    """

    low: float | None
    high: float | None
    count: int
    expected: float
    standard_error: float
    z: float | None
    z_limit: float | None
    consistent: bool


@dataclass(frozen=True, slots=True)
class Statistics:
    """The comparisons. `zeros` is the share of values that are 0 or -0."""

    mean: Comparison
    std: Comparison
    zeros: Comparison
    min: Extreme
    max: Extreme


def compared(found: Summary, expected: Expectation) -> tuple[Statistics, tuple[Bin, ...]]:
    """The statistics of finite values, at least one, beside their expectation."""
    n = expected.elements
    mean, std = found.mean or 0.0, found.std or 0.0
    deviation = n * ((mean - expected.mean) / expected.scale)
    share = std / expected.scale
    square = n * (share * share) + deviation * (deviation / n)
    unit = expected.std / expected.scale
    # Realised and expected mean and std are float64, each rounded at most twice.
    coarse = 2.0 * math.ulp(max(abs(expected.mean), expected.std)) / expected.scale
    away = abs(deviation) / n + share + coarse
    statistics = Statistics(
        mean=_of_mean(mean, deviation, expected, n * (RESOLUTION * unit + coarse)),
        std=_of_std(std, square, expected, 2.0 * n * (RESOLUTION * unit * unit + coarse * away)),
        zeros=_share(found.zeros, expected.zeros, n),
        min=Extreme(
            found.min, expected.lowest, found.min is not None and found.min >= expected.lowest
        ),
        max=Extreme(
            found.max, expected.highest, found.max is not None and found.max <= expected.highest
        ),
    )
    assert found.histogram is not None, "the tally has edges"
    return statistics, _bins(found.histogram, expected)


def exactly(found: Summary, defined: Summary) -> tuple[Statistics, tuple[Bin, ...]]:
    """The statistics of values without random words beside those of their definition."""
    statistics = Statistics(
        mean=_equal(found.mean, defined.mean),
        std=_equal(found.std, defined.std),
        zeros=_equal(_ratio(found.zeros, found.count), _ratio(defined.zeros, defined.count)),
        min=Extreme(found.min, defined.min, found.min == defined.min),
        max=Extreme(found.max, defined.max, found.max == defined.max),
    )
    if found.histogram is None or defined.histogram is None:
        return statistics, ()
    counts = zip(_counts(found.histogram), _counts(defined.histogram), strict=True)
    bins = (
        Bin(low, high, count, float(right), 0.0, None, None, count == right)
        for (low, high), (count, right) in zip(_ends(found.histogram), counts, strict=True)
    )
    return statistics, tuple(bins)


def _of_mean(mean: float, deviation: float, expected: Expectation, resolution: float) -> Comparison:
    z, consistent = _judged(deviation, expected.deviation, resolution)
    error = expected.deviation.standard_error / expected.elements * expected.scale
    wanted = significant_mean(expected.mean, expected.std)
    return _comparison(mean, wanted, error, z, expected.deviation, consistent)


def _of_std(std: float, square: float, expected: Expectation, resolution: float) -> Comparison:
    z, consistent = _judged(square, expected.square, resolution)
    error = 0.0
    if expected.std:
        # A std of s has the error of its square, divided by 2 s. Its distances are those from the
        # realised mean, whose square has sqrt 2 times the square of the mean's error.
        of_square = expected.square.standard_error / expected.elements
        of_mean = expected.deviation.standard_error / expected.elements
        of_mean = math.sqrt(2.0) * (of_mean * of_mean)
        of_both = math.sqrt(of_square * of_square + of_mean * of_mean)
        error = of_both / (2.0 * (expected.std / expected.scale)) * expected.scale
    return _comparison(std, significant(expected.std), error, z, expected.square, consistent)


def _share(number: int, expected: Expected, elements: int) -> Comparison:
    z, consistent = _judged(float(number), expected, RESOLUTION)
    wanted = significant(expected.sum / elements)
    error = expected.standard_error / elements
    return _comparison(number / elements, wanted, error, z, expected, consistent)


def _comparison(
    realised: float,
    wanted: float,
    error: float,
    z: float | None,
    expected: Expected,
    consistent: bool,
) -> Comparison:
    z_limit = None if z is None else significant(expected.limit)
    return Comparison(realised, wanted, significant(error), z, z_limit, consistent)


def _judged(found: float, expected: Expected, resolution: float) -> tuple[float | None, bool]:
    """z, and whether the difference is within the limit.

    z is None if the standard error is 0, or smaller than what the expectation is known to.
    """
    difference, error = found - expected.sum, expected.standard_error
    if not math.isfinite(difference):
        return None, False
    consistent = abs(difference) <= expected.limit * error + resolution
    z = difference / error if error > resolution else None
    return None if z is None or not math.isfinite(z) else significant(z), consistent


def _bins(histogram: Histogram, expected: Expectation) -> tuple[Bin, ...]:
    return tuple(
        _bin(low, high, count, wanted)
        for (low, high), count, wanted in zip(
            _ends(histogram), _counts(histogram), expected.bins, strict=True
        )
    )


def _bin(low: float | None, high: float | None, count: int, expected: Expected) -> Bin:
    z, consistent = _judged(float(count), expected, RESOLUTION * max(1.0, expected.sum))
    z_limit = None if z is None else significant(expected.limit)
    error = significant(expected.standard_error)
    return Bin(low, high, count, significant(expected.sum), error, z, z_limit, consistent)


def _ends(histogram: Histogram) -> list[tuple[float | None, float | None]]:
    cuts = cuts_of(histogram.edges).tolist()
    return list(zip([None, *cuts], [*cuts, None], strict=True))


def _counts(histogram: Histogram) -> list[int]:
    return [histogram.below, *histogram.counts, histogram.above]


def _equal(realised: float | None, defined: float | None) -> Comparison:
    return Comparison(realised, defined, None, None, None, realised == defined)


def _ratio(number: int, count: int) -> float | None:
    return number / count if count else None
