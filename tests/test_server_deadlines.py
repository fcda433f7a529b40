"""Deadlines over raw sockets, made short: for heads, bodies, idle connections and readers."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from service.server import connection
from service.server.worker import Worker
from tests.application import parsed, problem, serving
from tests.server import Address, ask, read, rest, running

MIB = 1024 * 1024
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
POST = (
    b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000\r\n\r\n"
)
SHORT = 0.5
SLACK = 5.0
"""Deadlines are looked at once a second; the rest is for a busy machine."""


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    """A server whose deadlines are SHORT."""
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "KEEP_ALIVE_SECONDS", "SEND_SECONDS"):
        monkeypatch.setattr(connection, name, SHORT)
    monkeypatch.setattr(connection, "LINGER_SECONDS", SHORT)
    with serving(warm_up=lambda: None) as address:
        yield address


@contextmanager
def client_of(address: Address) -> Iterator[socket.socket]:
    """A client that waits at most SLACK for the server."""
    with socket.create_connection((address.host, address.port), timeout=SLACK) as client:
        yield client


def dripped(client: socket.socket, seconds: float = SLACK) -> bytes:
    """Send a byte at a time until the server answers: the answer."""
    client.settimeout(0.05)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        client.sendall(b"a")
        try:
            received = client.recv(65536)
        except TimeoutError:
            continue
        client.settimeout(SLACK)
        return received + rest(client)
    raise AssertionError("the server waited on")


def test_a_silent_client_is_closed(address: Address) -> None:
    """It gets no answer, because it has not asked for anything."""
    with client_of(address) as client:
        assert rest(client) == b""


def test_empty_lines_are_no_request(address: Address) -> None:
    """A neighbour: line breaks do not keep a connection open."""
    with client_of(address) as client:
        client.sendall(b"\r\n\r\n")
        assert rest(client) == b""


@pytest.mark.parametrize("sent", [b"G", GET[:-2], b"\r\n" + GET[:20]])
def test_half_a_head_is_answered_408(address: Address, sent: bytes) -> None:
    """RFC 9110, section 15.5.9, with `Connection: close`."""
    with client_of(address) as client:
        client.sendall(sent)
        answer = parsed(rest(client))
    assert (answer.status, problem(answer)["reason"]) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"
    assert "date" in answer.headers


def test_a_head_byte_by_byte_is_answered_408(address: Address) -> None:
    """The time begins with the first byte. Later bytes do not begin it anew."""
    with client_of(address) as client:
        client.sendall(GET[:-4] + b"\r\nX: ")
        assert parsed(dripped(client)).status == 408


@pytest.mark.parametrize("sent", [b"", b"{"])
def test_half_a_body_is_answered_408(address: Address, sent: bytes) -> None:
    """The client sends nothing of the body, or a part of it."""
    with client_of(address) as client:
        client.sendall(POST + sent)
        answer = parsed(rest(client))
    assert (answer.status, problem(answer)["reason"]) == (408, "request_timeout")


def test_a_body_byte_by_byte_is_answered_408(address: Address) -> None:
    """The time begins with the end of the head. Bytes of the body do not begin it anew."""
    with client_of(address) as client:
        client.sendall(POST)
        assert parsed(dripped(client)).status == 408


def test_an_idle_connection_is_closed(address: Address) -> None:
    """The client gets its answer, and asks for nothing more."""
    with client_of(address) as client:
        client.sendall(GET)
        assert parsed(rest(client)).status == 200


def test_half_a_second_head_is_answered_408(address: Address) -> None:
    """A neighbour: a kept connection has the same deadline for its next head."""
    with client_of(address) as client:
        client.sendall(GET + GET[:10])
        received = rest(client)
    assert received.count(b"HTTP/1.1 200 ") == received.count(b"HTTP/1.1 408 ") == 1


def test_who_asks_in_time_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: with the real deadlines a pause of two seconds ends nothing."""
    with serving(warm_up=lambda: None) as address, client_of(address) as client:
        for _ in range(2):
            client.sendall(GET[:10])
            time.sleep(1.2)
            client.sendall(GET[10:])
            assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


@contextmanager
def streaming(
    mebibytes: int, *, at_once: bool = False, **config: Any
) -> Iterator[tuple[Address, list[str]]]:
    """A server of a long answer in pieces, and how each answer ended.

    `at_once`: it does not wait for the end of the request.
    """
    ends: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        fields = [(b"content-length", b"%d" % (mebibytes * MIB))]
        if not at_once:
            await receive()
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        for number in range(mebibytes):
            more = number + 1 < mebibytes
            await send({"type": "http.response.body", "body": bytes(MIB), "more_body": more})
        while (message := await receive())["type"] == "http.request":
            pass
        ends.append(message["type"])

    with running(app, lifespan="off", **config) as address:
        yield address, ends


