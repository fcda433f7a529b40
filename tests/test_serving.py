"""`serve` as a shell starts it: where it listens, how it answers, how it ends."""

import os
import signal
import socket
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.api.listening import listen, origin
from tests.application import ask, wait_until_ready
from tests.process import run, served


def test_serve_says_where_it_listens_and_what_to_try() -> None:
    """One line with a curl that works, then requests are answered; SIGTERM ends it."""
    with served() as (pid, address):
        wait_until_ready(address)
        answer = ask(address, "/v1/weights.npy?shape=2&scheme=zeros")
        assert answer.status == 200
        assert "server" not in answer.headers
        os.kill(pid, signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.ci
def test_answers_on_a_kept_connection_do_not_wait() -> None:
    """With Nagle's algorithm on, each would take the 40 ms of a delayed acknowledgement."""
    with served() as (_, address):
        client = HTTPConnection(address.host, address.port)
        taken = []
        for _ in range(11):
            start = time.monotonic()
            client.request("GET", "/livez")
            client.getresponse().read()
            taken.append(time.monotonic() - start)
        client.close()
    assert sorted(taken)[5] < 0.03


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_printed_url_leads_to_the_listener(host: str) -> None:
    """A host may be a name, and whatever it stands for is written as a URL has it."""
    with listen(host, 0) as listener:
        url = urlsplit(origin(listener))
        socket.create_connection((url.hostname, url.port)).close()


def test_the_url_of_every_address_is_one_that_can_be_typed() -> None:
    """0.0.0.0, as containers listen, leads nowhere in a browser."""
    with listen("0.0.0.0", 0) as listener:
        assert origin(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_the_listener_names_tcp() -> None:
    """What asyncio looks for before it turns Nagle's algorithm off on a connection."""
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.slow
@pytest.mark.ci
def test_workers_share_the_port_and_the_settings() -> None:
    """Two processes behind one port; what the first was told replaces the environment's."""
    with served("--workers", "2", environment={"FANIN_PORT": "x"}) as (pid, address):
        wait_until_ready(address)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        heads = [ask(address, "/v1/weights.npy?shape=2&scheme=zeros", "HEAD") for _ in range(20)]
    assert len(children) >= 2
    assert {head.status for head in heads} == {200}
    assert len({head.headers["etag"] for head in heads}) == 1


def test_a_busy_port_is_one_line() -> None:
    """Status 1, no traceback, before anything heavy is imported."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", "--port", port)
    assert (done.returncode, done.stdout) == (1, b"")
    said = f"cannot listen on 127.0.0.1 port {port}: Address already in use"
    assert done.stderr.decode().splitlines() == [said]
