"""Hostile clients beside a healthy one: a bounded share of `make load`.

These tests do not assert the limit on the healthy client's p99, since other programs may run on the
machine: `make load` does. They assert an order of magnitude, and exactly what does not depend on
the machine: memory, log lines, that all connections are closed, and that no answer is lost. What
runs in CI asserts no time at all.
"""

import pytest

from tests.load.attacks import ATTACKS, MOST_LOG_LINES, Attack, measured
from tests.load.serving import LEAKY

pytestmark = pytest.mark.slow

SLACK_MS = 500.0
"""The limit on p99 here. The leaky server is above it by much."""

BY_NAME = {attack.name: attack for attack in ATTACKS}


@pytest.mark.ci
def test_whoever_waits_is_cut_and_hurts_nobody() -> None:
    """To the last connection, of more than there are files for: 22 s."""
    assert set(measured(BY_NAME["file limit 1,024"]).faults(SLACK_MS)) <= {"latency"}


def test_whoever_asks_for_much_hurts_nobody() -> None:
    """Clients that send ahead, ask for what is costly, and send without end: 10 s."""
    assert measured(BY_NAME["greedy kinds"], watched=3.0).faults(SLACK_MS) == {}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_no_attack_hurts_anybody(attack: Attack) -> None:
    """All attacks, to their ends."""
    assert measured(attack).faults(SLACK_MS) == {}


@pytest.mark.ci
def test_control_a_leaky_server_fails_log_and_cut() -> None:
    """Negative control: a thousand log lines and more, and connections that nobody closes."""
    outcome = measured(BY_NAME["file limit 1,024"], LEAKY, watched=1.0)
    assert outcome.log_lines > 10 * MOST_LOG_LINES
    assert {"log", "cut"} <= set(outcome.faults(SLACK_MS))


def test_control_a_leaky_server_fails_latency_and_memory() -> None:
    """Negative control: others wait for seconds, and what is sent ahead is kept."""
    assert {"latency", "memory"} <= set(_leaked("pipelining"))
    assert "latency" in _leaked("costly")


def _leaked(name: str) -> dict[str, str]:
    return measured(BY_NAME[name], LEAKY, watched=3.0).faults(SLACK_MS)
