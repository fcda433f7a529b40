"""The manifest of a model: which tensors it has, and how each is drawn.

Either the tensors are listed, or a recipe makes them from an architecture and its config. Both
forms are JSON. The canonical text of a manifest identifies the model.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from service.dtypes import DTYPES
from service.errors import Problem, UnreadableError
from service.fields import FIELDS, Spec, types, write_value
from service.fields.errors import FieldError, shown
from service.fields.numbers import MOST_JSON_INTEGER, NumberToken, kind
from service.fields.parsing import json_members, read_members
from service.fields.syntax import JsonObject
from service.fields.text import MOST_NAME_BYTES, read_name, read_text, word_reader
from service.models.recipe import INT64

MOST_MANIFEST_BYTES = 1 << 20
"""The most bytes of a manifest. A model of 909 tensors that are listed one by one has 110 KB."""

_MOST_MARKS = 300_000
"""The most quotes, colons, commas and brackets of a manifest: reading it then takes 0.1 s."""

_DEEPEST = 12
"""How deep a manifest is nested at most. A config.json from the Hub has up to 5 levels."""

MOST_TENSORS = 200_000
MOST_RULES = 1_000
MOST_METADATA = 1_000

UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
"""Units of a size in bytes, as transformers counts them for `max_shard_size`."""

_SIZE = re.compile(r"([1-9][0-9]{0,18})(KB|MB|GB|TB)?")

_EXAMPLE = '{"architecture": "GPT2LMHeadModel", "size": "tiny", "seed": 42}'

Names = Literal["checkpoint", "module"]
Result = TypeVar("Result")


class ManifestTensor(Spec):
    """A tensor of the manifest: a spec with a name. A name may have ranges, as in h.{0..11}.w."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="ManifestTensor")

    name: Annotated[str, BeforeValidator(read_name), WithJsonSchema({"type": "string"})] = Field(
        description="The key in the file. {0..11} stands for the numbers 0 to 11.",
        examples=["h.{0..11}.attn.weight"],
    )
    dtype: Annotated[
        str,
        BeforeValidator(word_reader("dtype", (*DTYPES, INT64), {}, "dtypes")),
        types.one_of((*DTYPES, INT64)),
    ] = Field(
        default="float32",
        description="The element type; by default that of the manifest. int64 is for zeros only.",
        examples=["bfloat16"],
    )


def _fields_of_rules() -> dict[str, Any]:
    """The JSON Schema of a rule's fields: those of a tensor, except name and shape."""
    schema = ManifestTensor.model_json_schema()
    del schema["required"], schema["properties"]["name"], schema["properties"]["shape"]
    return schema | {"title": "Fields"}


