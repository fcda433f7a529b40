"""Request bodies: which are read, and which are refused by what their head says of them."""

import socket
from collections.abc import Iterator

import pytest

from tests.application import ask, parsed, post, problem, send, serving
from tests.server import Address

START = b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """Nothing here comes as far as a kernel."""
    with serving(warm_up=lambda: None) as address:
        yield address


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "json", "application/jsonx"],
)
def test_a_body_says_that_it_is_json(address: Address, media_type: str) -> None:
    """Anything but application/json is refused unread."""
    answer = post(address, b'{"shape": [4, 3]}', media_type)
    assert (answer.status, problem(answer)["reason"]) == (415, "unsupported_media_type")


def test_a_body_of_no_stated_type_is_refused(address: Address) -> None:
    """No Content-Type is not JSON either."""
    answer = ask(address, "/v1/weights", "POST", body=b'{"shape": [4, 3]}')
    assert (answer.status, problem(answer)["reason"]) == (415, "unsupported_media_type")


def test_json_may_state_its_charset(address: Address) -> None:
    """Neither a parameter of the media type nor its case makes a difference: it is read."""
    found = problem(post(address, b"{}", "Application/JSON; charset=utf-8"))
    assert found["reason"] == "missing_field"


@pytest.mark.parametrize("size", [64 * 1024 + 1, 2**20])
def test_too_large_a_body_is_refused(address: Address, size: int) -> None:
    """64 KiB is the most that is read."""
    answer = post(address, b'{"name": "' + b"a" * size + b'"}')
    assert (answer.status, problem(answer)["reason"]) == (413, "payload_too_large")


def test_a_body_in_chunks_is_bounded_too(address: Address) -> None:
    """Without a Content-Length the bytes are counted as they come."""
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    request = START + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 3
    answer = parsed(send(address, request + b"0\r\n\r\n"))
    assert (answer.status, problem(answer)["reason"]) == (413, "payload_too_large")


def test_a_body_that_says_it_is_too_large_is_not_waited_for(address: Address) -> None:
    """Its Content-Length is enough."""
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.sendall(START + b"Content-Length: 65537\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(("size", "status"), [(65536, 100), (65537, 413)])
def test_who_asks_before_sending_is_told(address: Address, size: int, status: int) -> None:
    """100 for the largest body there may be: RFC 9110, section 10.1.1."""
    head = START + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % size
    with socket.create_connection((address.host, address.port), timeout=10) as client:
        client.sendall(head)
        assert client.recv(65536).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "x"])
def test_an_encoded_body_is_refused(address: Address, encoding: str) -> None:
    """415 with what is read instead (RFC 9110, section 15.5.16)."""
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    answer = ask(address, "/v1/weights", "POST", headers, b"{}")
    assert (answer.status, problem(answer)["reason"]) == (415, "unsupported_media_type")
    assert answer.headers["accept-encoding"] == "identity"


TYPE = b"Content-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n" + TYPE, 415),
        (b"Content-Encoding: gzip\r\n" + TYPE + b"Content-Encoding: identity\r\n", 415),
        (b"Content-Encoding:\r\ncontent-encoding: br\r\n" + TYPE, 415),
        (b"Content-Encoding: identity\r\nContent-Encoding: identity\r\n" + TYPE, 400),
        (b"Content-Encoding: ,identity,\r\n" + TYPE, 400),
        (TYPE + b"Content-Type: text/plain\r\n", 415),
        (b"Content-Type: text/plain\r\n" + TYPE, 415),
        (TYPE + TYPE, 415),
    ],
)
def test_every_line_of_a_header_counts(address: Address, lines: bytes, status: int) -> None:
    """Codings are one list (RFC 9110, section 5.3). A type is no list, and is given once.

    400 is for the body `{}`, which has been read then.
    """
    head = b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n"
    answer = parsed(send(address, head + lines + b"\r\n{}"))
    assert answer.status == status
    problem(answer)


def test_a_body_encoded_by_nothing_is_read(address: Address) -> None:
    """Control: identity is no encoding."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "Identity"}
    answer = ask(address, "/v1/weights", "POST", headers, b"{}")
    assert problem(answer)["reason"] == "missing_field"


@pytest.mark.parametrize("path", ["/v1/weights", "/recommend"])
def test_fields_of_a_post_stand_in_its_body(address: Address, path: str) -> None:
    """A query beside the body would be a second opinion: each of its fields is refused."""
    headers = {"Content-Type": "application/json"}
    body = b'{"shape": [4, 3], "seed": 1, "name": "w"}'
    answer = ask(address, f"{path}?seed=2&format=raw", "POST", headers, body)
    found = problem(answer)
    assert (answer.status, found["reason"]) == (400, "unknown_field")
    assert [entry["field"] for entry in found["errors"]] == ["seed", "format"]
    assert {entry["hint"] for entry in found["errors"]} == {"put it into the body"}


def test_a_client_who_leaves_in_the_middle_of_a_body_harms_nobody(
    address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    """The server logs no error and serves the next."""
    with socket.create_connection((address.host, address.port)) as client:
        client.sendall(START + b"Content-Length: 100\r\n\r\n{")
    assert ask(address, "/livez").status == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"shape": [8, 8], "scheme": "zeros", "groups": null, "format": null, "seed": null}',
        b'\xef\xbb\xbf{"shape": [8, 8], "scheme": "zeros"}',
    ],
)
def test_null_and_a_byte_order_mark_are_read(address: Address, body: bytes) -> None:
    """A null is a field that is not given; the mark says nothing (RFC 8259, section 8.1)."""
    plain = post(address, b'{"shape": [8, 8], "scheme": "zeros"}')
    answer = post(address, body)
    assert (answer.status, answer.body) == (200, plain.body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"shape": null, "seed": 1}', "missing_field"),
        (b'{"shape": [8, null], "seed": 1}', "malformed_shape"),
        ('{"shape": [8, 8]}'.encode("utf-16"), "malformed_json"),
        (b'\xef\xbb\xbf\xef\xbb\xbf{"shape": [8, 8]}', "malformed_json"),
    ],
)
def test_other_nulls_and_marks_are_refused(address: Address, body: bytes, reason: str) -> None:
    """A list has no absent items, and other encodings are not read."""
    assert problem(post(address, body))["reason"] == reason
