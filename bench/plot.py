"""The curves of `bench.curves` as an SVG, both axes logarithmic."""

from html import escape
from math import log2, log10

from bench.curves import Curve

WIDTH, HEIGHT = 860, 520
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 230, 50, 60

_POWERS = (10, 32)
_DECADES = (-1, 2)
"""0.1 to 100 ns."""

_COLOURS = ("#0b6e99", "#d1495b", "#2e7d32", "#8a5a00", "#6a4c93")


def plot(curves: dict[str, Curve], machine: str) -> str:
    """The drawing, with a line of text about the machine."""
    pieces = [
        _text(_LEFT, 24, "Nanoseconds per element, float32, one core", size=16),
        _text(_LEFT, 42, f"{machine}; Fanin streams chunks, the others fill an array", size=11),
        *_grid(),
        *(
            piece
            for number, (label, curve) in enumerate(curves.items())
            for piece in _line(label, curve, number)
        ),
    ]
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
    paper = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([f'{frame} font-family="sans-serif">', paper, *pieces, "</svg>\n"])


def _grid() -> list[str]:
    low, high = _POWERS
    pieces = []
    for power in range(low, high + 1, 2):
        x = _across(2.0**power)
        pieces.append(_segment(x, _TOP, x, HEIGHT - _BOTTOM))
        pieces.append(_text(x, HEIGHT - _BOTTOM + 18, f"2^{power}", anchor="middle"))
    for decade in range(_DECADES[0], _DECADES[1] + 1):
        y = _down(10.0**decade)
        pieces.append(_segment(_LEFT, y, WIDTH - _RIGHT, y))
        pieces.append(_text(_LEFT - 8, y + 4, f"{10.0**decade:g}", anchor="end"))
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    return [*pieces, _text(middle, HEIGHT - 18, "elements in the tensor", anchor="middle")]


def _line(label: str, curve: Curve, number: int) -> list[str]:
    colour = _COLOURS[number % len(_COLOURS)]
    points = " ".join(f"{_across(size):.1f},{_down(taken):.1f}" for size, taken in curve)
    drawn = f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
    y = _TOP + 20 + 22 * number
    return [drawn, _text(WIDTH - _RIGHT + 16, y, label, colour=colour)]


def _across(size: float) -> float:
    low, high = _POWERS
    return _LEFT + (log2(size) - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)


def _down(taken: float) -> float:
    """The position of a time. A time beyond the axis is drawn at its end."""
    low, high = _DECADES
    height = min(max(log10(taken), low), high) - low
    return HEIGHT - _BOTTOM - height / (high - low) * (HEIGHT - _TOP - _BOTTOM)


def _segment(x: float, y: float, x2: float, y2: float) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, colour: str = "#333"
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{colour}">{escape(text)}</text>'
