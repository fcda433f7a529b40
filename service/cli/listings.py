"""The commands `schemes`, `activations`, `layers`, `dtypes` and `recipes`, which print tables."""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service import listings
from service.cli.options import Once
from service.cli.output import REFUSED, printed
from service.cli.parser import LineParser, complain_of
from service.cli.report import cited
from service.dtypes import DTYPES
from service.errors import FaninError, Problem
from service.fields import write_value
from service.initializers.activations import ACTIVATIONS, Activation
from service.initializers.layers import FRAMEWORKS, LAYERS
from service.initializers.references import Reference
from service.initializers.schemes import AUTO, Scheme, family_of
from service.models.recipe import recipes
from service.models.recipe_listing import recipe_records
from service.stream.precision import PRECISIONS
from service.wire.formats import FORMATS
from service.wire.json_text import json_bytes

_ABSENT = "-"


_WIDTH = 100
"""The most columns of a line of the table of schemes."""

_JSON = "print JSON, the same as over HTTP"


@dataclass(frozen=True, slots=True)
class ListingCommand:
    """A command: its description, and its table as records for JSON and as text."""

    description: str
    records: Callable[[], dict[str, Any]]
    text: Callable[[], str]


def print_listing(name: str, arguments: list[str]) -> int:
    """Print the table `name` and return the exit status."""
    command = COMMANDS[name]
    parser = LineParser(name, command.description)
    parser.add_argument("--json", action="store_true", help=_JSON)
    options = parser.parse_args(arguments)
    return printed(json_bytes(command.records()) if options.json else command.text().encode())


def print_schemes(arguments: list[str]) -> int:
    """Print the schemes that the arguments filter, or the one they name; return the exit status."""
    parser = _schemes_parser()
    options = parser.parse_args(arguments)
    given = {"q": options.find and " ".join(options.find)}
    given |= {"family": options.family, "framework": options.framework}
    given = {field: text for field, text in given.items() if text is not None}
    if options.scheme is not None and given:
        parser.error("NAME is for one scheme alone: leave it out, or the filters")
    try:
        if options.scheme is not None:
            record = listings.scheme(options.scheme)
            content = json_bytes(record) if options.json else _scheme_text(record).encode()
        else:
            wanted = listings.parse_filter_words(given)
            content = _schemes(wanted, as_json=options.json)
    except FaninError as error:
        complain_of(_with_option(each) for each in error.problems)
        return REFUSED
    return printed(content)


def _schemes_parser() -> LineParser:
    """The options of `schemes`. Each filter is a field of SchemeFilter; `--find` is its `q`."""
    parser = LineParser("schemes", "List the schemes, or describe one.")
    parser.add_argument("scheme", nargs="?", metavar="NAME", help="the scheme to describe")
    meanings = {
        name: field.description for name, field in listings.SchemeFilter.model_fields.items()
    }
    parser.add_argument("--find", action=Once, nargs="+", metavar="WORD", help=meanings["q"])
    for field in ("family", "framework"):
        parser.add_argument(f"--{field}", action=Once, metavar=field.upper(), help=meanings[field])
    parser.add_argument("--json", action="store_true", help=_JSON)
    return parser


def _with_option(problem: Problem) -> Problem:
    """The problem with the shell's name of its field."""
    return replace(problem, field="find") if problem.field == "q" else problem


def _schemes(wanted: listings.SchemeFilter, *, as_json: bool) -> bytes:
    """The schemes that the filter leaves; as text with the schemes of `auto` if it leaves all."""
    if as_json:
        return json_bytes(listings.schemes(wanted))
    groups = listings.under_headings(listings.matching(wanted))
    if not groups:
        return _NOTHING_FOUND.encode()
    tables = [_group(title, group) for title, group in groups.items()]
    end = [_auto()] if wanted == listings.SchemeFilter() else []
    return "\n".join((*tables, *end, _FOOT)).encode()


_NOTHING_FOUND = (
    "No scheme meets these conditions. docs/schemes.md begins with a table of needs, and\n"
    "`python -m service schemes` lists all schemes.\n"
)
_FOOT = (
    "`python -m service schemes NAME` describes a scheme. `--family` takes a word in brackets,\n"
    "`--framework` a framework, and `--find` words.\n"
)


def _group(title: str, schemes: Sequence[Scheme]) -> str:
    """The heading with its families in brackets, and a line of at most _WIDTH for each scheme."""
    families = ", ".join(dict.fromkeys(family_of(each.name) for each in schemes))
    width = max(len(each.name) for each in schemes)
    lines = [
        f"  {each.name:{width}}  {_cut(each.summary, _WIDTH - width - 4)}\n" for each in schemes
    ]
    return f"{title} [{families}]\n{''.join(lines)}"


