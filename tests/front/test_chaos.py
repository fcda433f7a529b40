"""Downloads through the front while one replica after the other is killed.

`make chaos` downloads 2 GiB with each client instead of 256 MiB.
"""

import hashlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.chunks import TensorBody
from tests.front.nginx import nginx
from tests.front.replicas import Replica, replicas
from tests.process import ROOT
from tests.ranges.tensors import planned

pytestmark = [
    pytest.mark.slow,
    pytest.mark.ci,
    pytest.mark.needs("nginx", "curl", "aria2c"),
]

MIB = 2**20

SIZE = int(os.environ.get("CHAOS_MIB", "256")) * MIB
"""How much each client downloads."""

RATE = 8 * MIB
"""Bytes per second of a client, so that a download of 256 MiB lives through two kills or more."""

CALM_SECONDS = 5.0
"""From the moment at which all replicas are ready to the next kill."""

MOST_SECONDS = 60.0 + 4 * SIZE / RATE
"""A client that takes longer is ended, and has failed."""

MOST_RUNS = 100
"""How often curl is started for one file."""

TENSORS = 3
"""Fewer than clients, because each is also computed here."""

CURL_SECONDS = 0.5
"""The wait before curl is started again."""

_SLOW_FETCH = """
import socket, sys, time
rate = float(sys.argv[1])
readinto = socket.SocketIO.readinto
def slowly(self, buffer):
    count = readinto(self, memoryview(buffer)[:65536])
    time.sleep((count or 0) / rate)
    return count
socket.SocketIO.readinto = slowly
from service.__main__ import main
sys.exit(main(["fetch", *sys.argv[2:]]))
"""
"""`fetch` whose connections are read at the rate of the first argument, in bytes per second."""

Command = Callable[[str, Path], list[str]]
"""The words that download a URL to a file, or continue a download."""


def curl(url: str, file: Path) -> list[str]:
    """One connection."""
    quiet = ["--silent", "--show-error", "--fail"]
    return ["curl", *quiet, "--limit-rate", str(RATE), "-C", "-", "-o", str(file), url]


def aria2(url: str, file: Path) -> list[str]:
    """Four connections."""
    quiet = ["--quiet", "--no-conf", "--file-allocation=none"]
    split = ["-c", "-x4", "-s4", "-k1M", f"--max-download-limit={RATE}"]
    retries = ["--max-tries=100", "--retry-wait=1"]
    place = [f"--dir={file.parent}", f"--out={file.name}"]
    return ["aria2c", *quiet, *split, *retries, *place, url]


def fetch(url: str, file: Path) -> list[str]:
    """Four connections, its default."""
    return [sys.executable, "-c", _SLOW_FETCH, str(RATE / 4), url, "-o", str(file)]


CLIENTS: Sequence[Command] = (curl, curl, curl, aria2, aria2, aria2, fetch, fetch)


@dataclass(frozen=True, slots=True)
class Download:
    """One that has succeeded: the exit status of each run, and when the last one ended."""

    client: str
    statuses: list[int]
    sha256: str
    ended: float


def target(number: int) -> str:
    """The tensor that the client of this number downloads. Clients of all kinds share each."""
    seed = number % TENSORS
    return f"/v1/weights.raw?shape={SIZE // 4}&layer=bias&scheme=normal&seed={seed}&name=w"


def computed(number: int) -> str:
    """The SHA-256 of a tensor that is computed here, without HTTP."""
    digest = hashlib.sha256()
    for chunk in TensorBody(planned(target(number))).chunks():
        digest.update(chunk)
    return digest.hexdigest()


def download(command: Command, url: str, file: Path) -> Download:
    """Run a client until it succeeds. Only curl is run again: the others repeat by themselves."""
    deadline = time.monotonic() + MOST_SECONDS
    statuses: list[int] = []
    for _ in range(MOST_RUNS if command is curl else 1):
        done = subprocess.run(
            command(url, file),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=max(0.0, deadline - time.monotonic()),
            check=False,
        )
        statuses.append(done.returncode)
        if done.returncode == 0:
            break
        time.sleep(CURL_SECONDS)
    ended = time.monotonic()
    assert statuses[-1] == 0, f"{command.__name__}: {statuses} {done.stdout}{done.stderr}"
    with file.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    # pytest keeps its folders, and the files have 16 GiB with `make chaos`.
    file.unlink()
    return Download(command.__name__, statuses, sha256, ended)


def killed_while(fleet: Sequence[Replica], downloads: Sequence[Future[Download]]) -> list[float]:
    """Kill one replica after the other until all downloads have ended: the times of the kills."""
    kills: list[float] = []
    for replica in itertools.cycle(fleet):
        if not wait(downloads, CALM_SECONDS).not_done:
            break
        kills.append(time.monotonic())
        replica.kill()
        replica.start()
    return kills


def test_downloads_live_through_killed_replicas(tmp_path: Path) -> None:
    """Eight downloads at once get the right bytes while at least two replicas are killed.

    Negative control: a run of curl that meets a kill fails, so a client that does not continue its
    download does not get it.
    """
    with ThreadPoolExecutor(len(CLIENTS)) as threads:
        expected = list(threads.map(computed, range(TENSORS)))
        (tmp_path / "nginx").mkdir()
        with (
            replicas() as fleet,
            nginx([each.address for each in fleet], tmp_path / "nginx") as front,
        ):
            began = time.monotonic()
            running = [
                threads.submit(
                    download, command, front.address.url + target(number), tmp_path / str(number)
                )
                for number, command in enumerate(CLIENTS)
            ]
            kills = killed_while(fleet, running)
            downloads = [each.result() for each in running]
    print(f"{len(kills)} kills, after {[round(each - began) for each in kills]} s")
    for number, each in enumerate(downloads):
        print(f"{each.client}: {each.ended - began:.1f} s, exit statuses {each.statuses}")
        assert each.sha256 == expected[number % TENSORS]
    first_end = min(each.ended for each in downloads)
    assert sum(kill < first_end for kill in kills) >= 2
    assert sum(len(each.statuses) - 1 for each in downloads) >= 1
