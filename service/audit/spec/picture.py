"""The histogram of an audit as a picture: an SVG, written by an XML writer.

A bar is the number of values in a bin, and a line the expected number. The picture has no fixed
size: it is as wide as the page that shows it, up to a limit. It is laid out for a phone, so that
its text can be read on one.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import ceil, floor
from xml.etree.ElementTree import Element, SubElement, tostring

from service.audit.spec.of_spec import SpecAudit
from service.audit.spec.verdict import Bin, Comparison
from service.models.html import shown_name

MEDIA_TYPE = "image/svg+xml"

_WIDTH = 480
_LEFT, _RIGHT = 124, 420
_PLOT = 270
"""The height of the plot. Above it are the lines of the head, below it the axis."""

_BELOW = 78
_MOST_TITLE_LINES, _MOST_URL_LINES = 3, 5
_MOST_VERDICT_LINES = 3
_MOST_LINES = 3
_LEGEND_LINE = 22
_MOST_TICKS = 8
_MOST_DIGITS = 6
"""Of a label. A range that needs more is labelled by the distances from a number."""

_NAMELESS = "Tensor without a name"

_SPIKE = 4
"""A bar so many times as high as all others is cut, or they could not be seen."""

_NARROW = 6
"""The width of a bar of one value."""

_SIZES = {"title": 18, "verdict": 15, "url": 12, "": 14}
"""The size of the letters of each class, in px."""

_STYLE = """
svg { background: #ffffff; color: #1b1f24; font: 14px system-ui, sans-serif;
  display: block; max-width: 640px; height: auto; margin: 0 auto; }
text { fill: currentColor; }
.title { font-size: 18px; font-weight: 600; }
.verdict { font-size: 15px; font-weight: 600; }
.consistent { fill: #1a6b34; }
.inconsistent { fill: #b3261e; }
.url { font: 12px ui-monospace, monospace; fill-opacity: 0.75; }
.axis { stroke: currentColor; stroke-opacity: 0.5; fill: none; }
.grid { stroke: currentColor; stroke-opacity: 0.12; fill: none; }
.bar { fill: #0b62c4; fill-opacity: 0.55; }
.wrong { fill: #b3261e; fill-opacity: 0.7; }
.expected { stroke: #b3400e; stroke-width: 2; fill: none; }
.gap { stroke: #ffffff; stroke-width: 5; }
@media (prefers-color-scheme: dark) {
  svg { background: #14181d; color: #e6e9ed; }
  .consistent { fill: #7ddc9a; }
  .inconsistent { fill: #ff8f87; }
  .bar { fill: #6db3ff; }
  .wrong { fill: #ff8f87; }
  .expected { stroke: #ffab7a; }
  .gap { stroke: #14181d; }
}
"""

_WIDE = "mwMW@%"
_WIDTHS = {"wide": 1.0, "upper": 0.8, "other": 0.66, "fixed": 0.62, "bold": 1.15}
"""Bounds of the width of a letter, in units of its size, for usual fonts. Bold ones are wider."""


def svg(audit: SpecAudit, name: str) -> bytes:
    """The picture in UTF-8. `name` is the name of the tensor and may hold any characters.

    Those that cannot be seen are shown as their numbers, such as [U+202E].
    """
    root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "width": "100%", "role": "img"})
    name = shown_name(name)
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
        top = _legend(root, y + 28, bins) + 16
        height = top + _PLOT + _BELOW
        only = _only_value(audit) if audit.deterministic else None
        if only is None or audit.inconsistencies:
            _plot(root, top, bins)
        else:
            _plot_of_one(root, top, only, audit.elements)
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
    facts = [f"{values} in {audit.dtype}", *(_facts(audit) if audit.elements else ())]
    lines += [("", line) for fact in facts for line in _wrapped(fact, "", _MOST_LINES)]
    return lines + [("url", line) for line in _wrapped(audit.url, "url", _MOST_URL_LINES)]


def _facts(audit: SpecAudit) -> Iterator[str]:
    statistics, bins = audit.statistics, audit.histogram[1:-1]
    yield f"mean {_compared(statistics.mean)}"
    yield f"std {_compared(statistics.std)}"
    only = _only_value(audit)
    if only is not None:
        yield f"all values are {_number(only)}" if audit.elements > 1 else f"it is {_number(only)}"
    else:
        least, most = _number(statistics.min.realised), _number(statistics.max.realised)
        yield f"least {least}, largest {most}"
        yield _zeros(statistics.zeros)
    beyond = audit.histogram[0].count + audit.histogram[-1].count
    if beyond:
        yield f"{beyond:,} values are beyond the bins"
    spike = _spike(bins)
    if spike is not None:
        cut = bins[spike]
        yield f"the bar at {cut.low:.4g} to {cut.high:.4g} is cut: {cut.count:,} values"


def _only_value(audit: SpecAudit) -> float | None:
    """The value that all have, or None if they differ or if one is not finite."""
    least, most = audit.statistics.min.realised, audit.statistics.max.realised
    return least if least == most and "not_finite" not in audit.inconsistencies else None


def _spike(bins: Sequence[Bin]) -> int | None:
    """The place of a bin that has far more values than all others, or None."""
    heights = [max(each.count, each.expected) for each in bins]
    if len(heights) < 2:
        return None
    *_, second, highest = sorted(heights)
    return heights.index(highest) if 0 < _SPIKE * second < highest else None


def _compared(statistic: Comparison) -> str:
    expected = f"{_number(statistic.realised)}, expected {_number(statistic.expected)}"
    if not statistic.standard_error:
        return expected
    return f"{expected} ± {statistic.standard_error:.2g}"


def _zeros(statistic: Comparison) -> str:
    shares = (statistic.realised or 0.0, statistic.expected or 0.0)
    found, wanted = (f"{100 * share:.3g} %" for share in shares)
    return f"{found} of the values are 0, expected {wanted}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _legend(root: Element, y: float, bins: Sequence[Bin]) -> float:
    """What the bars and the line mean, in lines that fit. Returns the y of the last line."""
    x = 16
    entries = [("bar", "values in a bin"), ("expected", "expected")]
    if not all(each.consistent for each in bins):
        entries.insert(1, ("wrong", "values in an inconsistent bin"))
    for class_, label in entries:
        width = 28 + round(_width_of(label, ""))
        if x + width > _WIDTH - 16:
            x, y = 16, y + _LEGEND_LINE
        shape = f"M{x},{y - 4}h22" if class_ == "expected" else f"M{x},{y - 10}h22v12h-22z"
        SubElement(root, "path", {"d": shape, "class": class_})
        _text(root, (x + 28, y), label)
        x += width + 24
    return y


def _plot(root: Element, top: float, bins: Sequence[Bin]) -> None:
    low, high = bins[0].low, bins[-1].high
    assert low is not None, "only the entries beyond the bins have one end"
    assert high is not None, "only the entries beyond the bins have one end"
    spike = _spike(bins)
    shown = [each for place, each in enumerate(bins) if place != spike]
    highest = _ordinates(root, top, max(max(each.count, each.expected) for each in shown))

    def level(number: float) -> float:
        """The y of a number of values. A bar that is cut ends at the top."""
        return top + _PLOT * (1 - min(number / highest, 1.0))

    width = (_RIGHT - _LEFT) / len(bins)
    points = []
    for place, each in enumerate(bins):
        left = _LEFT + place * width
        told = f"{each.low!r} to {each.high!r}: {each.count}, expected {each.expected:.6g}"
        _bar(root, (left, level(each.count), width, top + _PLOT), told, wrong=not each.consistent)
        height = level(each.expected)
        points += [f"{left:.2f},{height:.2f}", f"{left + width:.2f},{height:.2f}"]
    SubElement(root, "polyline", {"points": " ".join(points), "class": "expected"})
    if spike is not None:
        _cut(root, _LEFT + (spike + 0.5) * width, top + 20)
    # The ends may be 2^1024 apart.
    one = high / len(bins) - low / len(bins)
    _axes(root, top, (low, high), f"bins of width {one:.4g}")


def _plot_of_one(root: Element, top: float, value: float, count: int) -> None:
    """One narrow bar, and the axis from 0 to the value. A bin would look like a uniform draw."""
    low, high = (-1.0, 1.0) if value == 0 else (min(value, 0.0), max(value, 0.0))
    y = top + _PLOT * (1 - count / _ordinates(root, top, count))
    x = _LEFT + (_RIGHT - _LEFT) * (0.5 if value == 0 else float(value > 0))
    told = f"{value!r}: {count}, expected {count}"
    _bar(root, (x - _NARROW / 2, y, _NARROW, top + _PLOT), told, wrong=False)
    line = f"{x - _NARROW:.2f},{y:.2f} {x + _NARROW:.2f},{y:.2f}"
    SubElement(root, "polyline", {"points": line, "class": "expected"})
    _axes(root, top, (low, high), "one bar for the one value")


def _ordinates(root: Element, top: float, most: float) -> float:
    """The ticks of the numbers of values. Returns the last one, which is at the top."""
    # All values may be beyond the bins.
    counts = _ticks(0.0, max(most, 1.0), 6, whole=True)
    highest = float(counts[-1])
    for tick in counts:
        y = top + _PLOT * (1 - float(tick) / highest)
        SubElement(root, "path", {"d": f"M{_LEFT},{y:.2f}H{_RIGHT}", "class": "grid"})
        _text(root, (_LEFT - 8, y + 4), _label(tick), anchor="end")
    return highest


def _bar(root: Element, box: tuple[float, float, float, float], told: str, *, wrong: bool) -> None:
    """A bar: its left edge, its top, its width and its bottom. `told` is its title."""
    x, y, width, bottom = box
    numbers = {"x": x, "y": y, "width": width, "height": bottom - y}
    attributes = {key: f"{value:.2f}" for key, value in numbers.items()}
    bar = SubElement(root, "rect", attributes | {"class": "wrong" if wrong else "bar"})
    SubElement(bar, "title").text = told


def _cut(root: Element, x: float, y: float) -> None:
    """The mark of a bar that is higher than the plot: a gap between two slanted lines."""
    SubElement(root, "path", {"d": f"M{x - 9:.2f},{y + 4:.2f}l18,-8", "class": "gap"})
    for edge in (y - 3, y + 3):
        SubElement(root, "path", {"d": f"M{x - 9:.2f},{edge + 4:.2f}l18,-8", "class": "axis"})


def _axes(root: Element, top: float, ends: tuple[float, float], note: str) -> None:
    bottom, middle = top + _PLOT, (_LEFT + _RIGHT) / 2
    SubElement(root, "path", {"d": f"M{_LEFT},{top}V{bottom}H{_RIGHT}", "class": "axis"})
    offset = _abscissas(root, bottom, *ends)
    value = "value" if not offset else f"value {'-' if offset > 0 else '+'} {abs(offset)!r}"
    _text(root, (middle, bottom + 44), value, anchor="middle")
    _text(root, (middle, bottom + 64), note, anchor="middle")
    _text(root, (18, top + _PLOT / 2), "number of values", anchor="middle", turned=True)


def _abscissas(root: Element, bottom: float, low: float, high: float) -> float:
    """The ticks of the values. Returns the number that their labels are distances from."""
    offset, ticks = 0.0, _fitting_ticks(low, high)
    digits = (tick.normalize().as_tuple().digits for tick in _ticks(low, high, _MOST_TICKS))
    if max(map(len, digits)) > _MOST_DIGITS:
        offset, ticks = low, _fitting_ticks(0.0, float(Decimal(high) - Decimal(low)))
    start, whole = Decimal(low) - Decimal(offset), Decimal(high) - Decimal(low)
    for tick in ticks:
        x = _LEFT + (_RIGHT - _LEFT) * float((tick - start) / whole)
        SubElement(root, "path", {"d": f"M{x:.2f},{bottom}v5", "class": "axis"})
        _text(root, (x, bottom + 20), _label(tick), anchor="middle")
    return offset


def _fitting_ticks(low: float, high: float) -> list[Decimal]:
    """As many ticks as their labels leave room for."""
    for most in (_MOST_TICKS, 5, 3, 2):
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
    if not text.removesuffix("…").replace("±", "").isascii():
        # The widths of other scripts differ from font to font.
        width = _width_of(text, class_.partition(" ")[0])
        attributes |= {"textLength": f"{width:.2f}", "lengthAdjust": "spacingAndGlyphs"}
    SubElement(root, "text", attributes).text = text


def _wrapped(text: str, class_: str, most: int) -> list[str]:
    """The text in lines that fit, `most` at most. The last one ends with … if there is more.

    A line ends at a space, or within a word that has no room in a line.
    """
    room = _WIDTH - 32 - _SIZES[class_]
    lines = [""]
    for word in " ".join(_plain(text).split()).split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if _width_of(joined, class_) <= room:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
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
