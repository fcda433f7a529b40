"""Print one line with a SHA-256 for each elementary function, over a fixed sample of points.

Run it on another processor and compare.

    python checks/elementary_digests.py
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.stream import elementary

Floats = npt.NDArray[np.float64]
SEED, COUNT = 1, 3000
LARGEST, SMALLEST = float(np.finfo(np.float64).max), 5e-324


@dataclass(frozen=True)
class Sample:
    """A function of `service.stream.elementary`, and points: float64 or, for turns, int64."""

    name: str
    points: npt.NDArray[Any]
    parameter: float | int | None = None
    """The denominator of turns or the base of powers."""

    def values(self, module: Any = elementary) -> Floats:
        """The values in a module that has the functions of `service.stream.elementary`."""
        function: Callable[..., Floats] = getattr(module, self.name)
        if self.parameter is None:
            return function(self.points)
        if self.name == "powers":
            return function(self.parameter, self.points)
        return function(self.points, self.parameter)


def samples(count: int = COUNT) -> list[Sample]:
    """Points of every function, about `count` of each, with those where a branch changes."""
    generator = np.random.default_rng(SEED)

    def uniform(low: float, high: float) -> Floats:
        return generator.uniform(low, high, count // 2)

    def scaled(low: int, high: int) -> Floats:
        """Both signs, and magnitudes from 2^(low - 1) to 2^(high - 1)."""
        exponents = generator.integers(low, high, count // 2)
        magnitudes: Floats = np.ldexp(uniform(0.5, 1), exponents)
        return np.where(uniform(0, 1) < 0.5, -magnitudes, magnitudes)

    angles = [uniform(-10, 10), uniform(-(2.0**30), 2.0**30), scaled(-60, 30), beside(ANGLES)]
    found = [
        Sample("exp", joined(uniform(-745, 709), scaled(-60, 4), beside(EXPONENTS), FAR)),
        Sample("expm1", joined(uniform(-60, 709), scaled(-60, 1), beside(EXPONENTS), FAR)),
        Sample("log", joined(abs(scaled(-1073, 1025)), uniform(0.5, 2), abs(beside(NUMBERS)))),
        Sample("log1p", joined(scaled(-60, 0), abs(scaled(-60, 1025)), beside(SUMMANDS))),
        Sample("sin", joined(*angles)),
        Sample("cos", joined(*angles)),
    ]
    for denominator in DENOMINATORS:
        turns = np.concatenate(
            [np.arange(-50, 50), generator.integers(-(2**62), 2**62, count // 5)]
        )
        found += [Sample(name, turns, denominator) for name in ("sin_turns", "cos_turns")]
    found += [Sample("powers", generator.uniform(-40, 40, count // 5), base) for base in BASES]
    return found


FAR = np.array([709.0, -745.13, -745.14, -746.0, -1e4, -1e300, -LARGEST, -np.inf])
"""The highest logarithm of the domain, and some far below 0."""
EXPONENTS = (0.0, SMALLEST, 0.34657359027997264, 1.0397207708399179, 36.7, 60.0, 708.3964185322641)
NUMBERS = (1e-323, 2.0**-1022, 0.75, 1.0, 1.5, 2.0, 3.0, 1e300)
SUMMANDS = (0.0, SMALLEST, 2.0**-54, 2.0**-53, 0.25, 0.5, 0.9999999999999998)
ANGLES = (
    0.0,
    SMALLEST,
    *(eighths * 0.7853981633974483 for eighths in range(1, 20)),
    1073741823.9,
)
DENOMINATORS = (1, 2, 3, 4, 7, 8, 12, 360, 99991, 2**20, 2**53 - 1, 2**53)
BASES = (1e-7, 0.5, 1.0, 1.0000000000000002, 2.0, 10.0, 10000.0, 500000.0)


def beside(places: tuple[float, ...]) -> Floats:
    """Both signs of the places and of their neighbours."""
    x = np.array(places)
    near = [x, np.nextafter(x, np.inf), np.nextafter(x, -np.inf)]
    return np.concatenate([*near, *(-each for each in near)])


def joined(*parts: Floats) -> Floats:
    """One array of all parts."""
    return np.concatenate(parts)


def lines() -> list[str]:
    """A digest, the function and its parameter, for each sample."""
    return [
        f"{hashlib.sha256(sample.values().tobytes()).hexdigest()} {sample.name} {sample.parameter}"
        for sample in samples()
    ]


if __name__ == "__main__":
    print(*lines(), sep="\n")
