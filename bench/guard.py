"""`make bench-check`: no guarded ratio has fallen since bench/results/latest.json was written.

Ratios of one run vary less than times do with the machine's load. They differ between processors:
on another processor than the one in the file, run `make bench` first.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.contest import Contest, hold
from bench.goals import GOALS
from bench.machine import processor
from bench.processes import ROOT, end_with_sigterm
from bench.sections import SECTIONS
from bench.summary import Summary, line_of

LATEST = ROOT / "bench" / "results" / "latest.json"

_GUARDED = ("numpy", "canonical", "ceiling", "models", "small", "costliest")
_MOST_FALL = 0.10


@dataclass(frozen=True, slots=True)
class Committed:
    """A line of the committed results."""

    median: float
    quartiles: tuple[float, float]


def main() -> int:
    """Measure the guarded lines. Returns 1 if a ratio fell or could not be measured."""
    end_with_sigterm()
    results = json.loads(LATEST.read_text())
    measured_on = results["machine"]["processor"]
    if measured_on != processor():
        print(f"note: the committed ratios are of another processor, {measured_on}")
    faults = list(_faults(committed(results)))
    print(*faults, f"{len(faults)} ratios fell", sep="\n")
    return 1 if faults else 0


def committed(results: dict[str, Any]) -> dict[str, Committed]:
    """The committed lines that were measured, by key."""
    return {
        line["key"]: Committed(line["median"], tuple(line["quartiles"]))
        for line in results["lines"]
        if "median" in line
    }


def _faults(before: dict[str, Committed]) -> Iterator[str]:
    for section in _GUARDED:
        for contest in SECTIONS[section]():
            if GOALS[contest.key].guarded and contest.key in before:
                yield from fault(contest, before[contest.key])


def fault(contest: Contest, before: Committed) -> Iterator[str]:
    """The problem of a line. It is measured twice, in case of other load in the first run."""
    line = line_of(hold(contest))
    if line.summary is not None and line.summary.median < floor(before, line.summary):
        line = line_of(hold(contest))
    what = f"{line.goal.what} against {line.goal.against}"
    if line.summary is None:
        yield f"not measured: {what}: {line.missing}"
        return
    least = floor(before, line.summary)
    told = f"{what}: {line.summary.median:.2f}x, was {before.median:.2f}x, may be {least:.2f}x"
    print(told)
    if line.summary.median < least:
        yield f"fell: {told}"


def floor(before: Committed, now: Summary) -> float:
    """The least accepted median: a tenth below, and half of each run's quartile range."""
    noise = (_range(before.quartiles) + _range(now.quartiles)) / 2
    return before.median * (1 - _MOST_FALL) - noise


def _range(quartiles: tuple[float, float]) -> float:
    low, high = quartiles
    return high - low


if __name__ == "__main__":
    sys.exit(main())
