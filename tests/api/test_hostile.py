"""Hostile requests over a real socket: always 4xx, always a problem that says what to do."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.application import Answer, ask, post, send, serving
from tests.server import Address

START = "/v1/weights.npy?shape=4,3&seed=1&name=w"
NINES = "9" * 4300

QUERIES = [
    ("std=nan&scheme=normal", "malformed_number", "std"),
    ("std=NaN&scheme=normal", "malformed_number", "std"),
    ("std=inf&scheme=normal", "malformed_number", "std"),
    ("std=1e999&scheme=normal", "out_of_range", "std"),
    ("std=1e-999&scheme=normal", "out_of_range", "std"),
    ("std=1_0&scheme=normal", "malformed_number", "std"),
    ("std=0x1p3&scheme=normal", "malformed_number", "std"),
    (f"std={NINES}&scheme=normal", "malformed_number", "std"),
    (f"groups={NINES}", "out_of_range", "groups"),
    ("groups=1_000", "malformed_number", "groups"),
    ("groups=%2B5", "malformed_number", "groups"),
    ("groups=+5", "malformed_number", "groups"),
    ("groups=5.0", "malformed_number", "groups"),
    ("groups=05", "malformed_number", "groups"),
    ("groups=%D9%A3", "malformed_number", "groups"),
    ("groups=0", "out_of_range", "groups"),
    ("groups=-1", "out_of_range", "groups"),
    ("groups=", "empty_field", "groups"),
    ("seed=2", "duplicate_field", "seed"),
    ("name=", "duplicate_field", "name"),
    ("fan=3", "unknown_field", "fan"),
    ("__class__=3", "unknown_field", "__class__"),
    ("Dtype=float32", "unknown_field", "Dtype"),
    ("groups%00=2", "unknown_field", "groups\x00"),
    ("layer=%FF", "malformed_text", "layer"),
    ("layer=%C0%80", "malformed_text", "layer"),
    ("layer=%ED%A0%80", "malformed_text", "layer"),
    ("layer=%zz", "malformed_query", "layer"),
    ("layer=%", "malformed_query", "layer"),
    ("layer", "malformed_query", "layer"),
    ("=3", "malformed_query", ""),
    ("&&", "malformed_query", ""),
    ("layer=" + "a" * 8000, "unknown_word", "layer"),
    ("&".join(["x=1"] * 70), "malformed_query", ""),
    ("slice=0:2:1,:", "malformed_slice", "slice"),
    ("slice=0:9,:", "impossible_slice", "slice"),
    ("slice=:", "impossible_slice", "slice"),
    ("order=F&dtype=bfloat16", "format_cannot_carry_dtype", "dtype"),
    ("scheme=he_normal&std=1", "scheme_field", "std"),
    ("scheme=normal&std=0", "not_positive", "std"),
    ("scheme=normal&std=1e-60", "vanishes_in_dtype", "dtype"),
    ("scheme=normal&std=1e39", "overflows_dtype", "dtype"),
    ("layout=OIHW", "layout_mismatch", "layout"),
    ("layout=QZ", "bad_layout", "layout"),
]

SHAPES = [
    ("", "empty_field"),
    ("4,,3", "malformed_shape"),
    ("4,3,", "malformed_shape"),
    ("4x3", "malformed_shape"),
    ("-1,3", "out_of_range"),
    ("1,2,3,4,5,6,7,8,9", "out_of_range"),
    (f"{NINES}", "out_of_range"),
    ("1e3,2", "malformed_shape"),
    ("[[4,3]]", "malformed_shape"),
    ("288230376151711743,2", "too_large"),
    ("0,288230376151711743,2", "too_large"),
    ("%EF%BC%94,3", "malformed_shape"),
]

BODIES = [
    (b"", "malformed_json", ""),
    (b"null", "malformed_json", ""),
    (b"[]", "malformed_json", ""),
    (b"{", "malformed_json", ""),
    (b"\xff\xfe{}", "malformed_json", ""),
    (b'{"shape": [4, 3]} {}', "malformed_json", ""),
    (b'{"shape": ' + b"[" * 900 + b"]" * 900 + b"}", "malformed_json", ""),
    (b'{"shape": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}", "malformed_json", ""),
    (b"[" * 60_000, "malformed_json", ""),
    (b'{"shape": [4, 3], "std": NaN}', "malformed_json", ""),
    (b'{"shape": [4, 3], "std": -Infinity}', "malformed_json", ""),
    (b'{"shape": [4, 3], "scheme": "normal", "std": 1e999}', "out_of_range", "std"),
    (b'{"shape": [4, 3], "seed": ' + b"9" * 4300 + b"}", "out_of_range", "seed"),
    (b'{"shape": [4, 3], "seed": 9007199254740992}', "out_of_range", "seed"),
    (b'{"shape": [4, 3], "seed": 5.0}', "malformed_number", "seed"),
    (b'{"shape": [4, 3], "seed": true}', "malformed_number", "seed"),
    (b'{"shape": [4, 3], "seed": null}', "malformed_number", "seed"),
    (b'{"shape": [4, 3], "seed": 1, "seed": 1}', "duplicate_field", "seed"),
    (b'{"shape": [4, 3], "format": "npy", "format": "npy"}', "duplicate_field", "format"),
    (b'{"shape": [4, 3], "format": "npz"}', "unknown_word", "format"),
    (b'{"shape": [4, 3], "format": 3}', "malformed_text", "format"),
    (b'{"shape": [4, 3], "name": "\\ud800"}', "malformed_text", "name"),
    (b'{"shape": [4, 3], "\\ud800": 1}', "malformed_text", "\\ud800"),
    (b'{"shape": [4, 3], "name": "\\u0000"}', "malformed_text", "name"),
    (b'{"shape": [4, 3], "name": {"a": 1}}', "malformed_text", "name"),
    (b'{"shape": ["4", 3]}', "malformed_shape", "shape"),
    (b'{"shape": 4}', "malformed_shape", "shape"),
    (b'{"shape": [4, 3], "sead": 1}', "unknown_field", "sead"),
    (b"{}", "missing_field", "shape"),
]

WORDS = [
    ("scheme=KaimingNormal", "write he_normal; /schemes lists all"),
    ("scheme=he_norml", "the nearest are he_normal, "),
    ("scheme=xavier_uniform_", "write glorot_uniform; /schemes lists all"),
    ("dtype=Float32", "write float32; /dtypes lists all"),
    ("dtype=bf16", "write bfloat16; /dtypes lists all"),
    ("layer=linear", "write dense; /layers lists all"),
    ("layer=Conv2D", "write conv2d; /layers lists all"),
    ("layout=pytorch", "write torch; /layers lists all"),
    ("layout=hwio", "write HWIO; /layers lists all"),
    ("activation=ReLU", "write relu; /activations lists all"),
    ("mode=fan_inn", "the nearest are fan_in, "),
    ("sede=3", "the nearest are seed, "),
    ("nonlinearity=relu", "write activation; "),
]

PATHS = [
    "/v1/weights.npy/",
    "/v1/weights%2Enpy",
    "/v1/weights%2enpy",
    "//v1/weights.npy",
    "/v1//weights.npy",
    "/v1/./weights.npy",
    "/v1/x/../weights.npy",
    "/v1/weights.npy%0A",
    "/v1/weights.npy%00",
    "/v1/weights.NPY",
    "/v1/weights.npz",
    "/v1/weights.npy;v=1",
    "/V1/weights.npy",
    "/schemes/",
    "/schemes/he%5Fnormal",
    "/openapi%2Ejson",
]

UNPARSABLE = [
    b"nonsense\r\n\r\n",
    b"GET /v1/weights.npy HTTP/1.1\r\n\r\n",
    b"GET /v1/weights.npy HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET /v1/weights.npy HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n",
    b"GET /v1/weights.npy\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: garbage\r\n\r\n",
    b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Length: 1_0\r\n\r\n",
    b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
]


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """Nothing here comes as far as a kernel."""
    with serving(warm_up=lambda: None) as address:
        yield address


def problem(answer: Answer) -> Any:
    """The answer's problem, whose form is checked: it is whole, strict JSON and never cached."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    body = json.loads(answer.body.decode("utf-8"), parse_constant=refuse)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert body["status"] == answer.status
    assert body["type"] == f"/problems/{body['reason']}"
    assert body["errors"]
    assert all(entry["message"] and entry["hint"] for entry in body["errors"])
    assert len(answer.body) < 8000
    return body


