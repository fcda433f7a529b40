"""The scale of a tensor: the numbers of its scheme that its values are proportional to.

Multiplying these numbers multiplies every value. Seed and name stay, so the random words stay, and
the corrected tensor has the same pattern as the measured one.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from service.errors import FaninError, ImpossibleError, Problem
from service.fields import NUMBER_FIELDS, Spec
from service.initializers.schemes import SCHEMES, Law
from service.plan.laws import numbers_of
from service.plan.tensor import Tensor, resolve
from service.stream.draws import (
    IndexFunction,
    Normal,
    Orthogonal,
    SymmetricTruncatedNormal,
    SymmetricUniform,
    TruncatedNormalBetween,
    UniformBetween,
)

DIGITS = 6
"""The significant digits of a corrected number.

The variance of N independent values is measured with a relative error of about sqrt(2 / N), and
the factor has half of it: 7e-4 for a million values. Six digits change the variance by at most
1e-5, and keep the URL short.
"""

_PLAIN = ("mean", "std", "low", "high")
"""The numbers of schemes without gain that values are proportional to, all together."""

_VECTORS = ("bias", "scale")
"""The layers of one axis. A canonical URL does not tell one from the other."""

_INSTEAD = "scheme=variance_scaling or scheme=orthogonal"


@dataclass(frozen=True, slots=True)
class Scale:
    """`numbers` are the fields of `spec` that set the scale, each with its value, none of them 0.

    `spec` gives the same tensor as the measured one, perhaps under another scheme.
    """

    spec: Spec
    numbers: dict[str, float]

    def times(self, factor: float) -> "Scale":
        """The scale with all numbers multiplied and rounded to DIGITS.

        Raises ImpossibleError (`overflows_dtype`, `vanishes_in_dtype`) if float64 cannot hold one.
        """
        numbers = {field: _product(field, value, factor) for field, value in self.numbers.items()}
        # Both fields exclude a gain. The old gain was found with them.
        others = {"gain_rule": None, "scale": None} if "gain" in numbers else {}
        return Scale(self.spec.model_copy(update=numbers | others), numbers)


def rounded(number: float) -> float:
    """The number with DIGITS significant digits."""
    return float(f"{number:.{DIGITS}g}")


def scale_of(tensor: Tensor) -> Scale:
    """The scale of a tensor.

    A scheme without a number for it, such as `torch.lstm`, is written as `uniform`, `normal` or
    another scheme that has one and the same draw.

    Raises ImpossibleError (`nothing_to_scale`) for a bias or the scale of a normalization, and for
    values that are no draw times a number.
    """
    if tensor.placement.layer in _VECTORS:
        message = "a tensor of one axis is a bias or the scale of a normalization, and no weight"
        hint = "give the weight of the layer, and a bias of zeros"
        raise ImpossibleError("nothing_to_scale", Problem("layer", message, hint))
    numbers = _own_numbers(tensor)
    if numbers:
        return Scale(tensor.spec, numbers)
    restated = _restated(tensor)
    if restated is not None:
        return restated
    raise ImpossibleError("nothing_to_scale", _no_scale(tensor))


def _no_scale(tensor: Tensor) -> Problem:
    name = tensor.scheme.name
    if tensor.law.distribution == "constant":
        message = f"{name} gives all units the same weights, and no factor makes them differ"
        return Problem("scheme", message, f"fetch the weight with {_INSTEAD}")
    message = f"{name} has no number that all its values are proportional to"
    hint = f"leave this tensor as it is, or fetch the weight with {_INSTEAD}"
    return Problem("scheme", message, hint)


def _product(field: str, value: float, factor: float) -> float:
    number = rounded(value * factor)
    if math.isfinite(number) and number != 0:
        return number
    problem = Problem(field, f"{field} would be outside the range of float64", "measure again")
    raise ImpossibleError("vanishes_in_dtype" if number == 0 else "overflows_dtype", problem)


def _own_numbers(tensor: Tensor) -> dict[str, float]:
    """The numbers of the tensor's own scheme; none if it has no such fields.

    A scheme with `inner` has the numbers of the inner scheme.
    """
    requested = numbers_of(tensor.spec)
    inner = requested.over(tensor.scheme.defaults).inner
    scheme = tensor.scheme if inner is None else SCHEMES[inner]
    if "gain" in scheme.fields:
        gain, *others = {block.law.gain for block in tensor.blocks}
        return {} if gain is None or others else {"gain": gain}
    numbers = requested.over(scheme.defaults)
    values = {field: getattr(numbers, field) for field in _PLAIN if field in scheme.fields}
    return {field: value for field, value in values.items() if value}


def _restated(tensor: Tensor) -> Scale | None:
    """The same draw by a scheme with numbers for its scale; None if there is none."""
    if len(tensor.blocks) > 1:
        return None
    own = dict.fromkeys(NUMBER_FIELDS) | {
        "layer": tensor.placement.layer,
        "layout": tensor.placement.letters or None,
    }
    for scheme, numbers in _same_laws(tensor.law):
        spec = tensor.spec.model_copy(update=own | {"scheme": scheme} | numbers)
        try:
            other = resolve(spec, tensor.format)
        except FaninError:
            continue
        if _same_values(other, tensor):
            return Scale(spec, _own_numbers(other))
    return None


def _same_values(one: Tensor, other: Tensor) -> bool:
    draws = [block.law.draw for block in one.blocks] == [block.law.draw for block in other.blocks]
    return draws and one.placement.lattice == other.placement.lattice


def _same_laws(law: Law) -> Iterator[tuple[str, dict[str, object]]]:
    """Schemes with numbers for the scale that may have this law, each with its numbers."""
    match law.draw:
        case SymmetricUniform(limit):
            yield "uniform", {"low": -limit, "high": limit}
        case UniformBetween(low, high):
            yield "uniform", {"low": low, "high": high}
        case Normal(mean, std):
            yield "normal", {"mean": mean, "std": std}
        case SymmetricTruncatedNormal(mean, std) | TruncatedNormalBetween(mean, std):
            a, b = law.bounds or (0.0, 0.0)
            # The reader of fields writes -c,c as c, too.
            bounds = (b,) if a == -b else (a, b)
            cut = {"std_kind": "parent", "bounds": bounds}
            yield "truncated_normal", dict[str, object](mean=mean, std=std) | cut
        case Orthogonal(gain):
            yield "orthogonal", {"gain": gain}
            yield "delta_orthogonal", {"gain": gain}
        case IndexFunction():
            yield "identity", {"gain": 1.0}
            yield "dirac", {"gain": 1.0}
