"""The audit as text for a terminal: the table, then the differences, the faults and the counts."""

from collections.abc import Callable, Sequence

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


def audit_text(
    audited: Sequence[Audited],
    differences: Sequence[Difference] | None,
    *,
    every: bool = False,
    faults: bool = False,
    like: str = "",
) -> bytes:
    """The text. `every` is a row for each tensor, and `faults` shows the rows of faults alone.

    `like` is what the tensors were compared with.
    """
    wrong = [each for each in audited if each.is_fault]
    shown = wrong if faults else audited
    alike = [Alike(each.tensor.name, (each,)) for each in shown] if every else joined(shown)
    lines = _table(alike) if alike else []
    if differences is not None:
        texts = [described(each) for each in differences]
        lines += ["", *(_first(texts) or [f"all tensors are equal to those of {like}"])]
    if wrong and not faults:
        lines += ["", *_first([_fault(each) for each in joined(wrong)])]
    lines += ["", *_counts(audited, len(wrong), differences)]
    return ("\n".join(lines).lstrip("\n") + "\n").encode()


def _table(alike: Sequence[Alike]) -> list[str]:
    rows = [_COLUMNS, *map(_row, alike)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    return [_line(row, widths) for row in rows]


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        text.rjust(width) if column in _NUMBERS else text.ljust(width)
        for text, width, column in zip(row, widths, _COLUMNS, strict=False)
    ]
    return "  ".join((*cells, row[-1])).rstrip()


def _row(alike: Alike) -> tuple[str, ...]:
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
