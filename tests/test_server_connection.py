"""Connections over raw sockets: requests sent ahead, bodies that no path reads, and answers."""

import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from service.server import accepting, connection
from service.server.connection import LINGER_BYTES, READ_BYTES, Connection
from tests.application import parsed, problem, send, serving
from tests.server import Address, ask, rest, running

KIB, MIB = 1024, 1024 * 1024
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SPEC = b'{"shape":[2],"scheme":"zeros","format":"raw"}'


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """No kernel is needed for zeros, so the application is ready at once."""
    with serving(warm_up=lambda: None) as address:
        yield address


def chunked(body: bytes, size: int) -> bytes:
    """A body in chunks of `size` bytes."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def statuses(received: bytes) -> list[int]:
    """The statuses of the answers, in order."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", received)]


TRAILERS = b"\r\nX-Trailer: host\r\nConnection: close\r\n\r\n"
UPGRADING = CHUNKED.replace(b"Host", b"Upgrade: a\r\nConnection: upgrade\r\nHost")

REQUESTS: list[tuple[bytes, int]] = [
    (GET, 200),
    (GET.replace(b"GET", b"HEAD"), 200),
    (GET.replace(b"/livez", b"/nowhere"), 404),
    (b"\r\n" + GET, 200),
    (POST + b"Content-Length: %d\r\n\r\n" % len(SPEC) + SPEC, 200),
    (POST + b"Content-Length: 0\r\n\r\n", 400),
    (CHUNKED + chunked(SPEC, 7), 200),
    (CHUNKED + chunked(SPEC.replace(b",", b",\n"), 1000), 200),
    (CHUNKED + chunked(SPEC, 20).replace(b"\r\n\r\n", TRAILERS), 200),
    (POST + b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\n{}", 400),
    (
        CHUNKED.replace(b"Host", b"Upgrade: a\r\nConnection: upgrade\r\nHost") + chunked(SPEC, 9),
        200,
    ),
]
"""Requests that leave the connection open, each with the status of its answer."""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(REQUESTS), max_size=6), st.lists(st.integers(1, 400), max_size=6))
def test_requests_sent_ahead_are_answered_in_order(
    address: Address, requests: list[tuple[bytes, int]], cuts: list[int]
) -> None:
    """The bytes are cut into segments at random places."""
    whole = b"".join(request for request, _ in requests) + LAST
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for cut in cuts:
            client.sendall(whole[:cut])
            whole = whole[cut:]
            time.sleep(0.002)
        client.sendall(whole)
        received = rest(client)
    assert statuses(received) == [*(status for _, status in requests), 200]


@contextmanager
def counting(length: int, **config: Any) -> Iterator[tuple[Address, list[Connection], list[str]]]:
    """A server whose answers have `length` bytes, its connections, and the paths it was asked."""
    connections: list[Connection] = []
    paths: list[str] = []

    def watched(*given: Any, **named: Any) -> Connection:
        connections.append(Connection(*given, **named))
        return connections[-1]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        fields = [(b"content-length", b"%d" % length)]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": bytes(length), "more_body": False})

    with running(app, http=watched, lifespan="off", **config) as address:
        yield address, connections, paths


def test_who_reads_nothing_makes_nobody_work_ahead() -> None:
    """The client sends 800 requests and reads nothing.

    The server answers only as many as fit into the system's buffers. It keeps a bounded part of the
    other requests.
    """
    request = b"GET /many HTTP/1.1\r\nHost: x\r\n\r\n"
    with counting(MIB) as (address, connections, paths), ask(address) as client:
        client.sendall(800 * request)
        time.sleep(0.5)
        answered = len(paths)
        time.sleep(0.5)
        assert len(paths) == answered < 40
        assert len(connections[0]._held) <= 2 * READ_BYTES


def test_a_reset_is_noticed_while_nothing_is_read() -> None:
    """A neighbour: a client that has sent much ahead resets its connection. It is closed here."""
    request = b"GET /many HTTP/1.1\r\nHost: x\r\n\r\n"
    with counting(MIB) as (address, connections, _):
        with ask(address) as client:
            client.sendall(800 * request)
            time.sleep(0.5)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        deadline = time.monotonic() + 5
        while not connections[0].transport.is_closing():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_who_reads_gets_all_that_was_asked_ahead() -> None:
    """Control: a client that reads gets an answer to each of the same requests."""
    request = b"GET /many HTTP/1.1\r\nHost: x\r\n\r\n"
    with counting(KIB) as (address, _, paths), ask(address) as client:
        client.sendall(799 * request + LAST)
        received = rest(client)
        assert statuses(received) == 801 * [200]
        assert len(paths) == 801


def poured(address: Address, head: bytes, piece: bytes) -> tuple[int, bytes]:
    """Send a head and then pieces until the server hangs up: bytes sent, and what was received."""
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.sendall(head)
        sent, received = 0, b""
        client.setblocking(False)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                received += client.recv(65536)
            except BlockingIOError:
                pass
            except ConnectionError:
                break
            try:
                sent += client.send(piece)
            except BlockingIOError:
                time.sleep(0.001)
            except ConnectionError:
                break
        else:
            raise AssertionError("the server did not hang up")
        return sent, received