def _cut(text: str, most: int) -> str:
    """The text, cut between two words if it has more than `most` characters."""
    return textwrap.shorten(text, most, placeholder=" ...", break_on_hyphens=False)


def _scheme_text(record: Mapping[str, Any]) -> str:
    """One scheme of the listing: its formula, options with defaults, papers and an example."""
    draft, fault = record["draft"], record["fault"]
    rows = [
        ("formula", record["formula"]),
        ("family", record["family"]),
        ("also", _words(record["aliases"])),
        ("status", record["status"] if draft is None else f"draft {draft}"),
        ("mode", record["mode"] or _ABSENT),
        ("distribution", _words(record["distributions"] or (record["distribution"],))),
        *([("variant", _words(record["variants"]))] if record["variants"] else []),
        ("slices", record["slicing"]),
        *([("source", record["source"])] if record["source"] else []),
        *([("fault", fault)] if fault else []),
        *(("paper", cited(Reference(**paper))) for paper in record["references"]),
        ("example", record["example_url"]),
    ]
    options = [_option(each) for each in record["parameters"]]
    rows += [] if options else [("options", _ABSENT)]
    table = _columns(("OPTION", "DEFAULT", "MEANING"), options) if options else ""
    return f"{record['name']}: {record['summary']}\n\n{_columns((), rows)}\n{table}".rstrip() + "\n"


def _option(parameter: Mapping[str, Any]) -> tuple[str, ...]:
    name, default = parameter["name"], parameter["default"]
    told = _ABSENT if default is None else write_value(name, default)
    return f"--{name.replace('_', '-')}", told, parameter["meaning"]


def _activations() -> str:
    """Every activation with its gains, the slope that they hold for, and the scheme of `auto`."""
    gains = ("GAIN", "BACKWARD", "VARIANCE", "PYTORCH")
    head = ("ACTIVATION", "ALSO", "AUTO", *gains, "SLOPE", "FORMULA")
    auto = listings.schemes()[AUTO]["activations"]
    return _columns(head, [_activation(each, auto[each.name]) for each in ACTIVATIONS.values()])


def _layers() -> str:
    """Every layer with its letters in each framework, and the meaning of the letters."""
    rows = [
        (each.name, *(each.letters.get(framework, _ABSENT) for framework in FRAMEWORKS))
        for each in LAYERS.values()
    ]
    letters = listings.layers()["letters"]
    return f"{_columns(('LAYER', *FRAMEWORKS), rows)}\n{_columns((), letters.items())}"


def _dtypes() -> str:
    """Every element type with its precision, and the formats that carry it."""
    head = ("DTYPE", "BYTES", "SIGNIFICAND", "LARGEST", "FORMATS")
    rows = [
        (
            name,
            str(dtype.itemsize),
            f"{PRECISIONS[name].significand} bits",
            f"{PRECISIONS[name].largest:.6g}",
            _words(each.name for each in FORMATS.values() if name in each.dtypes),
        )
        for name, dtype in DTYPES.items()
    ]
    return _columns(head, rows)


def _recipes() -> str:
    """Every family of models, with the architectures and the ready sizes of its recipe."""
    rows = [
        (each.family, _words(each.sizes), _words(each.architectures)) for each in recipes().values()
    ]
    return _columns(("FAMILY", "SIZES", "ARCHITECTURES"), rows)


def _activation(record: Activation, auto: str) -> tuple[str, ...]:
    gains = (record.gain, record.backward_gain, record.variance_gain, record.pytorch_gain)
    numbers = (_ABSENT if number is None else f"{number:.6g}" for number in (*gains, record.slope))
    return record.name, _words(record.aliases), auto, *numbers, record.formula


def _auto() -> str:
    """The scheme of `auto` for each layer that determines it, and where the others are listed."""
    by_layer = listings.schemes()[AUTO]["layers"]
    return (
        f"For these layers {AUTO} is\n{_columns((), by_layer.items())}"
        f"For all other layers {AUTO} depends on the activation:\n"
        "`python -m service activations` lists it.\n"
    )


def _words(words: Iterable[str]) -> str:
    return ", ".join(words) or _ABSENT


def _columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines of cells, each column as wide as its widest cell."""
    lines = [head, *rows] if head else list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join("  ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in lines)


COMMANDS = {
    "activations": ListingCommand("List the activations.", listings.activations, _activations),
    "layers": ListingCommand("List the layers.", listings.layers, _layers),
    "dtypes": ListingCommand("List the element types.", listings.dtypes, _dtypes),
    "recipes": ListingCommand(
        "List the families of models that have a recipe.",
        lambda: {"recipes": recipe_records()},
        _recipes,
    ),
}
