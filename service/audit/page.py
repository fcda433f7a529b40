"""The audit as one HTML file, without a script and without other files."""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from service.audit.candidates import Candidate
from service.audit.likeness import Difference
from service.audit.tally import Histogram
from service.audit.verdicts import Audited
from service.models.html import count_of, element, shown_name, significant, written_page

_STYLE = """
:root{color-scheme:light dark;--ground:#fff;--text:#1b1f24;--quiet:#57606a;--edge:#d0d7de;
--panel:#f6f8fa;--bad:#b3261e;--bar:#0063a8;--curve:#c04a00}
@media (prefers-color-scheme:dark){:root{--ground:#14181d;--text:#e6e9ed;--quiet:#a0a8b2;
--edge:#3a424c;--panel:#1d232a;--bad:#ff8a80;--bar:#6cb8f0;--curve:#ff9e4a}}
*{box-sizing:border-box}
body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:90rem;
background:var(--ground);color:var(--text)}
h1{font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}
.wide{overflow-x:auto;border:1px solid var(--edge)}
table{border-collapse:collapse;width:100%;font-size:.875rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--quiet);padding:.35rem .5rem}
th,td{padding:.35rem .5rem;text-align:left;vertical-align:top;border-top:1px solid var(--edge)}
thead th{background:var(--panel);white-space:nowrap}
tbody th{font-weight:400;overflow-wrap:anywhere;min-width:9rem;unicode-bidi:isolate}
.number{text-align:right;white-space:nowrap}
.fault{color:var(--bad);font-weight:600}
.quiet{color:var(--quiet)}
svg{display:block;width:8rem;height:2.5rem}
.bars{fill:var(--bar)}
.curve{stroke:var(--curve);stroke-width:1.5;fill:none;vector-effect:non-scaling-stroke}
"""

_HEADINGS = (
    ("tensor", ""),
    ("shape", ""),
    ("dtype", ""),
    ("layout", ""),
    ("fan_in", "number"),
    ("fan_out", "number"),
    ("std", "number"),
    ("of He", "number"),
    ("of Glorot", "number"),
    ("of LeCun", "number"),
    ("values", ""),
    ("verdict", ""),
    ("law", ""),
)

_WIDTH, _HEIGHT = 128, 40

MOST_NAMES = 6
"""The most names of a law in a cell. The JSON has all."""


def audit_page(
    title: str, audited: Sequence[Audited], differences: Sequence[Difference] | None
) -> bytes:
    """The page in UTF-8. `title` is the name of the checkpoint."""
    faults = sum(each.is_fault for each in audited)
    elements = sum(each.summary.count for each in audited)
    told = f"{count_of(len(audited), 'tensor')}, {count_of(elements, 'element')}: "
    told += count_of(faults, "fault") if faults else "no fault"
    if differences:
        told += f", {count_of(len(differences), 'difference')}"
    body = element(
        "body",
        element(
            "main",
            element("h1", f"Audit of {shown_name(title)}"),
            element("p", told, class_="fault" if faults or differences else ""),
            *([] if differences is None else [_differences(differences)]),
            element("div", _table(audited), class_="wide"),
        ),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width"),
        element("title", f"Audit of {shown_name(title)}"),
        element("style", _STYLE),
    )
    return written_page(element("html", head, body, lang="en"))


def _differences(differences: Sequence[Difference]) -> Element:
    if not differences:
        return element("p", "All tensors are equal to those that they were compared with.")
    return element("ul", *(element("li", described(each)) for each in differences))


def described(difference: Difference) -> str:
    """A difference in one line."""
    name = shown_name(difference.name)
    if difference.index is None:
        return f"{name} {difference.what}"
    place = ", ".join(map(str, difference.index))
    first = "" if difference.count == 1 else "the first "
    values = f"{difference.here!r}, not {difference.there!r}"
    return f"{name}: {difference.what}, {first}at [{place}]: {values}"


def _table(audited: Sequence[Audited]) -> Element:
    headings = (element("th", text, class_=kind, scope="col") for text, kind in _HEADINGS)
    caption = (
        "std of He, Glorot and LeCun: the std divided by theirs. Values: the histogram, and the "
        "density of the law as a line."
    )
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *headings)),
        element("tbody", *(element("tr", *_cells(each)) for each in audited)),
    )


def _cells(audited: Audited) -> Iterator[Element]:
    tensor, fans, gains = audited.tensor, audited.fans, audited.gains
    yield element("th", shown_name(tensor.name), scope="row")
    yield element("td", " x ".join(map(str, tensor.shape)))
    yield element("td", tensor.dtype)
    yield element("td", "" if audited.reading is None else audited.reading.letters)
    counts = (None, None) if fans is None else (fans.fan_in, fans.fan_out)
    ratios = (None,) * 3 if gains is None else (gains.he, gains.glorot, gains.lecun)
    for number in (*counts, audited.summary.std, *ratios):
        yield element("td", "" if number is None else significant(number), class_="number")
    yield element("td", *_histogram(audited))
    kind = "fault" if audited.is_fault else ""
    yield element(
        "td",
        element("span", audited.verdict.value, class_=kind),
        element("br"),
        element("span", shown_name(audited.explanation), class_="quiet"),
    )
    yield element("td", "; ".join(named(law, MOST_NAMES) for law in audited.laws))


def named(law: Candidate, most: int) -> str:
    """A law in one line: its distribution, its std, and the first names that mean it."""
    names = ", ".join(law.names[:most]) + (", ..." if len(law.names) > most else "")
    return f"{law.distribution.replace('_', ' ')} {law.std:.4g} ({names})"


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
    label = f"histogram from {significant(edges.low)} to {significant(edges.high)}"
    picture = element(
        "svg",
        element("title", label),
        *shapes,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
    )
    return [picture]


def _bars(counts: Sequence[int], highest: float) -> str:
    width = _WIDTH / len(counts)
    return "".join(
        f"M{number * width:g} {_HEIGHT}v{-_HEIGHT * count / highest:.2f}h{width:g}V{_HEIGHT}z"
        for number, count in enumerate(counts)
        if count
    )


def _curve(expected: Sequence[float], highest: float) -> str:
    width = _WIDTH / len(expected)
    points = (
        f"{(number + 0.5) * width:.2f} {_HEIGHT * (1 - value / highest):.2f}"
        for number, value in enumerate(expected)
    )
    return "M" + "L".join(points)


def _expected(law: Candidate, histogram: Histogram, count: int) -> list[float]:
    """The expected number of values in each bin."""
    edges = histogram.edges
    width = (edges.high - edges.low) / edges.bins
    return [
        count * law.share_between(edges.low + number * width, edges.low + (number + 1) * width)
        for number in range(edges.bins)
    ]
