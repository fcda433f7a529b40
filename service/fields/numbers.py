"""Numbers as the interface spells them: the grammar of JSON (RFC 8259 section 6), nothing more.

One number has one meaning in a query, in JSON and on the command line, and one shortest spelling.
"""

import re
from math import isfinite

from service.fields.faults import Fault, shown
from service.spelling import WHOLE_BELOW, shortest

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

MOST_INTEGER_DIGITS = 20
"""As many as 2^64 - 1 has."""

MOST_SEED = 2**64 - 1
MOST_JSON_INTEGER = 2**53 - 1
"""Above it a JSON number may change in readers that use float64 (RFC 8259 section 6)."""

MOST_NUMBER_CHARACTERS = 40
"""The 17 digits that tell every float64 apart, twice over."""

_MOST_GUESSED_CHARACTERS = 1000
"""A hint reads a number that is too long as far as this; nobody writes such a number by hand."""


class NumberToken(str):
    """A number as JSON text spells it, kept so that no digit is lost and a string is no number."""

    __slots__ = ()


def spelling(given: object) -> str:
    """The text of a number: text as it stands, a Python number in its shortest form."""
    if isinstance(given, str):
        return given
    if isinstance(given, int | float) and not isinstance(given, bool):
        return repr(given)
    raise Fault("malformed_number", f"{kind(given)} is not a number", "write a number such as 2")


def kind(given: object) -> str:
    """What a value is called in JSON, for messages that must not quote it."""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int | float | NumberToken):
        return "a number"
    names = {type(None): "null", str: "a string", list: "a list", tuple: "a list"}
    return names.get(type(given), "an object")


def read_integer(given: object, least: int, most: int) -> int:
    """An integer of `least` to `most`, whose bounds have at most 20 digits.

    Raises Fault: `malformed_number` for another spelling, `out_of_range`.
    """
    text = spelling(given)
    if not _INTEGER.fullmatch(text):
        meant = meant_integer(text)
        hint = f"write an integer from {least} to {most}, in plain digits"
        if meant is not None and least <= meant <= most:
            hint = f"write {meant}"
        raise Fault("malformed_number", f"{shown(text)} is not an integer", hint)
    digits = len(text.lstrip("-"))
    below = text.startswith("-") if digits > MOST_INTEGER_DIGITS else int(text) < least
    if below or digits > MOST_INTEGER_DIGITS or int(text) > most:
        message = f"{shown(text)} is below {least}" if below else f"{shown(text)} is above {most}"
        raise Fault("out_of_range", message, f"write an integer from {least} to {most}")
    return int(text)


def read_seed(given: object) -> int:
    """0 to 2^64 - 1; JSON gives it as a string from 2^53 on.

    Raises Fault: `malformed_number`, `out_of_range`.
    """
    if not isinstance(given, NumberToken):
        return read_integer(given, 0, MOST_SEED)
    seed = meant_integer(given)
    if seed is not None and MOST_JSON_INTEGER < seed <= MOST_SEED:
        message = "not every reader of JSON keeps a number above 2^53 - 1"
        raise Fault("out_of_range", message, f'write "{seed}", as a string')
    return read_integer(given, 0, MOST_JSON_INTEGER)


def read_number(given: object) -> float:
    """The float64 nearest to the number written; -0 is 0.

    Raises Fault: `malformed_number` for another spelling, `out_of_range` for what float64 would
    make infinite or, though it is not, 0.
    """
    text = spelling(given)
    if len(text) > MOST_NUMBER_CHARACTERS or not _NUMBER.fullmatch(text):
        raise Fault("malformed_number", _not_a_number(text), _number_hint(text))
    value = float(text)
    if not isfinite(value) or (value == 0 and _has_digits(text)):
        message = f"{shown(text)} is outside the range of float64"
        raise Fault("out_of_range", message, "write a magnitude from 5e-324 to 1.7e308, or 0")
    return value + 0.0


def _not_a_number(text: str) -> str:
    if len(text) > MOST_NUMBER_CHARACTERS:
        return f"{shown(text)} has {len(text)} characters, more than {MOST_NUMBER_CHARACTERS}"
    return f"{shown(text)} is not a number"


def _has_digits(text: str) -> bool:
    mantissa = re.split("[eE]", text)[0]
    return any(digit in "123456789" for digit in mantissa)


def meant_number(text: str) -> float | None:
    """What Python's laxer grammar makes of the text: a guess for a hint, never a value.

    Blanks are left out: a query's `1e+5` arrives as `1e 5`. None for no number, and for what
    float64 would make infinite or, though it is not, 0.
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
    """The integer that the text seems to mean: a guess for a hint, never a value.

    Signs, underscores, blanks, the prefixes of other bases, commas between thousands, and the
    spellings of a whole float below 1e16 are understood.
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
