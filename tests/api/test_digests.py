"""Content-Digest over a real socket (RFC 9530): which answers have one, and that it is right."""

import hashlib
import http.client
import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx2
import numpy as np
import pytest
from fastapi import FastAPI
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from service.api.digests import ALGORITHMS, MOST_DIGESTED_BYTES, preferred
from service.api.headers import MOST_HEADER_BYTES
from service.api.problems import install
from service.api.streaming import StreamPool, TensorResponse
from tests.api.patterns import HEADERS, MIB, PatternBody, pool_of, serving
from tests.application import Answer, ask, ready, send
from tests.server import Address, until
from tests.server import ask as connected

SMALL = "/v1/weights.npy?shape=50,30&scheme=he_normal&seed=7&name=w"
WANT = {"Want-Content-Digest": "sha-256=10"}


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def wanted(address: Address, target: str, value: str = "sha-256=10", **headers: str) -> Answer:
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    return ask(address, target, headers={"Want-Content-Digest": value} | fields)


def digest(content: bytes, algorithm: str = "sha-256") -> str:
    """The value of Content-Digest, as the RFC writes it."""
    made = hashlib.new(algorithm.replace("-", ""), content).digest()
    return f"{algorithm}=:{b64encode(made).decode()}:"


def test_the_form_is_that_of_the_rfc() -> None:
    """RFC 9530, section 2: the example's content and its field."""
    expected = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
    assert digest(b'{"hello": "world"}\n') == expected


@pytest.mark.parametrize(
    ("value", "algorithm"),
    [
        # RFC 9530, section 4 and appendices B and C.
        ("sha-256=1", "sha-256"),
        ("sha-512=3, sha-256=10, unixsum=0", "sha-256"),
        ("sha-512=10, sha-256=3", "sha-512"),
        ("sha-512=5,sha-256=5", "sha-256"),
        ("sha-256=0, sha-512=1", "sha-512"),
        ("sha-256=0", None),
        ("sha-256=0, sha-512=0", None),
        ("md5=10", None),
        ("md5=10, sha=9, sha-512=1", "sha-512"),
        ("sha-256=1;q=0.5", "sha-256"),
        ("sha-256=1, sha-256=0", None),
        ("  sha-256=7\t,\tsha-512=2  ", "sha-256"),
        ("sha-256=-0, sha-512=1", "sha-512"),
        # The field is ignored as a whole.
        ("", None),
        ("sha-256", None),
        ("sha-256=?1", None),
        ("sha-256=11", None),
        ("sha-256=-1", None),
        ("sha-256=1.0", None),
        ("sha-256=(1)", None),
        ('sha-256="1"', None),
        ("sha-256=1, sha-512=11", None),
        ("sha-256=1, md5=x", None),
        ("sha-256=1,", None),
        ("sha-256=1,,sha-512=1", None),
        ("sha-256=1 sha-512=1", None),
        ("SHA-256=1", None),
        ("sha-256 = 1", None),
        ("sha-256=1, sha-512=9999999999999999", None),
        ("sha-256=1" + " " * 600, None),
    ],
)
def test_the_preference_decides(value: str, algorithm: str | None) -> None:
    """The highest preference of a known algorithm. 0 is none; of equal ones sha-256 is used."""
    assert preferred(value) == algorithm


_PIECES = st.sampled_from(
    [
        *("=", ",", ";", ":", "(", ")", "@", "?", "%", '"', "'", "*", ".", " ", "\t", "\\", "-"),
        *("sha-256", "sha-512", "=1", "10", "1.5", "?1", "(1 2)", "999999999999999"),
        *("@99999999999999", '%"%c3%a9"', '%"%ff"', ":aGk=:", ":!:", "\xe9", "\xff"),
    ]
)


@settings(max_examples=1000, deadline=None)
@given(st.text(st.characters(max_codepoint=255)) | st.lists(_PIECES).map("".join))
@example("sha-256=@-99999999999")
@example("(" * 500)
def test_no_value_is_an_error(value: str) -> None:
    """Any characters that a header can carry, and any pieces of the syntax."""
    assert preferred(value) in (None, *ALGORITHMS)


