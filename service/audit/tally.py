"""Statistics of a tensor's values in constant memory: added piece by piece, merged, then read.

Sums are exact, so every result is the same however the values are cut into pieces, and in whatever
order pieces are merged. The sums are rounded when a result is read. A digest depends on the order
of the bytes, so it is not here: `hashlib.sha256` takes them piece by piece.
"""

from dataclasses import dataclass
from math import isqrt, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from service.audit.sums import (
    ADD,
    FIRST_COLUMNS,
    INFINITIES,
    MOST_VALUES,
    NANS,
    ROWS,
    ZEROS,
    add_to_bins,
    power_sums,
)

_UNIT_BITS = 1074
_UNIT = 2**_UNIT_BITS
"""The sum of the k-th powers is counted in units of this to the power -k: 2^-1074 is the least
float64."""

_NO_EXTREMES = (np.iinfo(np.int64).max, np.iinfo(np.int64).min + 1)


@dataclass(frozen=True, slots=True)
class Edges:
    """The edges of a histogram: `bins` of equal width from `low` to `high`.

    The width is finite and above 0.
    """

    low: float
    high: float
    bins: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """The counts of the bins, and of the values below `edges.low` and above `edges.high`.

    A bin has its lower edge, and the last one its upper edge too. Infinities are below or above.
    """

    edges: Edges
    counts: tuple[int, ...]
    below: int
    above: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of the values. Everything from `mean` on is about the finite values only.

    `std` divides by their number. `skewness` and `kurtosis` are m3 / m2^1.5 and m4 / m2^2 of the
    central moments; a normal distribution has 0 and 3. They are None if all values are equal, and
    the results are None where there is no finite value. `rms` is the root of the mean square.
    Each result is the exact one rounded to float64, or within two units of its last place.
    """

    count: int
    zeros: int
    nan: int
    inf: int
    mean: float | None
    std: float | None
    rms: float | None
    skewness: float | None
    kurtosis: float | None
    min: float | None
    max: float | None
    histogram: Histogram | None

    @property
    def finite(self) -> int:
        """The number of finite values."""
        return self.count - self.nan - self.inf


class Tally:
    """Counts, exact power sums, extremes and a histogram of the values so far.

    `edges` are the edges of the histogram; without them there is none.
    """

    def __init__(self, edges: Edges | None = None) -> None:
        if edges is not None and not (edges.bins > 0 and edges.low < edges.high):
            raise ValueError("a histogram needs low < high and at least one bin")
        self._edges = edges
        self._count = 0
        self._special = np.zeros(3, np.int64)
        self._sums = [0, 0, 0, 0]
        self._extremes: dict[str, npt.NDArray[np.int64]] = {}
        self._bins = None if edges is None else np.zeros(edges.bins + 2, np.int64)

    def update(self, values: npt.NDArray[Any]) -> None:
        """Add values of any shape: bool, integers, float16, float32 or float64.

        `service.audit.values.decoded` makes float32 of bfloat16 and of 8-bit floats. Integers of
        more than 53 bits are rounded to float64. Raises TypeError for other types.
        """
        flat = values.reshape(-1)
        for start in range(0, flat.size, MOST_VALUES):
            self._add(_as_float(flat[start : start + MOST_VALUES]))

    def merge(self, other: "Tally") -> None:
        """Add what another tally has counted. Its histogram must have the same edges.

        Raises ValueError if it has not.
        """
        if other._edges != self._edges:
            raise ValueError("the histograms have different edges")
        self._count += other._count
        self._special += other._special
        self._sums = [mine + its for mine, its in zip(self._sums, other._sums, strict=True)]
        for dtype, extremes in other._extremes.items():
            self._widen(dtype, extremes)
        if self._bins is not None and other._bins is not None:
            self._bins += other._bins

    def summary(self) -> Summary:
        """The results for all values so far."""
        zeros, nan, inf = (int(self._special[which]) for which in (ZEROS, NANS, INFINITIES))
        n = self._count - nan - inf
        least, greatest = self._outermost()
        mean, std, rms, skewness, kurtosis = _moments(n, *self._sums)
        histogram = None
        if self._edges is not None and self._bins is not None:
            below, *counts, above = self._bins.tolist()
            histogram = Histogram(self._edges, tuple(counts), below, above)
        return Summary(
            count=self._count,
            zeros=zeros,
            nan=nan,
            inf=inf,
            mean=mean,
            std=std,
            rms=rms,
            skewness=skewness,
            kurtosis=kurtosis,
            min=least,
            max=greatest,
            histogram=histogram,
        )

    def _add(self, values: npt.NDArray[np.floating]) -> None:
        dtype = values.dtype.name
        table = np.zeros((ROWS[dtype], FIRST_COLUMNS[dtype][-1]), np.uint64)
        extremes = np.array(_NO_EXTREMES, np.int64)
        ADD[dtype](values.view(f"u{values.itemsize}"), table, self._special, extremes)
        self._count += values.size
        self._sums = [
            mine + more for mine, more in zip(self._sums, power_sums(table, dtype), strict=True)
        ]
        self._widen(dtype, extremes)
        if self._edges is not None:
            low, high, bins = self._edges.low, self._edges.high, self._edges.bins
            add_to_bins(values, low, (high - low) / bins, high, self._bins)

    def _widen(self, dtype: str, extremes: npt.NDArray[np.int64]) -> None:
        mine = self._extremes.setdefault(dtype, np.array(_NO_EXTREMES, np.int64))
        mine[0], mine[1] = min(mine[0], extremes[0]), max(mine[1], extremes[1])

    def _outermost(self) -> tuple[float | None, float | None]:
        """The least and the greatest finite value."""
        found = [
            _of_order(int(order), dtype)
            for dtype, extremes in self._extremes.items()
            if extremes[0] <= extremes[1]
            for order in extremes
        ]
        return (min(found), max(found)) if found else (None, None)


def _as_float(values: npt.NDArray[Any]) -> npt.NDArray[np.floating]:
    """The values as float32 if that is exact, else as float64, one after another in memory."""
    kind, itemsize = values.dtype.kind, values.dtype.itemsize
    if kind not in "biuf" or values.dtype.hasobject or (kind == "f" and itemsize > 8):
        raise TypeError(f"values of type {values.dtype} cannot be counted")
    small = itemsize <= 4 if kind == "f" else itemsize <= 2
    return np.ascontiguousarray(values, np.float32 if small else np.float64)


def _of_order(order: int, dtype: str) -> float:
    """The value whose bits, as a whole number with its sign, are `order`."""
    itemsize = 4 if dtype == "float32" else 8
    magnitude = np.array([abs(order)], f"u{itemsize}").view(dtype)[0]
    return float(-magnitude if order < 0 else magnitude)


def _moments(
    n: int, s1: int, s2: int, s3: int, s4: int
) -> tuple[float | None, float | None, float | None, float | None, float | None]:
    """Mean, std, root mean square, skewness and kurtosis from n and the sums of powers."""
    if n == 0:
        return None, None, None, None, None
    # Values of a few digits have sums with thousands of zero bits at the end, which cost time.
    zeros = min(_zero_bits(each) // power for power, each in enumerate((s1, s2, s3, s4), 1))
    zeros = min(zeros, _UNIT_BITS)
    s1, s2, s3, s4 = s1 >> zeros, s2 >> 2 * zeros, s3 >> 3 * zeros, s4 >> 4 * zeros
    unit = _UNIT >> zeros
    mean = s1 / (n * unit)
    second = n * s2 - s1**2
    std, rms = _root(second, n, unit), _root(n * s2, n, unit)
    if second == 0:
        return mean, std, rms, None, None
    third = n**2 * s3 - 3 * n * s1 * s2 + 2 * s1**3
    fourth = n**3 * s4 - 4 * n**2 * s1 * s3 + 6 * n * s1**2 * s2 - 3 * s1**4
    skewness = sqrt(third**2 / second**3)
    return mean, std, rms, skewness if third >= 0 else -skewness, fourth / second**2


def _zero_bits(number: int) -> int:
    """How many of the last bits are zeros. Of 0 they are as many as a unit has in any power."""
    return (number & -number).bit_length() - 1 if number else 4 * _UNIT_BITS


def _root(square: int, n: int, unit: int) -> float:
    """The square root of a whole number, divided by n and by the unit."""
    # 128 bits more than the whole part make the error far less than a float64's last place.
    return isqrt(square << 256) / (n * unit << 128)
