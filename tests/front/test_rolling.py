"""A rolling restart under steady load: no small request fails."""

import itertools
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event

import pytest

from tests.front.nginx import Edit, nginx
from tests.front.replicas import Replica, replicas
from tests.front.test_failures import no_retry
from tests.server import Address

pytestmark = pytest.mark.needs("nginx")

CLIENTS = 4

EACH = 0.02
"""Seconds between two requests of a client."""

DRAIN_SECONDS = 0.5

CALM_SECONDS = 0.5
"""How long the load lasts before each restart and after the last one."""

PATIENCE = 10.0
"""After so many seconds without an answer a request has failed."""

TENSOR = "/v1/weights.raw?shape=64,16&scheme=he_normal&name=w&seed="
LENGTH = 64 * 16 * 4
NPY_HEAD = 128


@dataclass(frozen=True, slots=True)
class Small:
    """A request for a small answer, with the status and the length that are right."""

    method: str
    target: str
    status: int
    length: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None


def requests(number: int) -> Iterator[Small]:
    """Requests without end: past the cache, through slices that are not stored, HEAD and POST.

    Each client has a number, and seeds of its own.
    """
    json = {"Content-Type": "application/json"}
    for seed in itertools.count(number, CLIENTS):
        yield Small("GET", f"{TENSOR}{seed}", 200, LENGTH)
        yield Small("GET", f"{TENSOR}{seed}", 206, 8, {"Range": "bytes=8-15"})
        yield Small("HEAD", f"{TENSOR}{seed}", 200, 0)
        body = f'{{"shape": [64, 16], "scheme": "he_normal", "name": "w", "seed": {seed}}}'
        yield Small("POST", "/v1/weights", 200, LENGTH + NPY_HEAD, json, body)


def fault(client: HTTPConnection, small: Small) -> str | None:
    """What is wrong with the answer, if anything is."""
    try:
        client.request(small.method, small.target, small.body, small.headers)
        answer = client.getresponse()
        status, length = answer.status, len(answer.read())
    except (OSError, HTTPException) as error:
        client.close()
        return f"{small.method} {small.headers}: {error!r}"
    if (status, length) == (small.status, small.length):
        return None
    return f"{small.method} {small.headers}: status {status} with {length} bytes"


def client(front: Address, number: int, ends: Event) -> list[str | None]:
    """Ask on one connection until `ends` is set: what was wrong with each answer."""
    found = []
    with closing(HTTPConnection(front.host, front.port, timeout=PATIENCE)) as connection:
        for small in requests(number):
            found.append(fault(connection, small))
            if ends.wait(EACH):
                break
    return found


def restarted(
    fleet: Sequence[Replica], count: int, folder: Path, edit: Edit = str
) -> list[str | None]:
    """Restart so many replicas, one after the other, while clients ask: each answer's fault."""
    ends = Event()
    with (
        nginx([each.address for each in fleet], folder, edit) as front,
        ThreadPoolExecutor(CLIENTS) as threads,
    ):
        clients = [threads.submit(client, front.address, number, ends) for number in range(CLIENTS)]
        try:
            for replica in fleet[:count]:
                time.sleep(CALM_SECONDS)
                replica.stop()
                replica.start()
            time.sleep(CALM_SECONDS)
        finally:
            ends.set()
        return [answer for each in clients for answer in each.result()]


@pytest.fixture(scope="module")
def fleet() -> Iterator[list[Replica]]:
    """Three replicas, which are ready."""
    with replicas(DRAIN_SECONDS) as fleet:
        yield fleet


def test_a_rolling_restart_is_not_noticed(fleet: list[Replica], tmp_path: Path) -> None:
    """Not one request fails. Each replica is ready again before the next one gets SIGTERM."""
    answers = restarted(fleet, len(fleet), tmp_path)
    print(f"{len(answers)} requests")
    assert [each for each in answers if each is not None] == []
    assert len(answers) > 300


def test_without_a_retry_it_is_noticed(fleet: list[Replica], tmp_path: Path) -> None:
    """Negative control."""
    answers = restarted(fleet, 1, tmp_path, no_retry)
    failed = [each for each in answers if each is not None]
    print(f"{len(answers)} requests, {len(failed)} failed")
    assert any("status 502" in each for each in failed)
