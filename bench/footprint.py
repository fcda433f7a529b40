"""The lines about other costs than speed: distant slices, memory and start-up time."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bench import servers
from bench.clients import fetch
from bench.contest import Contest
from bench.processes import ALL_CORES, SERVER_CORE, Server
from bench.streams import GIB, target

MIB = 2**20

_TERABYTE = "524288,524288"
_CORNER = "&slice=262144:262656,262144:262656"
_WHOLE = "512,512"

_HALF_ROW = "&slice=262144:262145,0:262144"
_SAME_BYTES = "bytes=549755813888-549756862463"
"""The half row begins at byte 262144 x 524288 x 4 = 2^39 and has 2^20 bytes."""

_REQUESTS = 100

_LARGE = "131072,131072"
_READ = 4 * GIB


def far_corner() -> Iterator[Contest]:
    """512 x 512 values from the middle of 2^38, and as many that are a tensor of their own."""
    corner = target("he_normal", _TERABYTE).replace("&seed", f"{_CORNER}&seed")
    with servers.fanin(SERVER_CORE) as fanin:
        theirs = partial(_service_time, fanin, target("he_normal", _WHOLE))
        yield Contest("slice", partial(_service_time, fanin, corner), theirs)


def far_range() -> Iterator[Contest]:
    """1 MiB from the middle of 1 TiB as a range of the file, and the same bytes as a slice."""
    whole = target("he_normal", _TERABYTE)
    with servers.fanin(SERVER_CORE) as fanin:
        yield Contest(
            "range",
            partial(_service_time, fanin, whole, _SAME_BYTES),
            partial(_service_time, fanin, f"{whole}{_HALF_ROW}"),
        )


def _service_time(server: Server, asked: str, ranges: str | None = None) -> float:
    """Nanoseconds for an answer of 1 MiB."""
    ((size, taken),) = fetch(server, asked, requests=_REQUESTS, ranges=ranges)
    assert size == _REQUESTS * MIB
    return taken / _REQUESTS


def memory() -> Iterator[Contest]:
    """Memory during a stream larger than any memory, and of the idle process."""
    yield Contest("memory", partial(_peak, True), partial(_peak, False), rounds=3)


def _peak(streaming: bool) -> float:
    """The most memory, in MiB, that a new process occupies, during a stream or idle."""
    with servers.fanin(ALL_CORES) as fanin, ThreadPoolExecutor(1) as pool:
        most = resident(fanin)
        if not streaming:
            return most / MIB
        stream = pool.submit(fetch, fanin, target("he_normal", _LARGE), most=_READ)
        while not stream.done():
            most = max(most, resident(fanin))
            time.sleep(0.02)
        stream.result()
    return most / MIB


def resident(server: Server) -> int:
    """Bytes of memory that the process occupies (`VmRSS` of proc(5))."""
    assert server.port
    found = re.search(r"VmRSS:\s+([0-9]+) kB", Path(f"/proc/{server.pid}/status").read_text())
    assert found
    return 1024 * int(found[1])


def start() -> Iterator[Contest]:
    """Start-up time from the command to the first ready response, with cached kernels."""
    ours, theirs = (partial(_start, server) for server in (servers.fanin, servers.hello))
    yield Contest("start", ours, theirs, rounds=5)


def _start(server: Callable[[Sequence[int]], Server]) -> float:
    """Seconds until the server is ready."""
    begun = time.monotonic()
    with server(ALL_CORES) as started:
        assert started.port
        return time.monotonic() - begun
