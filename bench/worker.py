"""A process that fills tensors when told to: so each library runs alone, on its own cores.

The protocol is lines. In: a case's name and its words. Out: the nanoseconds it took.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType

from bench.contest import MissingError
from bench.processes import ENVIRONMENT, ROOT, STOP_SECONDS, pinned

MOST_SECONDS = 120
"""The time limit of a case, after which its process ends."""

Fill = Callable[[], object]
Prepare = Callable[..., Fill]
"""Prepares a case from its arguments and returns the call that is timed."""


class Worker:
    """A module of `bench.fills` in a Python, kept to some cores; started when first asked."""

    def __init__(self, python: Path, module: str, cores: Sequence[int]) -> None:
        self._command: list[str | Path] = [python, "-m", "bench.worker", f"bench.fills.{module}"]
        self._cores = cores
        self._process: subprocess.Popen[str] | None = None

    def time(self, *words: object) -> float:
        """Nanoseconds that the case took; raises MissingError if the process ends instead."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):  # What it died of is on its other side.
            print(*words, file=process.stdin, flush=True)
        answer = process.stdout.readline()
        if not answer:
            raise MissingError(self._last_words(process))
        return float(answer)

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None:
            self._process = subprocess.Popen(
                pinned(self._cores, self._command),
                cwd=ROOT,
                env=ENVIRONMENT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        return self._process

    def _last_words(self, process: "subprocess.Popen[str]") -> str:
        """Why it ended; the next case gets a new process."""
        self._process = None
        _, complaint = process.communicate(timeout=STOP_SECONDS)
        return (complaint.strip().splitlines() or ["it ended without a word"])[-1]

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.communicate(timeout=STOP_SECONDS)
            self._process = None


def answer(cases: Mapping[str, Prepare]) -> None:
    """Run the cases on standard input, one a line, until it ends."""
    prepared: dict[str, Fill] = {}
    for line in sys.stdin:
        if line not in prepared:
            prepared.clear()  # One case's memory at a time.
            name, *words = line.split()
            prepared[line] = cases[name](*words)
        signal.alarm(MOST_SECONDS)
        start = time.perf_counter_ns()
        prepared[line]()
        print(time.perf_counter_ns() - start, flush=True)


if __name__ == "__main__":
    answer(import_module(sys.argv[1]).CASES)
