"""NumPy's side: float32 into an array that was there before, by the generator that is fastest."""

import time
from collections.abc import Mapping
from functools import partial

import numpy as np

from bench.worker import Fill, Prepare

_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
_TRIAL = 2**20
_TRIALS = 5


def _fill(method: str) -> Prepare:
    def prepare(count: str) -> Fill:
        trial = np.empty(_TRIAL, np.float32)
        fastest = min(_GENERATORS, key=lambda name: _nanoseconds(_call(method, name, trial)))
        return _call(method, fastest, np.empty(int(count), np.float32))

    return prepare


def _call(method: str, generator: str, out: "np.ndarray[tuple[int], np.dtype[np.float32]]") -> Fill:
    draw = getattr(np.random.Generator(getattr(np.random, generator)(1)), method)
    return partial(draw, out=out, dtype=np.float32)


def _nanoseconds(fill: Fill) -> int:
    taken = []
    for _ in range(_TRIALS):
        start = time.perf_counter_ns()
        fill()
        taken.append(time.perf_counter_ns() - start)
    return min(taken)


CASES: Mapping[str, Prepare] = {
    "standard_normal": _fill("standard_normal"),
    "random": _fill("random"),
}
