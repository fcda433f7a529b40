"""A reader of hints: what a program can do with the sentence that a refusal gives it.

A hint is a few clauses, of which each is one way out. A clause that says how to change the request
is applied to it. What a hint only names, such as `give fan_in`, gets a value from SAMPLES.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from service.errors import FaninError, Problem
from service.fields import FIELDS, parse_json, parse_words
from service.initializers.layers import LAYERS
from service.plan import plan
from service.wire.formats import FORMATS

MOST_BYTES = 2**44

SAMPLES = {
    **dict.fromkeys(("groups", "parts", "stride"), "1"),
    **dict.fromkeys(("fan_in", "fan_out"), "16"),
    **{"low": "-1e3", "high": "1e3", "value": "0.5", "gain": "1.5", "scheme": "normal"},
    **{"depth": "12", "base_fan_in": "64", "std": "0.02", "classes": "10", "sparsity": "0.5"},
}
"""What somebody would give for a field that a hint only names."""


@dataclass(frozen=True)
class Request:
    """Fields as text, or as a JSON body's values, and the format they are asked in."""

    fields: dict[str, Any]
    form: str = "npy"
    as_json: bool = False

    def refusal(self) -> FaninError | None:
        """What the parser or the plan refuses it for; None if it is accepted."""
        try:
            if self.as_json:
                spec, form = parse_json(written(self.fields).encode())
            else:
                spec, form = parse_words(self.fields), self.form
            plan(spec, form, max_bytes=MOST_BYTES)
        except FaninError as error:
            return error
        return None

    def given(self, field: str, text: str) -> "Request":
        """The request with this field, which a JSON body has as JSON where the text is JSON."""
        return replace(self, fields=self.fields | {field: _json_value(text, self.as_json)})

    def without(self, field: str) -> "Request":
        """The request without this field."""
        return replace(self, fields={f: v for f, v in self.fields.items() if f != field})

    def in_format(self, form: str) -> "Request":
        """The request in another format."""
        return self.given("format", form) if self.as_json else replace(self, form=form)

    def text(self, field: str) -> str:
        """The field's value as text."""
        return str(self.fields.get(field, ""))

    def rank(self) -> int:
        """How many axes its shape has, as far as it can be read."""
        shape = self.text("shape")
        return 0 if shape in ("", "scalar", "[]") else shape.count(",") + 1


def _json_value(text: str, as_json: bool) -> Any:
    if not as_json:
        return text
    try:
        return read_json(text)
    except json.JSONDecodeError:
        return text


class Number(str):
    """A number as a JSON body spells it: Python's own would be rounded or infinite."""

    __slots__ = ()


def read_json(text: str) -> Any:
    """JSON with its numbers as they are spelled."""
    return json.loads(text, parse_int=Number, parse_float=Number)


