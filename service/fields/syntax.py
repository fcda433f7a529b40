"""The syntax of a query string and of a JSON body: bytes to (field, value) pairs.

Both are strict: anything malformed is an error. Python's own parsers are not. `urllib.parse` drops
empty items, keeps bad escapes and maps bad bytes to U+FFFD; `json` loses duplicate members.

Numbers in JSON keep their spelling. The reader of each field decides what they mean.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote_to_bytes

from service.fields.errors import FieldError, shown
from service.fields.numbers import NumberToken, kind

MOST_ITEMS = 128
"""The most items of a query, or members of an object. No path has so many fields."""

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")

Items = list[tuple[str, str]]
FieldErrors = list[tuple[str, FieldError]]


def split_query(query: bytes) -> tuple[Items, FieldErrors]:
    """The decoded items of `a=1&b=2` in their order, and an error for each malformed item.

    `&` separates items, and the first `=` separates a field from its text. `+` is a space, `%XX`
    is a byte, and the bytes are UTF-8. This is WHATWG URL's "application/x-www-form-urlencoded",
    but malformed input is an error here.
    """
    items: Items = []
    errors: FieldErrors = []
    raw_items = query.split(b"&") if query else []
    if len(raw_items) > MOST_ITEMS:
        message = f"the query has more than {MOST_ITEMS} items"
        return [], [("", FieldError("malformed_query", message, "give each field once"))]
    for raw in raw_items:
        field = ""
        try:
            raw_field, equals, raw_text = raw.partition(b"=")
            field = decode(raw_field)
            if not equals or not field:
                raise _not_an_item(raw)
            items.append((field, decode(raw_text)))
        except FieldError as error:
            errors.append((field, error))
    return items, errors


def decode(raw: bytes) -> str:
    """A field or a text of a query without its escapes; raises FieldError if it is malformed."""
    bad = _BAD_ESCAPE.search(raw)
    if bad:
        message = f"{shown(_ascii(raw[bad.start() :][:3]))} is not a percent-escape"
        raise FieldError("malformed_query", message, "write % itself as %25")
    unescaped = unquote_to_bytes(raw.replace(b"+", b" "))
    try:
        return unescaped.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"byte {unescaped[error.start]:#04x} does not belong to UTF-8 text"
        raise FieldError(
            "malformed_text", message, "percent-encode the text's UTF-8 bytes"
        ) from None


def _not_an_item(raw: bytes) -> FieldError:
    if not raw:
        return FieldError(
            "malformed_query", "an empty item stands between two &", "leave one & out"
        )
    message = f"{shown(_ascii(raw))} is not field=value"
    return FieldError("malformed_query", message, "write field=value")


def _ascii(raw: bytes) -> str:
    return raw.decode("ascii", "backslashreplace")


DEEPEST = 4
"""The deepest nesting accepted. A list within the object has depth 2, and no field needs more.
Python's own parser fails only near 1,000."""

MOST_MARKS = 2048
"""The most quotes, colons, commas and brackets in a body. They are counted before it is parsed, so
that the time of parsing has a bound. All fields at once have about 1,300: six for each of 80
fields, 256 values of a kernel, and a name of 512 commas."""

_UTF8_MARK = b"\xef\xbb\xbf"
_MARKS = {b"\xff\xfe": "UTF-16 or UTF-32", b"\xfe\xff": "UTF-16", b"\0\0\xfe\xff": "UTF-32"}
"""Byte order marks of encodings that are refused."""

_SHORTER = "give each field once, and at most 8 values for a shape, 64 for parts, 256 for a kernel"
_EXAMPLE = 'send an object such as {"shape": [64, 3]}'

# An unterminated string matches to the end of the body. Otherwise the search would start again
# after each quote, and the time would grow with the square of the length.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)

_NOT_A_MARK = bytes(set(range(256)) - set(b'",:[]{}'))
_NOT_A_BRACKET = bytes(set(range(256)) - set(b"[]{}"))


def refuse_constant(word: str) -> NoReturn:
    """Refuse NaN or an infinity, which JSON lacks. Raises FieldError (`malformed_json`)."""
    message = f"{shown(word)} is not JSON"
    raise FieldError("malformed_json", message, "numbers are finite: write one such as 0.02")


def read_object(
    body: bytes,
    constant: Callable[[str], object] = refuse_constant,
    most_marks: int = MOST_MARKS,
    deepest: int = DEEPEST,
) -> list[tuple[str, object]]:
    """The members of a JSON object (RFC 8259) in their order, with duplicates.

    One UTF-8 byte order mark is ignored (RFC 8259, section 8.1). The caller refuses duplicates
    (RFC 7493, section 2.3). `constant` reads NaN, Infinity and -Infinity, which JSON lacks and some
    writers write; by default they are refused.

    Raises FieldError (`malformed_json`) unless the body is one object nested at most `deepest`
    deep, with at most `most_marks` quotes, colons, commas and brackets.
    """
    body = body.removeprefix(_UTF8_MARK)
    _refuse_other_encodings(body)
    marks = len(body.translate(None, _NOT_A_MARK))
    if marks > most_marks:
        message = (
            f"the body has {marks} quotes, colons, commas and brackets, more than {most_marks}"
        )
        raise FieldError("malformed_json", message, _SHORTER)
    if _depth(body) > deepest:
        message = f"the body is nested deeper than {deepest}"
        raise FieldError("malformed_json", message, "send a flat object")
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=JsonObject,
            parse_int=NumberToken,
            parse_float=NumberToken,
            parse_constant=constant,
        )
    except UnicodeDecodeError:
        raise FieldError("malformed_json", "the body is not UTF-8", "send JSON as UTF-8") from None
    except json.JSONDecodeError as error:
        message = f"invalid JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        raise FieldError("malformed_json", message, _EXAMPLE) from None
    if not isinstance(value, JsonObject):
        message = f"the body is {kind(value)}"
        raise FieldError("malformed_json", message, _EXAMPLE)
    return value.members


def _refuse_other_encodings(body: bytes) -> None:
    """Refuse other byte order marks, and a NUL in the first two bytes, which UTF-8 JSON lacks."""
    encoding = next((name for mark, name in _MARKS.items() if body.startswith(mark)), None)
    if encoding is None and b"\0" in body[:2]:
        encoding = "UTF-16 or UTF-32"
    if encoding is not None:
        message = f"the body is in {encoding}"
        raise FieldError("malformed_json", message, "send JSON as UTF-8")
    if body.startswith(_UTF8_MARK):
        raise FieldError("malformed_json", "two byte order marks stand before the body", "send one")


@dataclass(frozen=True, slots=True)
class JsonObject:
    """A JSON object. A dict would lose duplicate members."""

    members: list[tuple[str, object]]


def _depth(body: bytes) -> int:
    """The deepest nesting of brackets outside strings, counted without recursion."""
    depth = deepest = 0
    for bracket in _STRING.sub(b"", body).translate(None, _NOT_A_BRACKET):
        if bracket in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest
