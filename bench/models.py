"""The lines about whole models: two that are streamed whole, and ranges of one of a terabyte.

Both sides of a streamed line are of the same server, with the sink on the last core.
"""

import random
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

from bench import servers
from bench.clients import byte_cost, exchanged, posted
from bench.contest import Contest
from bench.footprint import MIB, resident
from bench.processes import ALL_CORES, Server
from bench.streams import target

GPT2 = {"architecture": "GPT2LMHeadModel", "size": "small", "seed": 1}
GPT2_EXTENTS = "162031,768"
"""A tensor of as many elements: 124,439,808."""

SMALL = {
    "seed": 1,
    "tensors": [{"name": "h.{0..9999}.weight", "shape": [64, 64], "scheme": "he_normal"}],
}
SMALL_EXTENTS = "6400,6400"
"""A tensor of as many elements: 10,000 times 64 times 64."""

TERABYTE = {
    "architecture": "DeepseekV3ForCausalLM",
    "size": "671b",
    "dtype": "bfloat16",
    "seed": 1,
}

POST_SECONDS = 2.0
READ_SECONDS = 0.1
"""The goals. The other side of these lines is a number and not a program."""

_RANGES = 200
_HEADS = 20


def streamed() -> Iterator[Contest]:
    """A model of large and small tensors, and one of small tensors only, against one tensor."""
    with servers.fanin(ALL_CORES) as fanin:
        for key, manifest, extents in (
            ("model-gpt2", GPT2, GPT2_EXTENTS),
            ("model-small", SMALL, SMALL_EXTENTS),
        ):
            theirs = partial(byte_cost, fanin, target("he_normal", extents))
            yield Contest(key, partial(_model_cost, fanin, manifest), theirs, rounds=15)


def _model_cost(fanin: Server, manifest: dict[str, Any]) -> float:
    """Nanoseconds a byte of the model's only file. Its plan is made before."""
    [file] = posted(fanin, manifest)["files"]
    return byte_cost(fanin, file["url"])


def terabyte() -> Iterator[Contest]:
    """The time to plan a model of 1.34 TB, and to read of it."""
    yield Contest("model-post-first", _first_post, lambda: POST_SECONDS, rounds=5)
    with servers.fanin(ALL_CORES) as fanin:
        yield Contest("model-post", partial(_post, fanin), lambda: POST_SECONDS)
        yield Contest("model-head", partial(_slowest_head, fanin), lambda: READ_SECONDS)
        yield Contest("model-ranges", partial(_slowest_range, fanin), lambda: READ_SECONDS)


def _first_post() -> float:
    """Seconds for the POST that a new process answers first."""
    with servers.fanin(ALL_CORES) as fanin:
        assert fanin.port
        return _post(fanin)


def _post(fanin: Server) -> float:
    """Seconds for a POST. The model is planned for each, also if it was planned before."""
    begun = time.monotonic()
    posted(fanin, TERABYTE)
    return time.monotonic() - begun


def _slowest_head(fanin: Server) -> float:
    [file] = posted(fanin, TERABYTE)["files"]
    return max(exchanged(fanin, "HEAD", [(file["url"], {})] * _HEADS))


def _slowest_range(fanin: Server) -> float:
    [file] = posted(fanin, TERABYTE)["files"]
    return max(range_seconds(fanin, file))


def range_seconds(fanin: Server, file: dict[str, Any]) -> list[float]:
    """Seconds for each of the random ranges of 1 MiB."""
    asked = [
        (file["url"], {"Range": f"bytes={start}-{start + MIB - 1}"})
        for start in places(file["bytes"])
    ]
    return exchanged(fanin, "GET", asked)


def places(length: int) -> list[int]:
    """Where the random ranges of a file of `length` bytes begin. They are always the same."""
    chosen = random.Random(14)
    return [chosen.randrange(length - MIB) for _ in range(_RANGES)]


def memory() -> Iterator[Contest]:
    """The memory of a process after the ranges, and after the POST alone."""
    yield Contest("model-memory", partial(_peak, True), partial(_peak, False), rounds=3)


def _peak(reading: bool) -> float:
    """MiB of a new process that has planned the model, with or without the ranges."""
    with servers.fanin(ALL_CORES) as fanin:
        [file] = posted(fanin, TERABYTE)["files"]
        if reading:
            range_seconds(fanin, file)
        return resident(fanin) / MIB
