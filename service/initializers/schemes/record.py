"""What a scheme is: a record of its defaults, and its law, which makes a draw of a request."""

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
    """The numbers of a scheme, as a request gives them or as a record has them by default."""

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

    def given(self) -> dict[str, Any]:
        """Those that are there, by name."""
        values = ((field, getattr(self, field)) for field in NUMBER_FIELDS)
        return {field: value for field, value in values if value is not None}

    def over(self, defaults: "Numbers") -> "Numbers":
        """These numbers, and the defaults where one is missing."""
        return replace(defaults, **self.given())


NUMBER_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Numbers))
"""The request's fields that set a number of the scheme."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Whose default a scheme is: `layer` of `framework`, in its letters and with its fans."""

    framework: str
    layer: str


@dataclass(frozen=True, slots=True)
class Block:
    """Outputs first ... first + outputs - 1 of every `distance`.

    The axes of O are flattened in counting order. A tensor without parts is one block, and equal
    parts are one block that repeats.
    """

    first: int
    outputs: int
    distance: int


@dataclass(frozen=True, slots=True)
class Request:
    """What a law is computed from, for one block of a tensor.

    `given` are the numbers of the request, `numbers` those and the scheme's defaults. `shape` and
    `weight` are the whole tensor's. `fan_in` and `fan_out` are the block's, None where there is no
    such fan; `fan_number` is the n of std = gain sqrt(1/n), None where the tensor is empty and a
    fan that is used does not exist, and for schemes that look at no fan.
    """

    scheme: str
    given: Numbers
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
    """The draw of a block, and what is known of its values before they are rounded to a dtype.

    None stands where nothing applies. `std` is None only of an empty tensor without the fan that
    its std divides by. `limit` is the largest magnitude of values symmetric about 0. `parent_std`
    is that of the normal before it is cut at `bounds`, which are in its standard deviations.
    `levels` are the values and their shares, where there are only a few.
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
    """What a request gets by naming this scheme.

    `fields` are the numbers it takes, `distributions` what its field `distribution` may say.
    `gain` is the gain if none is given: a number, He's for (leaky) ReLU, or the activation's.
    `draft` counts the editions of a draft's bytes from 1; None is frozen. The bare name is
    revision 1 for ever.
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
        """The fan that the variance is divided by; None for a scheme that looks at no fan."""
        return self.defaults.mode

    @property
    def value(self) -> float | None:
        """The constant of a scheme that has nothing else to say."""
        return self.defaults.value


def missing(scheme: str, *fields: str) -> ImpossibleError:
    """The refusal (`scheme_needs`) of a scheme that lacks these fields."""
    message = f"{scheme} needs {' and '.join(fields)}"
    hint = "add " + " and ".join(f"{field}=..." for field in fields)
    return ImpossibleError("scheme_needs", *(Problem(field, message, hint) for field in fields))


def require_positive(field: str, given: float) -> None:
    """Raise ImpossibleError (`not_positive`) unless `given` is above 0."""
    if given <= 0:
        message = f"{field} is {shortest(given)}; it must be above 0"
        hint = f"write {shortest(-given)}"
        if given == 0:
            hint = f"leave {field} out and use scheme=zeros for a tensor of zeros"
        raise ImpossibleError("not_positive", Problem(field, message, hint))
