"""The audit as text for a terminal: the table, then the differences, the faults and the counts."""

from collections.abc import Callable, Sequence
from textwrap import wrap

from service.audit.checkpoint.law_text import listed
from service.audit.checkpoint.overview import Alike, counts_of, joined, predicate
from service.audit.checkpoint.page import described
from service.audit.checkpoint.verdicts import Audited, Gains, Verdict
from service.audit.files.likeness import Difference
from service.models.html import shown_name

MOST_NAMES = 2
"""The most names of a law in the table."""

MOST_LAWS = 4
"""The most laws of an undecided tensor in the table, each with its first name."""

MOST_REPEATED = 20
"""The most faults after the table, and the most differences."""

_NUMBERS = ("std", "/He", "/Glorot", "/LeCun")
_COLUMNS = ("tensor", "shape", "fans", *_NUMBERS, "verdict", "law or explanation")
"""A column such as /He is the std divided by He's."""

_WIDEST_NAME = 48

_NARROWEST = 40
"""The least width of the last column beside the others."""

Row = tuple[str, ...]


def audit_text(
    audited: Sequence[Audited],
    differences: Sequence[Difference] | None,
    *,
    every: bool = False,
    faults: bool = False,
    like: str = "",
    width: int | None = None,
) -> bytes:
    """The text. `every` is a row for each tensor, and `faults` shows the rows of faults alone.

    `like` is what the tensors were compared with. `width` is that of the terminal; without one each
    row is one line.
    """
    wrong = [each for each in audited if each.is_fault]
    shown = wrong if faults else audited
    alike = [Alike(each.tensor.name, (each,)) for each in shown] if every else joined(shown)
    lines = []
    if differences is not None:
        texts = [described(each) for each in differences]
        lines += ["", *(_first(texts) or [f"all tensors are equal to those of {like}"])]
    if wrong and not faults:
        lines += ["", *_first([_fault(each) for each in joined(wrong)])]
    lines += ["", *_counts(audited, len(wrong), differences)]
    table = _table(alike, width) if alike else []
    lines = [*table, *(part for line in lines for part in _wrapped(line, width, "", "  "))]
    return ("\n".join(lines).lstrip("\n") + "\n").encode()


def _table(alike: Sequence[Alike], width: int | None) -> list[str]:
    rows = [_COLUMNS, *map(_row, alike)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    lines = [(_line(row, widths) + row[-1]).rstrip() for row in rows]
    if width is None or max(map(len, lines)) <= width:
        return lines
    indent = " " * len(_line(_COLUMNS, widths))
    if width - len(indent) < _NARROWEST:
        return _narrow_table(rows, widths, width)
    return [line for row in rows for line in _wrapped(row[-1], width, _line(row, widths), indent)]


def _narrow_table(rows: Sequence[Row], widths: list[int], width: int) -> list[str]:
    """The rows with their last two columns below them.

    A name that has no room beside its numbers is on a line of its own.
    """
    numbers = sum(count + 2 for count in widths[1:-1])
    room = max(min(widths[0], width - numbers), len(_COLUMNS[0]))
    lines = []
    for name, *cells, verdict, told in rows:
        line = _line((name, *cells), [room, *widths[1:-1]])
        if len(name) > room:
            lines += [name, (" " * room + line[len(name) :]).rstrip()]
        else:
            lines.append(line.rstrip())
        lines += _wrapped(f"{verdict}: {told}", width, "  ", "    ")
    return lines


def _line(row: Row, widths: list[int]) -> str:
    """The cells that have a width, each with the space after it."""
    cells = (
        text.rjust(width) if column in _NUMBERS else text.ljust(width)
        for text, width, column in zip(row, widths, _COLUMNS, strict=False)
    )
    return "".join(f"{cell}  " for cell in cells)


def _wrapped(text: str, width: int | None, first: str, indent: str) -> list[str]:
    """A text behind `first`, in lines that fit; those after the first one are indented."""
    if width is None or len(first) + len(text) <= width:
        return [first + text]
    return wrap(text, width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)


def _row(alike: Alike) -> Row:
    first = alike.tensors[0]
    fans = first.fans
    return (
        _named(alike),
        "x".join(map(str, first.tensor.shape)) or "scalar",
        "-" if fans is None else f"{fans.fan_in:g},{fans.fan_out:g}",
        _range([each.summary.std for each in alike.tensors]),
        *(_mean([ratio(each.gains) for each in alike.tensors if each.gains]) for ratio in _RATIOS),
        first.verdict.value,
        _told(alike),
    )


_RATIOS: tuple[Callable[[Gains], float], ...] = (
    lambda gains: gains.he,
    lambda gains: gains.glorot,
    lambda gains: gains.lecun,
)


def _mean(numbers: Sequence[float]) -> str:
    return f"{sum(numbers) / len(numbers):.4g}" if numbers else "-"


def _range(numbers: Sequence[float | None]) -> str:
    """The number that all have, or the least and the greatest."""
    known = [number for number in numbers if number is not None]
    if not known:
        return "-"
    if len(known) == 1:
        return f"{known[0]:.4g}"
    least, greatest = f"{min(known):.3g}", f"{max(known):.3g}"
    return least if least == greatest else f"{least}..{greatest}"


def _named(alike: Alike) -> str:
    count = len(alike.tensors)
    return _short(shown_name(alike.name)) + (f" ({count})" if count > 1 else "")


def _told(alike: Alike) -> str:
    """The laws, the explanation of a fault, or both if the values do not decide."""
    first = alike.tensors[0]
    explanation = _explanation(alike)
    if first.is_fault or not first.laws:
        return explanation
    laws = listed(first.laws, MOST_NAMES, MOST_LAWS)
    if first.verdict is Verdict.UNDECIDED:
        laws.append(explanation)
    if first.note is not None:
        laws.append(_of_all([each.note for each in alike.tensors]))
    return "; ".join(laws)


def _explanation(alike: Alike) -> str:
    return _of_all([each.explanation for each in alike.tensors])


def _of_all(texts: Sequence[str | None]) -> str:
    """What is said of all, or of the first one."""
    first = shown_name(texts[0] or "")
    return first if len(set(texts)) == 1 else f"{first} (the first one)"


def _fault(alike: Alike) -> str:
    told = predicate(alike.tensors[0].verdict, len(alike.tensors))
    return f"fault: {_named(alike)} {told}: {_explanation(alike)}"


def _first(lines: Sequence[str]) -> list[str]:
    """The first lines, and the number of the others."""
    more = len(lines) - MOST_REPEATED
    return [*lines[:MOST_REPEATED], *([f"... and {more} more"] if more > 0 else [])]


def _counts(
    audited: Sequence[Audited], faults: int, differences: Sequence[Difference] | None
) -> list[str]:
    verdicts = ", ".join(f"{count} {verdict.value}" for verdict, count in counts_of(audited))
    count = f"{len(audited)} tensor{'' if len(audited) == 1 else 's'}"
    last = f"{count}, {faults or 'no'} fault{'' if faults == 1 else 's'}"
    if differences:
        last += f", {len(differences)} difference{'' if len(differences) == 1 else 's'}"
    return [f"verdicts: {verdicts}", last]


def _short(name: str) -> str:
    """The name, or its beginning and end."""
    if len(name) <= _WIDEST_NAME:
        return name
    half = (_WIDEST_NAME - 3) // 2
    return f"{name[:half]}...{name[-half:]}"
