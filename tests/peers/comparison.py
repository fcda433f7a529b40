"""What is different between a weight that a peer drew and the same weight from Fanin.

The tolerances are bounds of sampling alone. A moment may differ by FIVE times its standard error,
which a normal error exceeds once in 1.7 million times. Two equal distributions have a greater
Kolmogorov-Smirnov distance than `most_distance` once in a million times.
"""

import math

import numpy as np
import numpy.typing as npt

from service.chunks import TensorBody
from service.fields import parse_query
from service.initializers.schemes import Law
from service.plan import plan

Array = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

FIVE = 5.0

STRIP = 200.0
"""A sample of n values has one within STRIP / n of the range from each bound. A uniform sample has
200 there, and a normal cut at two standard deviations 45 on average."""

REACHED = 3.0

SLACK = 2.0**-20
"""A peer's float32 arithmetic may pass a bound by a few roundings."""


def issued(shape: tuple[int, ...], scheme: str) -> tuple[Law, Array]:
    """The law and the values of a scheme, with fields behind its name, for this shape."""
    query = f"shape={','.join(map(str, shape))}&scheme={scheme}&seed=1&name=a"
    made = plan(parse_query(query.encode()), "raw", max_bytes=2**30)
    body = b"".join(map(bytes, TensorBody(made).chunks()))
    return made.tensor.law, np.frombuffer(body, np.float32).reshape(shape)


def differences(theirs: Array, scheme: str) -> list[str]:
    """What differs from the scheme's tensor of the same shape; nothing if it is the peer's."""
    law, ours = issued(theirs.shape, scheme)
    if not law.draw.uses_words:
        return [] if np.array_equal(theirs, ours) else ["values"]
    found = [*_moments(theirs, law), *_bounds(theirs, law), *_shapes(theirs, ours)]
    if law.distribution == "orthogonal":
        found += _singular_values(theirs, ours, law.gain or 0.0)
    return found


def kurtosis(values: Float64) -> float:
    """E z^4 / (E z^2)^2 of the values less their mean: 3 for a normal."""
    squares = (values - values.mean()) ** 2
    return float((squares * squares).mean() / squares.mean() ** 2)


def _error_of_kurtosis(values: Float64) -> float:
    """The standard error of the kurtosis k: that of the mean of z^4 - 2 k z^2, by the delta method.

    For a normal it is sqrt(24/n).
    """
    z = (values - values.mean()) / values.std()
    squares = z * z
    influence = squares * squares - 2.0 * kurtosis(values) * squares
    return float(influence.std() / math.sqrt(values.size))


def _moments(theirs: Array, law: Law) -> list[str]:
    """Mean and std of the peer's values, compared with the exact ones of the law."""
    values, mean, std = theirs.astype(np.float64).ravel(), law.mean, law.std
    assert mean is not None
    assert std is not None
    n, found = values.size, []
    if abs(values.mean() - mean) > FIVE * std / math.sqrt(n):
        found.append(f"mean {values.mean():.6g}, not {mean:.6g}")
    relative = math.sqrt((kurtosis(values) - 1.0) / (4.0 * n))
    if abs(values.std() / std - 1.0) > FIVE * relative:
        found.append(f"std {values.std():.6g}, not {std:.6g}")
    return found


def _bounds(theirs: Array, law: Law) -> list[str]:
    """Whether the peer's values reach the law's bounds and do not pass them.

    A normal does not reach a bound beyond REACHED standard deviations.
    """
    if law.low is None or law.high is None:
        return []
    if law.bounds is not None and max(map(abs, law.bounds)) > REACHED:
        return [] if law.low <= theirs.min() <= theirs.max() <= law.high else ["bounds passed"]
    span = law.high - law.low
    strip, found = span * STRIP / theirs.size, []
    least, most = float(theirs.min()), float(theirs.max())
    if not law.low - span * SLACK <= least <= law.low + strip:
        found.append(f"least {least:.6g}, not {law.low:.6g}")
    if not law.high - strip <= most <= law.high + span * SLACK:
        found.append(f"most {most:.6g}, not {law.high:.6g}")
    return found


def most_distance(n: int) -> float:
    """The Kolmogorov-Smirnov distance of two samples of n that has probability 1e-6."""
    return math.sqrt(-math.log(1e-6 / 2.0) / 2.0) * math.sqrt(2.0 / n)


def _shapes(theirs: Array, ours: Array) -> list[str]:
    """Kurtosis and Kolmogorov-Smirnov distance of both samples."""
    one, other = (np.sort(each.astype(np.float64), axis=None) for each in (theirs, ours))
    n, found = one.size, []
    error = math.sqrt(2.0) * _error_of_kurtosis(one)
    if abs(kurtosis(one) - kurtosis(other)) > FIVE * error:
        found.append(f"kurtosis {kurtosis(one):.4g}, not {kurtosis(other):.4g}")
    everything = np.concatenate([one, other])
    below = [np.searchsorted(each, everything, side="right") / n for each in (one, other)]
    distance = float(np.abs(below[0] - below[1]).max())
    if distance > most_distance(n):
        found.append(f"Kolmogorov-Smirnov distance {distance:.4g}")
    return found


def _singular_values(theirs: Array, ours: Array, gain: float) -> list[str]:
    """Whether all singular values are the gain, the last axis being the columns."""
    for name, matrix in (("theirs", theirs), ("ours", ours)):
        flat = matrix.reshape(-1, matrix.shape[-1]).astype(np.float64)
        values = np.linalg.svd(flat, compute_uv=False)
        # 1e-4 is far above the error of a float32 QR of these sizes, about 1e-6.
        if np.abs(values - gain).max() > 1e-4 * gain:
            return [f"singular values of {name}: {values.min():.6g} to {values.max():.6g}"]
    return []
