"""What is true of a tensor's values, as headers and certificates tell it."""

from dataclasses import dataclass

from service.plan.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Facts:
    """The values as they are before they are rounded to the dtype; None where nothing applies.

    `layout` is letters. `mean` and `std` are those of the values themselves, after any
    truncation; `parent_std` is that of the normal which was cut at `bounds`, in its standard
    deviations. `low` and `high` contain every value, `limit` every magnitude of values symmetric
    about 0.
    """

    scheme: str
    distribution: str
    layout: str | None
    fan_in: float | None
    fan_out: float | None
    mode: str | None
    gain: float | None
    mean: float
    std: float | None
    limit: float | None
    low: float | None
    high: float | None
    bounds: tuple[float, float] | None
    parent_std: float | None


def facts_of(tensor: Tensor) -> Facts:
    """The facts of a tensor."""
    recipe, drawing = tensor.recipe, tensor.drawing
    return Facts(
        scheme=recipe.scheme.name,
        distribution=recipe.distribution,
        layout=tensor.placement.letters,
        fan_in=recipe.fan_in,
        fan_out=recipe.fan_out,
        mode=recipe.mode,
        gain=recipe.gain,
        mean=drawing.mean,
        std=drawing.std,
        limit=drawing.limit,
        low=drawing.low,
        high=drawing.high,
        bounds=drawing.bounds,
        parent_std=drawing.parent_std,
    )
