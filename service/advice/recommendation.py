"""The recommendation: the answer to a question, with everything that it rests on."""

from dataclasses import asdict, dataclass
from typing import Any

from service.advice.alternative import Alternative
from service.advice.comparison import Compared
from service.advice.equivalents import Equivalent
from service.initializers.references import Reference
from service.plan import PlanWarning
from service.wire.json_text import json_bytes


@dataclass(frozen=True, slots=True)
class Bias:
    """What the layer's bias starts as."""

    scheme: str
    value: float
    std: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Numbers are of the values before they are rounded to the dtype; None where none applies.

    `gain_rule` is `exact` (E[f^2]^-1/2 of the activation on the input), `one`, `head` (half the
    exact one), `residual` (divided by sqrt(2 depth)) or `deep_norm` ((8 depth)^-1/4). `limit` is
    the largest magnitude there is, `bounds` where a normal is cut, in its standard deviations.
    `weights_url` fetches the tensor; without a seed, one is drawn there.
    """

    scheme: str
    distribution: str
    mode: str | None
    gain: float | None
    gain_rule: str | None
    fan_in: float | None
    fan_out: float | None
    layout: str | None
    mean: float
    std: float
    limit: float | None
    bounds: tuple[float, float] | None
    bias: Bias
    rationale: tuple[str, ...]
    warnings: tuple[PlanWarning, ...]
    references: tuple[Reference, ...]
    alternatives: tuple[Alternative, ...]
    equivalents: dict[str, Equivalent]
    compared: Compared | None
    weights_url: str

    def as_dict(self) -> dict[str, Any]:
        """The recommendation as JSON can carry it."""
        return asdict(self)

    def as_json(self) -> bytes:
        """The same as text that people can read too, in UTF-8."""
        return json_bytes(self.as_dict())
