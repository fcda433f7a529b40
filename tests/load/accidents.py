"""Processes that end under load, and places for large answers: what clients notice."""

import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from service.server.connection import SEND_SECONDS
from tests.load.attacker import LARGE
from tests.load.attacks import SLACK_SECONDS, Latency
from tests.load.serving import CORES, FANIN, Client, Server, connected, serving
from tests.process import is_alive, sockets
from tests.server import Address

TWO_WORKERS = (*FANIN, "--workers", "2")
CLIENTS = 3
"""Healthy clients at a time. Each asks a hundred times a second."""

MOST_RESET = 2 * CLIENTS
"""A killed process resets the kept connection of each client, and the request that it answers."""

MOST_SECONDS = 1.0
"""For the port to be free, and for places of a killed worker to come back."""

GIVE_UP_SECONDS = 10.0

GIB, MIB = 2**30, 2**20

MOST_GROWTH_BYTES = 64 * MIB
"""Peaks of two halves differ by what happened to be in flight: a few chunks and a matrix."""


@dataclass(frozen=True)
class Story:
    """What was tried, what was seen in figures, and what is wrong with it."""

    name: str
    figures: str
    faults: list[str]


def worker_killed(seconds: float = 12.0) -> Story:
    """One of two workers is killed while clients ask; kernels are in the cache."""
    with serving(TWO_WORKERS, cores=CORES) as server:
        _wait_for_workers(server, 2)
        return _killed("worker killed, warm cache", server, seconds)


def worker_killed_cold(seconds: float = 150.0) -> Story:
    """The same, and the new worker has to compile every kernel."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {"NUMBA_CACHE_DIR": cache}
        with serving(TWO_WORKERS, environment, cores=CORES) as server:
            _wait_for_workers(server, 2)
            for folder in Path(cache).iterdir():
                shutil.rmtree(folder)
            return _killed("worker killed, empty cache", server, seconds)


def _killed(name: str, server: Server, seconds: float) -> Story:
    with _clients(server, seconds) as clients:
        time.sleep(1.0)
        os.kill(server.processes()[1], signal.SIGKILL)
        told = _sum([Latency(**client.said()) for client in clients])
    faults = []
    if told.failed or told.refused:
        faults.append(f"{told.failed} requests failed, {told.refused} were refused")
    if told.retried > MOST_RESET:
        faults.append(f"{told.retried} requests were reset, more than {MOST_RESET}")
    if len(server.processes()) != 3:
        faults.append("the worker was not replaced")
    return Story(name, _counts(told), faults)


def stopped_under_load(drain_seconds: float = 2.0, workers: int = 1) -> Story:
    """SIGTERM while clients ask: each request that was accepted is answered."""
    environment = {"FANIN_DRAIN_SECONDS": str(drain_seconds)}
    command = (*FANIN, "--workers", str(workers))
    with serving(command, environment, cores=CORES) as server:
        _wait_for_workers(server, workers)
        with _clients(server, drain_seconds + 5.0) as clients:
            time.sleep(1.0)
            os.kill(server.pid, signal.SIGTERM)
            told = _sum([Latency(**client.said()) for client in clients])
        lines = server.log_lines()
    faults = []
    if told.failed or told.retried:
        faults.append(f"{told.failed} requests failed, {told.retried} were reset")
    if not told.refused:
        faults.append("it did not end")
    if lines:
        faults.append(f"{len(lines)} log lines, the first is: {lines[0]}")
    return Story(f"SIGTERM under load, {workers} process(es)", _counts(told), faults)


def parent_killed() -> Story:
    """Nobody holds the port after the parent of two workers was killed."""
    with serving(TWO_WORKERS, cores=CORES) as server:
        _wait_for_workers(server, 2)
        workers = server.processes()[1:]
        with _clients(server, 2.0) as clients:
            time.sleep(0.5)
            os.kill(server.pid, signal.SIGKILL)
            freed = _seconds_until_free(server.address)
            for client in clients:
                client.said()
        left = [pid for pid in workers if is_alive(pid)]
    faults = []
    if freed > MOST_SECONDS:
        faults.append(f"the port was held for {freed:.1f} s")
    if left:
        faults.append(f"{len(left)} workers live on")
    return Story("parent killed", f"port free after {freed:.2f} s", faults)


def _seconds_until_free(address: Address) -> float:
    start = time.monotonic()
    while (taken := time.monotonic() - start) < GIVE_UP_SECONDS:
        with closing(socket.socket()) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                listener.bind((address.host, address.port))
                listener.listen()
                return taken
        time.sleep(0.01)
    return taken


def places_back(places: int = 32) -> Story:
    """A worker is killed with downloads in flight: others get their places within a second."""
    environment = {"FANIN_MAX_STREAMS": str(places)}
    with serving(TWO_WORKERS, environment, cores=CORES) as server, ExitStack() as opened:
        _wait_for_workers(server, 2)
        before = {pid: sockets(pid) for pid in server.processes()[1:]}
        held = [
            opened.enter_context(_Download(server.address, f"held{number}"))
            for number in range(places)
        ]
        refused = [each.status for each in held if each.status != 200]
        with _Download(server.address, "more") as more:
            beyond = more.status
        # A client that reads nothing does not see that its connection has ended.
        more_sockets, victim = max((sockets(pid) - count, pid) for pid, count in before.items())
        lost = min(more_sockets, places)
        os.kill(victim, signal.SIGKILL)
        start = time.monotonic()
        gained = 0
        while gained < lost and time.monotonic() < start + GIVE_UP_SECONDS:
            wanted = opened.enter_context(_Download(server.address, f"new{gained}"))
            gained += wanted.status == 200
        taken = time.monotonic() - start
    faults = []
    if refused:
        faults.append(f"{len(refused)} of {places} downloads were refused")
    if beyond != 503:
        faults.append(f"one more was answered with {beyond}")
    if lost < places // 2:
        faults.append(f"the killed worker had only {lost} of {places} downloads")
    if gained < lost or taken > MOST_SECONDS:
        faults.append(f"{gained} of {lost} places after {taken:.1f} s")
    return Story("places of a killed worker", f"{gained} places after {taken:.2f} s", faults)


def places_for_all(places: int = 40) -> Story:
    """As many downloads as there are places for, on two workers."""
    environment = {"FANIN_MAX_STREAMS": str(places)}
    with serving(TWO_WORKERS, environment, cores=CORES) as server, ExitStack() as opened:
        _wait_for_workers(server, 2)
        statuses = [
            opened.enter_context(_Download(server.address, f"held{number}")).status
            for number in range(places)
        ]
    refused = sum(status != 200 for status in statuses)
    faults = [f"{refused} were refused"] if refused else []
    return Story(f"{places} downloads, 2 processes", f"{places - refused} answered", faults)


def places_not_read(places: int = 64) -> Story:
    """Clients that read nothing hold all places: another gets one when they are cut."""
    environment = {"FANIN_MAX_STREAMS": str(places)}
    with serving(environment=environment) as server, ExitStack() as opened:
        start = time.monotonic()
        statuses = [
            opened.enter_context(_Download(server.address, f"unread{number}")).status
            for number in range(places + 16)
        ]
        status = 503
        while status != 200 and time.monotonic() < start + SEND_SECONDS + 2 * SLACK_SECONDS:
            time.sleep(0.2)
            with _Download(server.address, "wanted") as download:
                status = download.status
        taken = time.monotonic() - start
    faults = []
    if statuses[:places] != [200] * places or statuses[places] != 503:
        faults.append(f"{statuses.count(200)} of {len(statuses)} downloads began")
    if status != 200 or taken > SEND_SECONDS + SLACK_SECONDS:
        faults.append(f"status {status} after {taken:.1f} s")
    return Story(f"{places} places held by who does not read", f"one after {taken:.1f} s", faults)


class _Download:
    """A request for 1 GiB of which only the head of the answer is read."""

    def __init__(self, address: Address, name: str) -> None:
        self._socket = connected(address, 30.0)
        self._socket.sendall(LARGE % name.encode() + b"\r\n")
        received = b""
        while b"\r\n" not in received and (piece := self._socket.recv(4096)):
            received += piece
        self.status = int(received.split()[1]) if received else 0

    def __enter__(self) -> "_Download":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


@contextmanager
def _clients(server: Server, seconds: float) -> Iterator[list[Client]]:
    """Healthy clients that have begun to ask."""
    with ExitStack() as opened:
        clients = [
            opened.enter_context(Client("healthy", server.address.port, seconds))
            for _ in range(CLIENTS)
        ]
        for client in clients:
            client.said()
        yield clients


def _wait_for_workers(server: Server, workers: int) -> None:
    """Wait until all processes are ready, which a line on standard output tells."""
    server.wait_until_all_ready()
    assert len(server.processes()) == (workers + 1 if workers > 1 else 1)


def _sum(told: Sequence[Latency]) -> Latency:
    return Latency(
        requests=sum(each.requests for each in told),
        failed=sum(each.failed for each in told),
        retried=sum(each.retried for each in told),
        refused=sum(each.refused for each in told),
        p50=max(each.p50 for each in told),
        p99=max(each.p99 for each in told),
        worst=max(each.worst for each in told),
    )


def _counts(told: Latency) -> str:
    return (
        f"{told.requests} requests, {told.retried} reset and retried, {told.failed} failed, "
        f"{told.refused} refused, p99 {told.p99:.1f} ms, worst {told.worst:.0f} ms"
    )


def mixed(
    seconds: float = 120.0, clients: int = 40, workers: int = 1, spoil: bool = False
) -> Story:
    """Clients of all sorts: no wrong byte, and no more memory in the second half of the time."""
    command = (*FANIN, "--workers", str(workers))
    arguments = ["spoil"] if spoil else []
    with (
        serving(command, cores=CORES) as server,
        Client("mixed", server.address.port, seconds, clients, *arguments) as client,
    ):
        _wait_for_workers(server, workers)
        client.said()
        client.begin()
        time.sleep(seconds / 2)
        first = server.peak_bytes()
        server.forget_peak()
        seen = client.said()
        second = server.peak_bytes()
        lines = server.log_lines()
    told = seen["told"]
    faults = list(seen["wrong"])
    if second > first + MOST_GROWTH_BYTES:
        faults.append(f"memory grew by {(second - first) // MIB} MiB in the second half")
    if lines:
        faults.append(f"{len(lines)} log lines, the first is: {lines[0]}")
    figures = (
        f"{told['downloads']} downloads, {told['bytes'] / GIB:.1f} GiB, {told['busy']} x 503, "
        f"{told['wrong']} wrong, peak {first // MIB} then {second // MIB} MiB"
    )
    return Story(
        f"{clients} mixed clients, {seconds:.0f} s, {workers} process(es)", figures, faults
    )
