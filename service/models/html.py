"""Elements of an HTML page, and texts in it. A tree of elements escapes every text when written."""

import unicodedata
from xml.etree.ElementTree import Element, tostring

Content = str | Element

_HIDDEN = frozenset(("Cc", "Cf", "Cn", "Co", "Zl", "Zp"))
"""Categories of Unicode whose characters are shown by their number.

They have no shape, or they turn the direction of the text around them.
"""


def element(tag: str, *content: Content, **attributes: str) -> Element:
    """An element with this content.

    In the name of an attribute `_` stands for a hyphen; at the end it is left out, as in `class_`.
    """
    named = {name.rstrip("_").replace("_", "-"): text for name, text in attributes.items()}
    made = Element(tag, named)
    last: Element | None = None
    for each in content:
        if isinstance(each, Element):
            made.append(each)
            last = each
        elif last is None:
            made.text = (made.text or "") + each
        else:
            last.tail = (last.tail or "") + each
    return made


def written_page(root: Element) -> bytes:
    """The page in UTF-8."""
    return b"<!doctype html>\n" + written(root) + b"\n"


def written(part: Element) -> bytes:
    """A part of a page in UTF-8."""
    return tostring(part, encoding="unicode", method="html").encode()


def shown_name(text: str) -> str:
    """The text with the numbers of characters that cannot be seen, such as [U+202E]."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        f"[U+{ord(each):04X}]" if unicodedata.category(each) in _HIDDEN else each for each in text
    )


def significant(number: float) -> str:
    """The number with four significant digits, without zeros at the end."""
    return f"{number:.4g}"


def count_of(number: int, noun: str) -> str:
    """The number with its noun, as in `1 tensor` and `1,200 tensors`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
