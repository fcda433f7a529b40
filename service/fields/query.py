"""Query strings to (field, text) pairs, strictly: one spelling of a fault is one refusal.

Not `urllib.parse`: it drops empty items, keeps bad escapes and maps every bad byte to U+FFFD.
"""

import re

from service.fields.faults import Fault, shown

MOST_ITEMS = 64
"""About twice the fields there are."""

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")

Items = list[tuple[str, str]]
Faults = list[tuple[str, Fault]]


def split_query(query: bytes) -> tuple[Items, Faults]:
    """The decoded items of `a=1&b=2` in their order, and what was wrong with the others.

    Items part at `&`, a field from its text at the first `=`; `+` is a space, `%XX` a byte, and
    the bytes are UTF-8 (WHATWG URL, "application/x-www-form-urlencoded", without its leniency).
    """
    items: Items = []
    faults: Faults = []
    raw_items = query.split(b"&") if query else []
    if len(raw_items) > MOST_ITEMS:
        message = f"the query has more than {MOST_ITEMS} items"
        return [], [("", Fault("malformed_query", message, "give each field once"))]
    for raw in raw_items:
        field = ""
        try:
            raw_field, equals, raw_text = raw.partition(b"=")
            field = _decode(raw_field)
            if not equals or not field:
                raise _not_an_item(raw)
            items.append((field, _decode(raw_text)))
        except Fault as fault:
            faults.append((field, fault))
    return items, faults


def _decode(raw: bytes) -> str:
    bad = _BAD_ESCAPE.search(raw)
    if bad:
        message = f"{shown(_ascii(raw[bad.start() :][:3]))} is not a percent-escape"
        raise Fault("malformed_query", message, "write % itself as %25")
    unescaped = _ESCAPE.sub(_escaped_byte, raw.replace(b"+", b" "))
    try:
        return unescaped.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"byte {unescaped[error.start]:#04x} does not belong to UTF-8 text"
        raise Fault("malformed_text", message, "percent-encode the text's UTF-8 bytes") from None


def _escaped_byte(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode("ascii"))


def _not_an_item(raw: bytes) -> Fault:
    if not raw:
        return Fault("malformed_query", "an empty item stands between two &", "leave one & out")
    message = f"{shown(_ascii(raw))} is not field=value"
    return Fault("malformed_query", message, "write field=value")


def _ascii(raw: bytes) -> str:
    return raw.decode("ascii", "backslashreplace")