@pytest.mark.parametrize(
    "value",
    [
        b"\xff\xfe",
        b"sha-256=" + b"(" * 10_000,
        b"sha-256=1," * 1400,
        b'"',
        b"sha-256=@1",
        b"=" * 99,
    ],
)
def test_a_hostile_value_is_ignored(address: Address, value: bytes) -> None:
    """200 with the same bytes and no digest."""
    head = b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\nWant-Content-Digest: %b\r\n\r\n"
    raw = send(address, head % (SMALL.encode(), value))
    assert raw.startswith(b"HTTP/1.1 200 ")
    assert b"content-digest" not in raw.lower().partition(b"\r\n\r\n")[0]
    assert raw.endswith(ask(address, SMALL).body)


WHOLE = [
    SMALL,
    SMALL.replace(".npy", ".safetensors"),
    SMALL.replace(".npy", ".raw"),
    "/v1/weights.raw?shape=0,3&scheme=he_normal&seed=7",
    # More work than is done on the event loop.
    "/v1/weights.raw?shape=256,256&scheme=dct&dtype=float8_e5m2",
    # Several chunks, the last one short; then an order of which larger chunks are computed.
    "/v1/weights.npy?shape=1001,1003&scheme=he_normal&seed=7&name=w",
    "/v1/weights.npy?shape=1001,1003&scheme=he_normal&seed=7&name=w&order=F&dtype=float16",
    "/v1/weights.npy?shape=64,3,7,7&layout=HWIO&scheme=glorot_uniform&seed=7&name=w",
    # A draft, and a matrix that is computed as a whole.
    "/v1/weights.raw?shape=1000,1000&scheme=sparse&std=1&sparsity=0.5&seed=7&name=w",
    "/v1/weights.safetensors?shape=300,200&scheme=orthogonal&seed=7&name=w",
]


@pytest.mark.parametrize("target", WHOLE)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_whole_answer(address: Address, target: str, algorithm: str) -> None:
    """The digest is that of the bytes, which are those without a digest, and so are the headers."""
    answer, plain = wanted(address, target, f"{algorithm}=1"), ask(address, target)
    assert (answer.status, answer.body) == (200, plain.body)
    assert answer.headers.pop("content-digest") == digest(plain.body, algorithm)
    for headers in (answer.headers, plain.headers):
        del headers["date"]
    assert answer.headers == plain.headers


@pytest.mark.parametrize("target", [target for target in WHOLE if "shape=0" not in target])
@pytest.mark.parametrize("ranges", ["bytes=5-1004", "bytes=-7", "bytes=0-9,20-29,-4"])
def test_a_range_has_the_digest_of_its_own_bytes(
    address: Address, target: str, ranges: str
) -> None:
    """Also of several ranges, whose content is the multipart body (RFC 9530, section 2)."""
    answer = wanted(address, target, Range=ranges)
    assert (answer.status, answer.body) == (
        206,
        ask(address, target, "GET", {"Range": ranges}).body,
    )
    assert answer.headers["content-digest"] == digest(answer.body)


def test_the_size_decides(address: Address) -> None:
    """At most 8 MiB, of any part of any tensor; above it there is no digest."""
    most = MOST_DIGESTED_BYTES
    assert most == 8 * MIB
    raw = "/v1/weights.raw?shape={}&scheme=normal&dtype=float8_e5m2&seed=7"
    held = wanted(address, raw.format(most))
    assert held.headers["content-digest"] == digest(held.body)
    larger = wanted(address, raw.format(most + 1))
    assert (larger.status, len(larger.body)) == (200, most + 1)
    assert "content-digest" not in larger.headers
    huge = raw.format(2**43)
    part = wanted(address, huge, Range=f"bytes=-{most}")
    assert (part.status, len(part.body)) == (206, most)
    assert part.headers["content-digest"] == digest(part.body)
    assert "content-digest" not in wanted(address, raw.format(most + 9), Range="bytes=1-").headers


