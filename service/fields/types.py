"""The types of fields: a Python type, the reader that makes it, and its JSON schema.

An optional type is None where the request has no value. No reader returns None.
"""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from service.dtypes import DTYPES
from service.fields import axes, numbers, patterns
from service.fields.errors import FieldError
from service.fields.text import MOST_NAME_BYTES, read_label, read_name, record_reader, word_reader
from service.initializers.activations import ACTIVATIONS, find_activation
from service.initializers.fans import LEAST_FAN, MODES, MOST_FAN
from service.initializers.gains import GAIN_RULES
from service.initializers.layers import LAYERS, find_layer
from service.initializers.schemes import AUTO, SCHEMES, find_scheme
from service.initializers.truncation import MOST_SIGMAS
from service.initializers.unknown_words import NOT_ISSUED_DTYPES
from service.spelling import shortest

DISTRIBUTIONS = tuple(dict.fromkeys(d for s in SCHEMES.values() for d in s.distributions))
STD_KINDS = ("corrected", "parent")
ORDERS = ("C", "F")

_MODES = {
    **{"in": "fan_in", "input": "fan_in", "forward": "fan_in"},
    **{"out": "fan_out", "output": "fan_out", "backward": "fan_out"},
    **dict.fromkeys(("avg", "mean", "fanmean", "both", "faninout"), "fan_avg"),
    **dict.fromkeys(("geo", "geoavg", "fangeo", "fangeomean", "geometricmean"), "fan_geo_avg"),
}
_DISTRIBUTIONS = {
    **dict.fromkeys(("gaussian", "gauss", "randn", "randomnormal", "untruncatednormal"), "normal"),
    **dict.fromkeys(
        ("truncnormal", "truncnorm", "truncated", "truncatedgaussian"), "truncated_normal"
    ),
    **dict.fromkeys(("rand", "randomuniform", "unif", "flat"), "uniform"),
}
_GAIN_RULES = {"torch": "pytorch"}
_CHANNELS = {
    **dict.fromkeys(("depthwise", "diagonal", "separate", "per_channel"), "each"),
    **dict.fromkeys(("mean", "average", "dense"), "all"),
}
_WINDOWS = {"hanning": "hann", "rectangular": "none", "boxcar": "none", "triangular": "bartlett"}
_ORDERS = {"row": "C", "rowmajor": "C", "column": "F", "columnmajor": "F", "fortran": "F"}
DTYPE_WORDS = {
    **dict.fromkeys(("float", "single", "fp32", "f32", "f4", "floattensor"), "float32"),
    **dict.fromkeys(("tf32", "tensorfloat32", "dtfloat"), "float32"),
    **dict.fromkeys(("half", "fp16", "f16", "f2", "halftensor", "dthalf"), "float16"),
    **dict.fromkeys(("bf16", "bfloat", "brainfloat", "bfloat16tensor"), "bfloat16"),
    **dict.fromkeys(("double", "fp64", "f64", "f8", "doubletensor", "dtdouble"), "float64"),
    **dict.fromkeys(("fp8", "float8"), "float8_e4m3fn or float8_e5m2"),
    **dict.fromkeys(("e4m3", "e4m3fn", "fp8e4m3", "fp8e4m3fn"), "float8_e4m3fn"),
    **dict.fromkeys(("float8e4m3", "f8e4m3", "f8e4m3fn"), "float8_e4m3fn"),
    **dict.fromkeys(("e5m2", "f8e5m2", "fp8e5m2"), "float8_e5m2"),
}
"""The dtype for its names elsewhere, squashed as unknown words are."""


def _read_count(value: object) -> int:
    return numbers.read_integer(value, 1, axes.MOST_ELEMENTS - 1)


def _read_fan(value: object) -> float:
    """A fan, which may be a fraction. The accepted range includes every fan of a real layer."""
    hint = f"write a number from {LEAST_FAN:g} to {int(MOST_FAN)}"
    try:
        fan = numbers.read_number(value)
    except FieldError as error:
        # The range of float64, which its hint names, is wider than that of a fan.
        out_of_range = error.reason == "out_of_range"
        raise FieldError(
            error.reason, error.message, hint if out_of_range else error.hint
        ) from None
    if not LEAST_FAN <= fan <= MOST_FAN:
        side, end = ("below", LEAST_FAN) if fan < LEAST_FAN else ("above", MOST_FAN)
        message = f"{shortest(fan)} is {side} {shortest(end)}"
        raise FieldError("out_of_range", message, hint)
    return int(fan) if fan.is_integer() and fan < 2**53 else fan


MOST_DEPTH = 10_000
"""Ten times the depth of the deepest known networks."""

MOST_KERNEL_VALUES = 256
"""A filter of 16 x 16. The canonical URL must hold all its values."""

MOST_GATES = 8

VARIANTS = tuple(dict.fromkeys(variant for s in SCHEMES.values() for variant in s.variants))
NORMALISATIONS = ("none", "sum", "l1", "l2", "area")
CHANNELS = ("each", "all")
WINDOWS = ("none", "hann", "hamming", "blackman", "bartlett")
SCALINGS = ("none", "density", "spectrum")


