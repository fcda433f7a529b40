"""The results as JSON, for the guard, and as Markdown, for people."""

from typing import Any

from bench.goals import Goal, Sense
from bench.summary import Line, Summary

_HEADING = """\
# What `make bench` measured

Ratios of one run. Both sides of a line took turns, A B A B; a ratio is taken within each pair, and
the table gives the median of the pairs with its quartiles and its extremes. `at least`: so many
times as fast. `at most`: so many times the time. Lines that add something are differences.
"""

_COLUMNS = ("what", "against", "goal", "median", "quartiles", "range", "pairs", "verdict")


def as_json(lines: list[Line], machine: dict[str, str], notes: list[str]) -> dict[str, Any]:
    """The results for the guard and for later comparison."""
    return {"machine": machine, "notes": notes, "lines": [_record(line) for line in lines]}


def _record(line: Line) -> dict[str, Any]:
    goal = line.goal
    record: dict[str, Any] = {
        "key": goal.key,
        "what": goal.what,
        "against": goal.against,
        "sense": goal.sense.value,
        "goal": goal.goal,
        "hard": goal.hard,
        "unit": goal.unit.strip(),
        "verdict": line.verdict,
    }
    if line.summary is None:
        return record | {"missing": line.missing}
    return record | {
        "median": _rounded(line.summary.median),
        "quartiles": [_rounded(number) for number in line.summary.quartiles],
        "range": [_rounded(number) for number in line.summary.extremes],
        "pairs": line.summary.pairs,
    }


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")


def as_markdown(lines: list[Line], machine: dict[str, str], notes: list[str]) -> str:
    """The table, the machine, and notes."""
    facts = "".join(f"- {name}: {value}\n" for name, value in machine.items())
    more = "".join(f"- {note}\n" for note in notes)
    return f"{_HEADING}\n{table(lines)}\n## Machine\n\n{facts}\n## Notes\n\n{more}"


def table(lines: list[Line]) -> str:
    """The lines as a Markdown table."""
    rows = [_COLUMNS, tuple("---" for _ in _COLUMNS), *map(_cells, lines)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(line: Line) -> tuple[str, ...]:
    goal, summary = line.goal, line.summary
    first = (goal.what, goal.against, _promise(goal))
    if summary is None:
        return (*first, "-", "-", "-", "0", f"missing: {line.missing}")
    return (*first, *_numbers(summary, goal), str(summary.pairs), line.verdict)


def _numbers(summary: Summary, goal: Goal) -> tuple[str, str, str]:
    middle = _number(summary.median, goal)
    return middle, _between(summary.quartiles, goal), _between(summary.extremes, goal)


def _between(pair: tuple[float, float], goal: Goal) -> str:
    low, high = pair
    return f"{_figure(low, goal)} … {_figure(high, goal)}"


def _promise(goal: Goal) -> str:
    if goal.goal is None:
        return "-"
    hard = "" if goal.hard is None else f" (hard {goal.hard:g}{goal.unit})"
    return f"{goal.sense.value} {goal.goal:g}{goal.unit}{hard}"


def _number(number: float, goal: Goal) -> str:
    return f"{_figure(number, goal)}{goal.unit}"


def _figure(number: float, goal: Goal) -> str:
    return f"{number:+.2f}" if goal.sense is Sense.ADDS else f"{number:.2f}"
