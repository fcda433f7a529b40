"""Which elements of a tensor an answer has: intervals of its axes, in element numbers."""

from dataclasses import dataclass
from math import prod

from service.plan.placement import element_strides
from service.plan.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Axis:
    """The positions start ... stop - 1 of an axis whose neighbours are `stride` elements apart."""

    start: int
    stop: int
    stride: int

    @property
    def size(self) -> int:
        """The number of positions."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Selection:
    """The elements of some axes, the axis with the largest stride first.

    The positions of the faster axes together are fewer than the stride of an axis, so an element
    number has one place on each axis.
    """

    axes: tuple[Axis, ...]

    @classmethod
    def of(cls, tensor: Tensor) -> "Selection":
        """The elements of a tensor's slice."""
        strides = element_strides(tensor.spec.shape, tensor.placement.letters)
        each = zip(tensor.placement.intervals, strides, strict=True)
        axes = (Axis(start, stop, stride) for (start, stop), stride in each)
        return cls(tuple(sorted(axes, key=lambda axis: -axis.stride)))

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(axis.size for axis in self.axes)

    def between(self, least: int, beyond: int | None = None) -> "Selection":
        """The axes alone whose stride is at least `least` and below `beyond`."""
        return Selection(
            tuple(
                axis
                for axis in self.axes
                if least <= axis.stride and (beyond is None or axis.stride < beyond)
            )
        )

    def count(self, first: int, stop: int) -> int:
        """The number of elements whose number lies in first ... stop - 1."""
        return _count_below(self.axes, stop) - _count_below(self.axes, first)


def _count_below(axes: tuple[Axis, ...], number: int) -> int:
    if not axes:
        return int(number > 0)
    axis, rest = axes[0], axes[1:]
    place, remainder = divmod(number, axis.stride)
    below = max(0, min(axis.stop, place) - axis.start) * prod(each.size for each in rest)
    if axis.start <= place < axis.stop:
        below += _count_below(rest, remainder)
    return below
