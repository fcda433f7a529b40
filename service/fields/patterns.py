"""Patterns of the texts that the readers accept, made from the readers' own grammar and limits.

A pattern is a regular expression without anchors. It has only what Python, ECMAScript and Rust
share, so it has no look-ahead. OpenAPI and the schemas of `/schemes` publish patterns. Conditions
on two values, such as the order of two bounds, are in no pattern.
"""

from service.fields.axes import KERNEL_AXES, MOST_AXES, MOST_ELEMENTS, MOST_PARTS
from service.fields.numbers import EXPONENT, FRACTION, MOST_SEED, WHOLE
from service.fields.text import CONTROLS
from service.initializers.layers import FRAMEWORKS
from service.initializers.layouts import LETTERS


def integers(least: int, most: int) -> str:
    """The integers from `least`, at most 1, to `most`, at least 1, as `read_integer` accepts them.

    Raises ValueError for other limits.
    """
    if least > 1 or most < 1:
        raise ValueError(f"no pattern of the integers from {least} to {most}")
    forms = _counts(most)
    if least <= 0:
        forms.append("-?0")
    if least < 0:
        forms += [f"-{form}" for form in _counts(-least)]
    return one_of(*forms)


def _counts(most: int) -> list[str]:
    """The integers from 1 to `most`.

    These are the shorter ones, those that have the first digits of `most` and then a smaller digit,
    and `most` itself.
    """
    digits = str(most)
    forms = [f"[1-9]{_digits(0, len(digits) - 2)}"] if len(digits) > 1 else []
    for place, digit in enumerate(digits):
        first, last = 1 if place == 0 else 0, int(digit) - 1
        if first <= last:
            smaller = f"[{first}-{last}]" if first < last else str(first)
            rest = len(digits) - place - 1
            forms.append(digits[:place] + smaller + _digits(rest, rest))
    return [*forms, digits]


def _digits(least: int, most: int) -> str:
    if most == 0:
        return ""
    return f"[0-9]{{{least}}}" if least == most else f"[0-9]{{{least},{most}}}"


def _roughly(least: int, most: int) -> str:
    """The integers from `least`, at most 1, to `most`, and larger ones of as many digits as `most`.

    It is for lists, because it is short. An exact pattern of a shape of 8 extents has 2,000
    characters.
    """
    count = f"[1-9]{_digits(0, len(str(most)) - 1)}"
    return count if least == 1 else one_of("-?0", count if least == 0 else f"-?{count}")


def one_of(*forms: str) -> str:
    """A text of one of the forms."""
    return f"(?:{'|'.join(forms)})"


def listed(item: str, least: int, most: int) -> str:
    """`least` to `most` items, joined by commas; `least` is at least 1."""
    more = f"{{{least - 1}}}" if least == most else f"{{{least - 1},{most - 1}}}"
    return f"{item}(?:,{item}){more}"


def _bracketed(item: str, most: int) -> str:
    """A list in brackets, with JSON's blanks around its items; it may be empty."""
    blanks = r"[ \t\r\n]*"
    return rf"\[{one_of(listed(blanks + item + blanks, 1, most), blanks)}\]"


NUMBER = f"-?{WHOLE}{FRACTION}{EXPONENT}"
"""A number, if it has at most numbers.MOST_NUMBER_CHARACTERS characters."""

POSITIVE_NUMBER = one_of(rf"[1-9][0-9]*{FRACTION}", r"0\.0*[1-9][0-9]*") + EXPONENT
"""A number above 0: one of its digits before the exponent is not 0."""

NOT_NEGATIVE_NUMBER = one_of(POSITIVE_NUMBER, rf"-?0(?:\.0+)?{EXPONENT}")

_EXTENT = _roughly(0, MOST_ELEMENTS - 1)
_COUNT = _roughly(1, MOST_ELEMENTS - 1)
_BOUND = _roughly(-MOST_ELEMENTS, MOST_ELEMENTS)
_INTERVAL = f"{_BOUND}?:{_BOUND}?"

SHAPE = one_of("scalar", listed(_EXTENT, 1, MOST_AXES), _bracketed(_EXTENT, MOST_AXES))
LAYOUT = one_of(*FRAMEWORKS, f"[{LETTERS}]{{1,{MOST_AXES}}}")
PARTS = listed(_COUNT, 1, MOST_PARTS)
STRIDE = listed(_COUNT, 1, KERNEL_AXES)
BOUNDS = one_of(POSITIVE_NUMBER, listed(NUMBER, 2, 2))
SLICE = listed(_INTERVAL, 1, MOST_AXES)
SEED = integers(0, MOST_SEED)
NAME = f"[^{CONTROLS}]*"
