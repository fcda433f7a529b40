"""The table of schemes, family by family: a new scheme stands in its family's module."""

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
"""The word that stands for whatever scheme fits the layer; it is none itself."""

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
