"""Range requests (RFC 9110, section 14): the bytes that a GET asks for, and the answer to it."""

import re
from hashlib import sha256
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request

from service.api.headers import HeaderLines
from service.api.responses import field_value
from service.chunks import Body, JoinedBody, TextBody, WholeBody

MOST_RANGES = 100
"""The most ranges that one request may list. Each takes time before the first byte is sent."""

MOST_PARTS = 16
"""The most parts of a multipart answer (RFC 9110, section 15.3.7.2)."""

# RFC 9110, section 14.1.1. A unit is a token. [0-9] is ASCII, unlike \d.
_UNIT = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(.*)")
_SPEC = re.compile(r"([0-9]*)-([0-9]*)")

_MOST_DIGITS = 20
"""No representation has a length of more digits. A longer number means a place past its end, and
is not converted: `int` takes quadratic time, and refuses 4,300 digits."""


class ByteRange(NamedTuple):
    """The bytes start ... stop - 1."""

    start: int
    stop: int


def requested_ranges(request: Request, tag: str, length: int) -> list[ByteRange] | None:
    """The ranges that a request asks for, at least one; None if it asks for everything.

    The representation has this strong entity tag and `length` bytes. Ranges that overlap or touch
    are joined. The order is that of the request (RFC 9110, section 15.3.7.2). The header is
    ignored unless the method is GET (section 14.2), if its unit is not `bytes`, and if If-Range has
    another tag (section 13.1.5). Raises HTTPException 416 if it cannot be read, if no range has a
    byte of the representation, and if there are too many ranges.
    """
    value = field_value(request, b"range")
    if value is None or request.method != "GET" or not _is_current(request, tag):
        return None
    unit = _UNIT.fullmatch(value)
    if unit is not None and unit[1].lower() != "bytes":
        return None
    specs = [] if unit is None else [spec.strip(" \t") for spec in unit[2].split(",")]
    listed = [spec for spec in specs if spec]
    if not listed or not all(_is_valid(spec) for spec in listed):
        # It could be ignored, too (section 14.2). But the whole tensor may be terabytes long.
        raise _refusal("the Range header is not a list of byte ranges", length)
    if len(listed) > MOST_RANGES:
        raise _refusal(f"there are {len(listed)} ranges, above the limit of {MOST_RANGES}", length)
    if length == 0 and any(spec.startswith("-") and spec.strip("-0") for spec in listed):
        # A suffix longer than the representation is all of it (section 14.1.2): here, no bytes.
        return None
    ranges = [found for spec in listed if (found := _range(spec, length)) is not None]
    if not ranges:
        raise _refusal(f"no range begins before the end: there are {length} bytes", length)
    parts = joined(ranges)
    if len(parts) > MOST_PARTS:
        message = f"these are {len(parts)} separate ranges, above the limit of {MOST_PARTS}"
        raise _refusal(message, length)
    return parts


def partial_content(
    whole: WholeBody, parts: list[ByteRange], headers: HeaderLines, tag: str
) -> tuple[Body, HeaderLines]:
    """The body and the headers of a 206 answer with these parts, at least one.

    `headers` are those of the whole. One part is the body itself; several are multipart/byteranges
    (RFC 9110, sections 14.6 and 15.3.7).
    """
    if len(parts) == 1:
        placed = (b"content-range", _content_range(parts[0], whole.length))
        return whole.part(*parts[0]), [*headers, placed]
    media_type = dict(headers)[b"content-type"]
    boundary = _boundary(tag, parts)
    bodies = list[Body]()
    for part in parts:
        lines = (
            b"\r\n--%b" % boundary,
            b"Content-Type: %b" % media_type,
            b"Content-Range: %b" % _content_range(part, whole.length),
            b"\r\n",
        )
        # The first delimiter may do without the line break before it (RFC 2046, section 5.1.1).
        text = b"\r\n".join(lines)
        bodies += [TextBody(text if bodies else text[2:]), whole.part(*part)]
    bodies.append(TextBody(b"\r\n--%b--\r\n" % boundary))
    multipart = (b"content-type", b"multipart/byteranges; boundary=" + boundary)
    others = [line for line in headers if line[0] != b"content-type"]
    return JoinedBody(bodies), [*others, multipart]


def _boundary(tag: str, parts: list[ByteRange]) -> bytes:
    """A boundary of 32 characters, the same for the same request.

    That the bytes of a tensor contain it has a probability below 2^-80.
    """
    text = "\n".join((tag, *(f"{part.start}-{part.stop}" for part in parts)))
    return sha256(text.encode("ascii")).hexdigest()[:32].encode()


def _content_range(part: ByteRange, length: int) -> bytes:
    """The value of Content-Range (RFC 9110, section 14.4)."""
    return b"bytes %d-%d/%d" % (part.start, part.stop - 1, length)


def joined(ranges: list[ByteRange]) -> list[ByteRange]:
    """The ranges, with those joined that overlap or touch (RFC 9110, section 15.3.7.2).

    A joined range has the place of the first of its ranges.
    """
    places: list[tuple[int, ByteRange]] = []
    for place, part in sorted(enumerate(ranges), key=lambda numbered: numbered[1]):
        if places and part.start <= places[-1][1].stop:
            before, last = places[-1]
            stop = max(last.stop, part.stop)
            places[-1] = (min(before, place), ByteRange(last.start, stop))
        else:
            places.append((place, part))
    return [part for _, part in sorted(places)]


def _is_current(request: Request, tag: str) -> bool:
    """Whether If-Range, if given, has this tag. The comparison is strong (RFC 9110, 13.1.5).

    A date never matches, because a tensor has no Last-Modified.
    """
    condition = field_value(request, b"if-range")
    return condition is None or condition.strip(" \t") == tag


def _is_valid(spec: str) -> bool:
    """Whether a range can be read (RFC 9110, section 14.1.1). `5-2` cannot."""
    found = _SPEC.fullmatch(spec)
    if found is None or spec == "-":
        return False
    first, last = found[1].lstrip("0"), found[2].lstrip("0")
    if not found[1] or not found[2]:
        return True
    return (len(first), first) <= (len(last), last)


def _range(spec: str, length: int) -> ByteRange | None:
    """The bytes of a valid range, None if there are none."""
    first, _, last = spec.partition("-")
    if not first:
        start, stop = length - min(_number(last), length), length
    else:
        start = _number(first)
        stop = min(_number(last) + 1, length) if last else length
    return ByteRange(start, stop) if start < stop else None


def _number(digits: str) -> int:
    """The number, or 10^20 for a longer one."""
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS


def _refusal(message: str, length: int) -> HTTPException:
    """416, with the length in Content-Range (RFC 9110, section 15.5.17)."""
    return HTTPException(416, message, {"Content-Range": f"bytes */{length}"})
