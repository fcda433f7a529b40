"""The lines of the results that docs/performance.md quotes, in its one table of ratios."""

from itertools import dropwhile
from typing import Any

from bench.processes import ROOT

PAGE = ROOT / "docs" / "performance.md"

QUOTED = (
    "normal-torch",
    "uniform-torch",
    "truncated-torch",
    "normal-numpy",
    "uniform-numpy",
    "normal-jax",
    "normal-cores",
    "layout-dense",
    "stream-torch",
    "stream-nginx",
    "stream-uniform",
    "connections",
    "model-gpt2",
    "model-small",
    "small-repeated",
    "recommend",
)

HEADING = "| Fanin | against | ratio |\n|---|---|---|\n"


def quotation(results: dict[str, Any]) -> str:
    """The table, from the results as `bench.report` writes them."""
    lines = {line["key"]: line for line in results["lines"]}
    return HEADING + "".join(_row(lines[key]) for key in QUOTED if "median" in lines.get(key, {}))


def requoted(text: str, results: dict[str, Any]) -> str:
    """The page with these results instead of the ones it has."""
    before, heading, rest = text.partition(HEADING)
    if not heading:
        raise ValueError("the page has no table of ratios")
    after = dropwhile(lambda row: row.startswith("|"), rest.splitlines(keepends=True))
    return before + quotation(results) + "".join(after)


def _row(line: dict[str, Any]) -> str:
    ratio = f"{line['median']:.2f}".rstrip("0").rstrip(".")
    return f"| {line['what']} | {line['against']} | {ratio}x |\n"
