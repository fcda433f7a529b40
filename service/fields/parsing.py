"""Parse a query, a JSON body or command-line options into a Spec, and report all errors at once.

The same parser reads the subclasses of Spec and the filter of `/schemes`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from service.fields.errors import MOST_PROBLEMS, FieldError, refusal
from service.fields.spec import Spec
from service.fields.syntax import (
    DEEPEST,
    MOST_ITEMS,
    MOST_MARKS,
    read_object,
    refuse_constant,
    split_query,
)
from service.fields.text import field_error_of, is_unicode, word_reader
from service.initializers.schemes import AUTO, scheme_meant, variant_hint
from service.initializers.unknown_words import squash, unknown_word
from service.wire.formats import FORMATS

_FORMAT = "format"
_DEFAULT_FORMAT = "npy"
_MAY_BE_EMPTY = "name"

_REPLACEMENTS = {
    **dict.fromkeys(("size", "dim", "dims", "dimensions", "kernelsize"), "shape"),
    **dict.fromkeys(("infeatures", "outfeatures", "inchannels", "outchannels"), "shape"),
    **dict.fromkeys(("alpha", "slope"), "negative_slope"),
    **dict.fromkeys(("loc", "average"), "mean"),
    **dict.fromkeys(("rng", "randomseed", "manualseed"), "seed"),
    **dict.fromkeys(("init", "initializer", "method"), "scheme"),
    **dict.fromkeys(("stddev", "sigma"), "std"),
    "nonlinearity": "activation",
    "type": "dtype",
    "key": "name",
    "strides": "stride",
}

_LOWER = ("a", "lo", "lower", "min", "minval")
_UPPER = ("b", "hi", "up", "upper", "max", "maxval")
"""Words of other frameworks for the two bounds of a distribution. torch's `a` is also a slope."""

Members = Iterable[tuple[str, object]]
FieldErrors = list[tuple[str, FieldError]]
Model = TypeVar("Model", bound=BaseModel)


def parse_query(query_string: bytes) -> Spec:
    """The spec of a percent-encoded query string.

    Raises UnreadableError with a problem for each error.
    """
    return read_members(Spec, *split_query(query_string))


def parse_words(words: Mapping[str, str]) -> Spec:
    """The spec of command-line options, spelled as in a query without percent-encoding.

    Raises UnreadableError with a problem for each error.
    """
    return read_members(Spec, words.items(), [])


def parse_json(body: bytes) -> tuple[Spec, str]:
    """The spec and the format name of a JSON object.

    A string is read like a query's text. A null field counts as absent.

    Raises UnreadableError with a problem for each error.
    """
    members = json_members(body)
    formats = [member for member in members if member[0] == _FORMAT]
    errors: FieldErrors = []
    format_name = _DEFAULT_FORMAT
    if len(formats) > 1:
        errors.append((_FORMAT, _duplicate(_FORMAT)))
    elif formats and formats[0][1] is not None:
        try:
            format_name = _read_format(formats[0][1])
        except FieldError as error:
            errors.append((_FORMAT, error))
    others = (member for member in members if member[0] != _FORMAT)
    return read_members(Spec, others, errors), format_name


_read_format = word_reader(_FORMAT, FORMATS, {"numpy": "npy", "st": "safetensors"}, "fields")


def json_members(
    body: bytes,
    constant: Callable[[str], object] = refuse_constant,
    most_marks: int = MOST_MARKS,
    deepest: int = DEEPEST,
) -> list[tuple[str, object]]:
    """The members of a JSON object in their order. Raises UnreadableError for other bodies.

    `constant` reads NaN and the infinities. By default they are refused, as JSON has none. The body
    has at most `most_marks` quotes, colons, commas and brackets, and the object at most MOST_ITEMS
    members. Objects and lists are nested at most `deepest` deep.
    """
    try:
        members = read_object(body, constant, most_marks, deepest)
        if len(members) > MOST_ITEMS:
            message = f"the object has {len(members)} members, more than {MOST_ITEMS}"
            raise FieldError("malformed_json", message, "give each field once")
    except FieldError as error:
        raise refusal([("", error)]) from None
    return members


