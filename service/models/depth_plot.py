"""A plot of curves of std against depth: an SVG element, and a legend that is HTML.

Each curve has a colour and a shape of its points, so that the shape alone tells most of them apart.
Curves with many points are drawn first and with large shapes. So a curve that lies on another one
is seen within it.
"""

import math
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from service.models.depth_curves import Curve, DepthCurves, Point
from service.models.html import Content, count_of, element, shown_name, significant

_WIDTH, _HEIGHT = 480, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 464, 30, 270

_LARGEST, _LEAST, _STEP = 7.0, 3.0, 1.0
"""Half the width of a shape: that of the first curve, the least, and how much each is smaller."""

_MOST_TICKS = 7
_MOST_PATTERNS = 12
_MOST_CHARACTERS = 120
"""Of a pattern in the legend."""

COLOURS = {
    "light": ("#0063a8", "#c04a00", "#00785a", "#a03d78", "#555555", "#7d6200"),
    "dark": ("#6cb8f0", "#ff9e4a", "#2fcba0", "#ef9fd0", "#c8c8c8", "#f0e442"),
}
"""The colours of curves on a light and on a dark ground."""

_SHAPES = (
    "M-{r} 0a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0Z",
    "M-{r} -{r}H{r}V{r}H-{r}Z",
    "M0 -{r}L{r} {r}H-{r}Z",
    "M0 -{r}L{r} 0L0 {r}L-{r} 0Z",
    "M-{r} -{r}L{r} {r}M{r} -{r}L-{r} {r}",
)
"""Paths around 0, 0: a circle, a square, a triangle, a diamond and a cross. d = 2 r."""


def styles() -> str:
    """The rules of CSS for both grounds."""
    light, dark = (
        "".join(f".c{place}{{color:{colour}}}" for place, colour in enumerate(COLOURS[ground]))
        for ground in ("light", "dark")
    )
    return f"{light}\n@media (prefers-color-scheme: dark){{{dark}}}"


def plot(curves: DepthCurves) -> Element:
    """The picture. There is at least one curve."""
    low, high = curves.stds
    first, last = curves.depths
    scales = _Scales(first, last, _powers(low, high))
    title = element("title", "The std of each weight against its depth", id="plot-title")
    described = (
        f"{count_of(len(curves.curves), 'curve')}. The std is from {significant(low)} to "
        f"{significant(high)}. The table of tensors has the same numbers."
    )
    return element(
        "svg",
        title,
        element("desc", described, id="plot-desc"),
        *_axes(scales, curves),
        *(_curve(place, curve, scales) for place, curve in enumerate(curves.curves)),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_labelledby="plot-title plot-desc",
    )


def legend(curves: DepthCurves) -> Element:
    """What each shape and colour stands for."""
    entries = (
        element("li", _key(place), element("span", *_described(curve)))
        for place, curve in enumerate(curves.curves)
    )
    return element("ul", *entries, class_="legend")


class _Scales:
    """Where a depth and a std are in the picture. The std has a logarithmic scale."""

    def __init__(self, first: int, last: int, powers: tuple[float, float]) -> None:
        self.first, self.last = first, last
        self.low, self.high = powers

    def x(self, depth: int) -> float:
        """One depth alone is in the middle."""
        if self.first == self.last:
            return (_LEFT + _RIGHT) / 2
        inset = 12
        share = (depth - self.first) / (self.last - self.first)
        return _LEFT + inset + (_RIGHT - _LEFT - 2 * inset) * share

    def y(self, power: float) -> float:
        """The place of ten to this power."""
        return _BOTTOM - (_BOTTOM - _TOP) * (power - self.low) / (self.high - self.low)


def _powers(low: float, high: float) -> tuple[float, float]:
    """The powers of ten at the ends of the axis: a margin around all points, and a decade at least.

    A margin is 6 % of what lies between them.
    """
    least, most = math.log10(low), math.log10(high)
    missing = max(0.0, 1.0 - (most - least)) / 2
    margin = 0.06 * (most - least) + missing
    return least - margin, most + margin


