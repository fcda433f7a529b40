"""A recommendation as a page of text."""

import textwrap
from collections.abc import Iterator

from service.advice import Recommendation
from service.advice.alternatives import Alternative
from service.initializers.references import Reference

_WIDTH = 96
_INDENT = "  "


def report(answer: Recommendation) -> str:
    """The numbers, then a section for each part of the answer that is not empty."""
    warnings = (f"{each.code}: {each.message}" for each in answer.warnings)
    prose = {
        _headline(answer): _measures(answer),
        "Why": answer.rationale,
        "Warnings": warnings,
        "Alternatives": map(_alternative, answer.alternatives),
        "References": map(cited, answer.references),
    }
    code = {
        "In other frameworks": _lines(answer),
        "Fetch": (answer.weights_url,),
    }
    sections = [_section(title, list(map(_wrapped, rows))) for title, rows in prose.items()]
    sections += [_section(title, [_INDENT + row for row in rows]) for title, rows in code.items()]
    return "\n\n".join(filter(None, sections)) + "\n"


def _section(title: str, rows: list[str]) -> str:
    return "\n".join([title, *rows]) if rows else ""


def _wrapped(row: str) -> str:
    return textwrap.fill(
        row,
        _WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT * 2,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _headline(answer: Recommendation) -> str:
    if answer.gain is None:
        return f"{answer.scheme}: mean {answer.mean:.6g}, std {answer.std:.6g}"
    return f"{answer.scheme}: std {answer.std:.6g}, gain {answer.gain:.6g}, n = {answer.mode}"


def _measures(answer: Recommendation) -> Iterator[str]:
    if answer.fan_in is not None:
        yield f"fan_in {answer.fan_in}, fan_out {answer.fan_out}, letters {answer.layout}"
    if answer.limit is not None:
        yield f"limit {answer.limit:.6g}"
    yield f"bias {answer.bias.scheme}"


def _alternative(alternative: Alternative) -> str:
    std = "" if alternative.std is None else f", std {alternative.std:.6g}"
    return f"{alternative.scheme}{std}: {alternative.what}. When: {alternative.when}."


def _lines(answer: Recommendation) -> Iterator[str]:
    for framework, line in answer.equivalents.items():
        yield f"{framework}: {line.code or line.note}"


def cited(reference: Reference) -> str:
    """A paper as in a bibliography."""
    authors = ", ".join(reference.authors)
    return f"{authors} ({reference.year}): {reference.title}. {reference.where}."
