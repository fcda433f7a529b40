"""A spec resolved and checked: everything its answer depends on, in one record.

Which spelling of the spec led here no longer shows, but for the spec itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from service.dtypes import DTYPES
from service.errors import ImpossibleError, Problem
from service.fields import Spec
from service.plan.drawing import NOTHING, Drawing, constant, normal, uniform
from service.plan.placement import Placement, place
from service.plan.reach import refuse_out_of_reach
from service.plan.recipe import Recipe, recipe_of
from service.plan.truncating import truncated_normal
from service.stream.draws import Constant
from service.wire.formats import FORMATS, refuse_pair

_DRAWINGS: dict[str, Callable[[Spec, Recipe], Drawing]] = {
    "constant": constant,
    "normal": normal,
    "uniform": uniform,
    "truncated_normal": truncated_normal,
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a spec stands for in a format; `random` says whether a seed moves any of its bytes."""

    spec: Spec
    format: str
    placement: Placement
    recipe: Recipe
    drawing: Drawing
    head: bytes
    random: bool

    @property
    def empty(self) -> bool:
        """Whether the whole tensor has no element, so that there is no value to say anything of."""
        return 0 in self.spec.shape

    @property
    def length(self) -> int:
        """Bytes of head and values; 0 in a format that holds none."""
        if FORMATS[self.format].head is None:
            return 0
        return len(self.head) + self.placement.lattice.size * DTYPES[self.spec.dtype].itemsize


def resolve(spec: Spec, written: str) -> Tensor:
    """The tensor of this spec in the format `written`.

    Raises ImpossibleError, or UnreadableError for a layout that is no word, for whatever cannot
    be issued.
    """
    placement = place(spec)
    recipe = recipe_of(spec, placement)
    drawing = _drawing(spec, recipe)
    dtype, format_ = DTYPES[spec.dtype], FORMATS[written]
    refuse_pair(format_, dtype, placement.fortran)
    if 0 in spec.shape:
        _refuse_infinite(drawing)
    else:
        refuse_out_of_reach(drawing.draw, spec.dtype)
    random = placement.lattice.size > 0 and not isinstance(drawing.draw, Constant)
    return Tensor(
        spec, written, placement, recipe, drawing, head_of(spec, written, placement), random
    )


def _drawing(spec: Spec, recipe: Recipe) -> Drawing:
    if recipe.mode is not None and recipe.fan_number is None:
        return NOTHING
    return _DRAWINGS[recipe.distribution](spec, recipe)


def _refuse_infinite(drawing: Drawing) -> None:
    """Refuse numbers that no certificate can tell; an empty tensor has no values to be refused."""
    numbers = (drawing.mean, drawing.std, drawing.limit, drawing.low, drawing.high)
    if not all(isfinite(number) for number in numbers if number is not None):
        problem = Problem(
            "dtype", "its std or a bound is infinite as a float64", "make the values smaller"
        )
        raise ImpossibleError("overflows_dtype", problem)


def head_of(spec: Spec, written: str, placement: Placement) -> bytes:
    """The bytes before the values, among them the name in a format that tells it."""
    head = FORMATS[written].head
    if head is None:
        return b""
    return head(DTYPES[spec.dtype], placement.shape, placement.fortran, spec.name)