def test_several_lines_are_one_dictionary(address: Address) -> None:
    """RFC 9110, section 5.3."""
    with closing(http.client.HTTPConnection(address.host, address.port)) as client:
        client.putrequest("GET", SMALL)
        client.putheader("Want-Content-Digest", "sha-256=1")
        client.putheader("want-content-digest", "sha-512=9")
        client.endheaders()
        answer = client.getresponse()
        assert answer.headers["content-digest"] == digest(answer.read(), "sha-512")


def test_an_answer_to_post(address: Address) -> None:
    """Of the tensor that the body describes."""
    body = json.dumps({"shape": [50, 30], "scheme": "he_normal", "seed": 7, "name": "w"}).encode()
    headers = WANT | {"Content-Type": "application/json"}
    answer = ask(address, "/v1/weights", "POST", headers, body)
    assert answer.body == ask(address, SMALL).body
    assert answer.headers["content-digest"] == digest(answer.body)


def test_a_drawn_seed(address: Address) -> None:
    """The digest is of this answer alone."""
    answers = [wanted(address, SMALL.replace("&seed=7", "")) for _ in range(2)]
    assert [each.headers["content-digest"] for each in answers] == [
        digest(each.body) for each in answers
    ]
    assert answers[0].body != answers[1].body


def test_answers_without_a_digest(address: Address) -> None:
    """HEAD (RFC 9110, section 9.3.2), 304, refusals, and JSON."""
    tag = ask(address, SMALL).headers["etag"]
    answers = {
        "HEAD": ask(address, SMALL, "HEAD", WANT),
        "304": wanted(address, SMALL, If_None_Match=tag),
        "412": wanted(address, SMALL, If_Match='"other"'),
        "416": wanted(address, SMALL, Range="bytes=99999-"),
        "400": wanted(address, SMALL + "&x=1"),
        "404": wanted(address, "/nowhere"),
        "certificate": wanted(address, SMALL.replace(".npy", ".json")),
        "not asked": ask(address, SMALL),
    }
    statuses = [answer.status for answer in answers.values()]
    assert statuses == [200, 304, 412, 416, 400, 404, 200, 200]
    assert [name for name, each in answers.items() if "content-digest" in each.headers] == []


def test_the_longest_headers_have_room_for_it(address: Address) -> None:
    """3 KiB in all, with the longest name, several ranges and the longer digest."""
    name = "a" * 80 + "%F0%9F%98%80" * 108
    heights = ",".join(str(height) for height in range(1, 65))
    target = (
        f"/v1/weights.npy?shape=2080,8&layout=OI&scheme=he_normal&seed={2**64 - 1}&name={name}"
        f"&parts={heights}"
    )
    head = (
        f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nRange: bytes=0-9,20-29\r\n"
        "Want-Content-Digest: sha-512=1\r\n\r\n"
    )
    answer, _, _ = send(address, head.encode()).partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 206 ")
    assert b"content-digest: sha-512=:" in answer
    assert 2048 < len(answer) + 4 < MOST_HEADER_BYTES


def test_the_document_describes_it(address: Address) -> None:
    """GET and POST of a tensor have the request's field and the answer's. HEAD has neither."""
    paths = json.loads(ask(address, "/openapi.json").body)["paths"]
    asks = {"$ref": "#/components/parameters/Want-Content-Digest"}
    for path, method, has_it in (
        ("/v1/weights.npy", "get", True),
        ("/v1/weights.npy", "head", False),
        ("/v1/weights.json", "get", False),
        ("/v1/weights", "post", True),
    ):
        operation = paths[path][method]
        assert (asks in operation.get("parameters", [])) == has_it
        assert ("Content-Digest" in operation["responses"]["200"]["headers"]) == has_it
    assert "Content-Digest" in paths["/v1/weights.npy"]["get"]["responses"]["206"]["headers"]


def test_web_pages_may_ask(address: Address) -> None:
    """A preflight request allows the field."""
    preflight = {"Origin": "http://a", "Access-Control-Request-Method": "GET"}
    answer = ask(address, SMALL, "OPTIONS", preflight)
    assert "Want-Content-Digest" in answer.headers["access-control-allow-headers"]


# Places, and threads.


class Noting(PatternBody):
    """It notes whether a chunk was computed on the event loop."""

    on_the_loop = False

    def chunk(self, index: int, memory: "np.typing.NDArray[np.uint8]") -> memoryview:
        self.on_the_loop |= threading.current_thread().name == "uvicorn"
        return super().chunk(index, memory)