class Rule(BaseModel):
    """Fields for all tensors whose name matches a pattern."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    match: str = Field(
        min_length=1,
        description="A pattern for names: * and ? stand for characters, [ab] for one of them. "
        "Case counts.",
        examples=["*.bias"],
    )
    fields: Annotated[ManifestTensor, WithJsonSchema(_fields_of_rules())] = Field(
        description="Fields of a spec, except shape and name.", examples=[{"scheme": "zeros"}]
    )


def _list_of(read: Callable[[object], Result], most: int) -> Callable[[object], tuple[Result, ...]]:
    """A reader of a JSON list of at most `most` members. A refusal names the member."""

    def read_list(value: object) -> tuple[Result, ...]:
        if not isinstance(value, list | tuple):
            raise FieldError("malformed_list", f"{kind(value)} is not a list", "write [...]")
        if len(value) > most:
            message = f"the list has {len(value)} members, more than {most}"
            raise FieldError("too_many_tensors", message, "use ranges in names: h.{0..11}.weight")
        return tuple(_member(read, place, each) for place, each in enumerate(value))

    return read_list


def _member(read: Callable[[object], Result], place: int, value: object) -> Result:
    with within(f"[{place}]"):
        return read(value)


@contextmanager
def within(place: str) -> Iterator[None]:
    """Put a place before the fields of refusals within the block, as in `tensors[3].std`."""
    try:
        yield
    except FieldError as error:
        raise UnreadableError(
            error.reason, Problem(place, error.message, error.hint, error.listing)
        ) from None
    except UnreadableError as error:
        problems = (
            Problem(_placed(place, each.field), each.message, each.hint, each.listing)
            for each in error.problems
        )
        raise UnreadableError(error.reason, *problems) from None


def _placed(place: str, field: str) -> str:
    return place + field if field.startswith("[") or not field else f"{place}.{field}"


def _members_of(value: object) -> list[tuple[str, object]]:
    if isinstance(value, JsonObject):
        return value.members
    if isinstance(value, Mapping):
        return list(value.items())
    raise FieldError("malformed_json", f"{kind(value)} is not an object", "write {...}")


def _read_tensor(value: object) -> ManifestTensor:
    if isinstance(value, ManifestTensor):
        return value
    members = _members_of(value)
    if not dict(members).get("name"):
        raise FieldError("missing_field", "a tensor of a model has a name", 'add "name"')
    return read_members(ManifestTensor, members, [])


def _read_rule(value: object) -> Rule:
    """A rule. Its fields may also stand beside `match`, without an object of their own."""
    if isinstance(value, Rule):
        return value
    members = _members_of(value)
    given = dict(members)
    match = read_text(given.get("match", ""))
    if not match:
        raise FieldError("missing_field", "a rule has a pattern", 'add "match": "*.bias"')
    if len(match) > MOST_NAME_BYTES:
        message = f"the pattern has more than {MOST_NAME_BYTES} characters, as no name has"
        raise FieldError("out_of_range", message, "use * for a part of the name")
    inline = [member for member in members if member[0] not in ("match", "fields")]
    # A null member counts as absent.
    own = [] if given.get("fields") is None else _members_of(given["fields"])
    fields = [*own, *inline]
    for name, _ in fields:
        if name in ("shape", "name"):
            hint = "leave it out: a rule is for tensors of any shape"
            raise FieldError("unknown_field", f"a rule sets no {name}", hint)
    read = read_members(ManifestTensor, [*fields, ("shape", "scalar"), ("name", "rule")], [])
    return Rule(match=match, fields=read)


def plain(value: object) -> Any:
    """JSON as plain Python values.

    Raises FieldError for a number that is not finite or has 2^63 or more, for half of a surrogate
    pair, and for a member that is given twice.
    """
    match value:
        case JsonObject(members):
            if len(dict(members)) < len(members):
                raise FieldError("duplicate_field", "a member is given twice", "give it once")
            return {read_text(name): plain(each) for name, each in members}
        case list() | tuple():
            return [plain(each) for each in value]
        case dict():
            return {read_text(name): plain(each) for name, each in value.items()}
        case NumberToken():
            return _number(value)
        case str():
            return read_text(value)
    return value


def _number(token: str) -> int | float:
    if re.fullmatch("-?[0-9]{1,19}", token) and abs(int(token)) < 2**63:
        return int(token)
    number = float(token) if len(token) <= 40 else math.inf
    if not math.isfinite(number):
        message = f"{shown(token)} is too large for a number of 64 bits"
        raise FieldError("out_of_range", message, "write a smaller number")
    return number


def _read_config(value: object) -> dict[str, Any]:
    _members_of(value)
    config = plain(value)
    assert isinstance(config, dict)
    return config


def _read_metadata(value: object) -> dict[str, str]:
    members = _members_of(value)
    if len(members) > MOST_METADATA:
        message = f"the metadata has {len(members)} members, more than {MOST_METADATA}"
        raise FieldError("out_of_range", message, "leave some out")
    return {read_text(name): read_text(each) for name, each in members}


def _read_size(value: object) -> int:
    """A number of bytes, or a text such as 5GB."""
    found = _SIZE.fullmatch(str(value)) if isinstance(value, str | int) else None
    size = 0 if found is None else int(found[1]) * UNITS[found[2] or ""]
    if isinstance(value, bool) or not 0 < size < 2**63:
        hint = 'write "5GB"; KB, MB, GB and TB are powers of 1000'
        raise FieldError("malformed_number", f"{shown(str(value))} is not a size", hint)
    return size


def _read_names(value: object) -> str:
    return word_reader("names", ("checkpoint", "module"), {}, "fields")(value)


def _read_edition(value: object) -> int:
    number = plain(value)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 2**31:
        raise FieldError("malformed_number", "an edition counts from 1", "leave it out")
    return number


_EDITIONS = WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 2**31 - 1})
_NOT_EMPTY = WithJsonSchema({"type": "string", "minLength": 1})
_OBJECT = WithJsonSchema({"type": "object"})
_SIZE_FORMS = WithJsonSchema(
    {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": _SIZE.pattern}]}
)


class Manifest(BaseModel):
    """A model: tensors that are listed, or an architecture and its config."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Manifest")

    architecture: Annotated[str | None, BeforeValidator(read_text), _NOT_EMPTY] = Field(
        default=None,
        description="A class of transformers, such as GPT2LMHeadModel. By "
        "default the first of the config's `architectures`.",
        examples=["GPT2LMHeadModel"],
    )
    edition: Annotated[int | None, BeforeValidator(_read_edition), _EDITIONS] = Field(
        default=None,
        description="The edition of the recipe. By default the present one; others are refused.",
        examples=[1],
    )
    size: Annotated[str | None, BeforeValidator(read_text), _NOT_EMPTY] = Field(
        default=None,
        description="A ready config of the architecture, such as tiny. `config` may change it.",
        examples=["tiny"],
    )
    config: Annotated[dict[str, Any] | None, BeforeValidator(_read_config), _OBJECT] = Field(
        default=None,
        description="A config.json of the Hub as it is. Keys that decide nothing are ignored.",
        examples=[{"n_layer": 2}],
    )
    names: Annotated[Names, BeforeValidator(_read_names)] = Field(
        default="checkpoint",
        description="Whether tensors are named and fused as in checkpoints, or as in the modules "
        "of transformers 5.",
        examples=["module"],
    )
    tensors: Annotated[
        tuple[ManifestTensor, ...], BeforeValidator(_list_of(_read_tensor, MOST_TENSORS))
    ] = Field(default=(), description="The tensors, in the order of the file.", examples=[[]])
    rules: Annotated[tuple[Rule, ...], BeforeValidator(_list_of(_read_rule, MOST_RULES))] = Field(
        default=(),
        description="Fields for tensors by their name. The first rule that matches is used.",
        examples=[[]],
    )
    metadata: Annotated[dict[str, str], BeforeValidator(_read_metadata)] = Field(
        default={}, description="Texts for the file's __metadata__.", examples=[{"by": "me"}]
    )
    max_shard_size: Annotated[int | None, BeforeValidator(_read_size), _SIZE_FORMS] = Field(
        default=None,
        description="The most bytes of tensors in a file, such as 5GB. By default there is one "
        "file.",
        examples=["5GB"],
    )
    dtype: types.Dtype = Field(
        default="float32", description="The element type of the tensors.", examples=["bfloat16"]
    )
    seed: types.Seed = Field(
        default=None,
        description="0 to 2^64 - 1; in JSON a string from 2^53 on. By default drawn at random.",
        examples=[42],
    )


