"""Command-line options made from the fields of a model, and how to read them."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.cli.parser import LineParser
from service.fields import Spec
from service.wire.formats import FORMATS

_NEGATIVE = re.compile(r"-[0-9.:]")
_DESCRIPTION = "Write one tensor to a file: the same bytes as from its URL."
_USAGE = "%(prog)s --shape 64,3,7,7 --scheme he_normal --seed 42 --name conv1.weight -o w.npy"

LISTED = (
    "python -m service schemes, activations, layers and dtypes list the words that options take."
)
"""The last line of the help of each command whose options are fields."""


@dataclass(frozen=True, slots=True)
class TensorOptions:
    """The options of `weights`: the fields as text, the file, and the format if it is given."""

    fields: dict[str, str]
    output: str
    format_name: str | None


def read_tensor_options(arguments: Sequence[str]) -> TensorOptions:
    """The options of `weights`; exits after --help and for an argument that is not an option."""
    given = read_options(_parser(), arguments)
    output, format_name = given.pop("output"), given.pop("format", None)
    return TensorOptions(given, output, format_name)


def read_options(parser: LineParser, arguments: Sequence[str]) -> dict[str, str]:
    """The options that are given, by name; exits for an argument that is not an option.

    Unknown options are returned too. The model refuses them as unknown fields, with the nearest
    names.
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
    """Add an option for each field of the model; its name may have dashes or underscores."""
    for name, field in model.model_fields.items():
        help_text = (field.description or "").replace("%", "%%")
        names = dict.fromkeys((f"--{name.replace('_', '-')}", f"--{name}"))
        example = str((field.examples or [name.upper()])[0])
        parser.add_argument(*names, dest=name, action=Once, metavar=example, help=help_text)


class Once(argparse.Action):
    """Refuse an option that is given twice. argparse would silently use the last one."""

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
        action=Once,
        metavar="FILE",
        help="the file to write; - is standard output. An existing file is replaced when all bytes "
        "are written. The new file has its permissions. Other hard links keep the old bytes",
    )
    parser.add_argument(
        "--format",
        action=Once,
        metavar="FORMAT",
        help=f"{', '.join(FORMATS)}; by default from the suffix of FILE, or npy",
    )
    add_fields(parser, Spec)
    return parser


def _joined(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--low -2e-5` joined to `--low=-2e-5`.

    argparse takes most negative numbers for options.
    """
    joined: list[str] = []
    for argument in arguments:
        if _NEGATIVE.match(argument) and joined and joined[-1].startswith("--"):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined
