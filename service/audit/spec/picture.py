"""The histogram of an audit as a picture: an SVG, written by an XML writer.

A bar is the number of values in a bin, and a line the expected number. The picture has no fixed
size: it is as wide as the page that shows it, up to a limit.
"""

import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from math import ceil, floor
from xml.etree.ElementTree import Element, SubElement, tostring

from service.audit.spec.of_spec import SpecAudit
from service.audit.spec.verdict import Bin, Comparison

MEDIA_TYPE = "image/svg+xml"

_WIDTH = 760
_LEFT, _RIGHT = 112, 704
_PLOT = 270
"""The height of the plot. Above it are the lines of the head, below it the axis."""

_BELOW = 58
_MOST_TITLE_LINES, _MOST_URL_LINES = 2, 3
_MOST_VERDICT_LINES = 2
_MOST_DIGITS = 6
"""Of a label. A range that needs more is labelled by the distances from a number."""

_NAMELESS = "Tensor without a name"

_SIZES = {"title": 17, "verdict": 14, "url": 11, "": 13}
"""The size of the letters of each class, in px."""

_STYLE = """
svg { background: #ffffff; color: #1b1f24; font: 13px system-ui, sans-serif;
  display: block; max-width: 960px; height: auto; margin: 0 auto; }
text { fill: currentColor; }
.title { font-size: 17px; font-weight: 600; }
.verdict { font-size: 14px; font-weight: 600; }
.consistent { fill: #1a6b34; }
.inconsistent { fill: #b3261e; }
.url { font: 11px ui-monospace, monospace; fill-opacity: 0.75; }
.axis { stroke: currentColor; stroke-opacity: 0.5; fill: none; }
.grid { stroke: currentColor; stroke-opacity: 0.12; fill: none; }
.bar { fill: #0b62c4; fill-opacity: 0.55; }
.wrong { fill: #b3261e; fill-opacity: 0.7; }
.expected { stroke: #b3400e; stroke-width: 2; fill: none; }
@media (prefers-color-scheme: dark) {
  svg { background: #14181d; color: #e6e9ed; }
  .consistent { fill: #7ddc9a; }
  .inconsistent { fill: #ff8f87; }
  .bar { fill: #6db3ff; }
  .wrong { fill: #ff8f87; }
  .expected { stroke: #ffab7a; }
}
"""

_WIDE = "mwMW@%"
_WIDTHS = {"wide": 1.0, "upper": 0.8, "other": 0.66, "fixed": 0.62, "bold": 1.15}
"""Bounds of the width of a letter, in units of its size, for usual fonts. Bold ones are wider."""


def svg(audit: SpecAudit, name: str) -> bytes:
    """The picture in UTF-8. `name` is the name of the tensor and may hold any characters."""
    root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "width": "100%", "role": "img"})
    title = _plain(f"{name or _NAMELESS}: {audit.verdict}")
    SubElement(root, "title").text = title
    SubElement(root, "desc").text = _plain(_description(audit, name))
    SubElement(root, "style").text = _STYLE
    y = 10.0
    for class_, line in _head(audit, name):
        y += 1.4 * _SIZES[class_.partition(" ")[0]]
        _text(root, (16, y), line, class_)
    bins = audit.histogram[1:-1]
    height = y + 16
    if bins:
        top = y + 44
        height = top + _PLOT + _BELOW
        _legend(root, top - 16, bins)
        _plot(root, top, bins)
    root.set("viewBox", f"0 0 {_WIDTH} {height:.0f}")
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _description(audit: SpecAudit, name: str) -> str:
    """Everything that the lines of the head may shorten."""
    of = f" of {name}" if name else ""
    wrong = f": {', '.join(audit.inconsistencies)}" if audit.inconsistencies else ""
    return f"{audit.elements} values{of}, {audit.verdict}{wrong}. {audit.url}"


def _head(audit: SpecAudit, name: str) -> list[tuple[str, str]]:
    """The lines above the plot, with their classes."""
    verdict = f"Verdict: {audit.verdict}"
    if audit.inconsistencies:
        verdict = f"{verdict} ({', '.join(audit.inconsistencies)})"
    lines = [("title", line) for line in _wrapped(name or _NAMELESS, "title", _MOST_TITLE_LINES)]
    for line in _wrapped(verdict, "verdict", _MOST_VERDICT_LINES):
        lines.append((f"verdict {audit.verdict}", line))
    values = "1 value" if audit.elements == 1 else f"{audit.elements:,} values"
    lines.append(("", f"{values} in {audit.dtype}"))
    if audit.elements:
        statistics = audit.statistics
        mean, std = _compared(statistics.mean), _compared(statistics.std)
        lines += [("", f"mean {mean}"), ("", f"std {std}")]
        least, most = _number(statistics.min.realised), _number(statistics.max.realised)
        lines.append(("", f"least {least}, largest {most}, {_zeros(statistics.zeros)}"))
        beyond = audit.histogram[0].count + audit.histogram[-1].count
        if beyond:
            lines.append(("", f"{beyond:,} values are beyond the bins"))
    return lines + [("url", line) for line in _wrapped(audit.url, "url", _MOST_URL_LINES)]


def _compared(statistic: Comparison) -> str:
    expected = f"{_number(statistic.realised)}, expected {_number(statistic.expected)}"
    if not statistic.standard_error:
        return expected
    return f"{expected}, standard error {statistic.standard_error:.2g}"


def _zeros(statistic: Comparison) -> str:
    shares = (statistic.realised or 0.0, statistic.expected or 0.0)
    found, wanted = (f"{100 * share:.3g} %" for share in shares)
    return f"zeros {found}, expected {wanted}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _legend(root: Element, y: float, bins: Sequence[Bin]) -> None:
    x = _LEFT
    entries = [("bar", "values in a bin"), ("expected", "expected")]
    if not all(each.consistent for each in bins):
        entries.insert(1, ("wrong", "values in an inconsistent bin"))
    for class_, label in entries:
        shape = f"M{x},{y - 4}h22" if class_ == "expected" else f"M{x},{y - 10}h22v12h-22z"
        SubElement(root, "path", {"d": shape, "class": class_})
        _text(root, (x + 28, y), label)
        x += 60 + round(_width_of(label, ""))


def _plot(root: Element, top: float, bins: Sequence[Bin]) -> None:
    bottom, low, high = top + _PLOT, bins[0].low, bins[-1].high
    assert low is not None, "only the entries beyond the bins have one end"
    assert high is not None, "only the entries beyond the bins have one end"
    counts = _ticks(0.0, max(max(each.count, each.expected) for each in bins), 6, whole=True)
    highest = float(counts[-1])

    def level(number: float) -> float:
        return bottom - _PLOT * (number / highest)

    for tick in counts:
        y = level(float(tick))
        SubElement(root, "path", {"d": f"M{_LEFT},{y:.2f}H{_RIGHT}", "class": "grid"})
        _text(root, (_LEFT - 8, y + 4), _label(tick), anchor="end")
    width = (_RIGHT - _LEFT) / len(bins)
    points = []
    for place, each in enumerate(bins):
        left = _LEFT + place * width
        edge = level(each.count)
        box = {"x": left, "y": edge, "width": width, "height": bottom - edge}
        attributes = {key: f"{value:.2f}" for key, value in box.items()}
        bar = SubElement(
            root, "rect", attributes | {"class": "bar" if each.consistent else "wrong"}
        )
        shown = f"{each.low!r} to {each.high!r}: {each.count}, expected {each.expected:.6g}"
        SubElement(bar, "title").text = shown
        height = level(each.expected)
        points += [f"{left:.2f},{height:.2f}", f"{left + width:.2f},{height:.2f}"]
    SubElement(root, "polyline", {"points": " ".join(points), "class": "expected"})
    SubElement(root, "path", {"d": f"M{_LEFT},{top}V{bottom}H{_RIGHT}", "class": "axis"})
    offset = _abscissas(root, bottom, low, high)
    # The ends may be 2^1024 apart.
    one = high / len(bins) - low / len(bins)
    value = "value" if not offset else f"value {'-' if offset > 0 else '+'} {abs(offset)!r}"
    middle = (_LEFT + _RIGHT) / 2
    _text(root, (middle, bottom + 44), f"{value} (bins of width {one:.4g})", anchor="middle")
    _text(root, (18, top + _PLOT / 2), "number of values in a bin", anchor="middle", turned=True)


def _abscissas(root: Element, bottom: float, low: float, high: float) -> float:
    """The ticks of the values. Returns the number that their labels are distances from."""
    offset, ticks = 0.0, _fitting_ticks(low, high)
    if max(len(tick.normalize().as_tuple().digits) for tick in ticks) > _MOST_DIGITS:
        offset, ticks = low, _fitting_ticks(0.0, float(Decimal(high) - Decimal(low)))
    start, whole = Decimal(low) - Decimal(offset), Decimal(high) - Decimal(low)
    for tick in ticks:
        x = _LEFT + (_RIGHT - _LEFT) * float((tick - start) / whole)
        SubElement(root, "path", {"d": f"M{x:.2f},{bottom}v5", "class": "axis"})
        _text(root, (x, bottom + 20), _label(tick), anchor="middle")
    return offset


def _fitting_ticks(low: float, high: float) -> list[Decimal]:
    """As many ticks as their labels leave room for."""
    for most in (8, 5, 3):
        ticks = _ticks(low, high, most)
        if sum(_width_of(_label(tick), "") + 12 for tick in ticks) <= _RIGHT - _LEFT:
            break
    return ticks


def _ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[Decimal]:
    """Multiples of 1, 2 or 5 times a power of ten from `low` to `high`, about `most` at most.

    `whole`: they are whole numbers, and the last one may be above `high`.
    """
    first, last = Decimal(low), Decimal(high)
    raw = (last - first) / (most - 1)
    power = Decimal(1).scaleb(raw.adjusted())
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    if whole:
        step = max(step, Decimal(1))
    stop = ceil(last / step) if whole else floor(last / step)
    return [step * number for number in range(ceil(first / step), stop + 1)]


def _label(tick: Decimal) -> str:
    plain = tick.normalize()
    if plain == 0:
        return "0"
    if -4 <= plain.adjusted() <= 6:
        return f"{plain:,f}"
    return f"{plain:e}".replace("e+", "e")


def _text(
    root: Element,
    place: tuple[float, float],
    text: str,
    class_: str = "",
    *,
    anchor: str = "start",
    turned: bool = False,
) -> None:
    x, y = place
    attributes = {"x": f"{x:.2f}", "y": f"{y:.2f}", "text-anchor": anchor}
    if class_:
        attributes["class"] = class_
    if turned:
        attributes["transform"] = f"rotate(-90 {x:.2f} {y:.2f})"
    if not text.removesuffix("…").isascii():
        # The widths of other scripts differ from font to font.
        width = _width_of(text, class_.partition(" ")[0])
        attributes |= {"textLength": f"{width:.2f}", "lengthAdjust": "spacingAndGlyphs"}
    SubElement(root, "text", attributes).text = text


def _wrapped(text: str, class_: str, most: int) -> list[str]:
    """The text in lines that fit, `most` at most. The last one ends with … if there is more."""
    room = _WIDTH - 32 - _SIZES[class_]
    lines = [""]
    for character in " ".join(_plain(text).split()):
        if _width_of(lines[-1] + character, class_) > room:
            lines.append("")
        lines[-1] += character
    return lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1]}…"]


def _width_of(text: str, class_: str) -> float:
    """About the most that the text takes, in px. A URL is ASCII in letters of one width."""
    if class_ == "url":
        return _SIZES[class_] * _WIDTHS["fixed"] * len(text)
    bold = _WIDTHS["bold"] if class_ else 1.0
    return bold * _SIZES[class_] * sum(_width(character) for character in text)


def _width(character: str) -> float:
    if character in _WIDE or unicodedata.east_asian_width(character) in "WF":
        return _WIDTHS["wide"]
    return _WIDTHS["upper" if character.isupper() else "other"]


def _plain(text: str) -> str:
    """The text without characters that XML 1.0 does not allow (section 2.2)."""
    return "".join(
        character
        for character in text
        if character in "\t\n\r"
        or " " <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
        or character >= "\U00010000"
    )
