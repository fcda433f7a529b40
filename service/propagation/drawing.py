"""The answer of /propagate as a picture: an SVG of two panels, written by an XML writer.

The upper panel has the variance of the signal, the lower one the squared norm of the gradient, both
as powers of ten over the layers. They are what the verdict is about: those of the stream in a
network with residual branches. A line is the theory of wide layers, a dotted line the median of
draws, a band holds 95 of 100 draws, and a dot is simulated.
"""

import math
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar
from xml.etree.ElementTree import Element, SubElement, tostring

from service.propagation.answer import Band, LayerAnswer, Propagation
from service.propagation.verdict import LIMIT

MEDIA_TYPE = "image/svg+xml"

_WIDTH, _HEIGHT = 760, 562
_LEFT, _RIGHT = 76, 740
_PANELS = ((66, 252), (306, 492))
"""Top and bottom of each panel, below the lines of the summary."""

_LINE = 16
_MOST_CHARACTERS = 92
"""Of a line. At 13 px wide fonts take 7.2 px for a character on average."""

_GAP = 20
"""Between two entries of the legend. A row of spaces would be drawn as one."""

_MOST_DOTS = 200
_MOST_TITLE = 90
_BOUNDS = (-math.log10(LIMIT), math.log10(LIMIT))
_LEAST_DECADES = 2.0
_MOST_TICKS = 6

_STYLE = """
svg { background: #ffffff; color: #1b1f24; font: 13px system-ui, sans-serif; }
text { fill: currentColor; }
.title { font-size: 16px; font-weight: 600; }
.axis { stroke: currentColor; stroke-opacity: 0.35; fill: none; }
.grid { stroke: currentColor; stroke-opacity: 0.12; fill: none; }
.theory { stroke: #0b62c4; stroke-width: 2; fill: none; }
.median { stroke: #0b62c4; stroke-width: 1.5; stroke-dasharray: 1.5 3; fill: none; }
.band { fill: #0b62c4; fill-opacity: 0.16; }
.dot { fill: #b3400e; }
.bound { stroke: #b3400e; stroke-dasharray: 5 4; fill: none; }
@media (prefers-color-scheme: dark) {
  svg { background: #14181d; color: #e6e9ed; }
  .theory { stroke: #6db3ff; }
  .median { stroke: #6db3ff; }
  .band { fill: #6db3ff; fill-opacity: 0.22; }
  .dot { fill: #ffab7a; }
  .bound { stroke: #ffab7a; }
}
"""

_Value = TypeVar("_Value")
_Number = Callable[[LayerAnswer], float | None]
_Bounds = Callable[[LayerAnswer], Band]

_Curve = tuple[str, _Number, _Number, _Bounds, _Number]

_GRADIENT: _Curve = (
    "Squared norm of the gradient, relative to the last layer",
    lambda row: row.stream_gradient,
    lambda row: row.stream_gradient_median,
    lambda row: row.stream_gradient_band,
    lambda row: None if row.simulated is None else row.simulated.stream_gradient,
)
_STREAM = "Variance of the residual stream after each block"
_SIGNAL: _Curve = (
    "Variance of the signal after each layer",
    lambda row: row.stream,
    lambda row: row.stream_median,
    lambda row: row.stream_band,
    lambda row: None if row.simulated is None else row.simulated.stream,
)


def svg(answer: Propagation, title: str) -> bytes:
    """The picture in UTF-8. `title` may hold any characters."""
    lines = _wrapped(_plain(answer.summary, 2000))
    down = _LINE * len(lines)
    height = _HEIGHT + down
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_WIDTH} {height}",
            "width": str(_WIDTH),
            "height": str(height),
            "role": "img",
        },
    )
    shown = _plain(title)
    SubElement(root, "title").text = f"{shown}: {answer.verdict}"
    SubElement(root, "desc").text = _plain(answer.summary, 2000)
    SubElement(root, "style").text = _STYLE
    _text(root, _LEFT, 26, shown, "title")
    for line, part in enumerate(lines):
        _text(root, _LEFT, 46 + _LINE * line, part)
    path = [row for row in answer.layers if row.stream is not None] or list(answer.layers)
    signal = _SIGNAL if len(path) == len(answer.layers) else (_STREAM, *_SIGNAL[1:])
    for (top, bottom), curve in zip(_PANELS, (signal, _GRADIENT), strict=True):
        _panel(root, (top + down, bottom + down), curve, path)
    _legend(root, answer, height - 8)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _plain(text: str, most: int = _MOST_TITLE) -> str:
    """The text without characters that XML 1.0 does not allow, cut to `most` characters."""
    allowed = "".join(
        character
        for character in text
        if character in "\t\n\r"
        or " " <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character >= "\U00010000"
    )
    return allowed if len(allowed) <= most else allowed[: most - 1] + "…"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _MOST_CHARACTERS)


def _text(
    parent: Element, x: float, y: float, text: str, kind: str = "", anchor: str = "start"
) -> None:
    attributes = {"x": _short(x), "y": _short(y), "text-anchor": anchor}
    SubElement(parent, "text", attributes | ({"class": kind} if kind else {})).text = text


