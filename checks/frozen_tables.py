"""The constants and tables that determine the bytes of /v1, as JSON with hexadecimal floats."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import Any

from pydantic_core import PydanticUndefined

from service.fields import DEFAULTS
from service.fields.axes import MOST_AXES
from service.fields.types import DISTRIBUTIONS, ORDERS, STD_KINDS
from service.initializers.activations import ACTIVATIONS, Activation, find_activation
from service.initializers.auto import resolve_auto
from service.initializers.fans import MODES
from service.initializers.gains import GAIN_RULES
from service.initializers.layers import LAYERS, default_layer
from service.initializers.layouts import LETTERS, REPEATABLE, layer_of_letters
from service.initializers.schemes import SCHEMES, find_scheme
from service.plan import drafts
from service.plan.drafts import is_draft
from service.stream import literals
from service.stream.precision import NARROW, PRECISIONS
from service.wire.formats import FORMATS

Table = dict[str, Any]


def tables() -> dict[str, Table | list[Any]]:
    """Every table by name. Entries are appended and never change. Drafts are left out."""
    activations, schemes = _frozen("activation", ACTIVATIONS), _frozen("scheme", SCHEMES)
    return {
        "literals": {
            **dict(_literals()),
            **{f"NARROW {name}": _hex(NARROW[name]) for name in sorted(_frozen("dtype", NARROW))},
        },
        "precisions": {name: _record(PRECISIONS[name]) for name in _frozen("dtype", PRECISIONS)},
        "activations": {name: _numbers(ACTIVATIONS[name]) for name in activations},
        "activation names": _names(ACTIVATIONS, activations, find_activation),
        "schemes": {name: _scheme(name) for name in schemes},
        "scheme names": _names(SCHEMES, schemes, find_scheme),
        "auto by activation": {name: resolve_auto("dense", name) for name in activations},
        "auto by layer": dict(_auto_by_layer()),
        "modes": {name: list(used) for name, used in MODES.items()},
        "distributions": list(DISTRIBUTIONS),
        "gain rules": _frozen("gain_rule", GAIN_RULES),
        "std kinds": list(STD_KINDS),
        "orders": list(ORDERS),
        "formats": list(FORMATS),
        "repeated letters": sorted(REPEATABLE),
        "layers": {name: _layer(name) for name in _frozen("layer", LAYERS)},
        "letters": _letters(),
        "counting order": list(LETTERS),
        "layer of a rank": {str(rank): default_layer(rank) for rank in range(MOST_AXES + 1)},
        "layer of letters": {letters: layer_of_letters(letters) for letters in _spellings()},
        "fields": [
            {"field": name, "default": _default(value)}
            for name, value in DEFAULTS.items()
            if name not in drafts.FIELDS and not is_draft(name, name)
        ],
    }


def _frozen(field: str, table: Iterable[str]) -> list[str]:
    """The names of the table of `field` that are frozen."""
    return [name for name in table if not is_draft(field, name)]


def told(value: Any) -> Any:
    """A value in JSON without loss of bits."""
    if isinstance(value, float):
        return value.hex()
    return [told(item) for item in value] if isinstance(value, tuple) else value


def _literals() -> Iterator[tuple[str, Any]]:
    """Every constant of the stream, words in hexadecimal too."""
    for name, value in vars(literals).items():
        if name.isupper():
            yield name, _hex(value)


def _hex(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_hex(item) for item in value]
    return hex(value) if isinstance(value, int) else value.hex()


def _record(record: Any) -> Table:
    return {field.name: told(getattr(record, field.name)) for field in fields(record)}


_FROZEN_NUMBERS = (
    *("mean", "second_moment", "derivative_moment"),
    *("gain", "backward_gain", "pytorch_gain", "slope"),
)
"""The numbers of an activation that determine bytes or that certificates contain."""


def _numbers(activation: Activation) -> Table:
    return {name: told(getattr(activation, name)) for name in _FROZEN_NUMBERS}


def _names(table: Table, names: list[str], find: Callable[[str], Any]) -> Table:
    """Every name and alias of these records, with the name of its record."""
    records = [table[name] for name in names]
    words = [word for record in records for word in (record.name, *record.aliases)]
    return {word: find(word).name for word in words}


def _scheme(name: str) -> Table:
    """The defaults of a scheme."""
    scheme = SCHEMES[name]
    return {key: told(getattr(scheme, key)) for key in ("distribution", "mode", "gain", "value")}


def _auto_by_layer() -> Iterator[tuple[str, str]]:
    """The layers whose scheme does not depend on the activation."""
    for name in LAYERS:
        schemes = {resolve_auto(name, activation) for activation in ACTIVATIONS}
        if len(schemes) == 1:
            yield name, schemes.pop()


def _layer(name: str) -> Table:
    layer = LAYERS[name]
    return {key: getattr(layer, key) for key in ("transposed", "depthwise", "has_fans")}


def _letters() -> Table:
    """The letters of each layer in each framework that has it."""
    return {
        f"{name} {framework}": letters
        for name, layer in LAYERS.items()
        for framework, letters in layer.letters.items()
    }


def _spellings() -> list[str]:
    """All letters in counting order. A kernel of one axis is W, of two axes HW."""
    channels = ("O", "OI", "EO", "EOI", "E", "I", "EI", "")
    spellings = (f"{some}{kernel}" for some in channels for kernel in ("", "W", "HW", "DHW"))
    return [letters for letters in spellings if letters]


def _default(value: Any) -> Any:
    return "required" if value is PydanticUndefined else told(value)
