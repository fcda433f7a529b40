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


INPUTS = "{inputs}"
"""It stands in a fault's message for the number of inputs of the request's weight."""

EXAMPLE = "shape=512,256"
"""The example of a scheme that fills a matrix and needs no field."""


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
    depth: int | None = None
    decoder_depth: int | None = None
    layer_index: int | None = None
    branches: int | None = None
    branch_layers: int | None = None
    base_fan_in: float | None = None
    inner: str | None = None
    factor: int | None = None
    sparsity: float | None = None
    omega: float | None = None
    base: float | None = None
    period: float | None = None
    gates: str | None = None
    dt_min: float | None = None
    dt_max: float | None = None
    dt_floor: float | None = None
    r_min: float | None = None
    r_max: float | None = None
    max_phase: float | None = None
    prior: float | None = None
    classes: int | None = None
    variant: str | None = None
    kernel: tuple[float, ...] | None = None
    normalise: str | None = None
    channels: str | None = None
    sigma: float | None = None
    wavelength: float | None = None
    aspect: float | None = None
    phase: float | None = None
    window: str | None = None
    periodic: str | None = None
    scaling: str | None = None
    sample_rate: float | None = None
    low_frequency: float | None = None
    high_frequency: float | None = None

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
    """The scheme is what `framework` does: its letters, and its fans.

    With a `layer` it is the default of that layer. Without one it is an initializer that fills a
    weight of any layer.
    """

    framework: str
    layer: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Outputs first ... first + outputs - 1 of every `distance` outputs.

    The O axes are flattened in counting order. A tensor without parts is one block. Equal parts
    are one block that repeats, unless the scheme has gates. `number` counts the blocks from 0.
    """

    first: int
    outputs: int
    distance: int
    number: int = 0


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
    inner: "Law | None" = None


@dataclass(frozen=True, slots=True)
class Law:
    """The draw of a block, and the statistics of its values before rounding to a dtype.

    A member that does not apply is None. `mean` and `std` are None if they are not known, `std`
    also for an empty tensor that lacks the fan in its std. `limit` is the largest magnitude of
    values symmetric about 0. `parent_std` is the std of the normal before truncation, and `bounds`
    are in units of it. `levels` lists (value, share) if there are only a few values.
    """

    draw: Draw
    distribution: str
    mean: float | None
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

    `variants` are the values of its field `variant`. `gated` says that the block of each gate has a
    law of its own; equal parts are otherwise one block that repeats. `holds_values` says that the
    draw holds the values of a filter. Plans of large ones are not cached. `sub_kernel` returns the
    shape of the tensor that the scheme in the field `inner` fills, from shape, letters and numbers.
    `example` is a request that shows the scheme: a shape and the fields it needs. `source` is the
    file of a peer that the scheme follows, with its release or commit. `fault` is the message of
    the warning about a known fault of the peer, which the scheme repeats. `repeats_fault` says
    whether a request with this weight and these requested numbers does.

    `activation` is the one of a request without activation and slope, if it is not `linear`.
    `negative_slope` is the slope of an activation that takes one, in a request without it, if it
    is not the activation's own.
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
    variants: tuple[str, ...] = ()
    gated: bool = False
    holds_values: bool = False
    sub_kernel: Callable[[tuple[int, ...], str, Numbers], tuple[int, ...]] | None = None
    example: str = EXAMPLE
    source: str | None = None
    fault: str | None = None
    repeats_fault: Callable[[Weight, Numbers], bool] = lambda weight, requested: True
    activation: str | None = None
    negative_slope: float | None = None

    @property
    def mode(self) -> str | None:
        """The default mode; None for a scheme without fans."""
        return self.defaults.mode

    @property
    def value(self) -> float | None:
        """The default constant; None for other schemes."""
        return self.defaults.value


def variant_hint(scheme: Scheme) -> str:
    """The hint for a variant that the scheme does not have: the variants that it has."""
    if not scheme.variants:
        return "leave variant out"
    return f"write {' or '.join(scheme.variants)}, or leave variant out"


def missing(scheme: str, **examples: str) -> ImpossibleError:
    """The error (`scheme_needs`) if the request lacks these fields of the scheme.

    `examples` are the missing fields with a value that the scheme accepts. The hint shows it, so
    that the hint can be copied.
    """
    message = f"{scheme} needs {' and '.join(examples)}"
    hint = "add " + " and ".join(f"{field}={value}" for field, value in examples.items())
    return ImpossibleError("scheme_needs", *(Problem(field, message, hint) for field in examples))


def require_positive(field: str, value: float) -> None:
    """Raise ImpossibleError (`not_positive`) unless `value` is above 0."""
    if value <= 0:
        message = f"{field} is {shortest(value)}; it must be above 0"
        hint = f"write {shortest(-value)}"
        if value == 0:
            hint = f"leave {field} out and use scheme=zeros for a tensor of zeros"
        raise ImpossibleError("not_positive", Problem(field, message, hint))
