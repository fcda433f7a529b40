"""The table of all schemes. A new scheme goes into the module of its family."""

from service.initializers.schemes import (
    constants,
    identity,
    orthogonal,
    plain,
    truncated,
    variance_scaling,
)
from service.initializers.schemes.presets import keras, torch
from service.initializers.schemes.record import Scheme

AUTO = "auto"
"""The word for the scheme that fits the layer (`resolve_auto`). It is not a scheme itself."""

_FAMILIES = (
    constants,
    plain,
    truncated,
    variance_scaling,
    identity,
    orthogonal,
    torch,
    keras,
)

SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme for family in _FAMILIES for scheme in family.SCHEMES
}
"""Every scheme by its name."""
