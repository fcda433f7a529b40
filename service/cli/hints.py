"""Hints for a shell: refusals name the server's pages, and each of these is a command here."""

import re

from service.fields import FIELDS

_COMMANDS = {
    "/schemes": "python -m service schemes",
    "/activations": "python -m service activations",
    "/layers": "python -m service layers",
    "/dtypes": "python -m service dtypes",
    "/recommend": "python -m service recommend",
    "/docs": "--help",
}
"""What to type for each page that a hint may name."""

_PAGE = re.compile(rf"(?<![\w/])({'|'.join(_COMMANDS)})(?:/([\w@]+))?(?![\w/?])")


_ASSIGNMENT = re.compile(rf"(?<![\w&?=])({'|'.join(FIELDS)})=(?=\S)")


def shell_hint(hint: str) -> str:
    """The hint as a shell spells it.

    A page is a command, `/schemes/zeros` being `python -m service schemes zeros`, and a field with
    a value is an option: `std_kind=parent` is `--std-kind parent`.
    """
    options = _ASSIGNMENT.sub(lambda found: f"--{found[1].replace('_', '-')} ", hint)
    return _PAGE.sub(_command, options)


def _command(page: re.Match[str]) -> str:
    return " ".join(filter(None, (_COMMANDS[page[1]], page[2])))
