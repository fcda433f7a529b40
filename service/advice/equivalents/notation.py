"""Numbers and square roots as people write them in the code of a language."""

import math
from collections.abc import Callable
from dataclasses import dataclass

PRECISION = 5e-8
"""The relative error that a written number may have: float32 rounds by 6e-8."""

_SHORT = 4
"""A number of at most so many characters is short, such as 2 and 0.5, squares of longer gains."""

_MOST_DIGITS = 17
"""Digits that tell every float64 from every other."""

_WHOLE_BELOW = 1e7
"""Larger whole numbers may be written with an exponent, if that is shorter."""


def spelled(number: float, error: float | None = None) -> str:
    """The number with the fewest digits that keep it within `error`, by default PRECISION of it."""
    allowed = abs(number) * PRECISION if error is None else error
    if number == int(number) and abs(number) < _WHOLE_BELOW:
        return str(int(number))
    texts = (f"{number:.{digits}g}" for digits in range(1, _MOST_DIGITS + 1))
    return next(text for text in texts if abs(float(text) - number) <= allowed)


@dataclass(frozen=True, slots=True)
class Notation:
    """A language: `root` writes a square root; `point` says that a float needs a point or an e."""

    root: Callable[[str], str]
    point: bool = False

    def number(self, number: float, error: float | None = None) -> str:
        """The number in this language."""
        text = spelled(number, error)
        return f"{text}.0" if self.point and not set(text) & set(".en") else text


def _python_root(inner: str) -> str:
    return f"({inner})**0.5" if " " in inner else f"{inner}**0.5"


PYTHON = Notation(_python_root)
JAVASCRIPT = Notation("Math.sqrt({})".format)
JULIA = Notation("sqrt({})".format)
RUST = Notation("f64::sqrt({})".format, point=True)


@dataclass(frozen=True, slots=True)
class Scale:
    """gain sqrt(above / ((sum of `fans`) (product of `branches`))), a number of at least 0.

    Without `fans` that factor is 1. `above` is a whole number.
    """

    gain: float
    above: int = 1
    fans: tuple[float, ...] = ()
    branches: tuple[int, ...] = ()

    @property
    def value(self) -> float:
        """The number."""
        below = (sum(self.fans) if self.fans else 1.0) * math.prod(self.branches)
        return self.gain * math.sqrt(self.above / below)

    def text(self, notation: Notation) -> str:
        """The number as an expression, with the gain in front of the root.

        A gain whose square is shorter is written under the root: (2 / 3072)**0.5.
        """
        squared = self._short_square()
        if squared is not None and len(spelled(self.gain)) > _SHORT:
            return self._with_factor(notation, 1.0, squared)
        return self._with_factor(notation, self.gain, self.above)

    def square(self, notation: Notation) -> str:
        """The square of the number as the `scale` of a variance scaling, without fans.

        2.0 is written as such, and other squares as those of the gain: 1.5335304**2.
        """
        squared = self._short_square()
        text = f"{notation.number(self.gain * math.sqrt(self.above))}**2"
        if squared is not None:
            text = spelled(squared)
            text = text if set(text) & set(".e") else f"{text}.0"
        return f"{text} / ({self._below(notation)})" if self.branches else text

    def _short_square(self) -> float | None:
        """gain^2 `above` if its digits are few; None if not."""
        squared = self.gain * self.gain * self.above
        short = 0 < squared < math.inf and len(spelled(squared)) <= _SHORT
        return squared if short else None

    def _with_factor(self, notation: Notation, factor: float, above: float) -> str:
        """factor sqrt(above / below). What is 1 is left out."""
        front, number = notation.number(factor), notation.number(above)
        below = self._below(notation)
        if spelled(above) == "1":
            return f"{front} / {notation.root(below)}" if below else front
        if below:
            number = f"{number} / ({below})" if " " in below else f"{number} / {below}"
        root = notation.root(number)
        return root if factor == 1 else f"{front} * {root}"

    def _below(self, notation: Notation) -> str:
        """What is under the line of the fraction; empty without fans and branches."""
        fans = " + ".join(map(notation.number, self.fans))
        if len(self.fans) > 1 and self.branches:
            fans = f"({fans})"
        return " * ".join(filter(None, (fans, *map(notation.number, self.branches))))