def manifest_schema(references: str = "#/$defs/{model}") -> dict[str, Any]:
    """The JSON Schema of a manifest; `references` is the form of references to its parts."""
    schema = Manifest.model_json_schema(ref_template=references)
    rule = schema["$defs"]["Rule"]
    # The fields of a rule may also stand beside its pattern.
    rule["required"] = ["match"]
    rule["properties"] |= _fields_of_rules()["properties"]
    for record in (schema, *schema["$defs"].values(), _rule_fields(schema)):
        for member in record["properties"].values():
            # An absent member has no value, and null is not one of a member's values.
            if member.get("default", 0) is None:
                del member["default"]
    return schema


def _rule_fields(schema: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = schema["$defs"]["Rule"]["properties"]["fields"]
    return fields


def parse_manifest(body: bytes) -> Manifest:
    """The manifest of a JSON object. Raises UnreadableError with a problem for each error."""
    try:
        members = json_members(body, most_marks=_MOST_MARKS, deepest=_DEEPEST)
    except UnreadableError as error:
        [problem] = error.problems
        shown = Problem("", problem.message, f"send a manifest such as {_EXAMPLE}")
        raise UnreadableError(error.reason, shown) from None
    names = {name for name, _ in members}
    if names & {"model_type", "architectures"}:
        hint = 'put it into a manifest: {"config": {...}, "seed": 42}'
        raise UnreadableError("unknown_field", Problem("", "this is a config.json", hint))
    return manifest_of(members)


def manifest_of(members: list[tuple[str, object]]) -> Manifest:
    """The manifest with these members. Raises UnreadableError with a problem for each error."""
    nested = ("tensors", "rules", "config", "metadata")
    values = list[tuple[str, object]]()
    for name, value in members:
        if name in nested and value is not None:
            with within(name):
                values.append((name, _NESTED[name](value)))
        else:
            values.append((name, value))
    return read_members(Manifest, values, [])


_NESTED: dict[str, Callable[[object], object]] = {
    "tensors": _list_of(_read_tensor, MOST_TENSORS),
    "rules": _list_of(_read_rule, MOST_RULES),
    "config": _read_config,
    "metadata": _read_metadata,
}


_DEFAULTS = {name: field.default for name, field in ManifestTensor.model_fields.items()}


def canonical_text(manifest: Manifest) -> bytes:
    """The canonical JSON of a manifest: its members in the order of the model, without defaults.

    A field of a tensor that has its default is left out unless there are rules: it may stand over
    the field of a rule.
    """
    written: dict[str, Any] = {}
    for name in Manifest.model_fields:
        value = getattr(manifest, name)
        if value in (None, (), {}) or value == Manifest.model_fields[name].default:
            continue
        written[name] = value
    if manifest.tensors:
        # A tensor without a dtype has that of the manifest.
        defaults = _DEFAULTS | {"dtype": manifest.dtype}
        given = None if manifest.rules else defaults
        written["tensors"] = [_fields_of(each, given) for each in manifest.tensors]
    if manifest.rules:
        written["rules"] = [
            {"match": rule.match, "fields": _fields_of(rule.fields, None, rule=True)}
            for rule in manifest.rules
        ]
    if manifest.config is not None:
        written["config"] = _sorted(manifest.config)
    if manifest.seed is not None:
        written["seed"] = _seed(manifest.seed)
    return json.dumps(written, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _fields_of(
    tensor: ManifestTensor, defaults: Mapping[str, Any] | None, *, rule: bool = False
) -> dict[str, Any]:
    """The fields that were given, as JSON, in the order of the table. Defaults are left out."""
    order = FIELDS if rule else ("name", *(field for field in FIELDS if field != "name"))
    left_out = ("shape", "name") if rule else ()
    written: dict[str, Any] = {}
    for field in order:
        if field not in tensor.model_fields_set or field in left_out:
            continue
        value = getattr(tensor, field)
        if defaults is None or value != defaults[field]:
            written[field] = _as_json(field, value)
    return written


def _as_json(field: str, value: Any) -> Any:
    if field == "slice":
        return write_value(field, value)
    if field == "seed":
        return _seed(value)
    if isinstance(value, tuple):
        return [_shortest(each) for each in value]
    return _shortest(value)


def _shortest(value: Any) -> Any:
    """A whole float as an integer, as it may also be written."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= MOST_JSON_INTEGER:
        return int(value)
    return value


def _seed(seed: int) -> int | str:
    return seed if seed <= MOST_JSON_INTEGER else str(seed)


def _sorted(value: Any) -> Any:
    """The same JSON with the members of each object in alphabetical order."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_sorted(each) for each in value]
    return value
