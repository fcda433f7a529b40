"""Reading numbers. A query, a JSON body and the command line all use the grammar of JSON numbers.

The grammar is RFC 8259, section 6.
"""

import re
from math import isfinite

from service.fields.errors import FieldError, shown
from service.spelling import WHOLE_BELOW, shortest

WHOLE = "(?:0|[1-9][0-9]*)"
FRACTION = r"(?:\.[0-9]+)?"
EXPONENT = "(?:[eE][+-]?[0-9]+)?"
"""WHOLE, FRACTION and EXPONENT are the patterns of the parts of a number."""

_INTEGER = re.compile(f"-?{WHOLE}")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
_NUMBER = re.compile(f"-?{WHOLE}{FRACTION}{EXPONENT}")

MOST_INTEGER_DIGITS = 20
"""2^64 - 1 has 20 digits."""

MOST_SEED = 2**64 - 1
MOST_JSON_INTEGER = 2**53 - 1
"""Readers that use float64 may change larger JSON numbers (RFC 8259, section 6)."""

MOST_NUMBER_CHARACTERS = 40
"""17 digits identify a float64. Sign, point and exponent need a few more characters."""

_MOST_GUESSED_CHARACTERS = 1000
"""No hint is computed for a longer text."""


class NumberToken(str):
    """The spelling of a number in JSON.

    It keeps every digit, and its type distinguishes the number from a JSON string.
    """

    __slots__ = ()


def spelling(value: object) -> str:
    """The text of a number: a string unchanged, a Python number in its shortest form."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    raise FieldError(
        "malformed_number", f"{kind(value)} is not a number", "write a number such as 2"
    )


def kind(value: object) -> str:
    """The JSON type of a value, with its article, for messages."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | NumberToken):
        return "a number"
    names = {type(None): "null", str: "a string", list: "a list", tuple: "a list"}
    return names.get(type(value), "an object")


def read_integer(value: object, least: int, most: int) -> int:
    """An integer from `least` to `most`, which have at most 20 digits.

    Raises FieldError: `malformed_number`, `out_of_range`.
    """
    text = spelling(value)
    if not _INTEGER.fullmatch(text):
        meant = meant_integer(text)
        hint = f"write an integer from {least} to {most}, in plain digits"
        if meant is not None and least <= meant <= most:
            hint = f"write {meant}"
        raise FieldError("malformed_number", f"{shown(text)} is not an integer", hint)
    digits = len(text.lstrip("-"))
    below = text.startswith("-") if digits > MOST_INTEGER_DIGITS else int(text) < least
    if below or digits > MOST_INTEGER_DIGITS or int(text) > most:
        message = f"{shown(text)} is below {least}" if below else f"{shown(text)} is above {most}"
        raise FieldError("out_of_range", message, f"write an integer from {least} to {most}")
    return int(text)


def read_seed(value: object) -> int:
    """A seed, 0 to 2^64 - 1. In JSON a seed from 2^53 on must be a string.

    Raises FieldError: `malformed_number`, `out_of_range`.
    """
    if not isinstance(value, NumberToken):
        return read_integer(value, 0, MOST_SEED)
    seed = meant_integer(value)
    if seed is not None and MOST_JSON_INTEGER < seed <= MOST_SEED:
        message = "some JSON readers change numbers above 2^53 - 1"
        raise FieldError("out_of_range", message, f'write "{seed}", as a string')
    return read_integer(value, 0, MOST_JSON_INTEGER)


def read_number(value: object) -> float:
    """The float64 nearest to the written number. -0 becomes 0.

    Raises FieldError: `malformed_number`, and `out_of_range` if the nearest float64 is infinite, or
    is 0 although the number is not.
    """
    text = spelling(value)
    if len(text) > MOST_NUMBER_CHARACTERS or not _NUMBER.fullmatch(text):
        raise FieldError("malformed_number", _not_a_number(text), _number_hint(text))
    value = float(text)
    if not isfinite(value) or (value == 0 and _has_digits(text)):
        message = f"{shown(text)} is outside the range of float64"
        raise FieldError("out_of_range", message, "write a magnitude from 5e-324 to 1.7e308, or 0")
    return value + 0.0


def _not_a_number(text: str) -> str:
    if len(text) > MOST_NUMBER_CHARACTERS:
        return f"{shown(text)} has {len(text)} characters, more than {MOST_NUMBER_CHARACTERS}"
    return f"{shown(text)} is not a number"


def _has_digits(text: str) -> bool:
    mantissa = re.split("[eE]", text)[0]
    return any(digit in "123456789" for digit in mantissa)


def meant_number(text: str) -> float | None:
    """The number that the text probably means, by Python's wider grammar. Only hints use it.

    Blanks are removed, because a query's `1e+5` arrives as `1e 5`. None if the text is not a
    number or is outside the range of float64.
    """
    if len(text) > _MOST_GUESSED_CHARACTERS:
        return None
    try:
        guess = float(text.replace(" ", ""))
    except ValueError:
        return None
    vanished = guess == 0 and _has_digits(text)
    return guess + 0.0 if isfinite(guess) and not vanished else None


def meant_integer(text: str) -> int | None:
    """The integer that the text probably means. Only hints use it.

    It accepts signs, underscores, blanks, the prefixes of other bases, commas between thousands,
    and whole floats below 1e16.
    """
    if len(text) > MOST_NUMBER_CHARACTERS:
        return None
    bare = text.replace(" ", "")
    if _THOUSANDS.fullmatch(bare):
        bare = bare.replace(",", "")
    for base in (10, 0):
        try:
            return int(bare, base)
        except ValueError:
            continue
    guess = meant_number(bare)
    whole = guess is not None and guess.is_integer() and abs(guess) < WHOLE_BELOW
    return int(guess) if guess is not None and whole else None


def _number_hint(text: str) -> str:
    guess = meant_number(text)
    if guess is None:
        return "write a finite number such as 0.02 or 2e-5"
    return f"write {shortest(guess)}"
