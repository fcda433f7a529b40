"""The error tree: everything Fanin refuses, said without knowing HTTP.

    FaninError
    |-- UnreadableError     cannot be parsed: unknown, duplicate, empty or malformed
    |-- ImpossibleError     parsed, but no such tensor can be issued
    `-- UnavailableError    right, but not now: try again later

Only `service.api.problems` knows which status each one becomes.
"""

from dataclasses import dataclass
from typing import Literal

Listing = Literal["schemes", "activations", "layers", "dtypes", "fields"]
"""A table of accepted words. HTTP and the shell each say where theirs is."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a request.

    `field` is the request's field ("" for the request as a whole), `message` says what is
    wrong and `hint` what to send instead. `listing` is the table that lists every accepted word.
    """

    field: str
    message: str
    hint: str
    listing: Listing | None = None


class FaninError(Exception):
    """A refusal: `reason` is its stable snake_case code, `problems` every fault found."""

    def __init__(self, reason: str, *problems: Problem) -> None:
        super().__init__("; ".join(f"{p.field}: {p.message}" for p in problems))
        self.reason = reason
        self.problems = problems


class UnreadableError(FaninError):
    """The request cannot be read: its words are not the interface's words."""


class ImpossibleError(FaninError):
    """The request is well-formed, but no tensor fits it."""


class UnavailableError(FaninError):
    """The request is right, but this process cannot serve it at the moment."""
