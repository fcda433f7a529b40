"""Two sides measured in turn, A B A B, so that the load of the machine affects both."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat

from bench.goals import GOALS

Reading = tuple[float, float]
"""The cost of one turn for Fanin and for the other side, in the same unit."""


class MissingError(Exception):
    """A program that a line of the table needs is missing. The text names it."""


@dataclass(frozen=True, slots=True)
class Contest:
    """The two sides of a line of the table."""

    key: str
    ours: Callable[[], float]
    theirs: Callable[[], float]
    rounds: int = 9


@dataclass(frozen=True, slots=True)
class Outcome:
    """The readings of a line in their order. `missing` says why there are none."""

    key: str
    readings: tuple[Reading, ...] = ()
    missing: str = ""


def hold(contest: Contest) -> Outcome:
    """Let both sides warm up, then take turns."""
    assert contest.key in GOALS, contest.key
    try:
        _turn(contest)
        return Outcome(contest.key, tuple(_turn(contest) for _ in repeat(None, contest.rounds)))
    except MissingError as error:
        return Outcome(contest.key, missing=str(error))


def _turn(contest: Contest) -> Reading:
    ours = contest.ours()
    return ours, contest.theirs()