ENDLESS = {
    "nothing is there": (b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 404),
    "too large": (CHUNKED, 413),
    "not JSON": (CHUNKED.replace(b"application/json", b"text/plain"), 415),
    "nobody reads a body of GET": (
        b"GET /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        200,
    ),
    "nobody allows it": (
        b"DELETE /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        405,
    ),
}
CHUNK = b"1000\r\n" + bytes(0x1000) + b"\r\n"
EXTENSIONS = b"1;" + b"a" * 4000 + b"\r\n{\r\n"


@pytest.mark.parametrize(
    ("case", "piece"),
    [*((case, CHUNK) for case in ENDLESS), ("too large", EXTENSIONS), ("not JSON", EXTENSIONS)],
)
def test_an_unwanted_body_ends_the_connection(
    address: Address, case: str, piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer arrives, and the server closes the connection after a bounded part of the rest.

    The client can send more than the server reads: the system's buffers take some MiB on loopback.
    """
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.2)
    head, status = ENDLESS[case]
    sent, received = poured(address, head, piece)
    assert statuses(received) == [status]
    assert b"connection: close" in received
    assert sent < 16 * MIB
    assert LINGER_BYTES < 16 * MIB


def test_the_rest_of_an_unwanted_body_is_read_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Counted in the server: LINGER_BYTES and what was read with the last of them."""
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.2)
    with counting(1) as (address, connections, _):
        sent, received = poured(address, ENDLESS["nothing is there"][0], CHUNK)
    assert statuses(received) == [200]
    assert LINGER_BYTES < connections[0]._lingered <= LINGER_BYTES + READ_BYTES < sent


def test_a_length_that_is_never_sent_ends_the_connection(address: Address) -> None:
    """A neighbour: a Content-Length of 8 GB is refused before the body arrives."""
    sent, received = poured(address, POST + b"Content-Length: 8000000000\r\n\r\n", bytes(KIB))
    assert statuses(received) == [413]
    assert sent < 16 * MIB


def test_a_wanted_body_of_small_chunks_is_read(address: Address) -> None:
    """Control: the largest body in the smallest usual chunks, with extensions."""
    body = SPEC + b" " * (64 * KIB - len(SPEC))
    framed = chunked(body, 4).replace(b"\r\n", b";a=b\r\n", 3)
    request = CHUNKED.replace(b"Host", b"Connection: close\r\nHost")
    assert statuses(send(address, request + framed.replace(b";a=b", b"", 2))) == [200]


def test_a_body_is_asked_for_when_it_is_wanted(address: Address) -> None:
    """RFC 9110, section 10.1.1: 100 for a body that will be read, and none for a refused one."""
    expecting = POST + b"Connection: close\r\nExpect: 100-continue\r\n"
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.sendall(expecting + b"Content-Length: %d\r\n\r\n" % len(SPEC))
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(SPEC)
        assert statuses(rest(client)) == [200]
    refused = send(address, expecting + b"Content-Length: 70000\r\n\r\n")
    assert statuses(refused) == [413]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (LAST, 200),
        (LAST.replace(b"GET", b"HEAD"), 200),
        (LAST.replace(b"GET", b"OPTIONS"), 204),
        (LAST.replace(b"GET /livez", b"GET /x"), 404),
        (LAST.replace(b"GET", b"POST"), 405),
        (LAST.replace(b"/livez", b"/v1/weights.npy?shape=x"), 400),
        (LAST.replace(b"/livez", b"/v1/weights.npy?shape=8,8&dtype=bfloat16"), 422),
        (LAST.replace(b"Host", b"If-Match: a\r\nHost").replace(b"/livez", b"/dtypes"), 412),
        (LAST.replace(b"Host", b"If-None-Match: *\r\nHost").replace(b"/livez", b"/dtypes"), 304),
        (LAST.replace(b"HTTP/1.1", b"HTTP/3.0"), 505),
        (b"nonsense\r\n\r\n", 400),
        (LAST.replace(b"/livez", b"/" + b"a" * 9000), 414),
        (LAST.replace(b"Host", b"A: " + b"a" * 17000 + b"\r\nHost"), 431),
        (LAST.replace(b"GET", b"BREW"), 501),
        (CHUNKED + b"100000\r\n" + bytes(300_000), 413),
        (POST.replace(b"json", b"x") + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}", 415),
    ],
)
def test_every_answer_has_a_date(address: Address, request_bytes: bytes, status: int) -> None:
    """RFC 9110, section 6.6.1: exactly one, in the form of IMF-fixdate."""
    received = send(address, request_bytes)
    form = rb"\r\ndate: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT\r\n"
    assert (parsed(received).status, len(re.findall(form, received))) == (status, 1)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (LAST, 200),
        (LAST.replace(b"/livez", b"/x"), 404),
        (LAST.replace(b"/livez", b"/v1/weights"), 405),
        (LAST.replace(b"/livez", b"/v1/weights.npy?shape=x"), 400),
        (LAST.replace(b"/livez", b"/v1/weights.npy?shape=8,8&dtype=bfloat16"), 422),
        (LAST.replace(b"Host", b"If-Match: a\r\nHost").replace(b"/livez", b"/dtypes"), 412),
        (LAST.replace(b"Host", b"Host: y\r\nHost"), 400),
        (LAST.replace(b"/livez", b"/" + b"a" * 9000), 414),
        (LAST.replace(b"Host", b"A: " + b"a" * 17000 + b"\r\nHost"), 431),
        (LAST.replace(b"HTTP/1.1", b"HTTP/3.0"), 505),
    ],
)
def test_no_body_follows_head(address: Address, request_bytes: bytes, status: int) -> None:
    """RFC 9110, section 9.3.2. Control: GET of the same has a body of the length that HEAD told.

    The bytes are looked at as they come, because an HTTP client would hide the body.
    """
    answer = parsed(send(address, request_bytes.replace(b"GET ", b"HEAD ")))
    assert (answer.status, answer.body) == (status, b"")
    got = parsed(send(address, request_bytes))
    if status != 405:
        assert len(got.body) == int(answer.headers["content-length"]) > 0


