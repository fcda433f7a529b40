"""The measurement: which tensor a layer has, and what its output was measured to be.

The tensor is described by the fields of a spec, or by the `weights_url` of an earlier answer, whose
query has the same fields. A field may stand in one of the two places only.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from service.errors import Problem, UnreadableError
from service.fields import FIELDS, Spec, types
from service.fields.errors import FieldError, refusal
from service.fields.numbers import NumberToken, read_integer, read_number
from service.fields.parsing import json_members, read_members
from service.fields.syntax import split_query
from service.fields.text import read_text
from service.plan.canonical import PATH
from service.spelling import shortest
from service.wire.formats import FORMATS

LEAST_TOLERANCE = 1e-4
"""A corrected number has six digits, so the variance follows its target to 1e-5 at best."""

MOST_TOLERANCE = 0.5
"""A variance of half or one and a half of the target is not met in any useful sense."""

LEAST_TARGET, MOST_TARGET = 1e-12, 1e12
MOST_STEPS = 1000

MOST_URL_CHARACTERS = 8192
"""The longest URL that is read: as long as a request target may be. A canonical URL has at most
2,048 bytes."""

# The query may have every ASCII character except a newline and #.
_URL = re.compile(
    rf"{re.escape(PATH)}\.({'|'.join(FORMATS)})\?([\u0000-\u0009\u000b-\u0022\u0024-\u007f]+)"
)
_ORIGIN = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)

_OVERFLOWED = (
    "the outputs overflowed or were divided by 0: measure in float32 or wider, calibrate the "
    "layers in order from the input on, and begin with smaller weights"
)


def _read_measured(value: object) -> float:
    """A measured number. NaN and infinity get a hint of their own: they come from the network."""
    if isinstance(value, str) and _NOT_FINITE.fullmatch(value):
        raise FieldError("malformed_number", f"the measured number is {value}", _OVERFLOWED)
    try:
        return read_number(value)
    except FieldError as error:
        hint = _OVERFLOWED if error.reason == "out_of_range" else error.hint
        raise FieldError(error.reason, error.message, hint) from None


def _read_variance(value: object) -> float:
    variance = _read_measured(value)
    if variance < 0:
        message = f"{shortest(variance)} is below 0, and no variance is"
        hint = "write the mean of (output - mean)^2 over all outputs, which is never below 0"
        raise FieldError("out_of_range", message, hint)
    return variance


def _read_between(value: object, least: float, most: float) -> float:
    number = read_number(value)
    if not least <= number <= most:
        message = f"{shortest(number)} is not from {shortest(least)} to {shortest(most)}"
        hint = f"write a number from {shortest(least)} to {shortest(most)}"
        raise FieldError("out_of_range", message, hint)
    return number


def _read_target(value: object) -> float:
    """The target. One of 0 is refused with the scheme that has it."""
    if read_number(value) == 0:
        message = "weights of which no output varies are zeros, and need no calibration"
        raise FieldError("out_of_range", message, "write 1, or fetch the weights with scheme=zeros")
    return _read_between(value, LEAST_TARGET, MOST_TARGET)


def _read_url(value: object) -> str:
    """The path and query of a tensor, as an answer has them."""
    text = read_text(value)
    _split_url(text)
    return text


def _split_url(text: str) -> tuple[str, str]:
    """The format and the query of a `weights_url`. Raises FieldError (`bad_weights_url`)."""
    if len(text) > MOST_URL_CHARACTERS:
        message = f"the URL has {len(text)} characters, more than {MOST_URL_CHARACTERS}"
        hint = "write the weights_url of an answer, which is shorter"
        raise FieldError("bad_weights_url", message, hint)
    found = _URL.fullmatch(text)
    if found is None:
        raise _not_a_tensor(text)
    return found[1], found[2]


def _not_a_tensor(text: str) -> FieldError:
    local = _ORIGIN.sub("", text)
    if local != text:
        message = "the URL has a scheme and a host, and no other host is asked"
        hint = f"write the path and the query alone: {local}"
        return FieldError("bad_weights_url", message, hint)
    if not text.isascii() or "#" in text:
        message = "the URL has a # or a character that is not ASCII"
        return FieldError("bad_weights_url", message, "percent-encode it, as %23 for #")
    message = "the URL is not that of a tensor"
    hint = f"write the weights_url of an answer: it begins with {PATH}.npy? and has a query"
    return FieldError("bad_weights_url", message, hint)


_Url = Annotated[
    str | None,
    BeforeValidator(_read_url),
    WithJsonSchema({"type": "string", "pattern": f"^{_URL.pattern}$"}),
]
_Mean = Annotated[float | None, BeforeValidator(_read_measured), types.NUMBER_FORMS]
_Variance = Annotated[float, BeforeValidator(_read_variance), types.number_from(0)]
_Target = Annotated[
    float, BeforeValidator(_read_target), types.number_from(LEAST_TARGET, MOST_TARGET)
]
_Tolerance = Annotated[
    float,
    BeforeValidator(lambda value: _read_between(value, LEAST_TOLERANCE, MOST_TOLERANCE)),
    types.number_from(LEAST_TOLERANCE, MOST_TOLERANCE),
]
_Step = Annotated[
    int,
    BeforeValidator(lambda value: read_integer(value, 0, MOST_STEPS)),
    types.integer_from(0, MOST_STEPS),
]
_Steps = Annotated[
    int,
    BeforeValidator(lambda value: read_integer(value, 1, MOST_STEPS)),
    types.integer_from(1, MOST_STEPS),
]


class Measurement(Spec):
    """A tensor, and the mean and variance of the output of the layer that has it."""

    model_config = ConfigDict(title="Measurement")

    measured_variance: _Variance = Field(
        description=(
            "The variance of all outputs of the layer on a batch, before the activation: the mean "
            "of (output - mean)^2 over samples, units and positions."
        ),
        examples=[1.7],
    )
    measured_mean: _Mean = Field(
        default=None,
        description="The mean of the same outputs. It changes no number, but may be warned of.",
        examples=[0.02],
    )
    weights_url: _Url = Field(
        default=None,
        description=(
            "The path and query of the tensor, as an earlier answer or a recommendation gives "
            "them, instead of the tensor's fields."
        ),
        examples=["/v1/weights.npy?shape=256,256&scheme=orthogonal&seed=42&name=fc1.weight"],
    )
    target_variance: _Target = Field(
        default=1.0, description="The variance that the output should have.", examples=[1]
    )
    tolerance: _Tolerance = Field(
        default=0.1,
        description="The layer is done when |measured / target - 1| is below it.",
        examples=[0.1],
    )
    step: _Step = Field(
        default=0,
        description="How many corrections the layer had before this measurement.",
        examples=[0],
    )
    most_steps: _Steps = Field(
        default=10, description="The layer gets at most so many corrections.", examples=[10]
    )

    @property
    def spec(self) -> Spec:
        """The spec of the tensor."""
        return Spec.model_construct(**{field: getattr(self, field) for field in FIELDS})

    @property
    def url_fields(self) -> frozenset[str]:
        """The fields that the query of `weights_url` has."""
        if self.weights_url is None:
            return frozenset()
        items, _ = split_query(_split_url(self.weights_url)[1].encode("ascii"))
        return frozenset(field for field, _ in items)

    @property
    def format_name(self) -> str | None:
        """The format in the path of `weights_url`; None without one."""
        return None if self.weights_url is None else _split_url(self.weights_url)[0]


MEASURED_FIELDS = tuple(name for name in Measurement.model_fields if name not in FIELDS)
"""The fields that a spec does not have."""


def parse_measurement_json(body: bytes) -> Measurement:
    """The measurement in a JSON object; raises UnreadableError with a problem for each error."""
    # JSON has no NaN, but Python's json writes it. It is read as text, so that its field is known.
    members = json_members(body, NumberToken)
    if any(field not in _MAY_BE_NAN and _has_nan(value) for field, value in members):
        members = json_members(body)
    url = next((value for name, value in members if name == "weights_url" and value), None)
    if url is None:
        return read_members(Measurement, members, [])
    try:
        _, query = _split_url(read_text(url))
    except FieldError as error:
        raise refusal([("weights_url", error)]) from None
    items, errors = split_query(query.encode("ascii"))
    try:
        return read_members(Measurement, [*items, *members], errors)
    except UnreadableError as error:
        of_url = {field for field, _ in items} - {field for field, _ in members}
        raise UnreadableError(error.reason, *in_url(error.problems, of_url)) from None


def in_url(problems: Iterable[Problem], fields: Collection[str]) -> Iterator[Problem]:
    """The problems, with `weights_url` in place of the fields that its query has."""
    for problem in problems:
        if problem.field not in fields:
            yield problem
            continue
        message = f"{problem.field} in the URL: {problem.message}"
        yield replace(
            problem, field="weights_url", message=message, hint=f"in the URL, {problem.hint}"
        )


_NAN = ("NaN", "Infinity", "-Infinity")
_MAY_BE_NAN = ("measured_mean", "measured_variance")
"""The members that a program may have computed to be no number."""


def _has_nan(value: object) -> bool:
    if isinstance(value, list):
        return any(map(_has_nan, value))
    return isinstance(value, NumberToken) and value in _NAN
