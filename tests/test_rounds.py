"""The two rounds of tests/__main__.py: each test is in one of them, and no failure is lost."""

import subprocess
import sys

import pytest

from tests.__main__ import overall
from tests.alone import ALONE
from tests.process import ROOT

PASSED, FAILED, STOPPED, NONE = 0, 1, 2, 5
"""Statuses of pytest. The last one says that no test was chosen."""


FILE = "tests/stream/test_cost.py"
"""Some of its tests are in tests/alone.py."""


def collected(*options: str) -> list[str]:
    """The ids of the tests that pytest chooses."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q"]
    done = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_each_test_is_in_one_round() -> None:
    """Without a round all of them run."""
    together, alone = collected("--round=together", FILE), collected("--round=alone", FILE)
    assert together
    assert {test.partition("[")[0] for test in alone} == {
        "tests/stream/test_cost.py::test_an_awkward_chunk_takes_about_as_long_as_it_costs"
    }
    assert sorted(together + alone) == sorted(collected(FILE))


def test_the_second_round_has_all_of_its_tests() -> None:
    """It reads only the files that tests/alone.py names, and finds tests for every entry."""
    tests = collected("--round=alone")
    assert all(test.startswith(ALONE) for test in tests)
    assert all(any(test.startswith(entry) for test in tests) for entry in ALONE)


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ([PASSED, PASSED], PASSED),
        ([FAILED, PASSED], FAILED),
        ([PASSED, FAILED], FAILED),
        ([FAILED, NONE], FAILED),
        ([PASSED, NONE], PASSED),
        ([NONE, PASSED], PASSED),
        ([NONE, NONE], NONE),
        ([STOPPED], STOPPED),
    ],
)
def test_the_status_is_that_of_both_rounds(statuses: list[int], status: int) -> None:
    """A round may have no test, as with `make test ARGS="-k name"`. Both of them may not."""
    assert overall(statuses) == status


def test_a_failure_ends_with_its_status() -> None:
    """Negative control, with real processes: an option that pytest does not have."""
    command = [sys.executable, "-m", "tests", "--no-such-option"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.count("unrecognized arguments") == 1