def app_of(body: PatternBody, pool: StreamPool) -> FastAPI:
    """`/` answers with the body and its digest."""

    async def answer(request: Request) -> ASGIApp:
        return TensorResponse(body, HEADERS, pool, digest="sha-256")

    app = FastAPI(routes=[Route("/", answer)])
    install(app)
    return app


@pytest.mark.parametrize("chunk_bytes", [1_000_003, 3 * MIB, 4 * MIB])
def test_a_held_content_of_any_chunks(chunk_bytes: int) -> None:
    """They are computed in threads, in their order."""
    body = Noting(8 * MIB, chunk_bytes)
    with closing(pool_of(threads=2)) as pool, serving(app_of(body, pool)) as address:
        answer = httpx2.get(address.url)
    assert answer.content == body.expected()
    assert answer.headers["content-digest"] == digest(body.expected())
    assert not body.on_the_loop


def test_a_held_content_keeps_its_place_until_it_is_sent() -> None:
    """So contents take at most 8 MiB for each place. A client that leaves gives it back."""
    body = PatternBody(8 * MIB)
    with (
        closing(pool_of(threads=1, streams=1)) as pool,
        serving(app_of(body, pool)) as address,
    ):
        with connected(address):
            assert until(lambda: body.made == 8)
            refused = httpx2.get(address.url)
        assert until(lambda: httpx2.get(address.url).status_code == 200)
    assert (refused.status_code, refused.json()["reason"]) == (503, "too_busy")


def test_a_client_who_leaves_ends_the_computing() -> None:
    """After the chunk that was begun."""

    class Slow(PatternBody):
        def chunk(self, index: int, memory: "np.typing.NDArray[np.uint8]") -> memoryview:
            time.sleep(0.05)
            return super().chunk(index, memory)

    body = Slow(8 * MIB, 8 * MIB // 100)
    with closing(pool_of(threads=1)) as pool, serving(app_of(body, pool)) as address:
        with connected(address):
            assert until(lambda: body.made > 0)
        time.sleep(1)
        made = body.made
        time.sleep(0.5)
    assert made == body.made < 30


def test_an_error_before_the_head_is_a_problem() -> None:
    """The content is computed first, so the answer is a 500 and not a cut 200."""
    body = PatternBody(4 * MIB, fails_at=2)
    with closing(pool_of(threads=1)) as pool, serving(app_of(body, pool)) as address:
        answer = httpx2.get(address.url)
    assert answer.status_code == 500
    assert "content-digest" not in answer.headers


AT_ONCE = 20


def spent(address: Address, target: str, headers: dict[str, str]) -> float:
    """The CPU time of the event loop in AT_ONCE simultaneous requests, in seconds."""
    [thread] = [each for each in threading.enumerate() if each.name == "uvicorn"]
    assert thread.ident is not None
    clock = time.pthread_getcpuclockid(thread.ident)
    began = time.clock_gettime(clock)
    with ThreadPoolExecutor(AT_ONCE) as clients:
        asked = [clients.submit(ask, address, target, "GET", headers) for _ in range(AT_ONCE)]
        assert {each.result().status for each in asked} == {200}
    return time.clock_gettime(clock) - began


def hashing() -> float:
    """The CPU time of hashing as many contents of 8 MiB, in seconds."""
    content = bytes(MOST_DIGESTED_BYTES)
    began = time.thread_time()
    for _ in range(AT_ONCE):
        hashlib.sha512(content).digest()
    return time.thread_time() - began


def test_digests_do_not_hold_the_loop(address: Address) -> None:
    """20 of 8 MiB at once take the event loop hardly longer than without digests.

    Hashing them on the loop would take all the time of `hashing`, about 0.3 s.
    """
    target = "/v1/weights.raw?shape=2097152&scheme=normal&seed=7"
    plain = min(spent(address, target, {}) for _ in range(2))
    held = min(spent(address, target, {"Want-Content-Digest": "sha-512=1"}) for _ in range(2))
    assert held < plain + hashing() / 2