def parsed(raw: bytes) -> Answer:
    """Raw bytes from a socket as an answer."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Answer(int(status.split()[1]), headers, body)


@pytest.mark.parametrize(("query", "reason", "field"), QUERIES)
def test_a_bad_field_is_named(address: Address, query: str, reason: str, field: str) -> None:
    """Reason and field say which item of the query is wrong, the status whose fault it is."""
    answer = ask(address, f"{START}&{query}")
    found = problem(answer)
    assert answer.status in (400, 422)
    assert (found["reason"], found["errors"][0]["field"]) == (reason, field)


@pytest.mark.parametrize(("shape", "reason"), SHAPES)
def test_a_bad_shape_is_named(address: Address, shape: str, reason: str) -> None:
    """No shape is guessed at, and none overflows."""
    found = problem(ask(address, f"/v1/weights.npy?shape={shape}&scheme=zeros"))
    assert (found["reason"], found["errors"][0]["field"]) == (reason, "shape")


@pytest.mark.parametrize(("body", "reason", "field"), BODIES)
def test_a_bad_body_is_named(address: Address, body: bytes, reason: str, field: str) -> None:
    """JSON of any depth, size and content is read strictly or refused."""
    answer = post(address, body)
    found = problem(answer)
    assert answer.status == 400
    assert (found["reason"], found["errors"][0]["field"]) == (reason, field)


@pytest.mark.parametrize(("query", "hint"), WORDS)
def test_a_near_miss_is_shown_the_word(address: Address, query: str, hint: str) -> None:
    """Another framework's spelling gets its replacement, a slip the nearest words."""
    found = problem(ask(address, f"/v1/weights.npy?shape=4,3&{query}"))
    assert found["errors"][0]["hint"].startswith(hint)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_has_one_spelling(address: Address, path: str) -> None:
    """Escapes, slashes, dots and case make another path, which is not there; nobody is sent on."""
    answer = ask(address, f"{path}?shape=4,3&seed=1&name=w&scheme=normal")
    assert answer.status == 404
    assert problem(answer)["reason"] == "not_found"
    assert "location" not in answer.headers


