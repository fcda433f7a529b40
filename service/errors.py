"""The error tree: the refusals of Fanin, without HTTP.

    FaninError
    |-- UnreadableError     the request cannot be parsed: unknown, duplicate, empty or malformed
    |-- ImpossibleError     the request is well-formed, but no such tensor can be issued
    `-- UnavailableError    the request is valid, but must be repeated later

`service.api.problems` gives each branch its HTTP status.
"""

from dataclasses import dataclass
from typing import Literal

Listing = Literal["schemes", "activations", "layers", "dtypes", "fields", "recipes"]
"""A table of accepted words. HTTP and the shell each say where theirs is."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of a request.

    `field` is the request's field ("" for the request as a whole), `message` says what is
    wrong and `hint` what to send instead. `listing` is the table that lists every accepted word.
    """

    field: str
    message: str
    hint: str
    listing: Listing | None = None

    @property
    def line(self) -> str:
        """The field, if there is one, and the message."""
        return f"{self.field}: {self.message}" if self.field else self.message


class FaninError(Exception):
    """A refusal. `reason` is its stable snake_case code; `problems` are all faults found."""

    def __init__(self, reason: str, *problems: Problem) -> None:
        super().__init__("; ".join(each.line for each in problems))
        self.reason = reason
        self.problems = problems


class UnreadableError(FaninError):
    """The request cannot be parsed: a field or a value is not part of the interface."""


class ImpossibleError(FaninError):
    """The request is well-formed, but no tensor fits it."""


class UnavailableError(FaninError):
    """The request is valid, but this process cannot serve it at the moment.

    `retry_after` is the number of seconds after which the client may try again, if that is known.
    """

    def __init__(self, reason: str, *problems: Problem, retry_after: int | None = None) -> None:
        super().__init__(reason, *problems)
        self.retry_after = retry_after


class StoppedError(Exception):
    """A computation ended early, because its result is no longer wanted."""
