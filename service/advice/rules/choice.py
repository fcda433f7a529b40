"""What a rule chooses."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.initializers.references import Reference


@dataclass(frozen=True, slots=True)
class BiasChoice:
    """How the layer's bias starts: at 0 unless `std` is above 0."""

    scheme: str = "zeros"
    std: float = 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """What a rule chooses.

    `family` is a scheme, or the name of several schemes without `_normal` and `_uniform`; `plain`
    is the distribution itself with this `std`. `distribution` holds unless the question gives
    another. `fields` are further fields of the scheme. `gain` is None for a scheme without fans, or
    if the scheme sets its own. `otherwise` is the choice if this one cannot be issued.

    `gain_rule` says what the gain is: `exact`, that of the activation on the input; `one`; `head`,
    a part of the exact one; `residual`, the gain divided by sqrt(branches depth); `deep_norm`,
    (8 depth)^-1/4; `fixup`, the gain times (branches depth)^(-1/(2 m - 2)); `edge_of_chaos`, the
    backward gain, beside biases; `mup`, that of an output layer times sqrt(base_fan_in / fan_in),
    or none beside the client's own std. `multipliers` are the factors that the network or its
    optimiser must apply besides, by what they multiply.
    """

    family: str
    distribution: str
    reasons: tuple[str, ...]
    references: tuple[Reference, ...]
    gain: float | None = None
    gain_rule: str | None = None
    std: float | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    bias: BiasChoice = BiasChoice()
    multipliers: Mapping[str, float] = field(default_factory=dict)
    otherwise: "Choice | None" = None
