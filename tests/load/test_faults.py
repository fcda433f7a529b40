"""What counts as wrong in a measured attack, from given numbers: nothing is attacked here."""

from dataclasses import replace
from typing import Any

import pytest

from tests.load.attacks import (
    ATTACKS,
    FACTOR,
    LEAST_MS,
    MOST_LOG_LINES,
    SLACK_SECONDS,
    Latency,
    Outcome,
)

ATTACK = ATTACKS[0]
assert ATTACK.seconds is not None
LATEST = ATTACK.seconds + SLACK_SECONDS
CALM = Latency(requests=400, failed=0, retried=0, refused=0, p50=1.0, p99=2.0, worst=9.0)
GOOD = Outcome(
    ATTACK,
    before=CALM,
    during=replace(CALM, p99=LEAST_MS),
    growth=ATTACK.most_growth,
    kernel_growth=ATTACK.most_kernel_growth,
    log_lines=MOST_LOG_LINES,
    files_left=0,
    attackers={"left": 0, "longest": LATEST},
    to_the_end=True,
)
"""Every number is at its limit."""

ABOVE: list[tuple[str, dict[str, Any]]] = [
    ("latency", {"during": replace(CALM, p99=LEAST_MS + 0.1)}),
    ("answers", {"during": replace(CALM, failed=1)}),
    ("answers", {"during": replace(CALM, retried=1)}),
    ("answers", {"during": replace(CALM, refused=1)}),
    ("memory", {"growth": ATTACK.most_growth + 1}),
    ("kernel", {"kernel_growth": ATTACK.most_kernel_growth + 1}),
    ("log", {"log_lines": MOST_LOG_LINES + 1}),
    ("cut", {"attackers": {"left": 1, "longest": LATEST}}),
    ("cut", {"attackers": {"left": 0, "longest": LATEST + 0.1}}),
    ("files", {"files_left": 1}),
]


def test_numbers_at_their_limits_are_right() -> None:
    """Control: nothing is wrong."""
    assert GOOD.faults() == {}


@pytest.mark.parametrize(("fault", "changed"), ABOVE)
def test_each_number_above_its_limit_is_a_fault(fault: str, changed: dict[str, Any]) -> None:
    """It is that fault and no other."""
    assert list(replace(GOOD, **changed).faults()) == [fault]


def test_a_slow_machine_has_a_higher_limit() -> None:
    """The p99 may be FACTOR times that without an attack."""
    slow = replace(CALM, p99=LEAST_MS)
    during = replace(CALM, p99=FACTOR * LEAST_MS)
    assert replace(GOOD, before=slow, during=during).faults() == {}
    during = replace(CALM, p99=FACTOR * LEAST_MS + 0.1)
    assert list(replace(GOOD, before=slow, during=during).faults()) == ["latency"]


def test_connections_of_a_shortened_attack_may_be_open() -> None:
    """Their deadline has not passed."""
    attackers = {"left": 1000, "longest": 1.0}
    assert replace(GOOD, attackers=attackers, to_the_end=False).faults() == {}
