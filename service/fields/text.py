"""Fields that hold text: words out of a list, and the tensor's name."""

from collections.abc import Callable, Collection, Iterable, Mapping

from service.errors import Listing, UnreadableError
from service.fields.faults import Fault
from service.fields.numbers import NumberToken, kind
from service.initializers.words import Unissued, unknown_word

MOST_NAME_BYTES = 512
MOST_LABEL_CHARACTERS = 40


def read_text(given: object) -> str:
    """Text as it was given; a number, in JSON, is not text.

    Raises Fault (`malformed_text`) for half a surrogate pair, which UTF-8 cannot carry.
    """
    if isinstance(given, NumberToken):
        raise Fault("malformed_text", "a number is not text", f'write "{given[:40]}", as a string')
    if not isinstance(given, str):
        raise Fault("malformed_text", f"{kind(given)} is not text", "write a string")
    if not is_unicode(given):
        raise Fault("malformed_text", "half of a surrogate pair", "write whole characters")
    return given


def read_label(given: object) -> str:
    """A short text whose meaning depends on other fields."""
    label = read_text(given)
    if len(label) > MOST_LABEL_CHARACTERS:
        message = f"longer than {MOST_LABEL_CHARACTERS} characters"
        raise Fault("malformed_text", message, "write a letter for each axis, as in OIHW")
    return label


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can carry the text: Python's strings can hold halves of surrogate pairs."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def read_name(given: object) -> str:
    """The name, exactly as given: characters that look alike are different tensors."""
    name = read_text(given)
    if len(name.encode("utf-8")) > MOST_NAME_BYTES:
        message = f"a name has at most {MOST_NAME_BYTES} bytes of UTF-8"
        raise Fault("malformed_text", message, f"shorten it to {MOST_NAME_BYTES} bytes")
    if any(_is_control(character) for character in name):
        raise Fault("malformed_text", "a name has no control characters", "remove them")
    return name


def _is_control(character: str) -> bool:
    """C0, DEL and C1 (Unicode's category Cc)."""
    return character < " " or "\x7f" <= character <= "\x9f"


def word_reader(
    field: str,
    known: Collection[str],
    replacements: Mapping[str, str],
    listing: Listing,
    unissued: Iterable[Unissued] = (),
) -> Callable[[object], str]:
    """A reader of the words in `known`; the rest serves the answer to any other word."""

    def read(given: object) -> str:
        word = read_text(given)
        if word not in known:
            raise fault_of(unknown_word(field, word, known, replacements, listing, unissued))
        return word

    return read


def record_reader(name_of: Callable[[str], str]) -> Callable[[object], str]:
    """A reader of a table's names and aliases, of which `name_of` finds the name."""

    def read(given: object) -> str:
        try:
            return name_of(read_text(given))
        except UnreadableError as error:
            raise fault_of(error) from None

    return read


def fault_of(error: UnreadableError) -> Fault:
    """A table's refusal as a fault, whose field the model knows."""
    problem = error.problems[0]
    return Fault(error.reason, problem.message, problem.hint, problem.listing)
