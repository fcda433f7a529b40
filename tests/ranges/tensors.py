"""What a target stands for, as the library computes it, and the parts of a multipart answer."""

import re
from functools import cache
from typing import NamedTuple

from service.chunks import TensorBody
from service.fields import parse_query
from service.plan import Plan, plan
from tests.application import Answer

MOST_BYTES = 2**58
"""The largest tensor that a test plans."""

_DELIMITER = re.compile(rb"(?:\r\n)?--([0-9A-Za-z'()+_,./:=? -]{1,70}?)\r\n")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.ASCII)


class Part(NamedTuple):
    """The bytes start ... stop - 1 of a representation of `length` bytes."""

    start: int
    stop: int
    length: int
    content: bytes


def planned(target: str) -> Plan:
    """The plan of a target such as `/v1/weights.npy?shape=3,4&scheme=zeros`."""
    path, _, query = target.partition("?")
    return plan(parse_query(query.encode()), path.rpartition(".")[2], max_bytes=MOST_BYTES)


def computed(target: str) -> bytes:
    """All bytes of the tensor, computed here without HTTP."""
    return b"".join(map(bytes, TensorBody(planned(target)).chunks()))


remembered = cache(computed)
"""The same, for the few targets that many tests ask for."""


def parts_of(answer: Answer) -> list[Part]:
    """The parts of a 206 answer, one or several, in their order.

    Each part of a multipart answer has its length from its Content-Range, and a delimiter must
    follow it at once (RFC 9110, section 14.6; RFC 2046, section 5.1.1).
    """
    assert answer.status == 206
    assert answer.headers["content-length"] == str(len(answer.body))
    media_type, _, parameter = answer.headers["content-type"].partition(";")
    if media_type != "multipart/byteranges":
        return [_part(answer.headers["content-range"], answer.body)]
    assert "content-range" not in answer.headers
    boundary = parameter.strip().removeprefix("boundary=").strip('"').encode()
    return _read(answer.body, boundary)


def _read(body: bytes, boundary: bytes) -> list[Part]:
    first = _DELIMITER.match(body)
    assert first is not None
    assert first[1] == boundary
    parts, place = list[Part](), first.end()
    while True:
        head, _, rest = body[place:].partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode("ascii").split("\r\n"))
        fields = {name.lower(): value for name, value in lines.items()}
        assert fields["content-type"] == "application/octet-stream"
        part = _part(fields["content-range"], rest)
        parts.append(part)
        place += len(head) + 4 + len(part.content)
        after = b"\r\n--" + boundary
        assert body.startswith(after, place)
        place += len(after)
        if body[place:] == b"--\r\n":
            return parts
        assert body.startswith(b"\r\n", place)
        place += 2


def _part(content_range: str, content: bytes) -> Part:
    """The part at this place; what follows its bytes in `content` is cut off."""
    found = _CONTENT_RANGE.fullmatch(content_range)
    assert found is not None, content_range
    start, stop, length = int(found[1]), int(found[2]) + 1, int(found[3])
    assert start < stop <= length
    assert len(content) >= stop - start
    return Part(start, stop, length, content[: stop - start])
