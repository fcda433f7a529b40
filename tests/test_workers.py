"""Several processes behind one port: which accept, how one is replaced, and how they end."""

import json
import os
import shutil
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Thread

import numba
import pytest

from service.stream.selfcheck import warm_up
from tests import server as clients
from tests.application import ask, problem
from tests.process import is_alive, server, sockets
from tests.server import Address, read, until

pytestmark = pytest.mark.slow

SMALL = "/v1/weights.npy?shape=4,3&scheme=normal&seed=7&name=w"
LARGE = "/v1/weights.raw?shape=1048576,1024&scheme=normal&seed=7&name=w"
PROCESSES = ["1", pytest.param("2", marks=pytest.mark.ci)]
TWO = ("--workers", "2")
ONE_THREAD = {"FANIN_THREADS": "1"}


def listens(address: Address) -> bool:
    """Whether a connection is accepted there."""
    try:
        socket.create_connection((address.host, address.port), timeout=1).close()
    except OSError:
        return False
    return True


class Load:
    """Clients that ask again and again, each time on a new connection, until `stop`.

    `statuses` are those of all answers. `lost` counts connections that ended without an answer.
    """

    def __init__(self, address: Address, clients: int) -> None:
        self.statuses: list[int] = []
        self.refused = self.lost = 0
        self._address = address
        self._stop = Event()
        self._threads = [Thread(target=self._run, daemon=True) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End all clients after the request of each."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self) -> None:
        while not self._stop.is_set():
            client = HTTPConnection(self._address.host, self._address.port, timeout=30)
            try:
                client.request("GET", SMALL)
                self.statuses.append(client.getresponse().status)
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, HTTPException):
                self.lost += 1
            finally:
                client.close()


def copy_kernels(folder: Path) -> dict[str, str]:
    """Copy the compiled kernels into a cache of their own, and return its variable."""
    warm_up()
    # Numba sets its settings at import, where mypy does not see them.
    cache = Path(numba.config.CACHE_DIR)  # type: ignore[attr-defined]
    shutil.copytree(cache, folder / cache.name)
    return {"NUMBA_CACHE_DIR": str(folder)}


@pytest.mark.ci
@pytest.mark.parametrize("cache", ["warm", "empty"])
def test_a_killed_worker_costs_no_new_request(cache: str, tmp_path: Path) -> None:
    """Another one takes over at once, and its successor accepts when its kernels are ready.

    The kernels come from the cache, or have to be compiled, which takes longer than the test. Each
    client may lose the request that the killed process was answering. Nothing else fails.
    """
    variables = ONE_THREAD | copy_kernels(tmp_path / "kernels")
    with server(*TWO, environment=variables) as running:
        running.wait_until_all_ready()
        load = Load(running.address, 4)
        time.sleep(0.5)
        if cache == "empty":
            shutil.rmtree(tmp_path / "kernels")
        killed, kept = running.workers()
        os.kill(killed, signal.SIGKILL)
        time.sleep(4)
        load.stop()
        assert kept in running.workers()
        assert len(running.workers()) == 2
        # A fork copies only the thread that calls it, and locks that others hold stay locked.
        assert "\nThreads:\t1\n" in Path(f"/proc/{running.pid}/status").read_text()
    assert set(load.statuses) == {200}
    assert len(load.statuses) > 100
    assert load.refused == 0
    assert load.lost <= 4


@pytest.mark.ci
def test_the_only_one_that_starts_answers_the_probes(tmp_path: Path) -> None:
    """While none is ready it refuses work with 503, Retry-After and `Connection: close`.

    With the cache empty both workers compile for longer than the test takes.
    """
    variables = ONE_THREAD | {"NUMBA_CACHE_DIR": str(tmp_path)}
    with server(*TWO, environment=variables) as running:
        answers = [ask(running.address, "/readyz") for _ in range(10)]
        work = ask(running.address, SMALL)
        assert ask(running.address, "/livez").status == 200
        assert ask(running.address, SMALL, "HEAD").status == 200
        first, _ = running.workers()
        os.kill(first, signal.SIGKILL)
        assert until(lambda: ask(running.address, "/livez").status == 200, 5)
        assert ask(running.address, "/readyz").status == 503
    for answer in (*answers, work):
        assert (answer.status, problem(answer)["reason"]) == (503, "not_ready")
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["connection"] == "close"


def test_a_worker_that_hangs_is_replaced() -> None:
    """Its event loop has not moved for HANG_SECONDS. The other worker stays."""
    constants = {
        "service.server.workers.HANG_SECONDS": 1,
        "service.server.workers.CHECK_SECONDS": 0.5,
    }
    with server(*TWO, constants=constants) as running:
        running.wait_until_all_ready()
        hung, kept = running.workers()
        os.kill(hung, signal.SIGSTOP)
        assert until(lambda: hung not in running.workers() and len(running.workers()) == 2, 10)
        assert kept in running.workers()
        assert any(f"worker {hung} has not moved" in line for line in running.said())


def test_a_worker_that_cannot_run_is_started_ever_more_rarely() -> None:
    """A worker that ends soon is started again after a pause, which doubles each time."""
    with server(*TWO) as running:
        running.wait_until_all_ready()
        _, kept = running.workers()
        gaps = []
        for _ in range(3):
            [victim] = [each for each in running.workers() if each != kept]
            os.kill(victim, signal.SIGKILL)
            began = time.monotonic()
            assert until(lambda: len(running.workers()) == 1, 2)
            assert until(lambda: len(running.workers()) == 2, 10)
            gaps.append(time.monotonic() - began)
        assert ask(running.address, SMALL).status == 200
    assert 0.4 < gaps[0] < gaps[1] < gaps[2] < 4


