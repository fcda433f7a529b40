"""A recommendation as text: one screen, or everything."""

import textwrap
from collections.abc import Iterable, Iterator

from service.advice import Recommendation
from service.advice.alternatives import Alternative
from service.initializers.references import Reference

SCREEN_LINES = 24
SCREEN_WIDTH = 80
"""The terminal that every other one is at least as large as."""

_WIDTH = 100
_INDENT = "  "
_MOST_REFERENCES = 3
"""--json has all."""

PAGE_LINES = 60
"""The long report has fewer lines than this."""

_MORE = "--long adds what is left out here: "


def short_report(answer: Recommendation) -> str:
    """The decision, its warnings and as many reasons as one screen holds; last the URL.

    A line that cannot be wrapped, such as a URL, may be wider than the screen.
    """
    head = [*_filled(answer.decision, "", SCREEN_WIDTH), *_equation(answer)]
    warnings = [_filled(f"Warning {each.code}: {each.message}") for each in answer.warnings]
    reasons = [_filled(f"- {each}") for each in answer.rationale]
    foot = ["", *map(_other, answer.alternatives), *_urls(answer)]
    room = SCREEN_LINES - len(head) - len(foot) - 1
    told, left = _fitting([*warnings, *reasons], room)
    warned = sum(1 for each in warnings if each in told)
    hidden = [each.code for each in answer.warnings[warned:]]
    more = [*hidden, *(["reasons"] if left else []), "numbers", "papers", "code for frameworks"]
    return "\n".join([*head, *(line for each in told for line in each), *foot, _more(more)]) + "\n"


def _fitting(paragraphs: list[list[str]], room: int) -> tuple[list[list[str]], bool]:
    """The first paragraphs that fit into this many lines, and whether any is left."""
    told: list[list[str]] = []
    for paragraph in paragraphs:
        room -= len(paragraph)
        if room < 0:
            return told, True
        told.append(paragraph)
    return told, False


def _more(left_out: list[str]) -> str:
    return textwrap.shorten(_MORE + ", ".join(left_out), SCREEN_WIDTH, placeholder=" ...")


def _equation(answer: Recommendation) -> list[str]:
    return [] if answer.equation is None else [_INDENT + answer.equation]


def _other(alternative: Alternative) -> str:
    """An alternative in one line, which is cut short if it is too long."""
    std = "" if alternative.std is None else f" (std {alternative.std:.4g})"
    line = f"Or {alternative.scheme}{std} if {alternative.when}"
    return textwrap.shorten(line, SCREEN_WIDTH, placeholder=" ...", break_on_hyphens=False)


def report(answer: Recommendation) -> str:
    """Everything: a section for each part of the answer that is not empty.

    The papers of the rule come first. Of the others there are as many as the page has room for.
    """
    pages = (_page(answer, papers) for papers in range(_MOST_REFERENCES, -1, -1))
    return next((page for page in pages if page.count("\n") < PAGE_LINES), _page(answer, 0))


def _page(answer: Recommendation, papers: int) -> str:
    warnings = (f"{each.code}: {each.message}" for each in answer.warnings)
    sections = [
        [*_filled(answer.decision, "", _WIDTH), *_equation(answer), *_measures(answer)],
        _section("Why", answer.rationale),
        _section("Warnings", warnings),
        _alternatives(answer.alternatives),
        _section("References", map(_short, answer.references[:papers])),
        _unwrapped("In other frameworks", _lines(answer)),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _section(title: str, paragraphs: Iterable[str]) -> list[str]:
    lines = [line for each in paragraphs for line in _filled(each, _INDENT, _WIDTH)]
    return [title, *lines] if lines else []


def _unwrapped(title: str, rows: Iterable[str]) -> list[str]:
    """Code and URLs, which must stay on one line."""
    lines = [_INDENT + row for row in rows]
    return [title, *lines] if lines else []


def _filled(text: str, indent: str = "", width: int = SCREEN_WIDTH) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _measures(answer: Recommendation) -> Iterator[str]:
    """The fans, the layer as it was understood, and what else must be multiplied."""
    understood = answer.understood
    if answer.fan_in is not None:
        yield f"{_INDENT}fan_in {answer.fan_in}, fan_out {answer.fan_out}, letters {answer.layout}"
        yield (
            f"{_INDENT}{understood.position}, reads {understood.input_activation}, feeds "
            f"{understood.activation}, normalization {understood.normalization}, residual "
            f"{understood.residual}"
        )
    for name, factor in answer.multipliers.items():
        yield f"{_INDENT}multiply {name} by {factor:.6g}"
    for url in _urls(answer):
        yield _INDENT + url


def _alternatives(alternatives: Iterable[Alternative]) -> list[str]:
    lines = []
    for each in alternatives:
        std = "" if each.std is None else f", std {each.std:.6g}"
        text = f"{each.scheme}{std}: {each.what}. When: {each.when}."
        lines += [*_filled(text, _INDENT, _WIDTH), _INDENT * 2 + each.weights_url]
    return ["Alternatives", *lines] if lines else []


def _lines(answer: Recommendation) -> Iterator[str]:
    for framework, line in answer.equivalents.items():
        if line.code is not None:
            yield f"{framework}: {line.code}"


def _urls(answer: Recommendation) -> Iterator[str]:
    yield answer.weights_url
    if answer.bias_url is not None:
        yield answer.bias_url


def _short(reference: Reference) -> str:
    """A paper with its first author and without its subtitle."""
    others = " et al." if len(reference.authors) > 1 else ""
    title = reference.title.partition(":")[0]
    return f"{reference.authors[0]}{others} ({reference.year}): {title}. {reference.where}."


def cited(reference: Reference) -> str:
    """A paper as in a bibliography."""
    authors = ", ".join(reference.authors)
    return f"{authors} ({reference.year}): {reference.title}. {reference.where}."
