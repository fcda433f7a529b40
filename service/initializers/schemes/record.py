"""The record of a scheme: its defaults, and the law that turns a request into a draw."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from service.errors import ImpossibleError, Problem
from service.initializers.activations import Activation
from service.initializers.fans import Weight
from service.initializers.references import Reference
from service.spelling import shortest
from service.stream.draws import Draw

Access = Literal["elementwise", "index", "materialised"]
"""How an element is computed: from its own random words, from its position alone, or as an entry
of a matrix that is computed whole."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of a scheme: those of a request, or the defaults in a record."""

    fan_in: float | None = None
    fan_out: float | None = None
    mode: str | None = None
    distribution: str | None = None
    gain: float | None = None
    gain_rule: str | None = None
    scale: float | None = None
    mean: float | None = None
    std: float | None = None
    std_kind: str | None = None
    low: float | None = None
    high: float | None = None
    bounds: tuple[float, ...] | None = None
    value: float | None = None

    def present(self) -> dict[str, Any]:
        """The numbers that are not None, by name."""
        values = ((field, getattr(self, field)) for field in NUMBER_FIELDS)
        return {field: value for field, value in values if value is not None}

    def over(self, defaults: "Numbers") -> "Numbers":
        """These numbers, with `defaults` for those that are None."""
        present = self.present()
        return replace(defaults, **present) if present else defaults


NUMBER_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Numbers))
"""The request fields that set a number of the scheme."""


@dataclass(frozen=True, slots=True)
class Preset:
    """The scheme is the default of `layer` in `framework`, with its letters and its fans."""

    framework: str
    layer: str


@dataclass(frozen=True, slots=True)
class Block:
    """Outputs first ... first + outputs - 1 of every `distance` outputs.

    The O axes are flattened in counting order. A tensor without parts is one block. Equal parts
    are one block that repeats.
    """

    first: int
    outputs: int
    distance: int


@dataclass(frozen=True, slots=True)
class Request:
    """The input of a law, for one block of a tensor.

    `requested` are the numbers of the request. `numbers` adds the scheme's defaults. `shape` and
    `weight` are those of the whole tensor. `fan_in` and `fan_out` are those of the block, or None
    if it has no such fan. `fan_number` is the n of std = gain sqrt(1/n). It is None for schemes
    without fans, and for an empty tensor that lacks the fan it needs.
    """

    scheme: str
    requested: Numbers
    numbers: Numbers
    shape: tuple[int, ...]
    weight: Weight
    block: Block
    activation: Activation
    negative_slope: float
    fan_in: float | None = None
    fan_out: float | None = None
    fan_number: float | None = None


@dataclass(frozen=True, slots=True)
class Law:
    """The draw of a block, and the statistics of its values before rounding to a dtype.

    A member that does not apply is None. `std` is None only for an empty tensor that lacks the fan
    in its std. `limit` is the largest magnitude of values symmetric about 0. `parent_std` is the
    std of the normal before truncation, and `bounds` are in units of it. `levels` lists (value,
    share) if there are only a few values.
    """

    draw: Draw
    distribution: str
    mean: float
    std: float | None
    limit: float | None = None
    low: float | None = None
    high: float | None = None
    bounds: tuple[float, float] | None = None
    parent_std: float | None = None
    mode: str | None = None
    fan_in: float | None = None
    fan_out: float | None = None
    gain: float | None = None
    levels: tuple[tuple[float, float], ...] | None = None


@dataclass(frozen=True, slots=True)
class Scheme:
    """An initializer.

    `fields` are the number fields it accepts, `distributions` the values of its field
    `distribution`. `gain` is the default gain: a number, `one`, `he` for (leaky) ReLU's, or
    `activation` for the activation's. `draft` is the edition of a draft's bytes, from 1, and None
    if they are frozen. The name alone always means revision 1.
    """

    name: str
    summary: str
    formula: str
    distribution: str
    fields: tuple[str, ...]
    law: Callable[[Request], Law]
    aliases: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()
    defaults: Numbers = Numbers()
    gain: Literal["one", "he", "activation"] | float | None = None
    references: tuple[Reference, ...] = ()
    access: Access = "elementwise"
    preset: Preset | None = None
    draft: int | None = None

    @property
    def mode(self) -> str | None:
        """The default mode; None for a scheme without fans."""
        return self.defaults.mode

    @property
    def value(self) -> float | None:
        """The default constant; None for other schemes."""
        return self.defaults.value


def missing(scheme: str, *fields: str) -> ImpossibleError:
    """The error (`scheme_needs`) if the request lacks these fields of the scheme."""
    message = f"{scheme} needs {' and '.join(fields)}"
    hint = "add " + " and ".join(f"{field}=..." for field in fields)
    return ImpossibleError("scheme_needs", *(Problem(field, message, hint) for field in fields))


def require_positive(field: str, value: float) -> None:
    """Raise ImpossibleError (`not_positive`) unless `value` is above 0."""
    if value <= 0:
        message = f"{field} is {shortest(value)}; it must be above 0"
        hint = f"write {shortest(-value)}"
        if value == 0:
            hint = f"leave {field} out and use scheme=zeros for a tensor of zeros"
        raise ImpossibleError("not_positive", Problem(field, message, hint))
