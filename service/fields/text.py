"""Reading text fields: accepted words, and the tensor's name."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping

from service.errors import Listing, UnreadableError
from service.fields.errors import FieldError
from service.fields.numbers import NumberToken, kind
from service.initializers.unknown_words import NotIssued, unknown_word

MOST_NAME_BYTES = 512
MOST_LABEL_CHARACTERS = 40

CONTROLS = r"\u0000-\u001f\u007f-\u009f"
"""C0, DEL and C1 (Unicode category Cc), as a pattern has them within brackets."""

_CONTROL = re.compile(f"[{CONTROLS}]")


def read_text(value: object) -> str:
    """The text unchanged.

    Raises FieldError (`malformed_text`) for another JSON type, and for half of a surrogate pair,
    which UTF-8 cannot encode.
    """
    if isinstance(value, NumberToken):
        raise FieldError(
            "malformed_text", "a number is not text", f'write "{value[:40]}", as a string'
        )
    if not isinstance(value, str):
        raise FieldError("malformed_text", f"{kind(value)} is not text", "write a string")
    if not is_unicode(value):
        raise FieldError("malformed_text", "half of a surrogate pair", "write whole characters")
    return value


def read_label(value: object) -> str:
    """A text of at most 40 characters. Its meaning depends on other fields."""
    label = read_text(value)
    if len(label) > MOST_LABEL_CHARACTERS:
        message = f"longer than {MOST_LABEL_CHARACTERS} characters"
        raise FieldError("malformed_text", message, "write a letter for each axis, as in OIHW")
    return label


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can encode the text. A Python string may contain half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def read_name(value: object) -> str:
    """The name unchanged, without Unicode normalization: equal names have equal bytes."""
    name = read_text(value)
    if len(name.encode("utf-8")) > MOST_NAME_BYTES:
        message = f"a name has at most {MOST_NAME_BYTES} bytes of UTF-8"
        raise FieldError("malformed_text", message, f"shorten it to {MOST_NAME_BYTES} bytes")
    if _CONTROL.search(name):
        raise FieldError("malformed_text", "a name has no control characters", "remove them")
    return name


def word_reader(
    field: str,
    known: Collection[str],
    replacements: Mapping[str, str],
    listing: Listing,
    not_issued: Iterable[NotIssued] = (),
) -> Callable[[object], str]:
    """A reader that accepts the words in `known`.

    The other arguments are those of `unknown_word`, which makes the error for any other word.
    """

    def read(value: object) -> str:
        word = read_text(value)
        if word not in known:
            raise field_error_of(
                unknown_word(field, word, known, replacements, listing, not_issued)
            )
        return word

    return read


def record_reader(name_of: Callable[[str], str]) -> Callable[[object], str]:
    """A reader of a table's names and aliases. `name_of` returns the name or raises."""

    def read(value: object) -> str:
        try:
            return name_of(read_text(value))
        except UnreadableError as error:
            raise field_error_of(error) from None

    return read


def field_error_of(error: UnreadableError) -> FieldError:
    """A table's error as a field error. The model knows the field."""
    problem = error.problems[0]
    return FieldError(error.reason, problem.message, problem.hint, problem.listing)
