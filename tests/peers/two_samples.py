"""Whether two samples, one of them a peer's, can have the same distribution.

Every tolerance is a multiple of a standard error, or a probability. Each check passes with a
probability of more than 1 - 1e-6 if the distributions are equal. The seeds are fixed.
"""

import math

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

STANDARD_ERRORS = 5.0
"""A normal variate is within 5 standard errors with probability 1 - 5.7e-7."""

KOLMOGOROV = math.sqrt(-math.log(1e-6 / 2) / 2)
"""sqrt(n m / (n + m)) D of two samples is above it with probability 1e-6 (Smirnov's limit)."""

REACH = 14.0
"""The largest of m uniform values is 14/m of the range below its end with probability e^-14."""

LEAST_TAIL = 2.3
"""Of 1,000 normal values, all are within 2.3 std with probability 4e-10."""


def kurtosis(values: Values) -> float:
    """E (x - mean)^4 / std^4, which is 3 for a normal."""
    away = values - values.mean()
    return float((away**4).mean() / (away**2).mean() ** 2)


def kolmogorov_smirnov(ours: Values, theirs: Values) -> float:
    """The largest distance of the two empirical distribution functions."""
    both = np.sort(np.concatenate([ours, theirs]))
    shares = [np.searchsorted(np.sort(one), both, "right") / one.size for one in (ours, theirs)]
    return float(np.abs(shares[0] - shares[1]).max())


def faults(ours: Values, theirs: Values) -> list[str]:
    """The checks that two samples fail: mean, std, kurtosis and the Kolmogorov-Smirnov distance.

    The standard error of a std is std sqrt((kurtosis - 1) / 4n). That of a kurtosis is taken as a
    normal's, sqrt(24 / n), which is larger than that of a uniform or a truncated normal.
    """
    inverse = 1 / ours.size + 1 / theirs.size
    std, spread = float(ours.std()), kurtosis(ours)
    found = {
        "mean": abs(ours.mean() - theirs.mean()) > STANDARD_ERRORS * std * math.sqrt(inverse),
        "std": abs(math.log(theirs.std() / std))
        > STANDARD_ERRORS * math.sqrt((spread - 1) / 4 * inverse),
        "kurtosis": abs(kurtosis(theirs) - spread) > STANDARD_ERRORS * math.sqrt(24 * inverse),
        "Kolmogorov-Smirnov": kolmogorov_smirnov(ours, theirs) > KOLMOGOROV * math.sqrt(inverse),
    }
    return [name for name, failed in found.items() if failed]


def outside(theirs: Values, low: float, high: float) -> list[str]:
    """What is wrong with the ends of a sample that should lie between `low` and `high`.

    A float32 value may pass an end by its rounding.
    """
    rounding = 2.0**-23 * max(abs(low), abs(high))
    found = {"low": theirs.min() < low - rounding, "high": theirs.max() > high + rounding}
    return [name for name, failed in found.items() if failed]


def short_of(theirs: Values, low: float, high: float) -> list[str]:
    """Which ends a uniform sample between `low` and `high` does not come near."""
    gap = REACH / theirs.size * (high - low)
    found = {"low": theirs.min() > low + gap, "high": theirs.max() < high - gap}
    return [name for name, failed in found.items() if failed]
