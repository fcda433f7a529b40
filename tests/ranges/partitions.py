"""Partitions of a tensor into ranges, in any order, and the tensor that their answers give."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from service.api.ranges import MOST_PARTS
from tests.application import ask
from tests.ranges.tensors import parts_of
from tests.server import Address

Range = tuple[int, int]
Request = tuple[list[Range], dict[str, str]]
"""The ranges that a request is for, and its headers."""


def cut(length: int, seed: random.Random) -> list[Range]:
    """A partition of 0 ... length - 1 into up to 24 ranges, in any order; some are one byte."""
    near = [min(length, place) for place in (1, 2, 7, 8, 127, 128, 129, 2**20 - 1, 2**20, length)]
    places = [seed.randrange(length + 1) for _ in range(seed.randrange(12))]
    places += seed.sample(near, seed.randrange(6))
    places += [min(length, place + 1) for place in places[:3]]
    ranges = list(pairwise(sorted({0, length, *places})))
    seed.shuffle(ranges)
    return ranges


def grouped(ranges: list[Range], seed: random.Random) -> Iterator[list[Range]]:
    """The ranges, one or several in a request."""
    waiting = ranges.copy()
    while waiting:
        count = seed.choice([1, 1, 1, 2, 3, MOST_PARTS])
        yield waiting[:count]
        waiting = waiting[count:]


def spelled(part: Range, length: int, seed: random.Random) -> str:
    """A range as a request writes it: with its last byte, to the end, or as a suffix."""
    start, stop = part
    ways = [f"{start}-{stop - 1}"]
    if stop == length:
        ways += [f"{start}-", f"{start}-{length + seed.randrange(2**70)}", f"-{length - start}"]
    return seed.choice(ways)


def plainly(ranges: list[Range]) -> Iterator[Request]:
    """A request for each range, with its first and its last byte."""
    for start, stop in ranges:
        yield [(start, stop)], {"Range": f"bytes={start}-{stop - 1}"}


def variously(ranges: list[Range], length: int, tag: str, seed: random.Random) -> Iterator[Request]:
    """Requests for one or several ranges, in any spelling, some with If-Range."""
    for group in grouped(ranges, seed):
        value = ", ".join(spelled(part, length, seed) for part in group)
        yield group, {"Range": f"bytes={value}"} | seed.choice([{}, {"If-Range": tag}])


def collect(
    target: str,
    whole: bytes,
    replicas: Sequence[Address],
    seed: random.Random,
    *,
    plain: bool = False,
) -> bytes:
    """The tensor from answers of replicas chosen at random, each with one or several ranges.

    `replicas` are the addresses of servers or of proxies before them. If `plain`, each request is
    for one range with two ends and has no condition, so a proxy may answer it from slices.
    """
    length, joined, times = len(whole), bytearray(whole), Counter[int]()
    # Any byte that no answer has must be wrong at the end.
    joined[:] = bytes(byte ^ 0xFF for byte in whole)
    tag = ask(replicas[0], target, "HEAD").headers["etag"]
    ranges = cut(length, seed)
    for group, fields in plainly(ranges) if plain else variously(ranges, length, tag, seed):
        answer = ask(seed.choice(replicas), target, headers=fields)
        assert (answer.status, answer.headers["etag"]) == (206, tag), fields
        for part in parts_of(answer):
            assert part.length == length
            joined[part.start : part.stop] = part.content
            times.update({part.start: 1})
            assert any(start >= part.start and stop <= part.stop for start, stop in group)
        wanted = sum(stop - start for start, stop in group)
        assert sum(part.stop - part.start for part in parts_of(answer)) == wanted
    assert len(joined) == length
    assert max(times.values()) == 1
    return bytes(joined)
