"""What every command shares: options, settings, and one line for each fault."""

import argparse
import re
import sys
from collections.abc import Callable, Collection, Iterable
from typing import NoReturn

from service.cli.output import REFUSED, complain, printed
from service.errors import Listing, Problem
from service.fields import FIELDS
from service.settings import Settings, SettingsError, load_settings

LISTING_COMMANDS: dict[Listing, str] = {
    "schemes": "python -m service schemes",
    "activations": "python -m service activations",
    "layers": "python -m service layers",
    "dtypes": "python -m service dtypes",
    "recipes": "python -m service recipes",
    "fields": "--help",
}
"""The command or option that prints each table that a problem can name."""


class LineParser(argparse.ArgumentParser):
    """argparse without abbreviations and without the usage before an error."""

    def __init__(
        self, command: str, description: str, usage: str | None = None, epilog: str | None = None
    ) -> None:
        name = f"python -m service {command}"
        super().__init__(name, usage, description, epilog, allow_abbrev=False)

    def print_help(self, file: object = None) -> None:
        """Print the help to standard output, and exit with the status of `printed`."""
        sys.exit(printed(self.format_help().encode()))

    def error(self, message: str) -> NoReturn:
        """Print the message as one line; exits with REFUSED."""
        complain(f"{message} ({self.prog} --help lists the options)")
        sys.exit(REFUSED)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """A reader of an option's whole number from `least` to `most`, for argparse."""

    def read(text: str) -> int:
        if text.isascii() and text.isdecimal() and len(text) <= 20 and least <= int(text) <= most:
            return int(text)
        message = f"{text[:40]!r} is not a whole number from {least} to {most}"
        raise argparse.ArgumentTypeError(message)

    return read


def usable_settings(**options: str | None) -> Settings:
    """The settings of the environment and the options; exits with REFUSED if they are invalid."""
    try:
        return load_settings(**options)
    except SettingsError as error:
        complain(str(error))
        sys.exit(REFUSED)


def complain_of(problems: Iterable[Problem], fields: Collection[str] = FIELDS) -> None:
    """Print a line for each problem. `fields` are the options of the command."""
    for problem in problems:
        field = f"{problem.field}: " if problem.field else ""
        complain(f"{field}{problem.message} ({_hint(problem, fields)})")


def with_options(text: str, fields: Collection[str] = FIELDS) -> str:
    """The text with each field=value written as an option, for the fields of a command.

    `add std_kind=parent` becomes `add --std-kind parent`. The fields of a URL stay as they are.
    """
    if not fields:
        return text
    assignment = rf"(?<![\w&?=])({'|'.join(fields)})=(?=\S)"
    return re.sub(assignment, lambda found: f"--{found[1].replace('_', '-')} ", text)


def _hint(problem: Problem, fields: Collection[str]) -> str:
    """The hint in the shell's words, and the command that lists every accepted word."""
    hint = with_options(problem.hint, fields)
    if problem.listing is None:
        return hint
    return f"{hint}; {LISTING_COMMANDS[problem.listing]} lists all"
