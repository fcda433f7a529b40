"""A shell's words as fields: every field of a model is an option, made from the model."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.cli.parser import LineParser
from service.fields import Spec
from service.wire.formats import FORMATS

_NEGATIVE = re.compile(r"-[0-9.:]")
_DESCRIPTION = "Write one tensor: the very bytes that its URL gives."
_USAGE = "%(prog)s --shape 64,3,7,7 --scheme he_normal --seed 42 --name conv1.weight -o w.npy"

LISTED = (
    "python -m service schemes, activations, layers and dtypes list the words that options take."
)
"""The last line of the help of each command that takes fields."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a shell asks for: the spec's fields as text, where to, and how written if said."""

    words: dict[str, str]
    output: str
    form: str | None


def read_wish(arguments: Sequence[str]) -> Wish:
    """The wish of these arguments; --help and arguments that are no options exit."""
    given = read_words(_parser(), arguments)
    return Wish(output=given.pop("output"), form=given.pop("format", None), words=given)


def read_words(parser: LineParser, arguments: Sequence[str]) -> dict[str, str]:
    """What is given of the parser's options, by name; arguments that are no options exit.

    Options nobody knows are kept as fields nobody knows, since the model refuses those better.
    """
    known, others = parser.parse_known_args(_joined(arguments))
    given = {name: text for name, text in vars(known).items() if text is not None}
    for other in others:
        name, _, text = other.partition("=")
        if name.startswith("--"):
            given[name[2:].replace("-", "_")] = text
    if others and not others[0].startswith("--"):
        parser.error(f"{others[0][:40]!r} belongs to no option")
    return given


def add_fields(parser: LineParser, model: type[Spec]) -> None:
    """An option for each field of the model, with dashes or underscores."""
    for name, field in model.model_fields.items():
        help_text = (field.description or "").replace("%", "%%")
        names = dict.fromkeys((f"--{name.replace('_', '-')}", f"--{name}"))
        example = str((field.examples or [name.upper()])[0])
        parser.add_argument(*names, dest=name, action=_Once, metavar=example, help=help_text)


class _Once(argparse.Action):
    """argparse keeps the last of several; which of them counts would be a guess."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string} is given more than once")
        setattr(namespace, self.dest, values)


def _parser() -> LineParser:
    parser = LineParser("weights", _DESCRIPTION, _USAGE, LISTED)
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        action=_Once,
        metavar="FILE",
        help="where to; - is standard output",
    )
    parser.add_argument(
        "--format",
        action=_Once,
        metavar="FORMAT",
        help=f"{', '.join(FORMATS)}; by default what FILE ends in, or npy",
    )
    add_fields(parser, Spec)
    return parser


def _joined(arguments: Sequence[str]) -> list[str]:
    """`--low -2e-5` as `--low=-2e-5`: argparse takes most negative values for options."""
    joined: list[str] = []
    for argument in arguments:
        if _NEGATIVE.match(argument) and joined and joined[-1].startswith("--"):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined
