"""The letters of a spec's axes, its slice, and the lattice of element numbers.

Elements are counted along the axes in the order E, O, I, D, H, W, or in the order of the shape if
there are no letters (docs/stream-v1.md, section 4). A layout permutes the axes of the lattice, a
slice changes its offset and extents, and order F reverses its axes.
"""

from dataclasses import dataclass

from service.errors import ImpossibleError, Problem
from service.fields import Spec, write_value
from service.fields.axes import Interval
from service.initializers.layers import DEFAULT_FRAMEWORK, FRAMEWORKS, default_layer, preset_letters
from service.initializers.layouts import (
    LETTERS,
    canonical_axes,
    layer_of_letters,
    resolve_letters,
)
from service.initializers.schemes import AUTO, SCHEMES
from service.stream.lattice import Lattice
from service.wire.npy import is_fortran


@dataclass(frozen=True, slots=True)
class Placement:
    """`letters` is None for a tensor without letters. `intervals` are start and stop of each axis.

    `shape` is the shape of the slice. `fortran` says whether the bytes are in column-major order
    and differ from those in row-major order.
    """

    layer: str | None
    letters: str | None
    intervals: tuple[tuple[int, int], ...]
    shape: tuple[int, ...]
    fortran: bool
    lattice: Lattice


def place(spec: Spec) -> Placement:
    """The placement of the spec's elements.

    Raises ImpossibleError if layer, layout and shape do not fit together, or if the slice is
    outside the tensor.
    """
    layer, letters = resolve_layer(spec)
    intervals = resolve_slice(spec.slice, spec.shape)
    strides = element_strides(spec.shape, letters)
    shape = tuple(stop - start for start, stop in intervals)
    fortran = is_fortran(shape, spec.order)
    offset = sum(start * stride for (start, _), stride in zip(intervals, strides, strict=True))
    lattice = Lattice(offset, shape, strides)
    if fortran:
        lattice = Lattice(offset, shape[::-1], strides[::-1])
    return Placement(layer, letters, intervals, shape, fortran, lattice)


def resolve_layer(spec: Spec) -> tuple[str | None, str | None]:
    """The layer and the letters of the axes. Each is None if the request does not determine it.

    A preset of a layer has its own layer and framework, and any other preset has its framework's
    letters. Otherwise the layer follows from `layer`, from the
    letters in `layout`, or from the number of axes. The letters are those of the layer in the
    framework that `layout` names, by default torch. Without a layer there are no letters.
    """
    rank, preset = len(spec.shape), SCHEMES[spec.scheme].preset if spec.scheme != AUTO else None
    if preset is not None and preset.layer is not None:
        return preset.layer, _preset_letters(spec, preset.framework, preset.layer)
    if spec.layout is not None and spec.layout not in FRAMEWORKS:
        letters = resolve_letters(spec.layout, spec.layer, rank)
        return spec.layer or layer_of_letters(letters), letters
    layer = spec.layer or default_layer(rank)
    if layer is None:
        return None, None
    layout = spec.layout or (preset and preset_letters(preset.framework, layer))
    return layer, resolve_letters(layout or DEFAULT_FRAMEWORK, layer, rank)


def _preset_letters(spec: Spec, framework: str, layer: str) -> str:
    """The letters of a preset's axes: its framework's own, or another order of them.

    Raises ImpossibleError (`preset_layer`) for another layer or for other axes.
    """
    own = preset_letters(framework, layer)
    assert own is not None, f"{framework} has no {layer}"
    if spec.layer not in (None, layer):
        message = f"{spec.scheme} is {framework}'s {layer}, and the layer is {spec.layer}"
        hint = f"leave layer out, or write layer={layer}"
        raise ImpossibleError("preset_layer", Problem("layer", message, hint))
    if len(spec.shape) != len(own):
        message = f"{spec.scheme} has the axes {own}, and the shape has {len(spec.shape)}"
        raise ImpossibleError("preset_layer", Problem("shape", message, f"give {len(own)} extents"))
    letters = layout = spec.layout or own
    if not set(layout) <= set(LETTERS):
        letters = resolve_letters(layout, layer, len(own))
    if sorted(own) != sorted(letters):
        message = f"{spec.scheme} has the axes {own}; {letters} is not a permutation of them"
        hint = f"leave layout out, or write layout={own}"
        raise ImpossibleError("preset_layer", Problem("layout", message, hint))
    return letters


def element_strides(shape: tuple[int, ...], letters: str | None) -> tuple[int, ...]:
    """The distance in element numbers between neighbours along each axis of the shape."""
    counted = canonical_axes(letters) if letters is not None else range(len(shape))
    strides = [0] * len(shape)
    stride = 1
    for axis in reversed(counted):
        strides[axis] = stride
        stride *= shape[axis]
    return tuple(strides)


def resolve_slice(
    intervals: tuple[Interval, ...] | None, shape: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """Start and stop of each axis, counted from its beginning.

    Raises ImpossibleError (`impossible_slice`) for bounds outside the tensor.
    """
    if intervals is None:
        return tuple((0, extent) for extent in shape)
    message = _fault(intervals, shape)
    if message is not None:
        whole: Interval = (None, None)
        padded = (*intervals, *(whole for _ in shape))[: len(shape)]
        possible = [_possible(each, n) for each, n in zip(padded, shape, strict=True)]
        hint = f"write {write_value('slice', possible)}" if shape else "leave slice out"
        raise ImpossibleError("impossible_slice", Problem("slice", message, hint))
    return tuple(_bounds(each, n) for each, n in zip(intervals, shape, strict=True))


def _fault(intervals: tuple[Interval, ...], shape: tuple[int, ...]) -> str | None:
    """What is wrong with a slice of this shape, None if nothing is."""
    if len(intervals) != len(shape):
        return f"the shape has {len(shape)} axes, and the slice has items for {len(intervals)}"
    for axis, (interval, extent) in enumerate(zip(intervals, shape, strict=True)):
        for bound in interval:
            if bound is not None and not -extent <= bound <= extent:
                limits = f"whose bounds go from {-extent} to {extent}"
                return f"{bound} is outside axis {axis}, {limits}"
        start, stop = _bounds(interval, extent)
        if start > stop:
            return f"axis {axis} starts at {start}, after its stop at {stop}"
    return None


def _bounds(interval: Interval, extent: int) -> tuple[int, int]:
    """Start and stop of one axis. A negative bound counts from the end, as in NumPy.

    NumPy clamps a bound outside the axis. Here it is an error, which `_fault` finds.
    """
    start, stop = interval
    start = 0 if start is None else start
    stop = extent if stop is None else stop
    return start + extent * (start < 0), stop + extent * (stop < 0)


def _possible(interval: Interval, extent: int) -> Interval:
    """The interval that a hint gives: the part inside the axis, or the whole axis if none is.

    Bounds in the wrong order are swapped. A possible interval is returned as it is.
    """
    first, last = (
        None if bound is None else max(-extent, min(bound, extent)) for bound in interval
    )
    start, stop = _bounds((first, last), extent)
    if start > stop:
        return stop, start
    if start == stop and (first, last) != interval:
        return None, None
    return first, last
