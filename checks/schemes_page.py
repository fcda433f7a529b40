"""The page docs/schemes.md: what people need, and a section for each scheme, with its picture.

The table of needs is in `checks/needs.py`, and all else is what `/schemes` tells. `make reference`
writes the page, and `make gallery` draws the pictures.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from checks.needs import NEEDS
from checks.pictures import path_of
from service import listings
from service.cli.report import cited
from service.fields import write_value
from service.initializers.references import Reference
from service.initializers.schemes import SCHEMES

PATH = Path(__file__).resolve().parent.parent / "docs" / "schemes.md"

_HEAD = """# Schemes

## What do you need?

{needs}
To search all schemes, ask `/schemes?q=edge` or `python -m service schemes --find edge`. `family=`
and `framework=`, or `--family` and `--framework`, list a part of them.

## How to read this page

`make reference` writes this page from the table of schemes and from `checks/needs.py`, and
`make gallery` draws the pictures. Change the tables, not the page.
[reference.md](reference.md#fields) has the meanings of the fields, and `/schemes/{name}` the facts
of a scheme as JSON.

Each picture shows the example, or a smaller matrix. There are three kinds:

- a histogram of the values, with a red line at the mean and dashed lines at the bounds;
- a matrix as colours: white is 0, red is above 0 and blue is below. It is cut to 47 rows and 112
  columns, and filters stand side by side;
- a curve of the values by element number.

`access` says how large a tensor may be and what a slice costs:

{access}

The kinds of schemes, then the frameworks:

"""

_CODE = re.compile("`([^`]+)`")

Record = Mapping[str, Any]


def page() -> str:
    """The whole page: the needs, then the kinds of schemes, then the frameworks."""
    records = {record["name"]: record for record in listings.schemes()["schemes"]}
    groups = listings.under_headings(SCHEMES.values())
    access = "\n".join(f"- `{kind}`: {text}" for kind, text in listings.SLICING.items())
    head = _HEAD.replace("{access}", access).replace("{needs}", _needs())
    contents = "\n".join(f"- [{title}](#{anchor(title)})" for title in groups)
    sections = (
        _group(title, [records[scheme.name] for scheme in group]) for title, group in groups.items()
    )
    return f"{head}{contents}\n\n" + "\n".join(sections)


def _needs() -> str:
    """The table of needs. Each scheme in it is a link to its section."""
    rows = (f"| {need} | {_CODE.sub(_linked, schemes)} |\n" for need, schemes in NEEDS)
    return "| need | scheme |\n| --- | --- |\n" + "".join(rows)


def _linked(code: re.Match[str]) -> str:
    """A scheme in backticks as a link; a field or a path as it is."""
    return f"[{code[0]}](#{anchor(code[1])})" if code[1] in SCHEMES else code[0]


def anchor(heading: str) -> str:
    """The link target that GitHub makes of a heading.

    It is in lower case and has hyphens for spaces and no other punctuation.
    """
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _group(title: str, records: Sequence[Record]) -> str:
    return f"## {title}\n\n" + "\n".join(map(_section, records))


def _section(record: Record) -> str:
    name = record["name"]
    facts = "\n".join(f"- {kind}: {fact}" for kind, fact in _facts(record))
    picture = f"![The example of {name}](schemes/{path_of(name).name})"
    return (
        f"### `{name}`\n\n{record['summary']}\n\n`{record['formula']}`\n\n{picture}\n\n{facts}\n\n"
        f"```text\n{record['example_url']}\n```\n"
    )


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    """What is told of a scheme in a list: each fact with its kind."""
    draft, preset = record["draft"], record["preset"]
    yield "status", record["status"] if draft is None else f"draft {draft}"
    yield "distribution", _codes(record["distributions"] or (record["distribution"],))
    if record["parameters"]:
        yield "takes", ", ".join(map(_parameter, record["parameters"]))
    if record["variants"]:
        yield "variants", _codes(record["variants"])
    if record["aliases"]:
        yield "also", _codes(record["aliases"])
    if preset is not None and preset["layer"] is not None:
        yield "layer", f"`{preset['layer']}` of {preset['framework']}"
    yield "access", f"`{record['access']}`"
    if record["source"]:
        yield "source", record["source"]
    if record["fault"]:
        yield "fault", record["fault"]
    for paper in record["references"]:
        yield "paper", cited(Reference(**paper))


def _parameter(parameter: Mapping[str, Any]) -> str:
    name, default = parameter["name"], parameter["default"]
    return f"`{name}`" if default is None else f"`{name}={write_value(name, default)}`"


def _codes(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
