"""A JSON body to the object it holds, strictly (RFC 8259, and I-JSON's rules, RFC 7493).

Numbers stay as they are spelled: what they mean is for the reader of each field to say.
"""

import json
import re
from dataclasses import dataclass
from typing import NoReturn

from service.fields.faults import Fault, shown
from service.fields.numbers import NumberToken, kind

DEEPEST = 4
"""A shape's list within the object is 2; Python's own parser gives up only near 1,000."""

_UTF8_MARK = b"\xef\xbb\xbf"
_MARKS = {b"\xff\xfe": "UTF-16 or UTF-32", b"\xfe\xff": "UTF-16", b"\0\0\xfe\xff": "UTF-32"}
"""Byte order marks of encodings that are not read."""

_EXAMPLE = 'send an object such as {"shape": [64, 3]}'

# A string that never ends takes the rest, so that no quote is scanned from twice.
_BRACKET_OR_STRING = re.compile(rb'[\[{]|[\]}]|"(?:[^"\\]|\\.)*"?', re.DOTALL)


def read_object(body: bytes) -> list[tuple[str, object]]:
    """The members of the object in their order, duplicates among them.

    One byte order mark of UTF-8 may stand before it (RFC 8259, section 8.1).

    Raises Fault (`malformed_json`) for anything that is not one object nested less than 5 deep.
    """
    body = body.removeprefix(_UTF8_MARK)
    _refuse_other_encodings(body)
    if _depth(body) > DEEPEST:
        raise Fault("malformed_json", f"nested deeper than {DEEPEST}", "send a flat object")
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_Object,
            parse_int=NumberToken,
            parse_float=NumberToken,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError:
        raise Fault("malformed_json", "the body is not UTF-8", "send JSON as UTF-8") from None
    except json.JSONDecodeError as error:
        message = f"no JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        raise Fault("malformed_json", message, _EXAMPLE) from None
    if not isinstance(value, _Object):
        message = f"the body is {kind(value)}"
        raise Fault("malformed_json", message, _EXAMPLE)
    return value.members


def _refuse_other_encodings(body: bytes) -> None:
    """Refuse what begins with a byte order mark, or has a NUL where JSON in UTF-8 has none."""
    encoding = next((name for mark, name in _MARKS.items() if body.startswith(mark)), None)
    if encoding is None and b"\0" in body[:2]:
        encoding = "UTF-16 or UTF-32"
    if encoding is not None:
        message = f"the body is in {encoding}"
        raise Fault("malformed_json", message, "send JSON as UTF-8")
    if body.startswith(_UTF8_MARK):
        raise Fault("malformed_json", "two byte order marks stand before the body", "send one")


@dataclass(frozen=True, slots=True)
class _Object:
    """An object with its duplicate members, which a dict would lose."""

    members: list[tuple[str, object]]


def _refuse_constant(word: str) -> NoReturn:
    message = f"{shown(word)} is not JSON"
    raise Fault("malformed_json", message, "numbers are finite: write one such as 0.02")


def _depth(body: bytes) -> int:
    """The deepest nesting of brackets outside strings, counted without recursion."""
    depth = deepest = 0
    for token in _BRACKET_OR_STRING.findall(body):
        if token in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in b"]}":
            depth -= 1
    return deepest
