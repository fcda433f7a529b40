"""The end of a server: what it still answers, what it cuts, what it logs, and how long it takes."""

import os
import signal
import socket
import time
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest

from tests import server as clients
from tests.application import ask, problem
from tests.process import Served, server
from tests.server import Address, read

pytestmark = pytest.mark.slow

SMALL = "/v1/weights.npy?shape=4,3&scheme=normal&seed=7&name=w"
MIDDLING = "/v1/weights.raw?shape=4096,4096&scheme=normal&seed=7&name=w"
LARGE = "/v1/weights.raw?shape=1048576,1024&scheme=normal&seed=7&name=w"
HALF_A_POST = (
    b"POST /v1/weights HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
    b'Content-Length: 100\r\n\r\n{"shape":'
)
SHORT_GRACE = {"service.server.serving.GRACE_SECONDS": 1}
PROCESSES = ["1", pytest.param("2", marks=pytest.mark.ci)]


def half_a_post(address: Address) -> socket.socket:
    """A client that has sent a part of its request."""
    client = socket.create_connection((address.host, address.port), timeout=10)
    client.sendall(HALF_A_POST)
    return client


def ended_in(running: Served, seconds: float) -> float:
    """The time until the process has ended, at most `seconds`."""
    began = time.monotonic()
    running.end(seconds)
    return time.monotonic() - began


@pytest.mark.parametrize("workers", PROCESSES)
def test_it_accepts_for_a_while_after_it_has_said_that_it_ends(workers: str) -> None:
    """After SIGTERM /readyz is 503, and all else is answered for FANIN_DRAIN_SECONDS.

    Clients are told to close their connections, also those that were open before.
    """
    environment = {"FANIN_DRAIN_SECONDS": "2"}
    with server("--workers", workers, environment=environment) as running:
        running.wait_until_all_ready()
        kept = HTTPConnection(running.address.host, running.address.port)
        kept.request("GET", SMALL)
        before = kept.getresponse()
        before.read()
        assert before.headers["connection"] is None
        running.signal(signal.SIGTERM)
        signalled = time.monotonic()
        time.sleep(0.4)
        readiness = ask(running.address, "/readyz")
        kept.request("GET", SMALL)
        answers = [ask(running.address, SMALL) for _ in range(5)]
        assert kept.getresponse().headers["connection"] == "close"
        assert ask(running.address, "/livez").status == 200
        assert running.end(10) == 0
        took = time.monotonic() - signalled
        assert running.said() == []
        kept.close()
    assert (readiness.status, problem(readiness)["reason"]) == (503, "shutting_down")
    assert {(each.status, each.headers["connection"]) for each in answers} == {(200, "close")}
    assert 1.9 < took < 5


@pytest.mark.parametrize("workers", PROCESSES)
def test_short_answers_finish_and_long_ones_are_cut(workers: str) -> None:
    """A download of 64 MiB arrives whole; one of 4 GiB, a reader of nothing and half a POST do not.

    One line says how many were cut; the status is 0.
    """
    with (
        server("--workers", workers, constants=SHORT_GRACE) as running,
        ExitStack() as stack,
    ):
        running.wait_until_all_ready()
        finishing = stack.enter_context(clients.ask(running.address, MIDDLING))
        read(finishing, 2**20)
        stack.enter_context(clients.ask(running.address, LARGE))
        stack.enter_context(half_a_post(running.address))
        silent = stack.enter_context(socket.create_connection(finishing.getpeername()))
        time.sleep(0.2)
        running.signal(signal.SIGTERM)
        began = time.monotonic()
        read(finishing, 63 * 2**20)
        assert running.end(10) == 0
        assert 0.9 < time.monotonic() - began < 4
        assert silent.recv(1) == b""
        [line] = running.said()
    assert "2 answers" in line


@pytest.mark.parametrize(
    ("workers", "first", "number"),
    [
        pytest.param("1", signal.SIGTERM, signal.SIGINT, marks=pytest.mark.ci),
        pytest.param("2", signal.SIGTERM, signal.SIGTERM, marks=pytest.mark.ci),
        ("1", signal.SIGINT, signal.SIGINT),
        ("2", signal.SIGINT, signal.SIGTERM),
    ],
)
def test_the_second_signal_ends_it_at_once(
    workers: str, first: signal.Signals, number: signal.Signals
) -> None:
    """It writes no line, the signal ends it while answers run, and the port is free."""
    environment = {"FANIN_DRAIN_SECONDS": "20"}
    with (
        server("--workers", workers, environment=environment) as running,
        ExitStack() as stack,
    ):
        running.wait_until_all_ready()
        stack.enter_context(clients.ask(running.address, LARGE))
        stack.enter_context(half_a_post(running.address))
        running.signal(first)
        time.sleep(0.4)
        assert running.process.poll() is None
        running.signal(number)
        assert ended_in(running, 5) < 1
        assert running.end(0) == -number
        time.sleep(0.5)
        with pytest.raises(ConnectionRefusedError):
            ask(running.address, "/livez")
        assert running.said() == []


def test_an_interruption_does_not_wait_for_load_balancers() -> None:
    """After Ctrl-C it accepts nothing more, finishes the answer that runs, and has status 130."""
    environment = {"FANIN_DRAIN_SECONDS": "20"}
    with server(environment=environment) as running:
        running.wait_until_all_ready()
        with clients.ask(running.address, MIDDLING) as client:
            read(client, 2**20)
            running.signal(signal.SIGINT)
            time.sleep(0.3)
            with pytest.raises(ConnectionRefusedError):
                ask(running.address, "/livez")
            read(client, 63 * 2**20)
        assert ended_in(running, 5) < 4
        assert running.end(0) == 130
        assert running.said() == []


def test_a_signal_to_the_whole_group_is_one_signal() -> None:
    """A terminal sends Ctrl-C to the workers as well as to the parent, which passes it on."""
    with server("--workers", "2", environment={"FANIN_DRAIN_SECONDS": "1"}) as running:
        running.wait_until_all_ready()
        for pid in (*running.workers(), running.pid):
            os.kill(pid, signal.SIGTERM)
        time.sleep(0.5)
        assert ask(running.address, SMALL).status == 200
        assert running.end(10) == 0
        assert running.said() == []


@pytest.mark.parametrize("workers", PROCESSES)
def test_a_server_that_was_never_ready_does_not_drain(workers: str) -> None:
    """No load balancer sends it anything yet. It ends at once, also before all is imported."""
    environment = {"FANIN_DRAIN_SECONDS": "20"}
    with server("--workers", workers, environment=environment) as running:
        running.signal(signal.SIGTERM)
        assert ended_in(running, 10) < 8
        assert running.end(0) == 0
        assert running.said() == []
