"""What every command shares: options, settings, and one line for whatever is wrong."""

import argparse
import sys
from collections.abc import Iterable
from typing import NoReturn

from service.cli.hints import shell_hint
from service.errors import Problem
from service.settings import Settings, SettingsError, load_settings

REFUSED = 2
"""The exit status of what was asked for wrongly."""

FAILED = 1
"""The exit status of what was asked for rightly and could not be done."""


class LineParser(argparse.ArgumentParser):
    """argparse without abbreviations, and without the usage in front of an error."""

    def __init__(
        self, command: str, description: str, usage: str | None = None, epilog: str | None = None
    ) -> None:
        name = f"python -m service {command}"
        super().__init__(name, usage, description, epilog, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Say it in one line; exits with REFUSED."""
        complain(f"{message} ({self.prog} --help lists the options)")
        sys.exit(REFUSED)


def usable_settings(**options: str | None) -> Settings:
    """The settings of the environment and the options; exits with REFUSED if they are no good."""
    try:
        return load_settings(**options)
    except SettingsError as error:
        complain(str(error))
        sys.exit(REFUSED)


def complain(line: str) -> None:
    """A line for people, if standard error is open: print would take standard output instead."""
    if sys.stderr is not None:
        print(line, file=sys.stderr)


def complain_of(problems: Iterable[Problem]) -> None:
    """A line for each problem."""
    for problem in problems:
        field = f"{problem.field}: " if problem.field else ""
        complain(f"{field}{problem.message} ({shell_hint(problem.hint)})")
