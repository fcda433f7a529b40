"""What is different between a weight that a peer drew and the same weight from Fanin.

A deterministic weight has equal values. The tolerances of a random one are bounds of sampling
alone. A moment may differ by FIVE times its standard error, which a normal error exceeds once in
1.7 million times. Every other check fails with a probability of RARE at most if the distributions
are equal. The seeds are fixed.
"""

import math
from collections.abc import Iterator
from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from service.chunks import TensorBody
from service.fields import parse_query
from service.initializers.schemes import Law
from service.plan import plan

Array = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]

FIVE = 5.0

RARE = 1e-6

EXPECTED = -math.log(RARE)
"""A region in which so many values are expected is empty with a probability of RARE."""

SLACK = 2.0**-20
"""A peer's float32 arithmetic may pass a bound by a few roundings."""

SINGLE_PI = {"keras.stft": 3e-6}
"""Deterministic presets whose peer has other values, and by how much.

Keras takes pi in single. The angles are up to 47, of which half a unit in the last place is 2e-6.
"""

_NORMAL = NormalDist()


@cache
def issued(query: str, names: int = 1) -> tuple[Law, Array]:
    """The law of a request without seed and name, and so many tensors, along a new first axis."""
    plans = [
        plan(parse_query(f"{query}&seed=7&name=w{n}".encode()), "raw", max_bytes=2**30)
        for n in range(names)
    ]
    bodies = (b"".join(map(bytes, TensorBody(each).chunks())) for each in plans)
    tensors = [np.frombuffer(body, np.float32) for body in bodies]
    shape = plans[0].tensor.placement.shape
    return plans[0].tensor.law, np.stack(tensors).reshape(names, *shape)


def asked(shape: tuple[int, ...], scheme: str) -> str:
    """The request for a scheme, with fields behind its name, and a shape."""
    return f"shape={','.join(map(str, shape))}&scheme={scheme}"


def differences(theirs: Array, query: str, names: int = 1) -> list[str]:
    """What differs from a request's tensor; nothing if it is the peer's.

    `theirs` is the peer's tensor, or its first values as one axis. A random one is compared with so
    many tensors of the request, as one sample.
    """
    law, tensors = issued(query, names)
    ours = tensors[0]
    if not law.draw.uses_words:
        error = np.abs(theirs.ravel() - ours.ravel()[: theirs.size]).max(initial=0.0)
        most = SINGLE_PI.get(query.partition("scheme=")[2].partition("&")[0], 0.0)
        return [] if error <= most else ["values"]
    values, sample = (each.astype(np.float64).ravel() for each in (theirs, tensors))
    found = [*_moments(values, law), *_ends(values, law), *_shapes(values, sample)]
    if theirs.shape == ours.shape and law.distribution == "orthogonal":
        found += _singular_values(theirs, ours, law.gain or 0.0)
    if theirs.shape == ours.shape and law.distribution == "sparse_normal":
        found += _zeros(theirs, ours)
    return found


def kurtosis(values: Values) -> float:
    """E z^4 / (E z^2)^2 of the values less their mean: 3 for a normal."""
    squares = (values - values.mean()) ** 2
    return float((squares * squares).mean() / squares.mean() ** 2)


def _influence_on_kurtosis(values: Values) -> float:
    """sqrt(n) times the standard error of the kurtosis k of n values.

    It is the std of z^4 - 2 k z^2, by the delta method: sqrt(24) for a normal.
    """
    z = (values - values.mean()) / values.std()
    squares = z * z
    return float((squares * squares - 2.0 * kurtosis(values) * squares).std())


def _moments(theirs: Values, law: Law) -> Iterator[str]:
    """Mean and std of the peer's values, compared with the exact ones of the law."""
    mean, std, n = law.mean, law.std, theirs.size
    assert mean is not None
    assert std is not None
    if abs(theirs.mean() - mean) > FIVE * std / math.sqrt(n):
        yield f"mean {theirs.mean():.6g}, not {mean:.6g}"
    relative = math.sqrt((kurtosis(theirs) - 1.0) / (4.0 * n))
    if abs(math.log(theirs.std() / std)) > FIVE * relative:
        yield f"std {theirs.std():.6g}, not {std:.6g}"


