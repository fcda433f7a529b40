"""The std of each tensor of a model against its depth, as curves: one for each pattern of names."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.models.numbered_names import pattern_of
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

    Names without numbers have the depth `before` or `after`, next to the depths of the others. Each
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
    found = [(each, stds[each.kind]) for each in placed]
    drawn = [(each, std) for each, std in found if std]
    ends = _ends([each for each, _ in drawn])
    points = dict[str, set[Point]]()
    for pattern, point in _points(drawn, ends):
        points.setdefault(pattern, set()).add(point)
    patterns: dict[tuple[Point, ...], list[str]] = {}
    for pattern, members in points.items():
        patterns.setdefault(tuple(sorted(members)), []).append(pattern)
    ordered = sorted(patterns.items(), key=lambda item: -len(item[0]))
    shown = ordered[:MOST_CURVES]
    depths = {depth for every, _ in shown for depth, _ in every}
    before, after = ends or (None, None)
    return DepthCurves(
        curves=tuple(Curve(tuple(names), _thinned(every)) for every, names in shown),
        before=before if before in depths else None,
        after=after if after in depths else None,
        constant=sum(std == 0 for _, std in found),
        unknown=sum(std is None for _, std in found),
        hidden=len(ordered) - len(shown),
        thinned=sum(len(every) > MOST_POINTS for every, _ in shown),
    )


def _ends(drawn: list[PlacedTensor]) -> tuple[int, int] | None:
    """The depths before and after all numbers. None if no name has a number."""
    depths = [each.name.depth for each in drawn if each.name.depth is not None]
    return (min(depths) - 1, max(depths) + 1) if depths else None


def _points(
    drawn: list[tuple[PlacedTensor, float]], ends: tuple[int, int] | None
) -> Iterator[tuple[str, Point]]:
    """The pattern and the point of each tensor."""
    if ends is None:
        for place, (_, std) in enumerate(drawn):
            yield ALL_TENSORS, (place, std)
        return
    unnumbered = ends[0]
    for each, std in drawn:
        depth = each.name.depth
        if depth is None:
            depth = unnumbered
        else:
            unnumbered = ends[1]
        yield pattern_of(each.name.texts), (depth, std)


def _thinned(points: tuple[Point, ...]) -> tuple[Point, ...]:
    step = -(-len(points) // MOST_POINTS)
    return points[::step]
