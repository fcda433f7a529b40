"""Requests that a front and a replica might read differently: one answer, and nothing behind it."""

import json
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.front.fleet import Fleet
from tests.front.nginx import nginx
from tests.front.origins import Asked, Origin, Reply, origin
from tests.server import Address, rest

pytestmark = pytest.mark.needs("nginx")

SECOND = b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CLOSE = b"Host: x\r\n\r\n"


def livez(host: bytes) -> bytes:
    """A request with this Host, which is passed on."""
    return b"GET /readyz HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"


AMBIGUOUS = {
    "length and coding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "different lengths": POST + b"Content-Length: 2\r\nContent-Length: 0\r\n\r\n{}",
    "a list of lengths": POST + b"Content-Length: 2, 2\r\n\r\n{}",
    "a length with a sign": POST + b"Content-Length: +2\r\n\r\n{}",
    "gzip and chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "gzip": POST + b"Transfer-Encoding: gzip\r\n\r\n",
    "two codings": POST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a coding with a space": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a coding behind a tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a chunk of no size": POST + b"Transfer-Encoding: chunked\r\n\r\nno size\r\n",
    "a coding in HTTP/1.0": POST.replace(b"1.1", b"1.0")
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two hosts": livez(b"x\r\nHost: y"),
    "host with a space": livez(b"a b"),
    "host with a path": livez(b"x/y"),
    "URL without a host": b"GET http:///readyz HTTP/1.1\r\n" + CLOSE,
    "URL with a user": b"GET http://u:p@a.b/readyz HTTP/1.1\r\n" + CLOSE,
    "HTTP/2.0": b"GET /readyz HTTP/2.0\r\n" + CLOSE,
    "HTTP/9.9": b"GET /readyz HTTP/9.9\r\n" + CLOSE,
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "CONNECT": b"CONNECT a:80 HTTP/1.1\r\n" + CLOSE,
    "a null": b"GET /readyz HTTP/1.1\r\nA: b\0\r\n" + CLOSE,
}


def answers(address: Address, request: bytes) -> list[bytes]:
    """The statuses of all answers that come back within a second."""
    with socket.create_connection((address.host, address.port), timeout=1) as client:
        received = b""
        with suppress(TimeoutError, ConnectionError):
            client.sendall(request)
            while part := client.recv(65536):
                received += part
    return re.findall(rb"HTTP/[0-9.]+ ([0-9]{3}) ", received)


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_an_ambiguous_request_has_one_answer(fleet: Fleet, case: str) -> None:
    """A refusal, and what follows on the connection reaches no replica."""
    before = Counter(fleet.requests())
    [status] = answers(fleet.address, AMBIGUOUS[case] + SECOND)
    assert status in {b"400", b"405", b"501", b"505"}
    assert b"GET /second" not in Counter(fleet.requests()) - before


@pytest.mark.parametrize("host", [b"x:abc", b"x:65536", b"a%2"])
def test_a_host_that_nginx_lets_pass_is_refused_by_the_replica(fleet: Fleet, host: bytes) -> None:
    """RFC 9112, section 3.2."""
    assert answers(fleet.address, livez(host)) == [b"400"]


def test_a_clear_request_has_its_own_answer(fleet: Fleet) -> None:
    """Control: two requests on one connection have two answers, and both reach a replica."""
    before = Counter(fleet.requests())
    assert answers(fleet.address, livez(b"x") + SECOND) == [b"200", b"404"]
    assert Counter(fleet.requests()) - before == Counter([b"GET /readyz", b"GET /second"])


def test_http_1_0_needs_no_host(fleet: Fleet) -> None:
    """nginx asks the replica in HTTP/1.1, where one is required."""
    assert answers(fleet.address, b"GET /readyz HTTP/1.0\r\n\r\n") == [b"200"]


def test_empty_lines_before_a_request_are_ignored(fleet: Fleet) -> None:
    """RFC 9112, section 2.2."""
    assert answers(fleet.address, b"\r\n\r\n" + livez(b"x")) == [b"200"]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Address, Origin]]:
    """A front before a stand-in that reads bodies, however long they are."""
    with (
        origin(lambda _: Reply(200)) as behind,
        nginx([behind.address], tmp_path_factory.mktemp("nginx")) as front,
    ):
        yield front.address, behind


def test_a_body_without_end_is_not_passed_on(reader: tuple[Address, Origin]) -> None:
    """nginx reads a body before it asks a replica, and stops at 64 KiB."""
    address, behind = reader
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        with suppress(ConnectionError):
            client.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(64):
                client.sendall(chunk)
        assert client.recv(65536).startswith(b"HTTP/1.1 413 ")
    assert behind.asked == []


def test_a_chunked_body_is_passed_on_with_its_length(reader: tuple[Address, Origin]) -> None:
    """Control: nginx has read it, so the replica need not know chunks and their extensions."""
    address, behind = reader
    body = POST + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nA: b\r\n\r\n"
    assert answers(address, body) == [b"200"]
    [asked] = behind.asked
    assert asked.headers["content-length"] == "2"
    assert "transfer-encoding" not in asked.headers


def test_a_request_that_cannot_be_read_is_a_problem(fleet: Fleet) -> None:
    """nginx's refusal is JSON, and no cache stores it."""
    with socket.create_connection((fleet.address.host, fleet.address.port), timeout=10) as client:
        client.sendall(AMBIGUOUS["length and coding"])
        head, _, body = rest(client).partition(b"\r\n\r\n")
    assert b"\r\nContent-Type: application/problem+json\r\n" in head
    assert b"\r\nCache-Control: no-store" in head
    assert json.loads(body)["status"] == 400


def test_silence_is_cut(tmp_path: Path) -> None:
    """Half a head has client_header_timeout, here a second, to become a whole one."""

    def answer(_: Asked) -> Reply:
        return Reply(200)

    def shorter(text: str) -> str:
        return text.replace("client_header_timeout 10s;", "client_header_timeout 1s;")

    with (
        origin(answer) as behind,
        nginx([behind.address], tmp_path, shorter) as front,
        socket.create_connection((front.address.host, front.address.port), timeout=5) as client,
    ):
        began = time.monotonic()
        client.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n")
        with suppress(ConnectionResetError):
            rest(client)
        assert 0.5 < time.monotonic() - began < 4
        assert behind.asked == []