def eventually(found: list[str]) -> list[str]:
    """The list once it has an entry."""
    deadline = time.monotonic() + SLACK
    while not found and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def test_who_reads_nothing_is_cut_off(address: Address) -> None:
    """The application is told that the client has left, and the client's connection is reset.

    Without the reset the system would keep the unread bytes for as long as the client is there.
    """
    with streaming(1000) as (large, ends), ask(large) as client:
        assert eventually(ends) == ["http.disconnect"]
        with pytest.raises(ConnectionResetError):
            read(client, 1000 * MIB)


def test_who_reads_too_slowly_is_cut_off(address: Address) -> None:
    """A neighbour: it reads 100 bytes at a time, which is less than SEND_BYTES in SEND_SECONDS."""
    with streaming(1000) as (large, ends), ask(large) as client:
        deadline = time.monotonic() + SLACK
        while not ends and time.monotonic() < deadline:
            client.recv(100)
            time.sleep(0.1)
        assert ends == ["http.disconnect"]


def insist(client: socket.socket, request: bytes, until: float) -> None:
    """Send a request again and again, also where the buffers are full."""
    while time.monotonic() < until:
        with suppress(TimeoutError):
            client.sendall(request)


def test_who_reads_no_small_answers_is_cut_off(address: Address) -> None:
    """A neighbour: a client that asks on and on and reads nothing."""
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with streaming(1) as (small, _), ask(small) as client:
        client.settimeout(0.1)
        with pytest.raises(ConnectionError):
            insist(client, request, time.monotonic() + SLACK)


def test_a_slow_reader_gets_everything(address: Address) -> None:
    """Control: 20 MiB at 4 MiB a second take ten times SEND_SECONDS."""
    with streaming(20) as (large, ends), ask(large) as client:
        for _ in range(20):
            read(client, MIB)
            time.sleep(0.25)
        assert eventually(ends) == ["http.disconnect"]


def test_a_slow_stream_is_cut_off_while_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that takes less than PRESSED_BYTES in SEND_SECONDS then loses its place."""
    monkeypatch.setattr(connection, "SEND_SECONDS", 2.0)
    monkeypatch.setattr(Worker, "_is_pressed", lambda worker: True)
    with streaming(1000) as (large, ends), ask(large) as client:
        deadline = time.monotonic() + 4 * SLACK
        while not ends and time.monotonic() < deadline:
            client.recv(16 * 1024)
            time.sleep(0.1)
        assert ends == ["http.disconnect"]


BODY_TO_COME = "Content-Length: 5\r\n"
"""A field of a head whose body is never sent."""


def test_a_slow_stream_with_an_unsent_body_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A neighbour: the body of its request never arrives."""
    monkeypatch.setattr(connection, "SEND_SECONDS", 2.0)
    monkeypatch.setattr(Worker, "_is_pressed", lambda worker: True)
    with streaming(1000, at_once=True) as (large, ends), ask(large, fields=BODY_TO_COME) as client:
        deadline = time.monotonic() + 4 * SLACK
        while not ends and time.monotonic() < deadline:
            client.recv(16 * 1024)
            time.sleep(0.1)
        assert ends == ["http.disconnect"]


def test_an_answer_does_not_wait_for_a_body(address: Address) -> None:
    """Control: a reader gets the whole answer, although BODY_SECONDS is over before its end."""
    with streaming(12, at_once=True) as (large, ends), ask(large, fields=BODY_TO_COME) as client:
        for _ in range(12):
            read(client, MIB)
            time.sleep(0.25)
        assert eventually(ends) == ["http.disconnect"]


def test_a_slow_stream_goes_on_while_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: the same client, which takes 160 KiB in a second."""
    monkeypatch.setattr(connection, "SEND_SECONDS", 2.0)
    with streaming(1000) as (large, ends), ask(large) as client:
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline:
            assert client.recv(16 * 1024)
            time.sleep(0.1)
        assert ends == []


def test_a_client_far_away_is_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: its reader takes all that waits within SEND_SECONDS, which is less than SEND_BYTES.

    A small receive buffer stands for the long way: 16 KiB take more than a second.
    """
    monkeypatch.setattr(connection, "SEND_SECONDS", 3.0)
    sent = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        fields = [(b"content-length", b"%d" % (60 * 1024))]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        for number in range(10):
            piece = {"type": "http.response.body", "body": bytes(6 * 1024), "more_body": number < 9}
            await send(piece)
            sent += 1
            await asyncio.sleep(0.9)

    with running(app, lifespan="off") as far:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(SLACK)
        client.connect((far.host, far.port))
        with client:
            client.sendall(GET)
            received = 0
            while received < 60 * 1024:
                piece = client.recv(700)
                assert piece
                received += len(piece)
                time.sleep(0.1)
    assert sent == 10


def test_an_answer_that_takes_long_to_compute_is_not_cut_off(address: Address) -> None:
    """Control: while the application works, no deadline of the client runs."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(4 * SHORT)
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
        )
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    with running(app, lifespan="off") as slow, ask(slow) as client:
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
