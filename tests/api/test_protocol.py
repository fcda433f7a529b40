"""What is answered before any route is asked, over raw sockets: heads too large or not HTTP."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.application import ask, parsed, problem, send, serving
from tests.server import Address

KIB = 1024
FIELD = b"X-Field: " + b"a" * 1000 + b"\r\n"
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

POST = b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """Nothing here comes as far as a kernel."""
    with serving(warm_up=lambda: None) as address:
        yield address


def head_of(size: int) -> bytes:
    """A whole head of this many bytes, the blank line at its end counted."""
    padding = size - len(GET) - len(b"X-Padding: \r\n\r\n")
    return GET + b"X-Padding: " + b"a" * padding + b"\r\n\r\n"


def with_target(size: int, method: bytes = b"GET") -> bytes:
    """A request whose target has this many bytes."""
    target = b"/livez?" + b"a" * (size - len(b"/livez?"))
    return method + b" " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def send_in_pieces(address: Address, request: bytes) -> bytes:
    """A piece at a time, as a slow network cuts it; everything is sent before anything is read."""
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(request), 4 * KIB):
            client.sendall(request[start : start + 4 * KIB])
            time.sleep(0.01)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize("sending", [send, send_in_pieces])
@pytest.mark.parametrize(
    ("request_bytes", "status", "reason"),
    [
        (head_of(16 * KIB + 1), 431, "header_too_large"),
        (head_of(60 * KIB), 431, "header_too_large"),
        (GET + FIELD * 17 + b"\r\n", 431, "header_too_large"),
        (with_target(8 * KIB + 1), 414, "uri_too_long"),
        (with_target(60 * KIB), 414, "uri_too_long"),
    ],
)
def test_a_head_too_large_is_refused_however_it_is_cut(
    address: Address, sending: Any, request_bytes: bytes, status: int, reason: str
) -> None:
    """Whole in one write or in pieces: the same problem arrives, and no reset instead of it."""
    answer = parsed(sending(address, request_bytes))
    assert (answer.status, problem(answer)["reason"]) == (status, reason)
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("request_bytes", [head_of(16 * KIB), with_target(8 * KIB)])
@pytest.mark.parametrize("sending", [send, send_in_pieces])
def test_the_largest_head_is_read(address: Address, sending: Any, request_bytes: bytes) -> None:
    """Control: one byte less than what is refused above."""
    assert parsed(sending(address, request_bytes)).status == 200


def test_a_refused_head_request_has_no_body(address: Address) -> None:
    """Its Content-Length tells that of GET (RFC 9110, section 9.3.2)."""
    answer = parsed(send(address, with_target(9 * KIB, b"HEAD")))
    assert (answer.status, answer.body) == (414, b"")
    assert int(answer.headers["content-length"]) > 0


def test_a_refused_client_cannot_stay(address: Address) -> None:
    """Who sends on without an end is hung up on within seconds."""

    def insist(client: socket.socket, until: float) -> None:
        while time.monotonic() < until:
            client.sendall(b"a")
            time.sleep(0.05)

    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.sendall(b"nonsense\r\n\r\n")
        with pytest.raises(ConnectionError):
            insist(client, time.monotonic() + 8)


def test_a_target_that_is_not_ascii_is_told_how_to_be(address: Address) -> None:
    """What `curl '…&name=größe'` sends: the hint has the escapes, the message none of the bytes."""
    request = "GET /v1/weights.npy?name=größe HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    [error] = problem(parsed(send(address, request)))["errors"]
    assert error["message"] == "the request line is not ASCII"
    assert error["hint"].startswith("percent-encode UTF-8, for example name=gr%C3%B6%C3%9Fe; curl")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense secret\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nBad secret: \xff\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: secret\r\n\r\n",
    ],
)
def test_what_cannot_be_parsed_is_not_repeated(address: Address, request_bytes: bytes) -> None:
    """Neither the stranger's words nor Python's spelling of them."""
    body = parsed(send(address, request_bytes)).body
    assert json.loads(body)["status"] == 400
    assert not any(word in body for word in (b"secret", b"bytearray", b"\\x", b"illegal"))


@pytest.mark.parametrize("scheme", [b"http", b"HTTPS"])
@pytest.mark.parametrize(
    ("target", "status"),
    [(b"/livez", 200), (b"/v1/weights.json?shape=2&scheme=zeros", 200), (b"", 404), (b"?x", 404)],
)
def test_a_target_may_be_absolute(
    address: Address, scheme: bytes, target: bytes, status: int
) -> None:
    """RFC 9112, section 3.2.2: scheme and authority make no difference to the answer."""
    request = b"GET " + scheme + b"://example.org:80" + target + b" HTTP/1.1\r\nHost: x\r\n"
    answer = parsed(send(address, request + b"Connection: close\r\n\r\n"))
    assert answer.status == status
    assert "content-location" not in answer.headers


@pytest.mark.parametrize(
    ("target", "status"), [(b"ftp://x/livez", 404), (b"//x/livez", 404), (b"x/livez", 400)]
)
def test_another_scheme_is_not_routed(address: Address, target: bytes, status: int) -> None:
    """Control: only a URL of HTTP leads to a path, and a target without a slash is no path."""
    request = b"OPTIONS " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert parsed(send(address, request)).status == status


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        GET.replace(b"close", b"Upgrade") + b"Upgrade: websocket\r\n\r\n",
        GET + b"Transfer-Encoding: chunked\r\n\r\nno size\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\nno size\r\n",
    ],
)
def test_strangers_write_no_line_into_the_log(
    address: Address, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Malformed requests and upgrades nobody offers are the client's affair."""
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.sendall(request_bytes)
        assert client.recv(65536).startswith(b"HTTP/1.1 ")
    assert ask(address, "/livez").status == 200
    assert [record.message for record in caplog.records] == []
