"""The std of each tensor of a model against its depth, as curves: one for each pattern of names."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from service.models.numbered_names import NumberedName, pattern_of
from service.models.page_rows import PlacedTensor
from service.models.planning import ModelPlan

MOST_CURVES = 24
MOST_POINTS = 200
"""The most points of a curve. Of more, evenly spaced ones are kept."""

Point = tuple[int, float]
"""A depth and a std."""

ALL_TENSORS = "all tensors, in their order"
"""The pattern of the only curve of a model whose names have no numbers."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in ascending order. Patterns with equal points share a curve."""

    patterns: tuple[str, ...]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class DepthCurves:
    """The curves with the most points, and what was left out of them.

    Tensors of no layer have the depth `before` or `after`, next to the depths of the layers. Each
    is None if no tensor has it. `constant` tensors have std 0, and `unknown` ones a std that is not
    known. `hidden` curves are left out, and `thinned` ones have fewer points than tensors.
    """

    curves: tuple[Curve, ...]
    before: int | None
    after: int | None
    constant: int
    unknown: int
    hidden: int
    thinned: int

    @property
    def depths(self) -> tuple[int, int]:
        """The least and the largest depth. Without points it raises ValueError."""
        depths = [depth for curve in self.curves for depth, _ in curve.points]
        return min(depths), max(depths)

    @property
    def stds(self) -> tuple[float, float]:
        """The least and the largest std. Without points it raises ValueError."""
        stds = [std for curve in self.curves for _, std in curve.points]
        return min(stds), max(stds)


def depth_curves(plan: ModelPlan, placed: list[PlacedTensor]) -> DepthCurves:
    """The curves of a model. `placed` are all of its tensors, in their order."""
    stds = [kind.plan.facts.std for kind in plan.kinds]
    found = [(each.name, stds[each.kind]) for each in placed]
    drawn = [(name, std) for name, std in found if std]
    layers = _layers(name for name, _ in drawn)
    points = dict[str, set[Point]]()
    for pattern, point in _points(drawn, layers):
        points.setdefault(pattern, set()).add(point)
    patterns: dict[tuple[Point, ...], list[str]] = {}
    for pattern, members in points.items():
        patterns.setdefault(tuple(sorted(members)), []).append(pattern)
    ordered = sorted(patterns.items(), key=lambda item: -len(item[0]))
    shown = ordered[:MOST_CURVES]
    depths = {depth for every, _ in shown for depth, _ in every}
    before, after = (None, None) if layers is None else (layers.before, layers.after)
    return DepthCurves(
        curves=tuple(Curve(tuple(names), _thinned(every)) for every, names in shown),
        before=before if before in depths else None,
        after=after if after in depths else None,
        constant=sum(std == 0 for _, std in found),
        unknown=sum(std is None for _, std in found),
        hidden=len(ordered) - len(shown),
        thinned=sum(len(every) > MOST_POINTS for every, _ in shown),
    )


@dataclass(frozen=True, slots=True)
class _Layers:
    """The texts that a number of a layer follows, and the depths before and after all layers."""

    prefixes: frozenset[str]
    before: int
    after: int

    def depth(self, name: NumberedName) -> int | None:
        """The number of the layer; None for a tensor of no layer."""
        return name.depth if name.texts[0] in self.prefixes else None


def _layers(names: Iterable[NumberedName]) -> _Layers | None:
    """Numbers count layers if several follow the same text; or all, if none do so.

    So 1 in `classifier.1.weight` is no layer of a model that has no other `classifier`. None if no
    name has a number.
    """
    numbers: dict[str, set[int]] = {}
    for name in names:
        if name.depth is not None:
            numbers.setdefault(name.texts[0], set()).add(name.depth)
    if not numbers:
        return None
    several = {prefix: depths for prefix, depths in numbers.items() if len(depths) > 1} or numbers
    every = set().union(*several.values())
    return _Layers(frozenset(several), min(every) - 1, max(every) + 1)


def _points(
    drawn: list[tuple[NumberedName, float]], layers: _Layers | None
) -> Iterator[tuple[str, Point]]:
    """The pattern and the point of each tensor."""
    if layers is None:
        for place, (_, std) in enumerate(drawn):
            yield ALL_TENSORS, (place, std)
        return
    outside = layers.before
    for name, std in drawn:
        depth = layers.depth(name)
        if depth is None:
            depth = outside
        else:
            outside = layers.after
        yield pattern_of(name.texts), (depth, std)


def _thinned(points: tuple[Point, ...]) -> tuple[Point, ...]:
    step = -(-len(points) // MOST_POINTS)
    return points[::step]
