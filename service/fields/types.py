"""The kinds of value a field can hold: a Python type, the reader that makes it, its JSON schema.

An optional kind is None where nothing was given; no reader ever answers None.
"""

from typing import Annotated

from pydantic import BeforeValidator

from service.dtypes import DTYPES
from service.fields import axes, numbers, schemas
from service.fields.faults import Fault
from service.fields.text import read_label, read_name, record_reader, word_reader
from service.initializers.activations import ACTIVATIONS, find_activation
from service.initializers.fans import LEAST_FAN, MODES, MOST_FAN
from service.initializers.gains import GAIN_RULES
from service.initializers.layers import LAYERS, find_layer
from service.initializers.schemes import AUTO, SCHEMES, find_scheme
from service.initializers.unissued import UNISSUED_DTYPES
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
_ORDERS = {"row": "C", "rowmajor": "C", "column": "F", "columnmajor": "F", "fortran": "F"}
_DTYPES = {
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


def _read_count(given: object) -> int:
    return numbers.read_integer(given, 1, axes.MOST_ELEMENTS - 1)


def _read_fan(given: object) -> float:
    """A fan, which may be a fraction; its range holds every fan that can be counted."""
    fan = numbers.read_number(given)
    if not LEAST_FAN <= fan <= MOST_FAN:
        side, end = ("below", LEAST_FAN) if fan < LEAST_FAN else ("above", MOST_FAN)
        message = f"{shortest(fan)} is {side} {shortest(end)}"
        hint = f"write a number from {LEAST_FAN:g} to {int(MOST_FAN)}"
        raise Fault("out_of_range", message, hint)
    return int(fan) if fan.is_integer() and fan < 2**53 else fan


def _scheme_name(word: str) -> str:
    name, at, revision = word.partition("@")
    if name != AUTO:
        return find_scheme(word).name
    if at and revision != "1":
        raise Fault("unknown_revision", f"{AUTO} has edition 1 only", f"write {AUTO} or {AUTO}@1")
    return AUTO


Shape = Annotated[tuple[int, ...], BeforeValidator(axes.read_shape), schemas.SHAPE]
Stride = Annotated[tuple[int, ...], BeforeValidator(axes.read_stride), schemas.STRIDE]
Bounds = Annotated[tuple[float, ...] | None, BeforeValidator(axes.read_bounds), schemas.BOUNDS]
Slice = Annotated[tuple[axes.Interval, ...] | None, BeforeValidator(axes.read_slice), schemas.SLICE]
Count = Annotated[int, BeforeValidator(_read_count), schemas.COUNT]
OptionalCount = Annotated[int | None, BeforeValidator(_read_count), schemas.COUNT]
Parts = Annotated[int | tuple[int, ...], BeforeValidator(axes.read_parts), schemas.PARTS]
Fan = Annotated[int | float | None, BeforeValidator(_read_fan), schemas.FAN]
Number = Annotated[float | None, BeforeValidator(numbers.read_number), schemas.NUMBER]
Seed = Annotated[int | None, BeforeValidator(numbers.read_seed), schemas.SEED]
Name = Annotated[str, BeforeValidator(read_name), schemas.NAME]
Layout = Annotated[str | None, BeforeValidator(read_label), schemas.LABEL]
Layer = Annotated[
    str | None,
    BeforeValidator(record_reader(lambda word: find_layer(word).name)),
    schemas.words(LAYERS),
]
Activation = Annotated[
    str | None,
    BeforeValidator(record_reader(lambda word: find_activation(word).name)),
    schemas.words(ACTIVATIONS),
]
Scheme = Annotated[
    str, BeforeValidator(record_reader(_scheme_name)), schemas.words([AUTO, *SCHEMES])
]
Mode = Annotated[
    str | None,
    BeforeValidator(word_reader("mode", MODES, _MODES, "schemes")),
    schemas.words(MODES),
]
Distribution = Annotated[
    str | None,
    BeforeValidator(word_reader("distribution", DISTRIBUTIONS, _DISTRIBUTIONS, "schemes")),
    schemas.words(DISTRIBUTIONS),
]
GainRule = Annotated[
    str | None,
    BeforeValidator(word_reader("gain_rule", GAIN_RULES, _GAIN_RULES, "activations")),
    schemas.words(GAIN_RULES),
]
StdKind = Annotated[
    str | None,
    BeforeValidator(word_reader("std_kind", STD_KINDS, {}, "fields")),
    schemas.words(STD_KINDS),
]
Dtype = Annotated[
    str,
    BeforeValidator(word_reader("dtype", DTYPES, _DTYPES, "dtypes", UNISSUED_DTYPES)),
    schemas.words(DTYPES),
]
Order = Annotated[
    str, BeforeValidator(word_reader("order", ORDERS, _ORDERS, "fields")), schemas.words(ORDERS)
]
