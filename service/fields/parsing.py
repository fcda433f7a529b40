"""From a query, a JSON body or a shell's words to a Spec, or to every fault found in them.

One parser reads every model that is a Spec with further fields.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from pydantic import ValidationError

from service.fields.faults import MOST_PROBLEMS, Fault, refusal
from service.fields.json_body import read_object
from service.fields.query import split_query
from service.fields.spec import Spec
from service.fields.text import fault_of, is_unicode, word_reader
from service.initializers.words import unknown_word
from service.wire.formats import FORMATS

_FORMAT = "format"
_DEFAULT_FORMAT = "npy"
_MAY_BE_EMPTY = "name"

_REPLACEMENTS = {
    **dict.fromkeys(("size", "dim", "dims", "dimensions", "kernelsize"), "shape"),
    **dict.fromkeys(("infeatures", "outfeatures", "inchannels", "outchannels"), "shape"),
    **dict.fromkeys(("a", "alpha", "slope"), "negative_slope"),
    **dict.fromkeys(("loc", "average"), "mean"),
    **dict.fromkeys(("rng", "randomseed", "manualseed"), "seed"),
    **dict.fromkeys(("init", "initializer", "method"), "scheme"),
    **dict.fromkeys(("stddev", "sigma"), "std"),
    **dict.fromkeys(("minval", "min"), "low"),
    **dict.fromkeys(("maxval", "max"), "high"),
    "nonlinearity": "activation",
    "type": "dtype",
    "key": "name",
    "strides": "stride",
}

Members = Iterable[tuple[str, object]]
Faults = list[tuple[str, Fault]]
Model = TypeVar("Model", bound=Spec)


def parse_query(query_string: bytes) -> Spec:
    """The spec of a URL's query, as it came over the wire.

    Raises UnreadableError with a problem for each fault.
    """
    return read_members(Spec, *split_query(query_string))


def parse_words(words: Mapping[str, str]) -> Spec:
    """The spec of a shell's words, spelled as in a query that needs no escapes.

    Raises UnreadableError with a problem for each fault.
    """
    return read_members(Spec, words.items(), [])


def parse_json(body: bytes) -> tuple[Spec, str]:
    """The spec and the format of a JSON object; text in it is read as a query's text is.

    A field that is null is a field that is not given.

    Raises UnreadableError with a problem for each fault.
    """
    members = json_members(body)
    formats = [member for member in members if member[0] == _FORMAT]
    faults: Faults = []
    written = _DEFAULT_FORMAT
    if len(formats) > 1:
        faults.append((_FORMAT, _duplicate(_FORMAT)))
    elif formats and formats[0][1] is not None:
        try:
            written = _read_format(formats[0][1])
        except Fault as fault:
            faults.append((_FORMAT, fault))
    others = (member for member in members if member[0] != _FORMAT)
    return read_members(Spec, others, faults), written


_read_format = word_reader(_FORMAT, FORMATS, {"numpy": "npy", "st": "safetensors"}, "fields")


def with_seed(spec: Spec, seed: int) -> Spec:
    """The same spec with a seed of 0 to 2^64 - 1."""
    return spec.model_copy(update={"seed": seed})


def json_members(body: bytes) -> list[tuple[str, object]]:
    """The members of a JSON object in their order; raises UnreadableError for anything else."""
    try:
        return read_object(body)
    except Fault as fault:
        raise refusal([("", fault)]) from None


def read_members(model: type[Model], members: Members, faults: Faults) -> Model:
    """The `model` of the members, unless something is wrong with them or was wrong before.

    A member whose value is None, which is JSON's null, counts as absent. Its name must be a
    field's all the same, and may stand only once.

    Raises UnreadableError with a problem for each fault.
    """
    fields = tuple(model.model_fields)
    values: dict[str, object] = {}
    for field, value in members:
        fault = _member_fault(field, value, values, fields)
        if fault is None:
            values[field] = value
        else:
            faults.append((_printable(field), fault))
        if len(faults) >= MOST_PROBLEMS:
            raise refusal(faults)
    try:
        read = model.model_validate({f: v for f, v in values.items() if v is not None})
    except ValidationError as error:
        known = {field for field, _ in faults}
        raise refusal([*faults, *_faults(error, known)]) from None
    if faults:
        raise refusal(faults)
    return read


def _member_fault(
    field: str, value: object, before: Mapping[str, object], fields: tuple[str, ...]
) -> Fault | None:
    if not is_unicode(field):
        return Fault("malformed_text", "half of a surrogate pair", "write whole characters")
    if field not in fields:
        unknown = fault_of(unknown_word("", field, fields, _REPLACEMENTS, "fields"))
        return Fault("unknown_field", unknown.message, unknown.hint, unknown.listing)
    if field in before:
        return _duplicate(field)
    if value == "" and field != _MAY_BE_EMPTY:
        hint = "write 64,3,7,7" if field == "shape" else "give a value, or leave it out"
        return Fault("empty_field", "nothing is given", hint)
    return None


def _duplicate(field: str) -> Fault:
    return Fault("duplicate_field", "given more than once", "give it once")


def _faults(error: ValidationError, known: set[str]) -> Iterator[tuple[str, Fault]]:
    """pydantic's errors as faults, but for fields of which one is known already."""
    for entry in error.errors(include_url=False, include_input=False):
        field = str(entry["loc"][0])
        if field in known:
            continue
        if entry["type"] == "missing":
            yield field, Fault("missing_field", "every tensor has a shape", "add shape=64,3,7,7")
        else:
            yield field, entry["ctx"]["error"]


def _printable(field: str) -> str:
    """A stranger's field name as an answer may repeat it: short, and nothing JSON cannot carry."""
    return field[:64].encode("ascii", "backslashreplace").decode("ascii")
