"""A model as one HTML page: its files, the std of its weights against depth, and its tensors.

The page needs no script and no other file. Its length is bounded: of a long list it has the first
entries, and it says where the whole list is.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from xml.etree.ElementTree import Element

from service.models.depth_curves import MOST_POINTS, DepthCurves, depth_curves
from service.models.depth_plot import legend, plot, styles
from service.models.html import (
    Content,
    count_of,
    element,
    shown_name,
    significant,
    written_page,
)
from service.models.listing import model_url
from service.models.page_rows import Row, placed_tensors, rows
from service.models.planning import INDEX, ModelPlan, ModelWarning

MOST_ROWS = 2_000
MOST_ROW_BYTES = 1 << 20
"""The most bytes of names and URLs in the table. A row may have 2,000."""

MOST_FILES = 10
MOST_LISTED = 100
"""The most warnings, and the most names of any other list."""

_STYLE = """
:root{color-scheme:light dark;--ground:#fff;--text:#1b1f24;--quiet:#57606a;--edge:#d0d7de;
--panel:#f6f8fa;--link:#0550ae}
@media (prefers-color-scheme:dark){:root{--ground:#14181d;--text:#e6e9ed;--quiet:#a0a8b2;
--edge:#3a424c;--panel:#1d232a;--link:#79b8ff}}
*{box-sizing:border-box}
body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:76rem;
background:var(--ground);color:var(--text);overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25}
h2{font-size:1.2rem;margin:2rem 0 .5rem}
p,ul{max-width:48rem}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
code,pre{font:.9em/1.4 ui-monospace,monospace;unicode-bidi:isolate}
pre{background:var(--panel);border:1px solid var(--edge);padding:.6rem;white-space:pre-wrap;
user-select:all;max-height:9rem;overflow:auto}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:1rem 0}
dt{color:var(--quiet)}
dd{margin:0}
figure{margin:0;max-width:36rem}
figure>svg{display:block;width:100%;height:auto}
figcaption{color:var(--quiet)}
svg text{font:14px system-ui,sans-serif;fill:currentColor}
.axis{stroke:currentColor;stroke-opacity:.5;fill:none}
.grid{stroke:currentColor;stroke-opacity:.15;fill:none}
.point{stroke:currentColor;stroke-width:1.8;fill:currentColor;fill-opacity:.15}
.line{stroke:currentColor;stroke-width:1.2;stroke-opacity:.7;fill:none}
.legend{list-style:none;padding:0}
.legend li{display:grid;grid-template-columns:16px 1fr;gap:.5rem;align-items:start}
.legend svg{margin-top:.25rem}
.wide{overflow-x:auto;border:1px solid var(--edge)}
table{border-collapse:collapse;width:100%;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .5rem;text-align:left;vertical-align:top;border-top:1px solid var(--edge);
white-space:nowrap}
thead th{background:var(--panel)}
tbody th{position:sticky;left:0;background:var(--ground);font-weight:400;white-space:normal;
min-width:18rem;max-width:30rem}
.number{text-align:right}
@media (max-width:40rem){body{padding:.75rem}h1{font-size:1.25rem}
tbody th{min-width:9rem;max-width:42vw}}
"""

_HEADINGS = (
    ("name", ""),
    ("tensors", "number"),
    ("shape", ""),
    ("dtype", ""),
    ("scheme", ""),
    ("distribution", ""),
    ("fan_in", "number"),
    ("fan_out", "number"),
    ("gain", "number"),
    ("mean", "number"),
    ("std", "number"),
    ("bytes of each", "number"),
    ("bytes of the first", ""),
)
"""The heading of each column, and the class of its cells."""


def page(plan: ModelPlan, token: str, others: Collection[str]) -> bytes:
    """The page in UTF-8. `others` are the names of the files that have no tensors."""
    placed = placed_tensors(plan)
    url = model_url(token)
    title = f"{_title(plan)}, seed {plan.seed}"
    body = element(
        "body",
        element(
            "main",
            element("h1", title),
            element("p", _sentence(plan, len(placed))),
            _facts(plan, len(placed)),
            *_files(plan, token, others),
            *_notes(plan),
            *_plot(depth_curves(plan, placed)),
            *_tensors(rows(plan, placed), len(placed), url),
        ),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{title} - Fanin"),
        element("style", _STYLE + styles()),
    )
    return written_page(element("html", head, body, lang="en"))


def _title(plan: ModelPlan) -> str:
    architecture = plan.manifest.architecture
    return "Listed tensors" if architecture is None else shown_name(architecture)


def _sentence(plan: ModelPlan, tensors: int) -> str:
    """What the page is about."""
    architecture = plan.manifest.architecture
    whose = "a list of tensors" if architecture is None else f"a new {shown_name(architecture)}"
    return (
        f"The initial weights of {whose}: {count_of(tensors, 'tensor')} with "
        f"{count_of(plan.parameters, 'parameter')}. The address of this page contains the whole "
        "manifest, so everyone who opens it gets the same bytes."
    )


def _facts(plan: ModelPlan, tensors: int) -> Element:
    choice = plan.model.choice
    entries: list[tuple[str, Content]] = [("seed", str(plan.seed)), ("dtype", plan.manifest.dtype)]
    if choice is not None:
        recipe = choice.recipe
        link = element("a", recipe.title, href=f"/recipes/{recipe.family}")
        entries.insert(0, ("architecture", shown_name(choice.architecture)))
        entries.insert(1, ("recipe", element("span", link, f", edition {recipe.edition}")))
        entries.append(("names", f"as in the {plan.manifest.names}"))
    entries += [
        ("parameters", f"{plan.parameters:,}"),
        ("bytes", element("span", f"{plan.bytes:,}", f" ({_size(plan.bytes)})")),
        ("tensors", f"{tensors:,}"),
        ("status", element("span", element("strong", "draft"), _draft(plan))),
    ]
    pairs = (part for term, told in entries for part in (element("dt", term), element("dd", told)))
    return element("dl", *pairs)


def _draft(plan: ModelPlan) -> str:
    drafts = ", ".join(plan.drafts)
    on = f" Draft schemes in use: {drafts}." if drafts else ""
    return f". A later release may change the bytes; their tags change with them.{on}"


def _size(number: int) -> str:
    """Bytes in the largest decimal unit of which there is at least one."""
    units = ("bytes", "KB", "MB", "GB", "TB", "PB", "EB")
    power = min((len(str(number)) - 1) // 3, len(units) - 1)
    return f"{number / 1000**power:.3g} {units[power]}"


def _files(plan: ModelPlan, token: str, others: Collection[str]) -> Iterator[Element]:
    """Links to the files, and lines for the shell."""
    url = model_url(token)
    yield element("h2", "Files")
    listed = (
        element("li", _link(f"{url}/{file.name}", file.name), f", {file.length:,} bytes")
        for file in plan.files[:MOST_FILES]
    )
    beside = (element("li", _link(f"{url}/{name}", name)) for name in sorted(others))
    whole = element("li", _link(url, "the listing of all tensors, as JSON"))
    yield element("ul", *listed, *beside, whole)
    if len(plan.files) > MOST_FILES:
        left = len(plan.files) - MOST_FILES
        yield element("p", f"{left:,} more are listed in ", _link(f"{url}/{INDEX}", INDEX), ".")
    yield element("p", "With curl; FANIN is the address of this server:")
    yield element("pre", f'curl --fail --remote-name "$FANIN{url}/{_globbed(plan)}"', tabindex="0")
    yield element("p", "Without a server, from a copy of Fanin:")
    yield element("pre", f"python -m service model {token} -o model", tabindex="0")


def _globbed(plan: ModelPlan) -> str:
    """The name of the only file, or the name with a range that curl expands."""
    if len(plan.files) == 1:
        return plan.files[0].name
    last = f"{len(plan.files):05d}"
    return f"model-[00001-{last}]-of-{last}.safetensors"


def _notes(plan: ModelPlan) -> Iterator[Element]:
    """Warnings, ignored keys and tied names, those that there are."""
    if plan.warnings:
        yield element("h2", "Warnings")
        yield from _list([_warning(each) for each in plan.warnings])
    if plan.model.tied:
        yield element("h2", "Tied names")
        yield element("p", "These share the memory of a tensor, so they are in no file.")
        yield from _list(
            [element("li", _code(name), " is ", _code(to)) for name, to in plan.model.tied.items()]
        )
    if plan.model.ignored:
        yield element("h2", "Ignored keys of the config")
        yield element("p", "They decide neither names nor shapes nor distributions.")
        names = [part for name in plan.model.ignored[:MOST_LISTED] for part in (", ", _code(name))]
        yield element("p", *names[1:])
        yield from _left_out(len(plan.model.ignored))


def _warning(warning: ModelWarning) -> Element:
    where: list[Content] = []
    if warning.tensors:
        where = [f" ({count_of(warning.tensors, 'tensor')}, first ", _code(warning.example), ")"]
    return element("li", _code(warning.code), f": {shown_name(warning.message)}", *where)


def _list(entries: Sequence[Element]) -> Iterator[Element]:
    yield element("ul", *entries[:MOST_LISTED])
    yield from _left_out(len(entries))


def _left_out(entries: int) -> Iterator[Element]:
    if entries > MOST_LISTED:
        yield element("p", f"{entries - MOST_LISTED:,} more are in the listing.")


def _plot(curves: DepthCurves) -> Iterator[Element]:
    yield element("h2", "Std against depth", id="plot")
    yield element("p", " ".join(_about(curves)))
    if curves.curves:
        caption = element("figcaption", "The std of each curve, and the names that it stands for:")
        yield element("figure", plot(curves), caption, legend(curves), aria_labelledby="plot")


def _about(curves: DepthCurves) -> Iterator[str]:
    """How to read the plot, and what it leaves out."""
    yield (
        "The depth is the first number in a tensor's name, and * stands for the numbers of many "
        "names. Names with equal points share a curve. The scale of the std is logarithmic."
    )
    if curves.before is not None or curves.after is not None:
        yield "Tensors of no layer are before or after the layers."
    if curves.constant:
        yield f"{_are(curves.constant)} left out because the std is 0."
    if curves.unknown:
        yield f"{_are(curves.unknown)} left out because the std is not known."
    if curves.hidden:
        yield f"{count_of(curves.hidden, 'curve')} with fewer points are not drawn."
    if curves.thinned:
        yield f"Of long curves about {MOST_POINTS} points are drawn, at even distances."


def _are(tensors: int) -> str:
    return f"{count_of(tensors, 'tensor')} {'is' if tensors == 1 else 'are'}"


def _tensors(every: Iterable[Row], tensors: int, url: str) -> Iterator[Element]:
    """The table. It ends at MOST_ROWS rows or MOST_ROW_BYTES bytes of names and URLs."""
    made, shown, size = list[Element](), 0, 0
    for row in every:
        size += len(row.name.encode()) + len(row.url or "")
        if len(made) == MOST_ROWS or size > MOST_ROW_BYTES:
            break
        made.append(_row(row))
        shown += row.count
    left = tensors - shown
    yield element("h2", "Tensors", id="tensors")
    yield element(
        "p",
        "Tensors with equal facts whose names differ in their numbers share a row: {0..11} stands "
        "for the numbers 0 to 11.",
    )
    if left:
        yield element(
            "p",
            f"This table has the first {count_of(len(made), 'row')}. It leaves out "
            f"{count_of(left, 'tensor')}. ",
            _link(url, "The listing as JSON"),
            " has all of them.",
        )
    headings = (_classed("th", kind, text, scope="col") for text, kind in _HEADINGS)
    table = element(
        "table",
        element("thead", element("tr", *headings)),
        element("tbody", *made),
    )
    yield element(
        "div", table, class_="wide", role="region", tabindex="0", aria_labelledby="tensors"
    )


def _row(row: Row) -> Element:
    facts = row.facts
    cells: tuple[Content, ...] = (
        f"{row.count:,}",
        " \N{MULTIPLICATION SIGN} ".join(map(str, row.shape)) or "scalar",
        row.dtype,
        str(facts["scheme"]),
        str(facts["distribution"]),
        *(_number(facts[fact]) for fact in ("fan_in", "fan_out", "gain", "mean", "std")),
        f"{row.bytes:,}",
        _own(row),
    )
    kinds = (kind for _, kind in _HEADINGS[1:])
    return element(
        "tr",
        element("th", _code(row.name), scope="row"),
        *(_classed("td", kind, cell) for kind, cell in zip(kinds, cells, strict=True)),
    )


def _number(fact: str | float | None) -> Content:
    """Four digits of a number; `value` has all of them."""
    if not isinstance(fact, int | float):
        return ""
    return element("data", significant(fact), value=repr(fact))


def _own(row: Row) -> Content:
    """A link to the bytes of the first tensor."""
    if row.url is None:
        return "only in the file"
    if row.parts > 1:
        return element("span", _link(row.url, "own URL"), f" of the first of {row.parts} parts")
    return _link(row.url, "own URL")


def _classed(tag: str, kind: str, content: Content, **attributes: str) -> Element:
    return element(tag, content, **attributes, **({"class_": kind} if kind else {}))


def _link(url: str, text: str) -> Element:
    return element("a", text, href=url)


def _code(name: str) -> Element:
    return element("code", shown_name(name))
