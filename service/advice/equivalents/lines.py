"""Lines of code, and how the parts that many of them share are written.

A function that returns None leaves the part out: the framework's default is the number. Which
default that is, its docstring says.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from service.advice.equivalents.notation import PRECISION, PYTHON, Notation
from service.advice.equivalents.target import TWO_SIGMA, Target
from service.initializers.fans import Fans, Weight

Write = Callable[[Target], str | None]


@dataclass(frozen=True, slots=True)
class Line:
    """A kind of line. `write` returns None for a target that it cannot make.

    In a `counted` line the framework itself counts the fans. It is written if these give the same
    n. `note` is what to watch for in it.
    """

    name: str
    write: Write
    counted: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Framework:
    """The lines for each kind of target, in the order in which they are tried.

    `fans` returns the fans that the framework counts for a weight. `missing` is said if no line
    can be written.
    """

    lines: dict[str, tuple[Line, ...]]
    missing: str
    fans: Callable[[Weight], Fans | None] = lambda weight: None

    def line(self, target: Target) -> tuple[Line, str] | None:
        """The first line that makes the target, and its code; None if there is none."""
        for line in self.lines.get(target.kind or "", ()):
            if line.counted and not target.counted_by(self.fans(target.weight)):
                continue
            code = line.write(target)
            if code is not None:
                return line, code
        return None


CLASSIC: dict[str, tuple[str, float]] = {
    "lecun": ("fan_in", 1.0),
    "glorot": ("fan_avg", 1.0),
    "he": ("fan_in", math.sqrt(2.0)),
}
"""The mode and the gain of each name."""


def classic(target: Target) -> str | None:
    """The name of the target's mode and gain; None if they have none."""
    names = (name for name, (mode, _) in CLASSIC.items() if mode == target.mode)
    return next((name for name in names if target.has_gain(CLASSIC[name][1])), None)


def call(function: str, *arguments: str, **named: str | None) -> str:
    """A call in Python. A named argument that is None is left out."""
    given = (f"{name}={text}" for name, text in named.items() if text is not None)
    return f"{function}({', '.join((*arguments, *given))})"


def constants(zeros: str, ones: str, other: str, notation: Notation = PYTHON) -> tuple[Line]:
    """The line for 0, for 1, and for any other constant, which replaces `number` in `other`."""

    def write(target: Target) -> str:
        value = target.facts.mean or 0.0
        known = {0.0: zeros, 1.0: ones}.get(value)
        return known or other.replace("number", notation.number(value))

    return (Line("constant", write),)


def exact(target: Target, number: float | None, notation: Notation = PYTHON) -> str:
    """A mean or a bound, exact to a part of the std, or of its own size if that is smaller."""
    value, std = number or 0.0, target.facts.std or math.inf
    return notation.number(value, PRECISION * min(abs(value) or std, std))


def gain_of(target: Target, notation: Notation = PYTHON) -> str | None:
    """The gain; None if it is 1."""
    return None if target.has_gain(1.0) else target.gain.text(notation)


def mean_of(target: Target, notation: Notation = PYTHON) -> str | None:
    """The mean, of a normal before it is cut; None if it is 0."""
    return exact(target, target.centre, notation) if target.centre else None


def std_of(target: Target) -> str | None:
    """The std in Python; None if it is 1."""
    text = target.std.text(PYTHON)
    return None if text == "1" else text


def ends_of(target: Target, notation: Notation = PYTHON) -> tuple[str, str]:
    """The lowest and the highest value of a uniform distribution."""
    facts = target.facts
    if facts.limit is None or facts.mean:
        return exact(target, facts.low, notation), exact(target, facts.high, notation)
    limit = target.limit.text(notation)
    return f"-{limit}", limit


def parent_of(target: Target, notation: Notation = PYTHON) -> str:
    """The std of a normal before it is cut."""
    return notation.number(target.facts.parent_std or 0.0)


def sigmas_of(target: Target) -> tuple[str, str] | None:
    """Where a normal is cut, in its standard deviations; None at an infinite bound."""
    bounds = target.facts.bounds
    if bounds is None or not all(map(math.isfinite, bounds)):
        return None
    low, high = map(PYTHON.number, bounds)
    return low, high


def cut_of(target: Target, notation: Notation = PYTHON) -> tuple[str, str] | None:
    """The values at which a normal is cut; None at an infinite bound."""
    if sigmas_of(target) is None:
        return None
    low, high = target.facts.low, target.facts.high
    return exact(target, low, notation), exact(target, high, notation)


def plus_mean(target: Target, term: str) -> str:
    """The mean plus a term, in Python; the term alone if the mean is 0."""
    mean = mean_of(target)
    return term if mean is None else f"{mean} + {term}"


def times(number: str, term: str) -> str:
    """A number times a term; the term alone if the number is 1."""
    return term if number == "1" else f"{number} * {term}"


def scaling(function: str, normal: str, arguments: str = "", *, named: str | None = None) -> Write:
    """Variance scaling, whose scale is the square of the gain.

    `normal` is the word for one that is not cut. With `named` the line is written only for the
    mode and the gain of this name.
    """

    def write(target: Target) -> str | None:
        if not target.cut_at_two or target.mode not in ("fan_in", "fan_out", "fan_avg"):
            return None
        if named is not None and classic(target) != named:
            return None
        distribution = normal if target.kind == "normal" else target.kind
        scale = target.gain.square(PYTHON)
        return f'{function}({scale}, "{target.mode}", "{distribution}"){arguments}'

    return write


def last_is_output(framework: str, function: str, argument: str, arguments: str = "") -> Write:
    """An orthogonal matrix with the last axis on one side."""

    def write(target: Target) -> str | None:
        if not target.one_matrix(framework, -1):
            return None
        return call(function, **{argument: gain_of(target)}) + arguments

    return write


def eye(function: str) -> Write:
    """The gain times a function of the shape."""

    def write(target: Target) -> str | None:
        return times(gain_of(target) or "1", function) if target.parts == 1 else None

    return write


def truncated_at_two(target: Target) -> bool:
    """Whether the values are cut at two standard deviations."""
    return target.facts.bounds == TWO_SIGMA
