"""Hints for a shell: refusals name the server's pages, and each of these is a command here."""

import re

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


def shell_hint(hint: str) -> str:
    """The hint with a command wherever it names a page: `/schemes/zeros` is `schemes zeros`."""
    return _PAGE.sub(_command, hint)


def _command(page: re.Match[str]) -> str:
    return " ".join(filter(None, (_COMMANDS[page[1]], page[2])))
