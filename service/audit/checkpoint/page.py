"""The audit as one HTML file, without a script and without other files."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from xml.etree.ElementTree import Element

from service.audit.checkpoint.law_text import listed
from service.audit.checkpoint.overview import counts_of, faults_first, predicate
from service.audit.checkpoint.verdicts import FAULTS, Audited, Verdict
from service.audit.files.likeness import Difference
from service.audit.laws.candidates import Candidate
from service.audit.tally import Histogram
from service.models.html import (
    Content,
    count_of,
    element,
    shown_name,
    significant,
    written,
    written_page,
)

_STYLE = """
:root{color-scheme:light dark;--ground:#fff;--text:#1b1f24;--quiet:#57606a;--edge:#d0d7de;
--panel:#f6f8fa;--bad:#b3261e;--bar:#0063a8;--curve:#c04a00}
@media (prefers-color-scheme:dark){:root{--ground:#14181d;--text:#e6e9ed;--quiet:#a0a8b2;
--edge:#3a424c;--panel:#1d232a;--bad:#ff8a80;--bar:#6cb8f0;--curve:#ff9e4a}}
*{box-sizing:border-box}
body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:90rem;
background:var(--ground);color:var(--text)}
h1{font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}
h2{font-size:1.125rem;margin:1.5rem 0 .5rem}
a{color:inherit}
ul{margin:.5rem 0;padding-left:1.25rem}
li{overflow-wrap:anywhere}
bdi{font-weight:600}
.counts{display:flex;flex-wrap:wrap;gap:.5rem;list-style:none;padding:0}
.counts li{border:1px solid var(--edge);border-radius:.25rem;padding:.125rem .5rem}
section{content-visibility:auto;contain-intrinsic-size:auto 1rem auto 900rem}
table{border-collapse:collapse;table-layout:fixed;width:100%;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:.5rem;text-align:left;vertical-align:top;border-top:1px solid var(--edge)}
thead th{background:var(--panel);white-space:nowrap}
thead th:first-child{width:26%}
thead .number{width:4.5rem}
.values{width:10rem}
tbody th{font-weight:400;overflow-wrap:anywhere}
tr:target{background:var(--panel)}
td.verdict{overflow-wrap:anywhere}
.number{text-align:right;white-space:nowrap}
.fault{color:var(--bad);font-weight:600}
.quiet{color:var(--quiet)}
td div,th div{margin-top:.125rem}
svg{display:block;width:9rem;height:2.5rem;border-bottom:1px solid var(--edge)}
.ends{display:flex;justify-content:space-between;width:9rem;color:var(--quiet);font-size:.75rem}
.bars{fill:var(--bar)}
.curve{stroke:var(--curve);stroke-width:1.5;fill:none;vector-effect:non-scaling-stroke}
@media (max-width:50rem){
thead{display:none}
table,tbody,tr,tbody th,td{display:block;width:auto}
tr{border-top:1px solid var(--edge);padding:.5rem 0}
th,td{border:0;padding:.125rem 0}
td.number{display:inline-block;margin-right:1rem;text-align:left}
td.number:empty{display:none}
td.number::before{content:attr(title) " ";color:var(--quiet)}
}
"""

_HEADINGS = (
    ("tensor", ""),
    ("std", "number"),
    ("/He", "number"),
    ("/Glorot", "number"),
    ("/LeCun", "number"),
    ("values", "values"),
    ("verdict", ""),
)

_LEGEND = (
    "/He, /Glorot and /LeCun: the std divided by theirs. Values: the histogram with its two ends, "
    "and the density of the law as a line."
)

MOST_ROWS = 200
"""The most rows of a table."""

_WIDTH, _HEIGHT = 128, 40

MOST_LISTED = 200
"""The most faults above the table, and the most differences."""

MOST_NAMES = 3
"""The most names of a law in a cell. The JSON has all."""

MOST_LAWS = 4
"""The most laws of an undecided tensor that have a line of their own."""


def audit_page(
    title: str,
    audited: Sequence[Audited],
    differences: Sequence[Difference] | None,
    like: str = "",
) -> bytes:
    """The page in UTF-8. `title` names the checkpoint, and `like` what it was compared with."""
    ordered = faults_first(audited)
    faults = [each for each in ordered if each.is_fault]
    elements = sum(each.summary.count for each in audited)
    told = f"{count_of(len(audited), 'tensor')}, {count_of(elements, 'element')}: "
    told += count_of(len(faults), "fault") if faults else "no fault"
    if differences:
        told += f", {count_of(len(differences), 'difference')}"
    body = element(
        "body",
        element(
            "main",
            element("h1", f"Audit of {shown_name(title)}"),
            element("p", told, class_="fault" if faults or differences else ""),
            element("ul", *_counts(audited), class_="counts"),
            *(_faults(faults) if faults else []),
            *([] if differences is None else _differences(differences, like)),
            element("h2", "Tensors"),
            element("p", _LEGEND, class_="quiet"),
        ),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width"),
        element("title", f"Audit of {shown_name(title)}"),
        element("style", _STYLE),
    )
    page = written_page(element("html", head, body, lang="en"))
    # A tree of all rows would need a gigabyte for 200,000 tensors. No text has this tag: it would
    # be escaped.
    before, end, after = page.rpartition(b"</main>")
    return b"".join((before, *map(written, _tables(ordered)), end, after))


def _counts(audited: Sequence[Audited]) -> Iterator[Element]:
    for verdict, count in counts_of(audited):
        kind = "fault" if verdict in FAULTS else ""
        yield element("li", f"{count:,} {verdict.value}", class_=kind)


def _faults(faults: Sequence[Audited]) -> list[Element]:
    """The faults with their explanations. Each leads to its row, of which they are the first."""
    lines = []
    for number, each in enumerate(faults[:MOST_LISTED]):
        name = element("a", element("bdi", *_breakable(each.tensor.name)), href=f"#t{number}")
        told = _breakable(f" {predicate(each.verdict, 1)}: {each.explanation}")
        lines.append(element("li", name, *told))
    return [element("h2", "Faults"), element("ul", *lines), *_more(len(faults), "fault")]


def _more(count: int, noun: str) -> list[Element]:
    """How many there are beyond those that are listed."""
    more = count - MOST_LISTED
    return [element("p", f"and {count_of(more, f'more {noun}')}")] if more > 0 else []


def _differences(differences: Sequence[Difference], like: str) -> list[Element]:
    if not differences:
        return [element("p", f"All tensors are equal to those of {like}")]
    lines = (element("li", *_breakable(described(each))) for each in differences[:MOST_LISTED])
    told = element("p", f"Here is this checkpoint, and there is {like}")
    return [
        element("h2", "Differences"),
        told,
        element("ul", *lines),
        *_more(len(differences), "difference"),
    ]


def described(difference: Difference) -> str:
    """A difference in one line."""
    name = shown_name(difference.name)
    if difference.index is None:
        return f"{name} {difference.what}"
    place = ", ".join(map(str, difference.index))
    first = "" if difference.count == 1 else "the first "
    values = f"here {difference.here!r}, there {difference.there!r}"
    return f"{name}: {difference.what}, {first}at [{place}]: {values}"


def _tables(audited: Sequence[Audited]) -> Iterator[Element]:
    """The rows in tables of MOST_ROWS. A browser lays out those alone that are in view."""
    for first in range(0, len(audited), MOST_ROWS):
        rows = (
            # The faults are first, and the list of faults leads to them.
            element("tr", *_cells(each), **({"id": f"t{number}"} if each.is_fault else {}))
            for number, each in enumerate(audited[first : first + MOST_ROWS], first)
        )
        headings = (element("th", text, class_=kind, scope="col") for text, kind in _HEADINGS)
        head = element("thead", element("tr", *headings))
        yield element("section", element("table", head, element("tbody", *rows)))


def _cells(audited: Audited) -> Iterator[Element]:
    yield element(
        "th",
        element("bdi", *_breakable(audited.tensor.name)),
        element("div", " · ".join(_facts(audited)), class_="quiet"),
        scope="row",
    )
    gains = audited.gains
    ratios = (None,) * 3 if gains is None else (gains.he, gains.glorot, gains.lecun)
    titles = (title for title, kind in _HEADINGS if kind == "number")
    for number, title in zip((audited.summary.std, *ratios), titles, strict=True):
        text = "" if number is None else significant(number)
        yield element("td", text, class_="number", title=title)
    yield element("td", *_histogram(audited))
    kind = "fault" if audited.is_fault else ""
    laws = listed(audited.laws, MOST_NAMES, MOST_LAWS)
    yield element(
        "td",
        element("span", audited.verdict.value, class_=kind),
        *(element("div", *_breakable(text)) for text in laws),
        *(element("div", *_breakable(text), class_="quiet") for text in _remarks(audited)),
        class_="verdict",
    )


_BREAK = re.compile(r"(?<=[./&=_])(?=[^\W\d])")
"""Where a name may be broken: after a separator, but not within a number."""


def _breakable(text: str) -> Iterator[Content]:
    """The text, which a browser breaks at spaces and after the separators of names."""
    first, *others = _BREAK.split(shown_name(text))
    yield first
    for part in others:
        yield element("wbr")
        yield part


def _remarks(audited: Audited) -> Iterator[str]:
    """The explanation if the law does not tell it, the laws that are not excluded, and the note."""
    if audited.verdict is not Verdict.CONSISTENT:
        yield audited.explanation
    near = [law.names[0] for each in audited.laws for law in each.near]
    if near:
        yield f"not excluded: {', '.join(near[:MOST_NAMES])}" + (
            ", ..." if len(near) > MOST_NAMES else ""
        )
    if audited.note is not None:
        yield audited.note


def _facts(audited: Audited) -> Iterator[str]:
    """The shape, the dtype, the meaning of the axes and the fans."""
    yield " x ".join(map(str, audited.tensor.shape)) or "scalar"
    yield audited.tensor.dtype
    if audited.reading is not None:
        yield audited.reading.letters
    if audited.fans is not None:
        yield f"fan_in\u00a0{audited.fans.fan_in:g}"
        yield f"fan_out\u00a0{audited.fans.fan_out:g}"


def _histogram(audited: Audited) -> list[Element]:
    """The histogram as a picture, with the law's density if there is one law."""
    histogram = audited.summary.histogram
    if histogram is None or not any(histogram.counts):
        return []
    law = audited.laws[0] if len(audited.laws) == 1 else None
    expected = [] if law is None else _expected(law, histogram, audited.summary.finite)
    highest = max(*histogram.counts, *expected, 1)
    shapes = [element("path", d=_bars(histogram.counts, highest), class_="bars")]
    if expected:
        shapes.append(element("path", d=_curve(expected, highest), class_="curve"))
    edges = histogram.edges
    ends = significant(edges.low), significant(edges.high)
    picture = element(
        "svg",
        element("title", f"histogram from {ends[0]} to {ends[1]}"),
        *shapes,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
    )
    labels = (element("span", text) for text in ends)
    return [picture, element("div", *labels, class_="ends")]


def _bars(counts: Sequence[int], highest: float) -> str:
    """The outline of the bars, in whole units: a page may have thousands of them."""
    width, level = _WIDTH // len(counts), _HEIGHT
    steps = []
    for count in counts:
        top = _level(count, highest)
        steps.append(f"v{top - level}h{width}" if top != level else f"h{width}")
        level = top
    return f"M0 {_HEIGHT}{''.join(steps)}V{_HEIGHT}z"


def _level(count: float, highest: float) -> int:
    """The height of a count in the picture. A bar of one value can be seen."""
    return _HEIGHT - (max(1, round(_HEIGHT * count / highest)) if count else 0)


def _curve(expected: Sequence[float], highest: float) -> str:
    width = _WIDTH // len(expected)
    levels = [round(_HEIGHT * (1 - value / highest), 1) for value in expected]
    steps = (f"l{width} {after - before:.2g}" for before, after in pairwise(levels))
    return f"M{width // 2} {levels[0]:g}{''.join(steps)}"


def _expected(law: Candidate, histogram: Histogram, count: int) -> list[float]:
    """The expected number of values in each bin."""
    edges = histogram.edges
    width = (edges.high - edges.low) / edges.bins
    return [
        count * law.share_between(edges.low + number * width, edges.low + (number + 1) * width)
        for number in range(edges.bins)
    ]
