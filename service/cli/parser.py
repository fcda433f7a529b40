"""What every command shares: options, settings, and one line for each fault."""

import argparse
import re
import sys
from collections.abc import Iterable
from typing import NoReturn

from service.errors import Listing, Problem
from service.fields import FIELDS
from service.settings import Settings, SettingsError, load_settings

REFUSED = 2
"""The exit status of a request that cannot be carried out as it is written."""

FAILED = 1
"""The exit status of a valid request that failed, for example because the disk is full."""

LISTING_COMMANDS: dict[Listing, str] = {
    "schemes": "python -m service schemes",
    "activations": "python -m service activations",
    "layers": "python -m service layers",
    "dtypes": "python -m service dtypes",
    "fields": "--help",
}
"""The command or option that prints each table that a problem can name."""

_ASSIGNMENT = re.compile(rf"(?<![\w&?=])({'|'.join(FIELDS)})=(?=\S)")


class LineParser(argparse.ArgumentParser):
    """argparse without abbreviations and without the usage before an error."""

    def __init__(
        self, command: str, description: str, usage: str | None = None, epilog: str | None = None
    ) -> None:
        name = f"python -m service {command}"
        super().__init__(name, usage, description, epilog, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Print the message as one line; exits with REFUSED."""
        complain(f"{message} ({self.prog} --help lists the options)")
        sys.exit(REFUSED)


def usable_settings(**options: str | None) -> Settings:
    """The settings of the environment and the options; exits with REFUSED if they are invalid."""
    try:
        return load_settings(**options)
    except SettingsError as error:
        complain(str(error))
        sys.exit(REFUSED)


def complain(line: str) -> None:
    """Print a line to standard error, or nothing if standard error is closed.

    With `sys.stderr` None, `print` would write to standard output, among the tensor's bytes.
    """
    if sys.stderr is not None:
        print(line, file=sys.stderr)


def complain_of(problems: Iterable[Problem]) -> None:
    """Print a line for each problem."""
    for problem in problems:
        field = f"{problem.field}: " if problem.field else ""
        complain(f"{field}{problem.message} ({_hint(problem)})")


def with_options(text: str) -> str:
    """The text with each field=value written as an option.

    `add std_kind=parent` becomes `add --std-kind parent`. The fields of a URL stay as they are.
    """
    return _ASSIGNMENT.sub(lambda found: f"--{found[1].replace('_', '-')} ", text)


def _hint(problem: Problem) -> str:
    """The hint in the shell's words, and the command that lists every accepted word."""
    hint = with_options(problem.hint)
    if problem.listing is None:
        return hint
    return f"{hint}; {LISTING_COMMANDS[problem.listing]} lists all"
