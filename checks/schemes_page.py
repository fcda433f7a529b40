"""The page docs/schemes.md: a section for each scheme, with its picture.

Everything on it is what `/schemes` tells. `make reference` writes the page, and `make gallery`
draws the pictures.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from checks.pictures import path_of
from service import listings
from service.cli.report import cited
from service.fields import write_value
from service.initializers.references import Reference

PATH = Path(__file__).resolve().parent.parent / "docs" / "schemes.md"

_HEAD = """# Schemes

`make reference` writes this page from the table of schemes, and `make gallery` draws the pictures.
Change the table, not the page. [reference.md](reference.md#fields) has the meanings of the fields,
and `/schemes/{name}` all of this as JSON.

Each picture shows the example, or a smaller matrix. There are three kinds:

- a histogram of the values, with a red line at the mean and dashed lines at the bounds;
- a matrix as colours: white is 0, red is above 0 and blue is below. It is cut to 47 rows and 112
  columns, and filters stand side by side;
- a curve of the values by element number.

`access` says how large a tensor may be and what a slice costs:

{access}

The families of schemes, then the frameworks:

"""

Record = Mapping[str, Any]


def page() -> str:
    """The whole page: the families of schemes, then the frameworks."""
    families: dict[str, list[Record]] = defaultdict(list)
    for record in listings.schemes()["schemes"]:
        families[record["family"]].append(record)
    named = {name for name in families if _is_framework(families[name])}
    access = "\n".join(f"- `{kind}`: {text}" for kind, text in listings.SLICING.items())
    order = [name for name in families if name not in named] + sorted(named)
    titles = {name: _title(name, name in named) for name in order}
    contents = "\n".join(f"- [{titles[name]}](#{_anchor(titles[name])})" for name in order)
    sections = (_family(titles[name], families[name]) for name in order)
    return f"{_HEAD.replace('{access}', access)}{contents}\n\n" + "\n".join(sections)


def _is_framework(records: Sequence[Record]) -> bool:
    return all("." in record["name"] for record in records)


def _title(family: str, is_framework: bool) -> str:
    if is_framework:
        return f"Presets of {family}"
    return family.replace("_", " ").capitalize()


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _family(title: str, records: Sequence[Record]) -> str:
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
