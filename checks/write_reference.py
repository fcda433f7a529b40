"""Write docs/reference.md from the tables of the code: `make reference`.

The fields, paths and headers are those of the OpenAPI document, the schemes, activations, layers
and dtypes those that HTTP lists. The tables of drafts, of fields and of presets in
docs/stream-v1-drafts.md are written too; people write the rest of that page. Tests compare the
committed pages with the tables. `checks/schemes_page.py` has the page of schemes.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from checks import schemes_page
from service import listings
from service.advice import Question
from service.advice.warnings import WARNINGS as ADVICE_WARNINGS
from service.api.app import create_app
from service.api.block_digests import BlockQuery
from service.api.problems import STATUS_REASONS, STATUSES
from service.api.reasons import REASONS
from service.calibration.measurement import MEASURED_FIELDS
from service.calibration.warnings import WARNINGS as CALIBRATION_WARNINGS
from service.errors import UnreadableError
from service.fields import FIELDS, Spec
from service.initializers.layers import preset_letters
from service.initializers.schemes import SCHEMES, Scheme
from service.plan import drafts
from service.plan.warnings import WARNINGS
from service.propagation import Stack
from service.server.heads import TOO_LARGE
from service.settings import Settings, variable

ROOT = Path(__file__).resolve().parent.parent
PATH = ROOT / "docs" / "reference.md"
DRAFTS_PATH = ROOT / "docs" / "stream-v1-drafts.md"

_FROM, _TO = "<!-- `make reference` writes the {} from here -->\n", "\n<!-- to here. -->"
"""What stands before and after each table that is written on the page of drafts."""

Records = Sequence[Mapping[str, Any]]

_LISTED = {
    "layer": "[layer](#layouts)",
    "activation": "[activation](#activations)",
    "scheme": "[scheme](#schemes)",
    "inner": "[scheme](#schemes)",
    "dtype": "[dtype](#dtypes)",
}
"""Fields with too many words for a cell, by the end of their names, and a link to the words."""

_NOT_RAISED = {
    "bad_host": 400,
    "bad_request": 400,
    "header_too_large": TOO_LARGE,
    "http_version_not_supported": 505,
    "internal": 500,
    "not_implemented": 501,
    "request_timeout": 408,
    "uri_too_long": 414,
    "other_edition": 400,
    "repo_not_found": 404,
    "revision_not_found": 404,
    "entry_not_found": 404,
    "token_not_canonical": 400,
}
"""Reasons of answers that no class of error leads to: the connection makes them, or any error."""

_RAISED_AS = {branch.__name__: status for branch, status in STATUSES.items()} | {
    # A reader of one value raises it. The parser reports all of them in one UnreadableError.
    "FieldError": STATUSES[UnreadableError]
}


def page(document: Mapping[str, Any]) -> str:
    """The whole page; `document` is the OpenAPI document."""
    parameters = document["components"]["parameters"]
    sections = {
        "Paths": _paths(document["paths"]),
        "Fields": _fields(_members(Spec.model_json_schema(), FIELDS)),
        "Fields of /v1/weights.digests": (
            "`/v1/weights.digests` takes the fields above and these. "
            "[digests.md](digests.md) has examples.\n\n"
            + _fields([parameters[name] for name in BlockQuery.model_fields if name not in FIELDS])
        ),
        "Fields of /recommend": (
            "`/recommend` takes the fields above and these.\n\n"
            + _fields([parameters[name] for name in Question.model_fields if name not in FIELDS])
        ),
        "Fields of /propagate": (
            "`/propagate` and `/propagate.svg` take the fields above, `shape` being optional, and "
            "these. [propagate.md](propagate.md) has examples.\n\n"
            + _fields(
                [
                    parameters[name]
                    for name in Stack.model_fields
                    if name not in Question.model_fields
                ]
            )
        ),
        "Fields of /calibrate": (
            "`/calibrate` takes a JSON body: the fields of a tensor, or `weights_url`, and these. "
            "[calibrate.md](calibrate.md) has an example.\n\n"
            + _fields(_members(document["components"]["schemas"]["Measurement"], MEASURED_FIELDS))
        ),
        "Fields of /schemes": (
            "These fields filter the list of schemes, and a scheme meets all that are given. "
            "Without a field the list is whole.\n\n"
            + _fields([parameters[name] for name in listings.SchemeFilter.model_fields])
        ),
        "Layouts": _layouts(listings.layers()),
        "Schemes": _schemes(listings.schemes()["schemes"]),
        "The scheme auto": _auto(listings.schemes()["auto"]),
        "Activations": _activations(listings.activations()["activations"]),
        "Dtypes": _dtypes(listings.dtypes()["dtypes"]),
        "Headers": _headers(document["components"]["headers"]),
        "Warnings": _warnings(),
        "Errors": _errors(),
        "Settings": _settings(),
    }
    contents = "\n".join(f"- [{title}](#{_anchor(title)})" for title in sections)
    body = "\n\n".join(f"## {title}\n\n{text.strip()}" for title, text in sections.items())
    return (
        "# Reference\n\n"
        "`make reference` writes this page from the tables of the code. Change the tables, not the "
        f"page.\n\n{contents}\n\n{body}\n"
    )


def drafts_page(committed: str) -> str:
    """The page of drafts with its tables written anew; raises ValueError if a mark is missing."""
    page = committed
    tables = {
        "list of drafts": _drafts(),
        "table of fields": _draft_fields(),
        "table of presets": _presets(),
    }
    for name, text in tables.items():
        mark = _FROM.format(name)
        start = page.index(mark) + len(mark)
        end = page.index(_TO, start)
        page = f"{page[:start]}\n{text}{page[end:]}"
    return page


def _drafts() -> str:
    listed: dict[str, Records] = {
        "scheme": listings.schemes()["schemes"],
        "activation": listings.activations()["activations"],
    }
    formulas = {
        (field, each["name"]): each["formula"]
        for field, records in listed.items()
        for each in records
    }
    rows = [
        (
            _code(draft.field),
            _code(draft.name),
            str(draft.number),
            _code(formulas[key]) if (key := (draft.field, draft.name)) in formulas else "-",
        )
        for draft in drafts.DRAFTS
    ]
    return table(("field", "draft", "number", "formula"), rows)


def _draft_fields() -> str:
    """The fields that no frozen scheme takes."""
    rows = []
    for field in drafts.FIELDS:
        takers = [name for name, scheme in SCHEMES.items() if field in scheme.fields]
        rows.append((_code(field), Spec.model_fields[field].description or "", _words(takers)))
    return table(("field", "meaning", "taken by"), rows)


def _presets() -> str:
    rows = []
    for name, scheme in SCHEMES.items():
        if scheme.preset is not None and scheme.draft is not None:
            rows.append((_code(name), *preset_facts(scheme)))
    return table(
        ("scheme", *["framework", "layer", "letters", "distribution", "mode", "gain"]), rows
    )


def preset_facts(scheme: Scheme) -> tuple[str, ...]:
    """Framework, layer, letters, distribution, mode and gain of a preset; - where it has none."""
    assert scheme.preset is not None
    framework, layer = scheme.preset.framework, scheme.preset.layer
    letters = preset_letters(framework, layer) if layer else None
    gain = 1.0 if scheme.gain == "one" else scheme.gain
    told = gain.hex() if isinstance(gain, float) else gain or "-"
    return framework, layer or "-", letters or "-", scheme.distribution, scheme.mode or "-", told


def _paths(paths: Mapping[str, Any]) -> str:
    rows = [
        (_code(f"{method.upper()} {path}"), operation["summary"])
        for path, item in paths.items()
        for method, operation in item.items()
    ]
    return table(("request", "answer"), rows)


def _fields(parameters: Records) -> str:
    rows = [
        (
            _code(each["name"]),
            _values(each["name"], each["schema"]),
            _default(each),
            each["description"],
            _code(each["example"]),
        )
        for each in parameters
    ]
    return table(("field", "value", "default", "description", "example"), rows)


def _members(schema: Mapping[str, Any], names: Iterable[str]) -> Records:
    """Members of a JSON body, in the form of a query's parameters."""
    members = schema["properties"]
    return [
        {
            "name": name,
            "schema": members[name],
            "description": members[name]["description"],
            "example": members[name]["examples"][0],
            "required": name in schema["required"],
        }
        for name in names
    ]


