"""The tables as text: a line for each record, its columns aligned."""

from collections.abc import Iterable, Sequence

from service import listings
from service.cli.report import cited
from service.dtypes import DTYPES
from service.initializers.activations import ACTIVATIONS, Activation
from service.initializers.layers import FRAMEWORKS, LAYERS
from service.initializers.schemes import AUTO, SCHEMES, Scheme
from service.stream.precision import PRECISIONS
from service.wire.formats import FORMATS

_ABSENT = "-"


def schemes() -> str:
    """Every scheme with its other names and its default fan, and what `auto` stands for."""
    head = ("SCHEME", "ALSO", "MODE", "WHAT")
    rows = [
        (each.name, _words(each.aliases), each.mode or _ABSENT, each.summary)
        for each in SCHEMES.values()
    ]
    return f"{_columns(head, rows)}\n{_auto()}"


def scheme(record: Scheme) -> str:
    """All about one scheme."""
    facts = {
        "formula": record.formula,
        "also": _words(record.aliases),
        "mode": record.mode or _ABSENT,
        "distribution": _words(record.distributions or (record.distribution,)),
        "options": _words(_options(record)),
    }
    rows = [*facts.items()]
    rows += [("paper", cited(paper)) for paper in record.references]
    return f"{record.name}: {record.summary}\n\n{_columns((), rows)}"


def activations() -> str:
    """Every activation with its gains, the slope that they are for, and what `auto` is for it."""
    head = ("ACTIVATION", "ALSO", "AUTO", "GAIN", "BACKWARD", "PYTORCH", "SLOPE", "FORMULA")
    auto = listings.schemes()[AUTO]["activations"]
    return _columns(head, [_activation(each, auto[each.name]) for each in ACTIVATIONS.values()])


def layers() -> str:
    """Every layer with its letters in each framework, and what the letters mean."""
    rows = [
        (each.name, *(each.letters.get(framework, _ABSENT) for framework in FRAMEWORKS))
        for each in LAYERS.values()
    ]
    letters = listings.layers()["letters"]
    return f"{_columns(('LAYER', *FRAMEWORKS), rows)}\n{_columns((), letters.items())}"


def dtypes() -> str:
    """Every element type with its precision, and the formats that carry it."""
    head = ("DTYPE", "BYTES", "SIGNIFICAND", "LARGEST", "FORMATS")
    rows = [
        (
            name,
            str(dtype.itemsize),
            f"{PRECISIONS[name].significand} bits",
            f"{PRECISIONS[name].largest:.6g}",
            _words(form.name for form in FORMATS.values() if name in form.dtypes),
        )
        for name, dtype in DTYPES.items()
    ]
    return _columns(head, rows)


def _activation(record: Activation, auto: str) -> tuple[str, ...]:
    gains = (record.gain, record.backward_gain, record.pytorch_gain, record.slope)
    numbers = (_ABSENT if gain is None else f"{gain:.6g}" for gain in gains)
    return record.name, _words(record.aliases), auto, *numbers, record.formula


def _options(record: Scheme) -> Iterable[str]:
    return (f"--{field.replace('_', '-')}" for field in record.fields)


def _auto() -> str:
    """What `auto` stands for where the layer decides, and where the rest is listed."""
    by_layer = listings.schemes()[AUTO]["layers"]
    return (
        f"{AUTO} is, for layers of these kinds\n{_columns((), by_layer.items())}"
        "and for all others as `python -m service activations` lists.\n"
    )


def _words(words: Iterable[str]) -> str:
    return ", ".join(words) or _ABSENT


def _columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines of cells, each column as wide as its widest cell."""
    lines = [head, *rows] if head else list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join("  ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in lines)
