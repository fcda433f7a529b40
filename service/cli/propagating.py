"""The command `propagate`: what becomes of variances and gradients in a stack of equal layers."""

import textwrap
from collections.abc import Iterator

from service.cli.options import LISTED, add_fields, read_options
from service.cli.output import REFUSED, printed
from service.cli.parser import LineParser, complain_of, usable_settings
from service.errors import FaninError
from service.propagation import Propagation, Stack, parse_stack_words, propagate
from service.propagation.answer import LayerAnswer

_DESCRIPTION = (
    "Follow variances and gradients through a stack of equal layers, and say what to change."
)
_USAGE = "%(prog)s --width 512 --depth 50 --activation tanh"
_WIDTH = 96
_MOST_ROWS = 9


def print_propagation(arguments: list[str]) -> int:
    """Print the answer for the arguments. Returns the exit status."""
    words = read_options(_parser(), arguments)
    as_json = words.pop("json", None) is not None
    max_bytes = usable_settings().max_bytes
    try:
        answer = propagate(parse_stack_words(words), max_bytes=max_bytes)
    except FaninError as error:
        complain_of(error.problems, Stack.model_fields)
        return REFUSED
    return printed(answer.as_json() if as_json else text_of(answer).encode())


def _parser() -> LineParser:
    parser = LineParser("propagate", _DESCRIPTION, _USAGE, LISTED)
    parser.add_argument(
        "--json", action="store_const", const="", help="print the whole answer as JSON"
    )
    add_fields(parser, Stack)
    return parser


def text_of(answer: Propagation) -> str:
    """The answer for a terminal: the verdict, what to change, and some of the layers."""
    paragraphs = [answer.summary, *(f"Change: {each.what}" for each in answer.changes)]
    if answer.simulation is not None:
        paragraphs.append(_simulated(answer))
    paragraphs += answer.notes
    return "\n".join([*map(_wrapped, paragraphs), "", *_table(answer)]) + "\n"


def _simulated(answer: Propagation) -> str:
    found = answer.simulation
    if found is None or found.note is not None or found.within_band is None:
        return "" if found is None else f"Not simulated: {found.note}"
    return (
        f"Simulated: {found.networks} networks of issued tensors. {found.within_band:.0%} of their "
        "numbers are in the bands."
    )


def _wrapped(paragraph: str) -> str:
    return textwrap.fill(
        paragraph, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


_COLUMNS = (
    "layer",
    "name",
    "stream",
    "simulated",
    "gradient",
    "simulated",
    "chi_1",
    "correlation",
)


def _table(answer: Propagation) -> Iterator[str]:
    """At most _MOST_ROWS layers of the path, evenly apart, the first and the last among them.

    The numbers are those of the summary, so layers within a branch are left out.
    """
    judged = [layer for layer in answer.layers if layer.stream_gradient is not None]
    judged = judged or list(answer.layers)
    rows = [_COLUMNS, *(_row(judged[index]) for index in _chosen(len(judged)))]
    columns = [
        index
        for index in range(len(_COLUMNS))
        if answer.simulation is not None or _COLUMNS[index] != "simulated"
    ]
    widths = [max(len(row[index]) for row in rows) for index in columns]
    for row in rows:
        cells = zip(columns, widths, strict=True)
        yield "  ".join(row[index].rjust(width) for index, width in cells)


def _chosen(count: int) -> list[int]:
    last = count - 1
    steps = min(count, _MOST_ROWS) - 1
    return [round(last * step / steps) for step in range(steps + 1)] if steps else [0]


def _row(layer: LayerAnswer) -> tuple[str, ...]:
    simulated = layer.simulated
    numbers = (
        layer.stream,
        None if simulated is None else simulated.stream,
        layer.stream_gradient,
        None if simulated is None else simulated.stream_gradient,
        layer.chi_1,
        layer.correlation,
    )
    return (str(layer.number), layer.name[:24], *map(_number, numbers))


def _number(number: float | None) -> str:
    return "-" if number is None else f"{number:.4g}"