def _values(name: str, schema: Mapping[str, Any]) -> str:
    """The accepted values of a field, from its JSON schema."""
    for word, link in _LISTED.items():
        if name.endswith(word):
            return link
    if "enum" in schema:
        return " ".join(map(_code, schema["enum"]))
    kinds = schema.get("anyOf", [schema])
    lists = [each for each in kinds if each["type"] == "array"]
    if lists:
        least = min(each["minItems"] for each in lists)
        most = max(each["maxItems"] for each in lists)
        return f"{least} to {most} {lists[0]['items']['type']}s"
    types = [each["type"] for each in kinds]
    return next((kind for kind in ("integer", "number") if kind in types), "text")


def _default(parameter: Mapping[str, Any]) -> str:
    if parameter.get("required"):
        return "required"
    default = parameter["schema"].get("default")
    if isinstance(default, list):
        default = ",".join(map(str, default))
    return "-" if default in (None, "") else _code(default)


def _layouts(layers: Mapping[str, Any]) -> str:
    frameworks = layers["frameworks"]
    letters = [(_code(letter), meaning) for letter, meaning in layers["letters"].items()]
    rows = [
        (_code(layer["name"]), *(layer["letters"].get(name, "-") for name in frameworks))
        for layer in layers["layers"]
    ]
    return (
        "A layout has a letter for each axis. `-` means that the framework has no such layer.\n\n"
        + table(("letter", "meaning"), letters)
        + "\n"
        + table(("layer", *frameworks), rows)
    )