def answer_of(headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    """What a client receives from an application that answers so."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    with running(app, lifespan="off") as address:
        return send(address, LAST)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"1"), (b"x", b"a\r\nSet-Cookie: b")],
        [(b"content-length", b"1"), (b"x\nb", b"a")],
        [(b"content-length", b"1"), (b"x", b"a\rb")],
        [],
    ],
)
def test_no_header_splits_an_answer(
    headers: list[tuple[bytes, bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    """A line break in a header, or no length, is an error of the server: 500, and a log line."""
    answer = parsed(answer_of(headers, b"a"))
    assert answer.status == 500
    assert "date" in answer.headers
    assert problem(answer)["reason"] == "internal"
    assert "set-cookie" not in answer.headers
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize("body", [b"", b"ab", b"abcd"])
def test_a_body_of_another_length_is_not_taken_for_a_whole_one(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of the server: the connection is closed before anything is sent."""
    assert answer_of([(b"content-length", b"3")], body) == b""
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_an_upgrade_of_http_1_0_is_still_http_1_0(address: Address) -> None:
    """The connection is closed, and no interim answer is sent (RFC 9110, section 15.2)."""
    head = POST.replace(b"HTTP/1.1", b"HTTP/1.0")
    upgrade = b"Connection: upgrade\r\nUpgrade: x\r\nExpect: 100-continue\r\n"
    received = send(address, head + upgrade + b"Content-Length: %d\r\n\r\n" % len(SPEC) + SPEC)
    assert statuses(received) == [200]


def test_long_trailers_are_refused(address: Address) -> None:
    """No path reads trailers, so they may have 4 KiB at most."""
    trailers = b"".join(b"x-%d: y\r\n" % number for number in range(1000))
    answer = parsed(send(address, CHUNKED + b"2\r\n{}\r\n0\r\n" + trailers + b"\r\n"))
    assert (answer.status, problem(answer)["reason"]) == (431, "header_too_large")


def leaves(address: Address, request: bytes) -> None:
    """A client that sends a request and is gone."""
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.sendall(request)


def test_clients_that_leave_write_no_line_into_the_log(
    address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    """They leave before a small answer, a large one, a refusal, or the last of a connection."""
    large = LAST.replace(b"/livez", b"/v1/weights.raw?shape=8000000&scheme=zeros")
    for request in (LAST, GET, large, b"nonsense\r\n\r\n", CHUNKED, LAST.replace(b"1.1", b"3.0")):
        for _ in range(20):
            leaves(address, request)
    assert statuses(send(address, LAST)) == [200]
    time.sleep(0.3)
    assert [record.getMessage() for record in caplog.records] == []


def test_a_client_that_has_sent_a_byte_ahead_is_seen_to_leave() -> None:
    """The application gets `http.disconnect`, so that it can stop its work."""
    left: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        left.append((await receive())["type"])

    with running(app, lifespan="off") as address:
        leaves(address, GET + b"G")
        deadline = time.monotonic() + 3
        while not left and time.monotonic() < deadline:
            time.sleep(0.02)
    assert left == ["http.disconnect"]


def test_a_stalled_reader_makes_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit on connections, one that reads nothing is closed when a new client comes."""
    monkeypatch.setattr(accepting, "MOST_CONNECTIONS", 3)
    monkeypatch.setattr(connection, "STALL_SECONDS", 0.5)
    with counting(20 * MIB) as (address, _, _), ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(ask(address))
        time.sleep(2.5)
        with ask(address) as client:
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