@pytest.mark.ci
@pytest.mark.parametrize("when", ["ready", "starting", "sending"])
def test_nobody_outlives_the_parent(when: str) -> None:
    """kill -9: after a moment the port is free and no worker is left."""
    with server(*TWO) as running, ExitStack() as open_clients:
        if when != "starting":
            running.wait_until_all_ready()
        if when == "sending":
            for _ in range(4):
                client = open_clients.enter_context(clients.ask(running.address, LARGE))
                read(client, 100_000)
        assert until(lambda: len(running.workers()) == 2, 5)
        workers = running.workers()
        running.process.kill()
        running.end(5)
        # The files of a process are closed when its last thread has ended.
        assert until(lambda: not any(map(is_alive, workers)) and not listens(running.address), 2)


def test_a_worker_may_be_ended_alone() -> None:
    """SIGTERM to one of two: it finishes, another one comes, and no request fails."""
    with server(*TWO, environment=ONE_THREAD) as running:
        running.wait_until_all_ready()
        load = Load(running.address, 2)
        ended, kept = running.workers()
        os.kill(ended, signal.SIGTERM)
        assert until(lambda: ended not in running.workers(), 5)
        assert until(lambda: len(running.workers()) == 2, 5)
        time.sleep(0.5)
        load.stop()
        assert kept in running.workers()
        assert running.said() == []
    assert set(load.statuses) == {200}
    assert (load.refused, load.lost) == (0, 0)


def test_a_server_that_cannot_start_ends() -> None:
    """Workers that fail before their event loop runs are not started for ever."""
    constants = {"service.server.serving.Worker": 0}
    with server(*TWO, constants=constants) as running:
        assert running.end(20) == 1


def download(address: Address, stack: ExitStack) -> tuple[int, socket.socket]:
    """A client that begins a download and reads no more of it; and the status that it got."""
    client = stack.enter_context(clients.ask(address, LARGE))
    return int(client.recv(12).split()[1]), client


def refuses(address: Address) -> bool:
    """Whether a download is refused, and told when to come back. Its body is not read."""
    with closing(HTTPConnection(address.host, address.port, timeout=10)) as client:
        client.request("GET", LARGE)
        answer = client.getresponse()
        if answer.status == 200:
            return False
        assert (answer.status, json.loads(answer.read())["reason"]) == (503, "too_busy")
        return int(answer.headers["retry-after"]) >= 1


def downloads(address: Address, count: int, stack: ExitStack) -> list[int]:
    """The statuses of so many downloads that begin at once."""
    with ThreadPoolExecutor(count) as threads:
        begun = threads.map(lambda _: download(address, stack), range(count))
        return [status for status, _ in begun]


@pytest.mark.parametrize("workers", PROCESSES)
def test_as_many_downloads_run_as_there_is_room_for(workers: str) -> None:
    """40 of 40 begin, whichever process accepts them. One more is refused until one has left."""
    variables = ONE_THREAD | {"FANIN_MAX_STREAMS": "40"}
    with server("--workers", workers, environment=variables) as running, ExitStack() as stack:
        running.wait_until_all_ready()
        assert downloads(running.address, 39, stack) == [200] * 39
        status, leaving = download(running.address, stack)
        assert status == 200
        assert refuses(running.address)
        assert ask(running.address, SMALL).status == 200
        leaving.close()
        assert download(running.address, stack)[0] == 200
        assert refuses(running.address)


@pytest.mark.ci
def test_a_killed_worker_holds_no_place() -> None:
    """kill -9 with 32 downloads in flight, which is all there is room for.

    A second later as many begin as the killed worker had. Those of the other worker go on.
    """
    variables = ONE_THREAD | {"FANIN_MAX_STREAMS": "32"}
    with server(*TWO, environment=variables) as running, ExitStack() as stack:
        running.wait_until_all_ready()
        before = {pid: sockets(pid) for pid in running.workers()}
        assert downloads(running.address, 32, stack) == [200] * 32
        held, killed = max((sockets(pid) - count, pid) for pid, count in before.items())
        assert held >= 16
        assert refuses(running.address)
        os.kill(killed, signal.SIGKILL)
        time.sleep(1)
        assert downloads(running.address, 32, stack).count(200) == held


@pytest.mark.parametrize("workers", PROCESSES)
def test_clients_that_read_nothing_lose_their_places(workers: str) -> None:
    """They take all places, which are free again after SEND_SECONDS.

    A client that reads keeps its place, and small answers are never refused.
    """
    variables = ONE_THREAD | {"FANIN_MAX_STREAMS": "16"}
    constants = {"service.server.connection.SEND_SECONDS": 2}
    with (
        server("--workers", workers, environment=variables, constants=constants) as running,
        ExitStack() as stack,
    ):
        running.wait_until_all_ready()
        _, reader = download(running.address, stack)
        assert downloads(running.address, 15, stack) == [200] * 15
        began = time.monotonic()
        assert refuses(running.address)
        while time.monotonic() < began + 5:
            read(reader, 2**20)
            assert ask(running.address, SMALL).status == 200
            time.sleep(0.1)
        assert downloads(running.address, 15, stack) == [200] * 15
        read(reader, 2**20)
        assert running.said() == []
