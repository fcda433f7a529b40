"""Heads over raw sockets: those that the server refuses before a route sees them, and others."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.application import ask, parsed, problem, send, serving
from tests.server import Address, rest

KIB = 1024
FIELD = b"X-Field: " + b"a" * 1000 + b"\r\n"
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

POST = b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """No request here needs a kernel."""
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
    """Send pieces of 4 KiB with pauses, as a slow network does. Read after the last one."""
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(request), 4 * KIB):
            client.sendall(request[start : start + 4 * KIB])
            time.sleep(0.01)
        client.shutdown(socket.SHUT_WR)
        return rest(client)


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
    """In one write or in pieces, the same problem arrives. The connection is not reset before."""
    answer = parsed(sending(address, request_bytes))
    assert (answer.status, problem(answer)["reason"]) == (status, reason)
    assert answer.headers["connection"] == "close"
    assert "date" in answer.headers


@pytest.mark.parametrize("request_bytes", [head_of(16 * KIB), with_target(8 * KIB)])
@pytest.mark.parametrize("sending", [send, send_in_pieces])
def test_the_largest_head_is_read(address: Address, sending: Any, request_bytes: bytes) -> None:
    """Control: one byte less than what is refused above."""
    assert parsed(sending(address, request_bytes)).status == 200


def test_a_refused_head_request_has_no_body(address: Address) -> None:
    """Its Content-Length is that of the answer to GET (RFC 9110, section 9.3.2)."""
    answer = parsed(send(address, with_target(9 * KIB, b"HEAD")))
    assert (answer.status, answer.body) == (414, b"")
    assert int(answer.headers["content-length"]) > 0


def test_a_refused_client_cannot_stay(address: Address) -> None:
    """The connection of a client that sends on and on is closed within seconds."""

    def insist(client: socket.socket, until: float) -> None:
        while time.monotonic() < until:
            client.sendall(b"a")
            time.sleep(0.05)

    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.sendall(b"nonsense\r\n\r\n")
        with pytest.raises(ConnectionError):
            insist(client, time.monotonic() + 8)


def test_a_target_that_is_not_ascii_is_told_how_to_be(address: Address) -> None:
    """`curl '…&name=größe'` sends such a target. The hint has the escapes to write instead."""
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
    """The answer has no word of the request, and no message of Python or of the parser."""
    body = parsed(send(address, request_bytes)).body
    assert json.loads(body)["status"] == 400
    assert not any(word in body for word in (b"secret", b"bytearray", b"\\x", b"illegal"))


@pytest.mark.parametrize("scheme", [b"http", b"HTTPS"])
@pytest.mark.parametrize(
    ("target", "status"),
    [(b"/livez", 200), (b"/v1/weights.json?shape=2&scheme=zeros", 200), (b"", 200), (b"?x=y", 200)],
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
    """Control: a URL of another scheme is not found, and a target without a slash is refused."""
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
    """Malformed requests, and upgrades that the server does not offer, are not logged."""
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.sendall(request_bytes)
        assert client.recv(65536).startswith(b"HTTP/1.1 ")
    assert ask(address, "/livez").status == 200
    assert [record.message for record in caplog.records] == []


CLOSE = b"Host: x\r\nConnection: close\r\n\r\n"
HOST = b"Connection: close\r\nHost: "


def livez(host: bytes) -> bytes:
    """A request with this Host line after the colon."""
    return b"GET /livez HTTP/1.1\r\n" + HOST + host + b"\r\n\r\n"


REFUSED = {
    "host with a space": (livez(b"a b"), 400, "bad_host"),
    "host with a bad port": (livez(b"x:abc"), 400, "bad_host"),
    "host with a large port": (livez(b"x:65536"), 400, "bad_host"),
    "host with a user": (livez(b"u@x"), 400, "bad_host"),
    "host with a path": (livez(b"x/y"), 400, "bad_host"),
    "host with an open bracket": (livez(b"[::1"), 400, "bad_host"),
    "host with a broken escape": (livez(b"a%2"), 400, "bad_host"),
    "two hosts": (livez(b"x\r\nHost: y"), 400, "bad_host"),
    "the same host twice": (livez(b"x\r\nhost: x"), 400, "bad_host"),
    "two hosts in HTTP/1.0": (
        b"GET /livez HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n",
        400,
        "bad_host",
    ),
    "no host": (b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "bad_host"),
    "URL without a host": (b"GET http:///livez HTTP/1.1\r\n" + CLOSE, 400, "bad_request"),
    "URL with a port alone": (b"GET http://:80/livez HTTP/1.1\r\n" + CLOSE, 400, "bad_request"),
    "URL with a user": (b"GET http://u:p@a.b/livez HTTP/1.1\r\n" + CLOSE, 400, "bad_request"),
    "URL with a bad port": (b"GET http://a.b:x/livez HTTP/1.1\r\n" + CLOSE, 400, "bad_request"),
    "asterisk of GET": (b"GET * HTTP/1.1\r\n" + CLOSE, 400, "bad_request"),
    "a query alone": (b"GET ?x HTTP/1.1\r\n" + CLOSE, 400, "bad_request"),
    "HTTP/2.0": (b"GET /livez HTTP/2.0\r\n" + CLOSE, 505, "http_version_not_supported"),
    "HTTP/9.9": (b"GET /livez HTTP/9.9\r\n" + CLOSE, 505, "http_version_not_supported"),
    "HTTP/1.2": (b"GET /livez HTTP/1.2\r\n" + CLOSE, 505, "http_version_not_supported"),
    "HTTP/0.9": (b"GET /livez HTTP/0.9\r\n" + CLOSE, 505, "http_version_not_supported"),
    "HTTP/2": (b"GET /livez HTTP/2\r\n" + CLOSE, 505, "http_version_not_supported"),
    "the preface of HTTP/2": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        505,
        "http_version_not_supported",
    ),
    "a line without a version": (b"GET /livez\r\n" + CLOSE, 400, "bad_request"),
    "another protocol": (b"GET /livez RTSP/1.0\r\n" + CLOSE, 400, "bad_request"),
    "a version in small letters": (b"GET /livez http/1.1\r\n" + CLOSE, 400, "bad_request"),
    "two spaces": (b"GET  /livez HTTP/1.1\r\n" + CLOSE, 400, "bad_request"),
    "a space at the end": (b"GET /livez HTTP/1.1 \r\n" + CLOSE, 400, "bad_request"),
    "an unknown method": (b"BREW /livez HTTP/1.1\r\n" + CLOSE, 501, "not_implemented"),
    "a method in small letters": (b"get /livez HTTP/1.1\r\n" + CLOSE, 501, "not_implemented"),
    "CONNECT": (b"CONNECT a:80 HTTP/1.1\r\n" + CLOSE, 501, "not_implemented"),
    "a method of WebDAV": (b"PROPFIND /livez HTTP/1.1\r\n" + CLOSE, 501, "not_implemented"),
    "length and coding": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "bad_request",
    ),
    "coding and length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        400,
        "bad_request",
    ),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400, "bad_request"),
    "a list of lengths": (POST + b"Content-Length: 2, 2\r\n\r\n{}", 400, "bad_request"),
    "a coding on top of chunked": (
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
        "not_implemented",
    ),
    "a coding that is not chunked": (POST + b"Transfer-Encoding: gzip\r\n\r\n", 400, "bad_request"),
    "two codings": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        400,
        "bad_request",
    ),
    "a coding in HTTP/1.0": (
        POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "bad_request",
    ),
    "bare line feeds": (b"GET /livez HTTP/1.1\nHost: x\n\n", 400, "bad_request"),
    "one bare line feed": (b"GET /livez HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400, "bad_request"),
    "a bare carriage return": (GET + b"A: b\rc\r\n\r\n", 400, "bad_request"),
    "a folded line": (GET + b"A: b\r\n c\r\n\r\n", 400, "bad_request"),
    "a space before a colon": (GET + b"A : b\r\n\r\n", 400, "bad_request"),
    "a null": (GET + b"A: b\0\r\n\r\n", 400, "bad_request"),
    "a header without a name": (GET + b": b\r\n\r\n", 400, "bad_request"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_request"),
    "20 KiB of empty lines": (b"\r\n" * (10 * KIB) + GET + b"\r\n", 431, "header_too_large"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_head_is_refused(address: Address, case: str) -> None:
    """With a problem, a date and a close: RFC 9110, sections 4.2, 6.6.1, 9.1 and 15.6.6, and
    RFC 9112, sections 2.2, 2.3, 3.2, 5.1, 5.2, 6.1 and 6.3.
    """
    request_bytes, status, reason = REFUSED[case]
    answer = parsed(send(address, request_bytes))
    assert (answer.status, problem(answer)["reason"]) == (status, reason)
    assert answer.headers["connection"] == "close"
    assert "date" in answer.headers


ACCEPTED = {
    "a port": livez(b"x:8000"),
    "an empty port": livez(b"x:"),
    "no value": livez(b""),
    "an IPv6 address": livez(b"[::1]:80"),
    "characters of a name": livez(b"a_b-c.d~e%41!"),
    "spaces around": livez(b"  x  "),
    "no host in HTTP/1.0": b"GET /livez HTTP/1.0\r\n\r\n",
    "a URL": b"GET http://[::1]:8000/livez HTTP/1.1\r\n" + CLOSE,
    "an empty line before": b"\r\n" + GET + b"\r\n",
    "empty lines before": b"\r\n\r\n\r\n" + GET + b"\r\n",
    "a header of Latin-1": GET + b"A: \xe9\r\n\r\n",
    "a coding in capitals": POST.replace(b"POST", b"GET").replace(b"/v1/weights", b"/livez")
    + b"Connection: close\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_a_good_head_is_read(address: Address, case: str) -> None:
    """Control: these are unusual, and the RFCs allow them."""
    assert parsed(send(address, ACCEPTED[case])).status == 200


@pytest.mark.parametrize("case", ["length and coding", "coding and length", "two lengths"])
def test_a_smuggled_request_is_not_answered(address: Address, case: str) -> None:
    """RFC 9112, section 6.1: one answer, and the connection is closed."""
    request_bytes = REFUSED[case][0] + b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    assert send(address, request_bytes).count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("case", ["HTTP/2.0", "no host", "URL with a user"])
def test_a_refused_head_of_any_kind_has_no_body_after_head(address: Address, case: str) -> None:
    """RFC 9110, section 9.3.2: Content-Length is there, and no body follows."""
    request_bytes = REFUSED[case][0].replace(b"GET ", b"HEAD ")
    answer = parsed(send(address, request_bytes))
    assert (answer.status, answer.body) == (REFUSED[case][1], b"")
    assert int(answer.headers["content-length"]) > 0


def test_the_server_as_a_whole_has_options(address: Address) -> None:
    """RFC 9110, section 9.3.7: the methods that any path allows, and no body."""
    request = b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = parsed(send(address, request))
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["allow"] == "get, head, options, post"
