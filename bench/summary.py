"""Readings to one number with its spread, and whether that is enough."""

from dataclasses import dataclass
from statistics import median, quantiles

from bench.contest import Outcome, Reading
from bench.goals import GOALS, Goal, Sense


@dataclass(frozen=True, slots=True)
class Summary:
    """The median, quartiles, minimum and maximum of the compared pairs."""

    median: float
    quartiles: tuple[float, float]
    extremes: tuple[float, float]
    pairs: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the results. `summary` is None if a program was missing."""

    goal: Goal
    summary: Summary | None
    missing: str
    verdict: str


def line_of(outcome: Outcome) -> Line:
    """What an outcome says about its goal."""
    goal = GOALS[outcome.key]
    if not outcome.readings:
        return Line(goal, None, outcome.missing, "missing")
    summary = summarized(outcome.readings, goal.sense)
    return Line(goal, summary, "", verdict(goal, summary.median))


def summarized(readings: tuple[Reading, ...], sense: Sense) -> Summary:
    """Compare within each pair, whose sides ran one after the other; then take the median."""
    compared = [compare(ours, theirs, sense) for ours, theirs in readings]
    low, _, high = quantiles(compared, method="inclusive") if len(compared) > 1 else compared * 3
    extremes = (min(compared), max(compared))
    return Summary(median(compared), (low, high), extremes, len(compared))


def compare(ours: float, theirs: float, sense: Sense) -> float:
    """A pair of costs in the sense of its goal."""
    if sense is Sense.FASTER:
        return theirs / ours
    if sense is Sense.COSTS:
        return ours / theirs
    return ours - theirs


def verdict(goal: Goal, reached: float) -> str:
    """Whether the goal is met, as text; a dash without a goal."""
    if goal.goal is None:
        return "-"
    if _enough(goal, reached, goal.goal):
        return "reached"
    if goal.hard is not None and _enough(goal, reached, goal.hard):
        return "missed, above the hard limit"
    return "missed"


def _enough(goal: Goal, reached: float, limit: float) -> bool:
    return reached >= limit if goal.sense is Sense.FASTER else reached <= limit
