"""The histogram of an audit as a picture: an SVG, written by an XML writer.

A bar is the number of values in a bin, and a line the expected number. The values beyond the
histogram are in a line of text.
"""

from xml.etree.ElementTree import Element, SubElement, tostring

from service.audit.of_spec import SpecAudit
from service.audit.verdict import Comparison

MEDIA_TYPE = "image/svg+xml"

_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 740, 92, 370
_MOST_CHARACTERS = 92
"""Of a line. At 13 px wide fonts take 7.2 px for a character on average."""

_STYLE = """
svg { background: #ffffff; color: #1b1f24; font: 13px system-ui, sans-serif; }
text { fill: currentColor; }
.title { font-size: 16px; font-weight: 600; }
.axis { stroke: currentColor; stroke-opacity: 0.35; fill: none; }
.bar { fill: #0b62c4; fill-opacity: 0.55; }
.expected { stroke: #b3400e; stroke-width: 2; fill: none; }
@media (prefers-color-scheme: dark) {
  svg { background: #14181d; color: #e6e9ed; }
  .bar { fill: #6db3ff; }
  .expected { stroke: #ffab7a; }
}
"""


def svg(audit: SpecAudit, name: str) -> bytes:
    """The picture in UTF-8. `name` is the name of the tensor and may hold any characters."""
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_WIDTH} {_HEIGHT}",
            "width": str(_WIDTH),
            "height": str(_HEIGHT),
            "role": "img",
        },
    )
    title = _line(f"{name or audit.url}: {audit.verdict}")
    SubElement(root, "title").text = title
    SubElement(root, "desc").text = _plain(f"{audit.elements} values of {audit.url}")
    SubElement(root, "style").text = _STYLE
    _text(root, _LEFT, 26, title, "title")
    for place, line in enumerate(_summary(audit)):
        _text(root, _LEFT, 48 + 17 * place, _line(line))
    _plot(root, audit)
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _summary(audit: SpecAudit) -> list[str]:
    mean, std = audit.statistics.mean, audit.statistics.std
    lines = [
        f"{audit.elements} values of {audit.dtype}; mean {_compared(mean)}; std {_compared(std)}"
    ]
    if audit.histogram:
        beyond = audit.histogram[0].count + audit.histogram[-1].count
        lines.append(f"bars: values in a bin; line: expected; {beyond} values lie beyond")
    return lines


def _compared(statistic: Comparison) -> str:
    if statistic.realised is None or statistic.expected is None:
        return "none"
    return f"{statistic.realised:.4g}, expected {statistic.expected:.4g}"


def _plot(root: Element, audit: SpecAudit) -> None:
    bins = audit.histogram[1:-1]
    if not bins:
        return
    highest = max(max(each.count, each.expected) for each in bins)
    width = (_RIGHT - _LEFT) / len(bins)
    points = []
    for place, each in enumerate(bins):
        left = _LEFT + place * width
        top = _height_of(each.count, highest)
        box = {"x": left, "y": top, "width": width, "height": _BOTTOM - top}
        attributes = {key: f"{value:.2f}" for key, value in box.items()}
        bar = SubElement(root, "rect", attributes | {"class": "bar"})
        shown = f"{each.low:.6g} to {each.high:.6g}: {each.count}, expected {each.expected:.6g}"
        SubElement(bar, "title").text = shown
        level = _height_of(each.expected, highest)
        points += [f"{left:.2f},{level:.2f}", f"{left + width:.2f},{level:.2f}"]
    SubElement(root, "polyline", {"points": " ".join(points), "class": "expected"})
    axis = f"M{_LEFT},{_TOP}V{_BOTTOM}H{_RIGHT}"
    SubElement(root, "path", {"d": axis, "class": "axis"})
    _text(root, _LEFT, _BOTTOM + 20, f"{bins[0].low:.4g}")
    _text(root, _RIGHT, _BOTTOM + 20, f"{bins[-1].high:.4g}", anchor="end")
    _text(root, _LEFT - 8, _TOP + 5, f"{highest:.4g}", anchor="end")
    _text(root, _LEFT - 8, _BOTTOM, "0", anchor="end")


def _height_of(number: float, highest: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * (number / highest if highest else 0.0)


def _text(
    root: Element, x: float, y: float, text: str, class_: str = "", anchor: str = "start"
) -> None:
    attributes = {"x": f"{x:.2f}", "y": f"{y:.2f}", "text-anchor": anchor}
    if class_:
        attributes["class"] = class_
    SubElement(root, "text", attributes).text = text


def _line(text: str) -> str:
    plain = _plain(text)
    return plain if len(plain) <= _MOST_CHARACTERS else plain[: _MOST_CHARACTERS - 1] + "…"


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