def _axes(scales: _Scales, curves: DepthCurves) -> Iterator[Element]:
    yield element("path", class_="axis", d=f"M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}")
    for power, label in _std_ticks(scales.low, scales.high):
        y = scales.y(power)
        yield element("path", class_="grid", d=f"M{_LEFT} {_short(y)}H{_RIGHT}")
        yield _text(_LEFT - 6, y + 5, label, "end")
    for depth in _depth_ticks(scales, curves):
        yield _text(scales.x(depth), _BOTTOM + 20, str(depth), "middle")
    # These words are a line lower, because they are wider than the distance of two depths.
    for end, word in ((curves.before, "before"), (curves.after, "after")):
        if end is not None:
            yield _text(scales.x(end), _BOTTOM + 40, word, "middle")
    yield _text(_LEFT, _TOP - 12, "std", "middle")
    yield _text((_LEFT + _RIGHT) / 2, _BOTTOM + 40, "depth", "middle")


def _std_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Powers of ten and their labels: 1, 2 and 5 times each, or fewer of a long axis."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for digits in ((1, 2, 5), (1,)):
        ticks = [
            (decade + math.log10(digit), _label(digit, decade))
            for decade in decades
            for digit in digits
            if low <= decade + math.log10(digit) <= high
        ]
        if len(ticks) <= _MOST_TICKS:
            return ticks
    return ticks[:: -(-len(ticks) // _MOST_TICKS)]


def _label(digit: int, decade: int) -> str:
    return (
        f"{digit * 10.0**decade:.{max(0, -decade)}f}" if -4 <= decade <= 3 else f"{digit}e{decade}"
    )


def _depth_ticks(scales: _Scales, curves: DepthCurves) -> range:
    """Whole numbers at even distances, without the ends where names have no number."""
    first = scales.first if curves.before is None else scales.first + 1
    last = scales.last if curves.after is None else scales.last - 1
    step = _depth_step(max(last - first, 0))
    return range(-(-first // step) * step, last + 1, step)


def _depth_step(length: int) -> int:
    """1, 2 or 5 times a power of ten, so that there are at most _MOST_TICKS ticks."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            if length // (digit * power) < _MOST_TICKS:
                return digit * power
        power *= 10


def _curve(place: int, curve: Curve, scales: _Scales) -> Element:
    points = [(scales.x(depth), scales.y(math.log10(std))) for depth, std in curve.points]
    shape = _shape(place)
    marks = (
        element(
            "path",
            element("title", f"{depth}: {std!r}"),
            d=shape,
            transform=f"translate({_short(x)} {_short(y)})",
            class_="point",
        )
        for (depth, std), (x, y) in zip(curve.points, points, strict=True)
    )
    line = "L".join(f"{_short(x)} {_short(y)}" for x, y in points)
    lines = [element("path", class_="line", d=f"M{line}")] if _single(curve.points) else []
    return element("g", *lines, *marks, class_=_colour(place))


def _single(points: tuple[Point, ...]) -> bool:
    """Whether there are several depths, each with one std. Only then a line joins the points."""
    return 1 < len(points) == len({depth for depth, _ in points})


def _key(place: int) -> Element:
    mark = element("path", d=_shape(place), class_="point")
    size = "16"
    return element(
        "svg",
        element("g", mark, class_=_colour(place)),
        viewBox="-8 -8 16 16",
        width=size,
        height=size,
        aria_hidden="true",
    )


def _described(curve: Curve) -> Iterator[Content]:
    stds = [std for _, std in curve.points]
    low, high = significant(min(stds)), significant(max(stds))
    yield low if low == high else f"{low} to {high}"
    yield ": "
    for place, pattern in enumerate(curve.patterns[:_MOST_PATTERNS]):
        cut = pattern[:_MOST_CHARACTERS] + "…" if len(pattern) > _MOST_CHARACTERS else pattern
        if place:
            yield ", "
        yield element("code", shown_name(cut))
    if len(curve.patterns) > _MOST_PATTERNS:
        yield f" and {len(curve.patterns) - _MOST_PATTERNS} more"


def _colour(place: int) -> str:
    return f"c{place % len(COLOURS['light'])}"


def _shape(place: int) -> str:
    radius = max(_LEAST, _LARGEST - _STEP * place)
    return _SHAPES[place % len(_SHAPES)].format(r=_short(radius), d=_short(2 * radius))


def _text(x: float, y: float, text: str, anchor: str) -> Element:
    return element("text", text, x=_short(x), y=_short(y), text_anchor=anchor)


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
