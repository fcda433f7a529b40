"""What a reader says of a value it cannot read, and how many of them become one refusal."""

from collections.abc import Iterable
from itertools import islice

from service.errors import Listing, Problem, UnreadableError

MOST_PROBLEMS = 10
"""A hostile request may hold thousands of faults; the first ten tell a person enough."""

_SHOWN_CHARACTERS = 40


class Fault(ValueError):
    """One value that cannot be read; which field it belongs to is the caller's to say."""

    def __init__(
        self, reason: str, message: str, hint: str, listing: Listing | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.hint = hint
        self.listing = listing


def shown(text: str) -> str:
    """The text as a message may quote it: short, and with every unprintable character escaped."""
    if len(text) > _SHOWN_CHARACTERS:
        return repr(text[:_SHOWN_CHARACTERS]) + "..."
    return repr(text)


def refusal(faults: Iterable[tuple[str, Fault]]) -> UnreadableError:
    """One UnreadableError for (field, fault) pairs; its reason is the first fault's."""
    first = list(islice(faults, MOST_PROBLEMS))
    problems = (Problem(field, fault.message, fault.hint, fault.listing) for field, fault in first)
    return UnreadableError(first[0][1].reason, *problems)