@pytest.mark.parametrize("request_bytes", UNPARSABLE)
def test_what_is_no_http_is_answered_all_the_same(address: Address, request_bytes: bytes) -> None:
    """A problem, and the connection is closed."""
    answer = parsed(send(address, request_bytes))
    assert answer.status == 400
    assert problem(answer)["reason"] == "bad_request"


def test_too_large_a_header_is_refused(address: Address) -> None:
    """More than 16 KiB of request line and headers that do not end: 431."""
    answer = parsed(send(address, b"GET /v1/weights.npy?x=" + b"a" * 17_000))
    assert answer.status == 431
    assert problem(answer)["reason"] == "header_too_large"


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
    start = b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    request = start + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 3
    answer = parsed(send(address, request + b"0\r\n\r\n"))
    assert (answer.status, problem(answer)["reason"]) == (413, "payload_too_large")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/weights.npy", "GET, HEAD"),
        ("OPTIONS", "/v1/weights.npy", "GET, HEAD"),
        ("DELETE", "/schemes", "GET, HEAD"),
        ("GET", "/v1/weights", "POST"),
        ("HEAD", "/v1/weights", "POST"),
        ("BREW", "/livez", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    address: Address, method: str, path: str, allowed: str
) -> None:
    """405 with Allow, whatever the method."""
    answer = ask(address, path, method)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    if method != "HEAD":
        assert problem(answer)["reason"] == "method_not_allowed"


def test_a_client_who_leaves_in_the_middle_of_a_body_harms_nobody(
    address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    """The server logs no error and serves the next."""
    start = b"POST /v1/weights HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection((address.host, address.port)) as client:
        client.sendall(start + b"Content-Length: 100\r\n\r\n{")
    assert ask(address, "/livez").status == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
