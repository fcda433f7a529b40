"""Hostile clients beside a healthy one: a bounded share of `make load`.

These tests do not assert the limit on the healthy client's p99, since other programs may run on the
machine: `make load` does. They assert an order of magnitude, and exactly what does not depend on
the machine: memory, log lines, that all connections are closed, and that no answer is lost.
"""

from functools import cache

import pytest

from tests.load.attacks import ATTACKS, MOST_LOG_LINES, Attack, Outcome, measured
from tests.load.serving import LEAKY

pytestmark = pytest.mark.slow

SLACK_MS = 500.0
"""The limit on p99 here. The leaky server is above it by much."""

BY_NAME = {attack.name: attack for attack in ATTACKS}


@pytest.mark.ci
@pytest.mark.parametrize("name", ["file limit 1,024", "four kinds"])
def test_whoever_waits_is_cut_and_hurts_nobody(name: str) -> None:
    """To the last connection: all are closed by their deadlines."""
    assert measured(BY_NAME[name]).faults(SLACK_MS) == {}


@pytest.mark.ci
@pytest.mark.parametrize("name", ["pipelining", "costly", "endless body"])
def test_whoever_asks_for_much_hurts_nobody(name: str) -> None:
    """For three seconds; whether they are cut is left to `make load`."""
    found = measured(BY_NAME[name], watched=3.0).faults(SLACK_MS)
    found.pop("cut", None)
    assert found == {}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_no_attack_hurts_anybody(attack: Attack) -> None:
    """All attacks, to their ends."""
    assert measured(attack).faults(SLACK_MS) == {}


@cache
def leaked(name: str) -> Outcome:
    """What an attack does to uvicorn as it comes."""
    return measured(BY_NAME[name], LEAKY, watched=3.0)


@pytest.mark.ci
def test_control_a_leaky_server_fails_every_check_of_connections() -> None:
    """Negative control: thousands of log lines, and connections that nobody closes."""
    outcome = leaked("file limit 1,024")
    assert outcome.log_lines > 10 * MOST_LOG_LINES
    assert {"log", "cut", "answers"} <= set(outcome.faults(SLACK_MS))


def test_control_a_leaky_server_fails_latency_and_memory() -> None:
    """Negative control: others wait for seconds, and what is sent ahead is kept."""
    assert {"latency", "memory"} <= set(leaked("pipelining").faults(SLACK_MS))
    assert "latency" in leaked("costly").faults(SLACK_MS)
