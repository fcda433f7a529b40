"""The question of /propagate: a network, as a list of layers or as a stack of equal ones.

A layer is a question of /recommend with a width, a bias, and the number of times that it repeats.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from service.advice import Question
from service.fields import types
from service.fields.errors import FieldError
from service.fields.numbers import read_integer, read_number
from service.fields.text import word_reader
from service.spelling import shortest

MOST_LAYERS = 1000
"""The most layers of a network, repetitions included."""

MOST_WIDTH = 2**24

MOST_TOKENS = 2**24


def _read_width(value: object) -> int:
    return read_integer(value, 1, MOST_WIDTH)


def _read_repeat(value: object) -> int:
    return read_integer(value, 1, MOST_LAYERS)


def _read_tokens(value: object) -> int:
    return read_integer(value, 1, MOST_TOKENS)


def _read_std(value: object) -> float:
    return _within(read_number(value), 0.0, 1e30)


def _read_variance(value: object) -> float:
    return _within(read_number(value), 1e-30, 1e30)


def _read_correlation(value: object) -> float:
    return _within(read_number(value), 0.0, 1.0)


def _within(number: float, least: float, most: float) -> float:
    if least <= number <= most:
        return number
    side, end = ("below", least) if number < least else ("above", most)
    message = f"{shortest(number)} is {side} {shortest(end)}"
    hint = f"write a number from {shortest(least)} to {shortest(most)}"
    raise FieldError("out_of_range", message, hint)


_read_word = word_reader("simulate", ("true", "false"), {"yes": "true", "no": "false"}, "fields")


def _read_simulate(value: object) -> bool:
    return value if isinstance(value, bool) else _read_word(value) == "true"


_Width = Annotated[int | None, BeforeValidator(_read_width), types.integer_from(1, MOST_WIDTH)]
_Repeat = Annotated[int, BeforeValidator(_read_repeat), types.integer_from(1, MOST_LAYERS)]
_Tokens = Annotated[int, BeforeValidator(_read_tokens), types.integer_from(1, MOST_TOKENS)]
_BiasStd = Annotated[float | None, BeforeValidator(_read_std), types.number_from(0.0, 1e30)]
_Variance = Annotated[float, BeforeValidator(_read_variance), types.number_from(1e-30, 1e30)]
_Correlation = Annotated[float, BeforeValidator(_read_correlation), types.number_from(0.0, 1.0)]
_Simulate = Annotated[bool, BeforeValidator(_read_simulate), types.BOOLEAN_FORMS]


class NetworkLayer(Question):
    """One layer of a network, or several equal ones in a row."""

    model_config = ConfigDict(title="NetworkLayer")

    shape: types.Shape = Field(
        default=(),
        description="The extents of the weight, in the order of `layout`.",
        examples=["512,512"],
    )
    width: _Width = Field(
        default=None,
        description=(
            "The width of a square dense layer, instead of `shape`. With a gated activation the "
            "weight has two halves of this width."
        ),
        examples=[512],
    )
    bias_std: _BiasStd = Field(
        default=None,
        description=(
            "The standard deviation of the biases. By default 0 if the scheme is given, else the "
            "recommended one."
        ),
        examples=[0.05],
    )
    repeat: _Repeat = Field(
        default=1,
        description=(
            "How many of these layers follow each other. Beside a list of layers: how often the "
            "whole list is repeated."
        ),
        examples=[24],
    )


class Stack(NetworkLayer):
    """A stack of equal layers, and what is asked about it."""

    model_config = ConfigDict(title="Stack")

    input_variance: _Variance = Field(
        default=1.0,
        description="The mean square of the numbers that enter the network.",
        examples=[1],
    )
    input_correlation: _Correlation = Field(
        default=0.5, description="The correlation of two inputs.", examples=[0.5]
    )
    tokens: _Tokens = Field(
        default=128,
        description="The number of tokens over which attention averages.",
        examples=[64],
    )
    token_correlation: _Correlation = Field(
        default=0.0, description="The correlation of two tokens of one input.", examples=[0]
    )
    simulate: _Simulate = Field(
        default=False,
        description=(
            "Whether networks of Fanin's own tensors are computed beside the theory: `true` or "
            "`false`."
        ),
        examples=["true"],
    )


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A network and what is asked about it.

    `entries` are the layers as the client wrote them, each with a shape. The whole list follows
    `repeat` times. `plain`: the client gave no list, so the entries were made from `stack`.
    """

    stack: Stack
    entries: tuple[NetworkLayer, ...]
    repeat: int
    plain: bool

    @property
    def layer_count(self) -> int:
        """The number of layers, repetitions included."""
        return self.repeat * sum(entry.repeat for entry in self.entries)