def _panel(
    root: Element,
    panel: tuple[int, int],
    curve: _Curve,
    layers: Sequence[LayerAnswer],
) -> None:
    label, number, median, bounds, simulated = curve
    top, bottom = panel
    rows = [
        (
            row.number,
            _log(number(row)),
            _log(median(row)),
            _logs(bounds(row)),
            _log(simulated(row)),
        )
        for row in layers
    ]
    low, high = _range(rows)
    count = layers[-1].number

    def x(layer: int) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (layer - 1) / max(count - 1, 1)

    def y(power: float) -> float:
        return bottom - (bottom - top) * (min(max(power, low), high) - low) / (high - low)

    group = SubElement(root, "g")
    _text(group, _LEFT, top - 8, label)
    SubElement(group, "path", {"class": "axis", "d": f"M{_LEFT} {top}V{bottom}H{_RIGHT}"})
    for tick in _ticks(low, high):
        _text(group, _LEFT - 8, y(tick) + 4, f"1e{tick}", anchor="end")
        line = f"M{_LEFT} {_short(y(tick))}H{_RIGHT}"
        SubElement(group, "path", {"class": "grid", "d": line})
    for layer in sorted({1, (count + 1) // 2, count}):
        _text(group, x(layer), bottom + 18, str(layer), anchor="middle")
    for bound in _BOUNDS:
        if low <= bound <= high:
            line = f"M{_LEFT} {_short(y(bound))}H{_RIGHT}"
            SubElement(group, "path", {"class": "bound", "d": line})
    if any(power is not None and band is None for _, power, _, band, _ in rows):
        _text(group, _RIGHT, top - 8, "no band where a draw may have any size", anchor="end")
    for region in _pieces((layer, band) for layer, _, _, band, _ in rows):
        upper = [f"{_short(x(layer))} {_short(y(band[1]))}" for layer, band in region]
        lower = [f"{_short(x(layer))} {_short(y(band[0]))}" for layer, band in reversed(region)]
        SubElement(group, "path", {"class": "band", "d": f"M{'L'.join([*upper, *lower])}Z"})
    theory = [(layer, power) for layer, power, _, _, _ in rows]
    medians = [(layer, power) for layer, _, power, _, _ in rows]
    for kind, points in (("theory", theory), ("median", medians)):
        for run in _pieces(points):
            line = "L".join(f"{_short(x(layer))} {_short(y(power))}" for layer, power in run)
            SubElement(group, "path", {"class": kind, "d": f"M{line}"})
    step = -(-len(rows) // _MOST_DOTS)
    for layer, _, _, _, power in rows[::step]:
        if power is not None:
            place = {"cx": _short(x(layer)), "cy": _short(y(power)), "r": "2.6", "class": "dot"}
            SubElement(group, "circle", place)


_Row = tuple[int, float | None, float | None, tuple[float, float] | None, float | None]


def _range(rows: Sequence[_Row]) -> tuple[float, float]:
    """The powers of ten at the ends of the axis, at least two apart."""
    powers = [power for _, power, _, _, _ in rows if power is not None]
    powers += [power for _, _, _, _, power in rows if power is not None]
    powers += [end for _, _, _, band, _ in rows if band is not None for end in band]
    low = float(math.floor(min(powers, default=-1.0)))
    high = float(math.ceil(max(powers, default=1.0)))
    missing = max(0.0, _LEAST_DECADES - (high - low))
    return low - math.ceil(missing / 2), high + math.ceil(missing / 2)


def _ticks(low: float, high: float) -> range:
    step = max(1, -(-int(high - low) // _MOST_TICKS))
    return range(int(low), int(high) + 1, step)


def _pieces(points: Iterable[tuple[int, _Value | None]]) -> Iterator[list[tuple[int, _Value]]]:
    """The pieces of a curve or a band between layers that have no number."""
    piece: list[tuple[int, _Value]] = []
    for layer, value in points:
        if value is not None:
            piece.append((layer, value))
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _legend(root: Element, answer: Propagation, y: float) -> None:
    parts = ["line: wide layers", "dotted: median", "band: 95 of 100 draws"]
    if any(element.get("class") == "bound" for element in root.iter()):
        parts.append("dashed: bound of the verdict")
    line = SubElement(root, "text", {"x": _short(_LEFT), "y": _short(y - _LINE)})
    for place, part in enumerate(parts):
        SubElement(line, "tspan", {"dx": str(_GAP)} if place else {}).text = part
    _text(root, _RIGHT, y - _LINE, "layer", anchor="end")
    if answer.simulation is not None and answer.simulation.networks > 0:
        _text(root, _LEFT, y, f"dots: mean of {answer.simulation.networks} simulated networks")


def _log(number: float | None) -> float | None:
    return math.log10(number) if number is not None and number > 0 else None


def _logs(band: Band) -> tuple[float, float] | None:
    low, high = map(_log, band)
    return None if low is None or high is None else (low, high)


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