def read_members(model: type[Model], members: Members, errors: FieldErrors) -> Model:
    """A `model` instance with these (field, value) members.

    `errors` are those found before. A None value, which is JSON's null, counts as absent, but its
    name must still be a field and may occur only once.

    Raises UnreadableError with a problem for each error, earlier ones first.
    """
    fields = tuple(model.model_fields)
    members = tuple(members)
    words = {name: value for name, value in members if isinstance(value, str)}
    values: dict[str, object] = {}
    for field, value in members:
        error = _member_error(field, value, values, fields, words)
        if error is None:
            values[field] = value
        else:
            errors.append((_printable(field), error))
        if len(errors) >= MOST_PROBLEMS:
            raise refusal(errors)
    try:
        read = model.model_validate({f: v for f, v in values.items() if v is not None})
    except ValidationError as error:
        known = {field for field, _ in errors}
        raise refusal([*errors, *_errors(model, error, known, words)]) from None
    if errors:
        raise refusal(errors)
    return read


def _member_error(
    field: str,
    value: object,
    before: Mapping[str, object],
    fields: tuple[str, ...],
    words: Mapping[str, str],
) -> FieldError | None:
    if not is_unicode(field):
        return FieldError("malformed_text", "half of a surrogate pair", "write whole characters")
    if field not in fields:
        replacements = {word: name for word, name in _REPLACEMENTS.items() if name in fields}
        unknown = field_error_of(unknown_word("", field, fields, replacements, "fields"))
        hint = _hint_for_bound(field, words) or unknown.hint
        return FieldError("unknown_field", unknown.message, hint, unknown.listing)
    if field in before:
        return _duplicate(field)
    if value == "" and field != _MAY_BE_EMPTY:
        hint = "write 64,3,7,7" if field == "shape" else "give a value, or leave it out"
        return FieldError("empty_field", "nothing is given", hint)
    return None


def _hint_for_bound(field: str, words: Mapping[str, str]) -> str | None:
    """The hint for another framework's word for a bound, which means what the scheme takes.

    It is None for other words. `words` are the texts of the request.
    """
    word = squash(field)
    if word not in (*_LOWER, *_UPPER):
        return None
    name = words.get("scheme", AUTO)
    scheme = None if name == AUTO else scheme_meant(name)
    takes = () if scheme is None else scheme.fields
    bound = "low" if word in _LOWER else "high"
    if bound in takes:
        return f"write {bound}"
    if "bounds" in takes and scheme is not None and scheme.distribution == "truncated_normal":
        return f"leave {field} out and add bounds={_bounds(words)}"
    if word == "a" and (scheme is None or scheme.gain in ("he", "activation")):
        return "write negative_slope"
    return f"leave {field} out, or use scheme=uniform and write {bound}"


def _bounds(words: Mapping[str, str]) -> str:
    """Both bounds as the field bounds has them, -2,2 if one is missing."""
    low = next((text for name, text in words.items() if squash(name) in _LOWER), "-2")
    high = next((text for name, text in words.items() if squash(name) in _UPPER), "2")
    return f"{low},{high}"


def _duplicate(field: str) -> FieldError:
    return FieldError("duplicate_field", "given more than once", "give it once")


def _errors(
    model: type[BaseModel], error: ValidationError, known: set[str], words: Mapping[str, str]
) -> Iterator[tuple[str, FieldError]]:
    """pydantic's errors as field errors, except for fields that already have one."""
    for entry in error.errors(include_url=False, include_input=False):
        field = str(entry["loc"][0])
        if field in known:
            continue
        if entry["type"] == "missing":
            yield field, _missing(model, field)
        else:
            yield field, _of_scheme(field, entry["ctx"]["error"], words)


def _missing(model: type[BaseModel], field: str) -> FieldError:
    if field == "shape":
        return FieldError("missing_field", "every tensor has a shape", "add shape=64,3,7,7")
    [example] = model.model_fields[field].examples or [""]
    return FieldError("missing_field", f"{field} is needed", f"add {field}={example}")


def _of_scheme(field: str, error: FieldError, words: Mapping[str, str]) -> FieldError:
    """`error`, with the variants of the request's scheme for a variant that no scheme has."""
    if field != "variant" or error.reason != "unknown_word":
        return error
    scheme = scheme_meant(words.get("scheme", AUTO))
    if scheme is None:
        return error
    return FieldError(error.reason, error.message, variant_hint(scheme), error.listing)


def _printable(field: str) -> str:
    """The client's field name, shortened and escaped for the error message."""
    return field[:64].encode("ascii", "backslashreplace").decode("ascii")