def _schemes(schemes: Records) -> str:
    rows = [
        (
            _code(each["name"]),
            each["summary"],
            _code(each["formula"]),
            each["mode"] or "-",
            _words(each["fields"]),
            _words(each["aliases"]),
            each["access"],
            each["status"],
            "; ".join(f"{paper['authors'][0]} {paper['year']}" for paper in each["references"])
            or "-",
        )
        for each in schemes
    ]
    head = ("scheme", "what", "formula", "mode", "takes", "also", "access", "status", "papers")
    return (
        "[schemes.md](schemes.md) has a section and a picture of each scheme, and `/schemes` the "
        "same facts as JSON.\n\n" + table(head, rows)
    )


def _auto(auto: Mapping[str, Any]) -> str:
    by_scheme: dict[str, list[str]] = defaultdict(list)
    for activation, scheme in auto["activations"].items():
        by_scheme[scheme].append(activation)
    layers = [(_code(layer), _code(scheme)) for layer, scheme in auto["layers"].items()]
    activations = [(_words(names), _code(scheme)) for scheme, names in by_scheme.items()]
    return (
        f"Edition {auto['edition']}. The gain is the scheme's own; `/recommend` may name the same "
        "scheme with another gain. For these layers:\n\n"
        + table(("layer", "scheme"), layers)
        + "\nFor any other layer the activation decides:\n\n"
        + table(("activations", "scheme"), activations)
    )


def _activations(activations: Records) -> str:
    gains = ("gain", "backward_gain", "variance_gain", "pytorch_gain", "slope")
    rows = [
        (
            _code(each["name"]),
            _code(each["formula"]),
            *("-" if each[gain] is None else f"{each[gain]:.6g}" for gain in gains),
            _words(each["aliases"]),
            each["status"],
        )
        for each in activations
    ]
    words = ("gain", "backward", "variance", "pytorch", "slope")
    head = ("activation", "formula", *words, "also", "status")
    return table(head, rows)


