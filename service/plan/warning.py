"""The table of warnings: what is allowed, answered, and probably not meant."""

from collections.abc import Callable
from dataclasses import dataclass

from service.plan.tensor import Tensor


@dataclass(frozen=True, slots=True)
class PlanWarning:
    """`code` is stable; `message` says what may go wrong, and what to do about it."""

    code: str
    message: str


_TABLE: tuple[tuple[Callable[[Tensor], bool], PlanWarning], ...] = (
    (
        lambda tensor: tensor.random and not tensor.spec.name,
        PlanWarning(
            "name_missing",
            "without a name, every tensor of this seed and shape is the same one: add name=...",
        ),
    ),
)

WARNINGS: dict[str, PlanWarning] = {warning.code: warning for _, warning in _TABLE}
"""Every warning there is, by its code."""


def warnings_of(tensor: Tensor) -> tuple[PlanWarning, ...]:
    """The warnings that a tensor whose spec is canonical deserves."""
    return tuple(warning for applies, warning in _TABLE if applies(tensor))
