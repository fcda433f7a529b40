"""The lines about long answers over loopback, all read by the same sink on the last core.

A line has its server on any core, as it is deployed, unless it says `one core`: then on the first.
"""

import os
from collections.abc import Iterator, Sequence
from functools import partial

from bench import servers
from bench.clients import byte_cost, unevenness
from bench.contest import Contest
from bench.processes import ALL_CORES, PEERS_PYTHON, PYTHON, SERVER_CORE, Server, output_of
from bench.worker import Worker

_EXTENT = 16384
GIB = 2**30
"""_EXTENT squared float32 values."""

_PARTS = 8
_FILE = servers.FILES / "weights.raw"


def target(scheme: str, extents: str = f"{_EXTENT},{_EXTENT}") -> str:
    """The canonical URL of a tensor, of 1 GiB unless said otherwise."""
    return f"/v1/weights.raw?shape={extents}&scheme={scheme}&seed=1&name=bench"


def against_nginx() -> Iterator[Contest]:
    """The service makes the tensor; nginx sends a file of it."""
    try:
        yield from _against_nginx(ALL_CORES, "")
        yield from _against_nginx(SERVER_CORE, "-one-core")
    finally:
        _FILE.unlink(missing_ok=True)


def _against_nginx(cores: Sequence[int], suffix: str) -> Iterator[Contest]:
    with servers.fanin(cores) as fanin, servers.nginx(cores) as nginx:
        theirs = partial(_file_cost, nginx)
        for key, scheme in {"stream-nginx": "he_normal", "stream-uniform": "he_uniform"}.items():
            ours = partial(byte_cost, fanin, target(scheme))
            yield Contest(f"{key}{suffix}", ours, theirs)
    if not suffix:
        with servers.source(cores) as source, servers.nginx(cores) as nginx:
            yield Contest(
                "ceiling", partial(byte_cost, source, f"/{GIB}"), partial(_file_cost, nginx)
            )


def _file_cost(nginx: Server) -> float:
    if not _FILE.exists():
        _write_file()
    return byte_cost(nginx, f"/{_FILE.name}")


def _write_file() -> None:
    """The tensor as a file: on the disk, so that nothing is left to be written, and in memory."""
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    fields = ["--shape", f"{_EXTENT},{_EXTENT}", "--scheme", "he_normal", "--seed", "1"]
    output = ["--name", "bench", "--format", "raw", "-o", str(_FILE)]
    output_of(ALL_CORES, [PYTHON, "-m", "service", "weights", *fields, *output])
    with _FILE.open("rb") as file:
        os.fsync(file.fileno())
        while file.read(2**20):
            pass


def against_ceiling() -> Iterator[Contest]:
    """The service makes the tensor; a C program sends the same piece of memory again and again."""
    with servers.fanin(ALL_CORES) as fanin, servers.source(ALL_CORES) as source:
        ours = partial(byte_cost, fanin, target("he_normal"))
        theirs = partial(byte_cost, source, f"/{GIB}")
        yield Contest("stream-ceiling", ours, theirs, rounds=15)


def against_torch() -> Iterator[Contest]:
    """The service sends the tensor; PyTorch fills one of its own."""
    with (
        servers.fanin(ALL_CORES) as fanin,
        Worker(PEERS_PYTHON, "torch_init", ALL_CORES) as torch,
    ):
        yield Contest(
            "stream-torch",
            partial(byte_cost, fanin, target("he_normal")),
            lambda: torch.time("kaiming_normal_", _EXTENT, _EXTENT) / GIB,
            rounds=7,
        )


def side_by_side() -> Iterator[Contest]:
    """Several connections at once: together as fast as one, and each as fast as the others."""
    part = target("he_normal", f"{_EXTENT // _PARTS},{_EXTENT}")
    with servers.fanin(ALL_CORES) as fanin:
        ours = partial(byte_cost, fanin, part, _PARTS)
        yield Contest("connections", ours, partial(byte_cost, fanin, target("he_normal")))
        yield Contest("fairness", partial(unevenness, fanin, part, _PARTS), lambda: 1.0)
