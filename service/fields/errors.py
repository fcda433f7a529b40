"""The errors of field readers, and the one refusal that reports them."""

from collections.abc import Iterable
from itertools import islice

from service.errors import Listing, Problem, UnreadableError

MOST_PROBLEMS = 10
"""A hostile request may contain thousands of errors. Ten are enough for a person."""

_SHOWN_CHARACTERS = 40


class FieldError(ValueError):
    """A value that cannot be read. The caller knows its field."""

    def __init__(
        self, reason: str, message: str, hint: str, listing: Listing | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.hint = hint
        self.listing = listing


def shown(text: str) -> str:
    """The text quoted for a message: at most 40 characters, unprintable characters escaped."""
    if len(text) > _SHOWN_CHARACTERS:
        return repr(text[:_SHOWN_CHARACTERS]) + "..."
    return repr(text)


def refusal(errors: Iterable[tuple[str, FieldError]]) -> UnreadableError:
    """One UnreadableError for (field, error) pairs. Its reason is that of the first error."""
    first = list(islice(errors, MOST_PROBLEMS))
    problems = (Problem(field, error.message, error.hint, error.listing) for field, error in first)
    return UnreadableError(first[0][1].reason, *problems)
