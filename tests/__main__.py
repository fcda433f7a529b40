"""Run the tests in two rounds: first two at a time, then those of tests/alone.py one at a time.

    python -m tests [OPTION ...]

Both rounds get the options, which are pytest's. The second round begins even if a test of the first
one fails, so that one run names all failures. `python -m pytest` runs everything in one round.
"""

import subprocess
import sys

import pytest

ROUNDS = (
    # A process that has run its share takes tests from the end of the other's.
    ("--round=together", "--numprocesses=2", "--dist=worksteal"),
    ("--round=alone",),
)


def main(options: list[str]) -> int:
    """Run both rounds and return pytest's status for both of them together."""
    statuses = []
    for chosen in ROUNDS:
        command = [sys.executable, "-m", "pytest", *chosen, *options]
        statuses.append(subprocess.run(command, check=False).returncode)
        if statuses[-1] not in (pytest.ExitCode.OK, *_GOING_ON):
            break
    return overall(statuses)


_GOING_ON = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


def overall(statuses: list[int]) -> int:
    """The status for all rounds: the first failure; else 0, unless no round had a test."""
    failures = [status for status in statuses if status not in _HARMLESS]
    if failures:
        return failures[0]
    return min(statuses)


_HARMLESS = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
