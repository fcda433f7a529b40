"""Replicas that end in the middle of a slice: the client gets right bytes, or fewer."""

import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.front.nginx import Front, nginx, replaced
from tests.front.origins import Answering, Asked, Reply, busy, origin, slices, tensor
from tests.server import ask as ask_only
from tests.server import rest

pytestmark = pytest.mark.needs("nginx")

MIB = 2**20
CONTENT = random.Random(1).randbytes(4 * MIB)
WHOLE = slices(CONTENT)
RANGE = f"bytes=100-{4 * MIB - 101}"
ASKED = CONTENT[100:-100]
"""What the range is, in four slices."""

BRIEFLY = {"Cache-Control": "max-age=1", "ETag": '"one"'}


def cut_once(place: int, missing: int) -> Answering:
    """Cuts the first answer for the slice that begins at `place`; `missing` bytes are left out."""
    places = [place]

    def answer(asked: Asked) -> Reply:
        if asked.headers["range"].endswith("-"):
            return Reply(416, {"Content-Range": f"bytes */{len(CONTENT)}"})
        if asked.range()[0] not in places:
            return WHOLE(asked)
        places.clear()
        return replace(WHOLE(asked), cut=missing)

    return answer


def unprotected(text: str) -> str:
    """The configuration that asks for the next slice in any case."""
    return replaced(text, '"bytes=9223372036854775807-"', "$slice_range")


def received(front: Front) -> bytes:
    """The bytes that a client gets for the range before the connection is closed."""
    with ask_only(front.address, tensor(), f"Range: {RANGE}\r\nConnection: close\r\n") as client:
        head, _, body = rest(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 206 ")
    assert f"Content-Length: {len(ASKED)}\r\n".encode() in head
    return body


@pytest.mark.parametrize("missing", [1, MIB // 2, MIB])
@pytest.mark.parametrize("slice_", range(4))
def test_nothing_follows_a_slice_that_was_cut(tmp_path: Path, slice_: int, missing: int) -> None:
    """The bytes before the missing ones arrive. What was cut is not stored."""
    place = slice_ * MIB
    with origin(cut_once(place, missing)) as behind, nginx([behind.address], tmp_path) as front:
        body = received(front)
        assert ASKED.startswith(body)
        assert place - 100 <= len(body) <= max(0, place - 100 + MIB - missing)
        assert received(front) == ASKED
        ranges = [each.headers["range"] for each in behind.asked]
        assert ranges.count(f"bytes={place}-{place + MIB - 1}") == 2


def test_otherwise_the_next_slice_takes_its_place(tmp_path: Path) -> None:
    """Negative control: wrong bytes that a client cannot tell from right ones."""
    with (
        origin(cut_once(MIB, MIB // 2)) as behind,
        nginx([behind.address], tmp_path, unprotected) as front,
    ):
        body = received(front)
        assert len(body) == len(ASKED) - MIB // 2
        cut = MIB + MIB // 2 - 100
        assert body[:cut] == ASKED[:cut]
        assert body[cut:] == ASKED[cut + MIB // 2 :]


def test_slices_of_another_replica_are_joined(tmp_path: Path) -> None:
    """One replica has no room. The range is got twice: not stored and stored."""
    with (
        origin(busy) as first,
        origin(WHOLE) as second,
        nginx([first.address, second.address], tmp_path) as front,
    ):
        assert received(front) == ASKED
        assert received(front) == ASKED
        assert len(first.asked) >= 2
        assert len(second.asked) == 4


def test_slices_that_are_still_right_are_joined(tmp_path: Path) -> None:
    """A 304 has no bytes, and is no slice that was cut."""

    def answer(asked: Asked) -> Reply:
        if "if-none-match" in asked.headers:
            return Reply(304, BRIEFLY)
        return slices(CONTENT, BRIEFLY)(asked)

    with origin(answer) as behind, nginx([behind.address], tmp_path) as front:
        assert received(front) == ASKED
        time.sleep(2.1)
        assert received(front) == ASKED
        assert sum("if-none-match" in each.headers for each in behind.asked) == 4