def _read_depth(value: object) -> int:
    return numbers.read_integer(value, 1, MOST_DEPTH)


def _read_layer_index(value: object) -> int:
    return numbers.read_integer(value, 0, MOST_DEPTH - 1)


def _read_kernel(value: object) -> tuple[float, ...]:
    return axes.read_numbers(value, MOST_KERNEL_VALUES)


def _read_gates(value: object) -> str:
    """Letters of gates, each once."""
    gates = read_label(value)
    if not 1 <= len(gates) <= MOST_GATES or len(set(gates)) < len(gates):
        message = f"{gates!r} is not a letter for each gate" if gates else "no gate"
        raise FieldError("malformed_text", message, "write ifgo, or the gates in their order")
    return gates


def _read_periodic(value: object) -> str:
    """`true` or `false`, also as a JSON boolean."""
    word = str(value).lower() if isinstance(value, bool) else value
    return word_reader("periodic", ("true", "false"), {"yes": "true", "no": "false"}, "fields")(
        word
    )


def _scheme_name(word: str) -> str:
    name, at, revision = word.partition("@")
    if name != AUTO:
        return find_scheme(word).name
    if at and revision != "1":
        raise FieldError(
            "unknown_revision", f"{AUTO} has edition 1 only", f"write {AUTO} or {AUTO}@1"
        )
    return AUTO


# The JSON schemas serve OpenAPI. The readers check the values.


def _text(pattern: str, **more: int) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{pattern}$", **more}


def _listed(item: dict[str, Any], least: int, most: int) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": least, "maxItems": most}


def _any_of(*schemas: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": list(schemas)})


def one_of(known: Iterable[str]) -> WithJsonSchema:
    """A string that is one of `known`."""
    return WithJsonSchema({"type": "string", "enum": list(known)})


def integer_from(least: int, most: int) -> WithJsonSchema:
    """An integer from `least`, at most 1, to `most`, or the text of one."""
    return _any_of(_integer(least, most), _text(patterns.integers(least, most)))


def _integer(least: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most}


def number_from(least: float, most: float | None = None) -> WithJsonSchema:
    """A number from `least`, which is not negative, to `most`, or the text of a number.

    The pattern of the text only excludes negative numbers, and 0 if `least` is above 0.
    """
    limits = {"minimum": least} if most is None else {"minimum": least, "maximum": most}
    text = _POSITIVE_TEXT if least > 0 else _NOT_NEGATIVE_TEXT
    return _any_of({"type": "number", **limits}, text)


def _number_text(pattern: str) -> dict[str, Any]:
    return _text(pattern, maxLength=numbers.MOST_NUMBER_CHARACTERS)


_NUMBER = {"type": "number"}
_NUMBER_TEXT = _number_text(patterns.NUMBER)
_POSITIVE_TEXT = _number_text(patterns.POSITIVE_NUMBER)
_NOT_NEGATIVE_TEXT = _number_text(patterns.NOT_NEGATIVE_NUMBER)
_ABOVE_0 = {"type": "number", "exclusiveMinimum": 0}

_COUNT = _integer(1, axes.MOST_ELEMENTS - 1)
_EXTENT = _integer(0, axes.MOST_ELEMENTS - 1)
_SIGMAS = {"type": "number", "minimum": -MOST_SIGMAS, "maximum": MOST_SIGMAS}

_SHAPE_FORMS = _any_of(_text(patterns.SHAPE), _listed(_EXTENT, 0, axes.MOST_AXES))
_STRIDE_FORMS = _any_of(_COUNT, _listed(_COUNT, 1, axes.KERNEL_AXES), _text(patterns.STRIDE))
_PARTS_FORMS = _any_of(_COUNT, _listed(_COUNT, 2, axes.MOST_PARTS), _text(patterns.PARTS))
_BOUND = {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_SIGMAS}
_BOUNDS_FORMS = _any_of(
    _BOUND, _listed(_BOUND, 1, 1), _listed(_SIGMAS, 2, 2), _text(patterns.BOUNDS)
)
_KERNEL_FORMS = _any_of(
    _listed(_NUMBER, 1, MOST_KERNEL_VALUES),
    _text(patterns.listed(patterns.NUMBER, 1, MOST_KERNEL_VALUES)),
)
_SLICE_FORMS = WithJsonSchema(_text(patterns.SLICE))
_COUNT_FORMS = integer_from(1, axes.MOST_ELEMENTS - 1)
_DEPTH_FORMS = integer_from(1, MOST_DEPTH)
NUMBER_FORMS = _any_of(_NUMBER, _NUMBER_TEXT)
_POSITIVE_FORMS = _any_of(_ABOVE_0, _POSITIVE_TEXT)
BOOLEAN_FORMS = _any_of({"type": "boolean"}, {"type": "string", "enum": ["true", "false"]})
_FAN_FORMS = number_from(LEAST_FAN, MOST_FAN)
_SEED_FORMS = _any_of(_integer(0, numbers.MOST_JSON_INTEGER), _text(patterns.SEED))
_NAME_FORMS = WithJsonSchema(_text(patterns.NAME, maxLength=MOST_NAME_BYTES))
_LAYOUT_FORMS = WithJsonSchema(_text(patterns.LAYOUT))
_GATES_FORMS = WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MOST_GATES})


Shape = Annotated[tuple[int, ...], BeforeValidator(axes.read_shape), _SHAPE_FORMS]
Stride = Annotated[tuple[int, ...], BeforeValidator(axes.read_stride), _STRIDE_FORMS]
Bounds = Annotated[tuple[float, ...] | None, BeforeValidator(axes.read_bounds), _BOUNDS_FORMS]
Slice = Annotated[tuple[axes.Interval, ...] | None, BeforeValidator(axes.read_slice), _SLICE_FORMS]
Count = Annotated[int, BeforeValidator(_read_count), _COUNT_FORMS]
OptionalCount = Annotated[int | None, BeforeValidator(_read_count), _COUNT_FORMS]
Parts = Annotated[int | tuple[int, ...], BeforeValidator(axes.read_parts), _PARTS_FORMS]
Fan = Annotated[int | float | None, BeforeValidator(_read_fan), _FAN_FORMS]
Depth = Annotated[int | None, BeforeValidator(_read_depth), _DEPTH_FORMS]
Factor = Annotated[int | None, BeforeValidator(_read_depth), _DEPTH_FORMS]
LayerIndex = Annotated[
    int | None,
    BeforeValidator(_read_layer_index),
    integer_from(0, MOST_DEPTH - 1),
]
Kernel = Annotated[tuple[float, ...] | None, BeforeValidator(_read_kernel), _KERNEL_FORMS]
Gates = Annotated[str | None, BeforeValidator(_read_gates), _GATES_FORMS]
Number = Annotated[float | None, BeforeValidator(numbers.read_number), NUMBER_FORMS]
PositiveNumber = Annotated[float | None, BeforeValidator(numbers.read_number), _POSITIVE_FORMS]
"""A number above 0. The scheme refuses others: its hint says what to write instead."""
Seed = Annotated[int | None, BeforeValidator(numbers.read_seed), _SEED_FORMS]
Name = Annotated[str, BeforeValidator(read_name), _NAME_FORMS]
Layout = Annotated[str | None, BeforeValidator(read_label), _LAYOUT_FORMS]
Layer = Annotated[
    str | None,
    BeforeValidator(record_reader(lambda word: find_layer(word).name)),
    one_of(LAYERS),
]
Activation = Annotated[
    str | None,
    BeforeValidator(record_reader(lambda word: find_activation(word).name)),
    one_of(ACTIVATIONS),
]
Scheme = Annotated[str, BeforeValidator(record_reader(_scheme_name)), one_of([AUTO, *SCHEMES])]
Mode = Annotated[
    str | None,
    BeforeValidator(word_reader("mode", MODES, _MODES, "schemes")),
    one_of(MODES),
]
Distribution = Annotated[
    str | None,
    BeforeValidator(word_reader("distribution", DISTRIBUTIONS, _DISTRIBUTIONS, "schemes")),
    one_of(DISTRIBUTIONS),
]
GainRule = Annotated[
    str | None,
    BeforeValidator(word_reader("gain_rule", GAIN_RULES, _GAIN_RULES, "activations")),
    one_of(GAIN_RULES),
]
Variant = Annotated[
    str | None,
    BeforeValidator(word_reader("variant", VARIANTS, {}, "schemes")),
    one_of(VARIANTS),
]
Inner = Annotated[
    str | None,
    BeforeValidator(record_reader(lambda word: find_scheme(word, also=()).name)),
    one_of(SCHEMES),
]
Normalise = Annotated[
    str | None,
    BeforeValidator(word_reader("normalise", NORMALISATIONS, {}, "fields")),
    one_of(NORMALISATIONS),
]
Channels = Annotated[
    str | None,
    BeforeValidator(word_reader("channels", CHANNELS, _CHANNELS, "fields")),
    one_of(CHANNELS),
]
Window = Annotated[
    str | None, BeforeValidator(word_reader("window", WINDOWS, _WINDOWS, "fields")), one_of(WINDOWS)
]
Periodic = Annotated[
    str | None,
    BeforeValidator(_read_periodic),
    BOOLEAN_FORMS,
]
Scaling = Annotated[
    str | None,
    BeforeValidator(word_reader("scaling", SCALINGS, {}, "fields")),
    one_of(SCALINGS),
]
StdKind = Annotated[
    str | None,
    BeforeValidator(word_reader("std_kind", STD_KINDS, {}, "fields")),
    one_of(STD_KINDS),
]
Dtype = Annotated[
    str,
    BeforeValidator(word_reader("dtype", DTYPES, DTYPE_WORDS, "dtypes", NOT_ISSUED_DTYPES)),
    one_of(DTYPES),
]
Order = Annotated[
    str, BeforeValidator(word_reader("order", ORDERS, _ORDERS, "fields")), one_of(ORDERS)
]
