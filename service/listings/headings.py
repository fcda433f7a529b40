"""The headings that lists of schemes have for people: one for each group of families."""

from collections.abc import Iterable

from service.initializers.schemes import Scheme, family_of

_IDENTITY = "Identity, upsampling and masks"
_SIMPLE = "Constants and simple distributions"
_ORTHOGONAL = "Orthogonal and sparse weights"
_RESIDUAL = "Residual networks and depth"
_OUTPUTS = "Output biases and routers"

_TITLES = {
    "plain": _SIMPLE,
    "truncated": _SIMPLE,
    "variance_scaling": "Variance scaled by fans",
    "identity": _IDENTITY,
    "structured": _IDENTITY,
    "icnr": _IDENTITY,
    "positions": "Positions in a sequence",
    "filters": "Filters for pictures",
    "spectral": "Spectrograms and transforms",
    "orthogonal": _ORTHOGONAL,
    "sparse": _ORTHOGONAL,
    "gates": "Gates of an LSTM or a GRU",
    "mamba": "Mamba layers",
    "state_space": "State spaces and retention",
    "linear_recurrence": "Linear recurrent units",
    "depth": _RESIDUAL,
    "branch_scalars": _RESIDUAL,
    "zero_hadamard": _RESIDUAL,
    "width": "Width and muP",
    "siren": "Coordinate networks",
    "classifier_bias": _OUTPUTS,
    "router": _OUTPUTS,
    "lora": "Fine-tuning with LoRA",
}
"""The heading of each family that is not a framework. Small families share one."""


def under_headings(schemes: Iterable[Scheme]) -> dict[str, list[Scheme]]:
    """The schemes by their heading: first the kinds, then the frameworks by name.

    The kinds, and the schemes under a heading, keep the order of `schemes`. A family without a row
    in the table of headings has its own name as its heading.
    """
    kinds: dict[str, list[Scheme]] = {}
    frameworks: dict[str, list[Scheme]] = {}
    for scheme in schemes:
        family = family_of(scheme.name)
        if scheme.name.startswith(f"{family}."):
            frameworks.setdefault(f"Presets of {family}", []).append(scheme)
        else:
            title = _TITLES.get(family, family.replace("_", " ").capitalize())
            kinds.setdefault(title, []).append(scheme)
    return kinds | dict(sorted(frameworks.items()))