def _ends(theirs: Values, law: Law) -> Iterator[str]:
    """Whether the peer's values reach the law's bounds and do not pass them.

    A normal has no bounds; its values reach the distance beyond which EXPECTED ones are.
    """
    least, most = float(theirs.min()), float(theirs.max())
    if law.distribution == "normal" and law.mean is not None and law.std is not None:
        far = -_NORMAL.inv_cdf(EXPECTED / theirs.size / 2.0) if theirs.size > EXPECTED else 0.0
        if max(law.mean - least, most - law.mean) < far * law.std:
            yield f"no value beyond {far:.3g} std"
    if law.low is None or law.high is None:
        return
    slack = (law.high - law.low) * SLACK
    below, above = _strips(theirs.size, law)
    if not law.low - slack <= least <= law.low + below:
        yield f"least {least:.6g}, not {law.low:.6g}"
    if not law.high - above <= most <= law.high + slack:
        yield f"most {most:.6g}, not {law.high:.6g}"


def _strips(n: int, law: Law) -> tuple[float, float]:
    """How far from each bound at least EXPECTED of n values are expected.

    The density of a truncated normal grows from a bound inwards if its mean is between the bounds.
    """
    assert law.low is not None
    assert law.high is not None
    span = law.high - law.low
    if law.bounds is None or not law.parent_std:
        return span * EXPECTED / n, span * EXPECTED / n
    share = _NORMAL.cdf(law.bounds[1]) - _NORMAL.cdf(law.bounds[0])
    below, above = (
        law.parent_std * EXPECTED * share / (n * max(_NORMAL.pdf(bound), 1e-300))
        for bound in law.bounds
    )
    return min(below, span), min(above, span)


def most_distance(n: int, m: int) -> float:
    """The Kolmogorov-Smirnov distance of samples of n and m values that has probability RARE."""
    return math.sqrt(-math.log(RARE / 2.0) / 2.0) * math.sqrt(1.0 / n + 1.0 / m)


def _shapes(theirs: Values, ours: Values) -> Iterator[str]:
    """Kurtosis and Kolmogorov-Smirnov distance of both samples."""
    n, m = theirs.size, ours.size
    error = _influence_on_kurtosis(ours) * math.sqrt(1.0 / n + 1.0 / m)
    if abs(kurtosis(theirs) - kurtosis(ours)) > FIVE * error:
        yield f"kurtosis {kurtosis(theirs):.4g}, not {kurtosis(ours):.4g}"
    one, other = np.sort(theirs), np.sort(ours)
    everything = np.concatenate([one, other])
    below = [np.searchsorted(each, everything, "right") / each.size for each in (one, other)]
    distance = float(np.abs(below[0] - below[1]).max())
    if distance > most_distance(n, m):
        yield f"Kolmogorov-Smirnov distance {distance:.4g}"


def _singular_values(theirs: Array, ours: Array, gain: float) -> Iterator[str]:
    """Whether the peer's matrix is the one that ours is: all its singular values are the gain.

    The rows are the first axis, or all but the last axis, or, in the middle of a kernel, the last
    axis but one.
    """
    ways = [way for way in range(3) if _is_orthogonal(_matrix(ours, way), gain)]
    if not ways:
        yield "singular values of ours"
    for way in ways:
        if not _is_orthogonal(_matrix(theirs, way), gain):
            yield f"singular values {np.linalg.svd(_matrix(theirs, way), compute_uv=False)}"
    if not np.array_equal(theirs == 0, ours == 0):
        yield "places of zeros"


def _matrix(tensor: Array, way: int) -> Values:
    values = tensor.astype(np.float64)
    if way == 1:
        return values.reshape(-1, values.shape[-1])
    rows = values if way == 0 else np.moveaxis(values, -2, 0)
    return rows.reshape(rows.shape[0], -1)


def _is_orthogonal(matrix: Values, gain: float) -> bool:
    """Within 1e-4, which is far above the error of a float32 QR of these sizes, about 1e-6."""
    singular = np.linalg.svd(matrix, compute_uv=False)
    return bool(np.abs(singular - gain).max() <= 1e-4 * gain)


def _zeros(theirs: Array, ours: Array) -> Iterator[str]:
    """Whether the peer has as many zeros in each row, or in each column, as ours has."""
    for axis in (0, 1):
        counts = {int(count) for count in (ours == 0).sum(axis=axis)}
        found = {int(count) for count in (theirs == 0).sum(axis=axis)}
        if len(counts) == 1 and found != counts:
            yield f"{sorted(found)} zeros along axis {axis}, not {sorted(counts)}"