def _dtypes(dtypes: Records) -> str:
    rows = [
        (
            _code(each["name"]),
            str(each["itemsize"]),
            str(each["significand"]),
            str(each["least_exponent"]),
            f"{each['largest']:.9g}",
            _words(each["formats"]),
            each["status"],
        )
        for each in dtypes
    ]
    head = ("dtype", "bytes", "significant bits", "least exponent", "largest", "formats", "status")
    return table(head, rows)


def _headers(headers: Mapping[str, Any]) -> str:
    return table(
        ("header", "meaning"),
        [(_code(name), each["description"]) for name, each in headers.items()],
    )


def _warnings() -> str:
    advised = [code for code in ADVICE_WARNINGS if code not in WARNINGS]
    return (
        f"On tensors, explained in [warnings.md](warnings.md): {_words(WARNINGS)}.\n\n"
        f"In `/recommend` alone: {_words(advised)}.\n\n"
        f"In `/calibrate`: {_words(CALIBRATION_WARNINGS)}."
    )


def _errors() -> str:
    statuses = statuses_of_reasons()
    rows = [
        (_code(name), " ".join(map(str, statuses[name])), reason.title, reason.explanation)
        for name, reason in REASONS.items()
    ]
    return (
        "The body of an error is `application/problem+json` (RFC 9457). `/problems/{reason}` "
        "explains each reason.\n\n" + table(("reason", "status", "title", "meaning"), rows)
    )


def statuses_of_reasons() -> dict[str, list[int]]:
    """The HTTP statuses of each reason, ascending.

    An error's class decides its status, so the source is searched for the classes that are raised
    with a reason. The reasons of all other answers stand in two tables.
    """
    found: dict[str, set[int]] = defaultdict(set)
    for reason, status in _NOT_RAISED.items():
        found[reason].add(status)
    for status, reason in STATUS_REASONS.items():
        found[reason].add(status)
    for name, word in _words_of_errors():
        found[word].add(_RAISED_AS[name])
    return {reason: sorted(found[reason]) for reason in REASONS}


@cache
def _words_of_errors() -> frozenset[tuple[str, str]]:
    """The class of each error in the source, with the strings in its first argument.

    That argument is the reason, or an expression that chooses one of several.
    """
    return frozenset(
        (call.func.id, word.value)
        for call in _calls()
        if isinstance(call.func, ast.Name) and call.func.id in _RAISED_AS and call.args
        for word in ast.walk(call.args[0])
        if isinstance(word, ast.Constant) and isinstance(word.value, str)
    )


def _calls() -> Iterator[ast.Call]:
    """Every call in the source of the service, except the command line, which has no statuses."""
    for path in sorted((ROOT / "service").rglob("*.py")):
        if path.parent.name != "cli":
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            yield from (node for node in nodes if isinstance(node, ast.Call))


def _settings() -> str:
    rows = [
        (_code(variable(name)), setting.description or "", _code(setting.default))
        for name, setting in Settings.model_fields.items()
    ]
    return (
        "`python -m service serve` takes `--host`, `--port` and `--workers`, which replace the "
        "environment's.\n\n"
        + table(("variable", "meaning", "default"), rows)
        + "\nCompiled kernels are stored in `NUMBA_CACHE_DIR`, or `$XDG_CACHE_HOME/fanin`, or "
        "`~/.cache/fanin`. If no such directory can be written, each start compiles them again."
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; `|` in a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _code(word: object) -> str:
    return f"`{word}`"


def _words(words: Iterable[str]) -> str:
    return " ".join(map(_code, words)) or "-"


def _anchor(title: str) -> str:
    """The link target of a heading in GitHub's Markdown."""
    kept = (c for c in title.lower() if c.isalnum() or c in "-_ ")
    return "".join(kept).replace(" ", "-")


if __name__ == "__main__":
    PATH.write_text(page(create_app(Settings()).openapi()), encoding="utf-8")
    DRAFTS_PATH.write_text(drafts_page(DRAFTS_PATH.read_text("utf-8")), encoding="utf-8")
    schemes_page.PATH.write_text(schemes_page.page(), encoding="utf-8")
