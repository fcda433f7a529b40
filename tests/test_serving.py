"""`serve` as a shell starts it: where it listens, how it answers, how it ends."""

import errno
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from service.server.listening import DEAD_MILLISECONDS, listen, origin
from tests.application import ask, wait_until_ready
from tests.process import children, run, served, server
from tests.server import Address


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


IPV6 = _has_ipv6()


@contextmanager
def opened(host: str) -> Iterator[list[socket.socket]]:
    """What listens at `host`, on any free port, while the block runs."""
    with ExitStack() as stack:
        yield [stack.enter_context(listener) for listener in listen(host, 0)]


def resolves_to(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> None:
    """Let every name have these IPv4 addresses: no test can count on a resolver's."""

    def resolved(host: str, port: int, **hints: Any) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)


def missing_ipv6(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let IPv6 sockets fail as on a machine without IPv6."""
    bind = socket.socket.bind

    def refused(listener: socket.socket, address: tuple[Any, ...]) -> None:
        if listener.family == socket.AF_INET6:
            raise OSError(number, os.strerror(number))
        bind(listener, address)

    monkeypatch.setattr(socket.socket, "bind", refused)


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
    with opened(host) as listeners:
        for listener in listeners:
            url = urlsplit(origin(listener))
            socket.create_connection((url.hostname, url.port)).close()


def test_the_url_of_every_address_is_one_that_can_be_typed() -> None:
    """0.0.0.0, as containers listen, leads nowhere in a browser."""
    with opened("0.0.0.0") as (listener,):
        assert origin(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_the_listener_names_tcp() -> None:
    """What asyncio looks for before it turns Nagle's algorithm off on a connection."""
    with opened("localhost") as listeners:
        assert {listener.proto for listener in listeners} == {socket.IPPROTO_TCP}


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no timeout")
def test_connections_inherit_the_timeout_of_the_listener() -> None:
    """A dead network ends a connection also when the server has closed it already."""
    with opened("127.0.0.1") as (listener,):
        with socket.create_connection(listener.getsockname()):
            connection, _ = listener.accept()
        with connection:
            told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert told == DEAD_MILLISECONDS


@pytest.mark.skipif(not IPV6, reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["localhost", "LocalHost"])
def test_localhost_is_both_loopback_addresses(host: str) -> None:
    """On one port, also where the system's own files know 127.0.0.1 alone."""
    with opened(host) as listeners:
        names = [listener.getsockname()[:2] for listener in listeners]
    port = names[0][1]
    assert names == [("127.0.0.1", port), ("::1", port)]


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", "AF_INET"), ("::1", "AF_INET6")])
def test_an_address_is_itself_alone(host: str, family: str) -> None:
    """Control: nothing else is listened on than what was said."""
    if host == "::1" and not IPV6:
        pytest.skip("this machine has no IPv6")
    with opened(host) as listeners:
        assert [(each.getsockname()[0], each.family.name) for each in listeners] == [(host, family)]


def test_every_address_of_a_name_is_listened_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with three addresses, one of them listed twice, as resolvers do."""
    addresses = ["127.0.0.2", "127.0.0.1", "127.0.0.2", "127.0.0.3"]
    resolves_to(monkeypatch, addresses)
    with opened("a-name.test") as listeners:
        hosts = [listener.getsockname()[0] for listener in listeners]
        ports = {listener.getsockname()[1] for listener in listeners}
    assert hosts == ["127.0.0.2", "127.0.0.1", "127.0.0.3"]
    assert len(ports) == 1


def test_a_port_taken_at_one_address_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """OSError, and nothing is left open at the address that was free."""
    resolves_to(monkeypatch, ["127.0.0.1", "127.0.0.2"])
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            listen("a-name.test", port)
    socket.create_server(("127.0.0.1", port)).close()


def test_any_free_port_is_free_at_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another port is tried when the one chosen at the first address is taken at the second."""
    taken: list[socket.socket] = []
    bind = socket.socket.bind

    def spiteful(listener: socket.socket, address: tuple[str, int]) -> None:
        bind(listener, address)
        if address == ("127.0.0.1", 0) and len(taken) < 3:
            taken.append(socket.create_server(("127.0.0.2", listener.getsockname()[1])))

    resolves_to(monkeypatch, ["127.0.0.1", "127.0.0.2"])
    monkeypatch.setattr(socket.socket, "bind", spiteful)
    with opened("a-name.test") as listeners:
        ports = {listener.getsockname()[1] for listener in listeners}
    assert len(taken) == 3
    assert len(ports) == 1
    assert not ports & {each.getsockname()[1] for each in taken}
    for each in taken:
        each.close()


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_without_ipv6_localhost_is_the_other_family(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A kernel without IPv6, and one where it is turned off; ::1 by itself is an error there."""
    missing_ipv6(monkeypatch, number)
    with opened("localhost") as (listener,):
        assert listener.getsockname()[0] == "127.0.0.1"
    with pytest.raises(OSError, match=os.strerror(number)):
        listen("::1", 0)


@pytest.mark.skipif(not IPV6, reason="this machine has no IPv6")
@pytest.mark.parametrize(
    "workers", ["1", pytest.param("2", marks=[pytest.mark.slow, pytest.mark.ci])]
)
def test_serve_answers_at_both_addresses_of_localhost(workers: str) -> None:
    """Real requests to both, with any free port; an IPv4 address alone answers one (control)."""
    with served("--host", "localhost", "--workers", workers) as (_, address):
        wait_until_ready(address)
        for host in ("127.0.0.1", "::1"):
            # HEAD, because the other worker may still be compiling.
            target = "/v1/weights.npy?shape=2&scheme=zeros"
            assert ask(Address(host, address.port), target, "HEAD").status == 200
    with served("--host", "127.0.0.1") as (_, address):
        assert ask(address, "/livez").status == 200
        with pytest.raises(ConnectionRefusedError):
            ask(Address("::1", address.port), "/livez")


@pytest.mark.slow
@pytest.mark.ci
def test_workers_share_the_port_and_the_settings() -> None:
    """Two processes behind one port; what the first was told replaces the environment's."""
    with served("--workers", "2", environment={"FANIN_PORT": "x"}) as (pid, address):
        wait_until_ready(address)
        workers = children(pid)
        heads = [ask(address, "/v1/weights.npy?shape=2&scheme=zeros", "HEAD") for _ in range(20)]
    assert len(workers) == 2
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


@pytest.mark.slow
@pytest.mark.ci
def test_it_says_when_it_is_ready_and_what_it_does_not_know() -> None:
    """A line on standard output, and one on standard error for each variable that is no setting.

    A level in capitals and an empty number are settings.
    """
    variables = {"FANIN_LOG_LEVEL": "WARNING", "FANIN_MAX_STREAMS": "", "FANIN_THREADS": "3"}
    variables |= {"FANIN_PROT": "1", "FANIN_WORKER": "2"}
    with server(environment=variables) as running:
        line = running.wait_until_all_ready()
        assert ask(running.address, "/readyz").status == 200
        said = running.said()
    assert re.fullmatch(r"Fanin is ready after [0-9]+\.[0-9] s: 1 process with 3 threads", line)
    assert said == [
        "FANIN_PROT is not a setting; try FANIN_PORT",
        "FANIN_WORKER is not a setting; try FANIN_WORKERS",
    ]