def written(value: Any) -> str:
    """The JSON of what `read_json` read."""
    match value:
        case Number():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(k)}:{written(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ",".join(map(written, value)) + "]"
        case _:
            return json.dumps(value)


Follow = Callable[[re.Match[str], Request, str], Iterator[Request]]


def _nearest(found: re.Match[str], request: Request, field: str) -> Iterator[Request]:
    for word in found[1].split(", "):
        yield _instead(request, field, word)


def _instead(request: Request, field: str, word: str) -> Request:
    """Another value; for a name that is no field, another name."""
    if field in FIELDS or (field == "format" and request.as_json):
        return request.given(field, word)
    return request.without(field).given(word, request.text(field))


def _ends(found: re.Match[str], request: Request, field: str) -> Iterator[Request]:
    for end in found.groups():
        yield request.given(field, end)


def _extents(found: re.Match[str], request: Request, field: str) -> Iterator[Request]:
    yield request.given("shape", ",".join("4" * int(found[1])))


def _letters(found: re.Match[str], request: Request, field: str) -> Iterator[Request]:
    yield request.given("layout", _fitting(request))


def _fitting(request: Request) -> str:
    """Letters for the request's rank with as many kernel letters as its layer has."""
    layer = LAYERS.get(request.text("layer"))
    kernel = "HWD"[: layer.kernel_axes] if layer else ""
    channels = request.rank() - len(kernel)
    first = "I" if layer is None else ("".join(set("EI") & set(layer.letters["torch"])) or "O")
    return first * min(1, channels) + "O" * (channels - 1) + kernel


def _such_as(found: re.Match[str], request: Request, field: str) -> Iterator[Request]:
    for example in found[1].split(" or "):
        name, equals, text = example.partition("=")
        if not (equals and name in FIELDS):
            name, text = field, example
        yield request.given(name, text)


def _formats(found: re.Match[str], request: Request, field: str) -> Iterator[Request]:
    for form in found[1].split(" or "):
        if form in FORMATS:
            yield request.in_format(form)


def _elements(found: re.Match[str], request: Request, field: str) -> Iterator[Request]:
    yield request.given("shape", found[1])


def _owner(found: re.Match[str], request: Request, field: str) -> Iterator[Request]:
    for scheme in found[1].split(", "):
        yield request.given("scheme", scheme)


def _readable(found: re.Match[str], request: Request, field: str) -> Iterator[Request]:
    printable = "".join(c for c in request.text(field) if c.isprintable())
    yield request.given(field, printable)


def _shorter(found: re.Match[str], request: Request, field: str) -> Iterator[Request]:
    cut = request.text(field).encode()[: int(found[1])].decode("utf-8", "ignore")
    yield request.given(field, cut)


def _actions(found: re.Match[str], request: Request, field: str) -> Iterator[Request]:
    """`write X or Y`, `write F=V`, `add F=V`, `use F=V`, `give F`, `leave F out`, with "and"."""
    clause = found[0]
    changed = request
    values: list[str] = []
    for action in re.split(" and (?=write|add|use|give|leave)", clause):
        verb, _, rest = action.partition(" ")
        for name, text in re.findall(r"\b([a-z_]+)=(\S+)", rest):
            if name in FIELDS:
                changed = changed.given(name, text)
        if verb == "give":
            name = re.split("[^a-z_]", rest)[0]
            if name in FIELDS:
                changed = changed.given(name, SAMPLES.get(name) or _sample(name, request))
        if action == "write a letter for each axis":
            changed = changed.given("layout", _fitting(changed))
        left = re.match("(.+) out$|(.+) out ", rest) if verb == "leave" else None
        if left:
            changed = _left_out(left[1] or left[2], changed, field)
        written = re.match(r"(\S+(?: or [a-z0-9_@.]+)*)(?= for | to |$)", rest)
        if verb == "write" and written and not _assigns(written[1]):
            values = written[1].split(" or ")
    if values:
        yield from (_instead(changed, field, value) for value in values)
    elif changed != request:
        yield changed


def _assigns(text: str) -> bool:
    return text.partition("=")[0] in FIELDS and "=" in text


def _sample(field: str, request: Request) -> str:
    return "dense" if field == "layer" else _fitting(request)


def _left_out(names: str, request: Request, field: str) -> Request:
    for name in re.split(" and | or ", names):
        request = request.without(field if name == "it" else name)
    return request


CLAUSES: tuple[tuple[str, Follow], ...] = (
    ("the nearest are (.+)", _nearest),
    ("it has ((?:normal|uniform|truncated_normal)(?:, [a-z_]+)*)", _nearest),
    ("[a-z_]+ belongs to (.+?)(?: and others)?", _owner),
    ("give ([0-9]+) extents?", _extents),
    ("give 1 or [0-9]+ numbers", lambda f, request, field: iter([request.given(field, "1")])),
    (r".* such as (\[.*\]|.*)", _such_as),
    ("write a(?:nother)? letter for each axis", _letters),
    ("write an? [a-z]+ from ([^ ]+) to ([^ ]+)", _ends),
    ("(?:use )?format (.+)", _formats),
    (".* tensors have at most ([0-9]+) elements", _elements),
    ("remove them|write whole characters", _readable),
    ("shorten it to ([0-9]+) bytes", _shorter),
    ("(?:write|add|use|give|leave) .+", _actions),
)
"""The clauses that can be followed, as they begin; the first that matches is meant."""

_BETWEEN = re.compile("; (?:or )?|, or (?:else )?| or (?=leave |use |give |add |write |format )")


def followed(problem: Problem, request: Request) -> list[Request]:
    """The requests that the problem's hint leads to; none if nothing in it can be followed."""
    return [
        changed
        for clause in _BETWEEN.split(problem.hint)
        for changed in _clause(clause, request, problem.field)
    ]


def _clause(clause: str, request: Request, field: str) -> list[Request]:
    bare = clause if clause.startswith(("the nearest", "it has")) else _without_reason(clause)
    for pattern, follow in CLAUSES:
        found = re.match(pattern + "$", bare)
        if found:
            return list(follow(found, request, field))
    return []


def _without_reason(clause: str) -> str:
    """The clause before ", which ..." and the like; a list's own commas have no blank behind."""
    if " belongs to " in clause or "such as [" in clause:
        return clause
    return re.split(r", (?!such as)|: ", clause)[0]
