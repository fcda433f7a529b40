"""/v1/weights.digests over a real socket: the SHA-256 of the blocks of a file."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator

from service.api.block_digests import BLOCK_BYTES, MOST_BLOCKS, BlockHasher
from service.chunks import TensorBody
from tests.api.patterns import settled
from tests.application import Answer, ask, problem, ready
from tests.server import Address, until
from tests.server import ask as connected

MIB = 2**20
PATH = "/v1/weights.digests"
QUERY = "shape=1001,1003&scheme=he_normal&seed=7&name=w"
"""A file of 4 blocks, of which the last is shorter."""


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@dataclass
class Drawn:
    """Counts the chunks that were computed."""

    chunks: int = 0
    seconds: float = 0.0
    """A pause before each chunk."""


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    counted, filled = Drawn(), TensorBody._filled

    def counting(*args: Any, **options: Any) -> memoryview:
        counted.chunks += 1
        time.sleep(counted.seconds)
        return filled(*args, **options)

    monkeypatch.setattr(TensorBody, "_filled", counting)
    return counted


def digests(content: bytes) -> list[str]:
    """What the standard library says of the blocks of a file."""
    starts = range(0, len(content), MIB)
    return [hashlib.sha256(content[start : start + MIB]).hexdigest() for start in starts]


def listed(address: Address, query: str) -> dict[str, Any]:
    """The answer to a request that is served."""
    answer = ask(address, f"{PATH}?{query}")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    found: dict[str, Any] = json.loads(answer.body)
    return found


FILES = [
    *((QUERY, form) for form in ("npy", "safetensors", "raw")),
    ("shape=50,30&scheme=he_normal&seed=7&name=w", "npy"),
    ("shape=scalar&scheme=constant&value=1", "safetensors"),
    (f"{QUERY}&order=F", "npy"),
    (f"{QUERY}&layout=IO&dtype=float64", "raw"),
    (f"{QUERY}&slice=3:900,7:&dtype=bfloat16", "safetensors"),
    ("shape=3,3,200,301&layout=HWIO&scheme=glorot_uniform&seed=7&name=w", "npy"),
    ("shape=262144&scheme=normal&seed=7", "raw"),
    ("shape=262144&scheme=normal&seed=7", "npy"),
    ("shape=262145&scheme=normal&seed=7", "raw"),
    ("shape=2000,700&scheme=identity", "npy"),
    ("shape=1000,700&scheme=sparse&std=1&sparsity=0.5&seed=7&name=w", "npy"),
    ("shape=900,700&scheme=orthogonal&seed=7&name=w", "npy"),
    ("shape=256,256&scheme=dct&dtype=float8_e5m2", "raw"),
    ("shape=0,3&scheme=he_normal&seed=7", "npy"),
]


@pytest.mark.parametrize(("query", "form"), FILES)
def test_the_digests_are_those_of_the_file(address: Address, query: str, form: str) -> None:
    """Of every format, layout, order, slice and kind of scheme; and what else is told is true."""
    found = listed(address, f"{query}&format={form}")
    file = ask(address, found["url"])
    assert found["url"].startswith(f"/v1/weights.{form}?")
    assert "content-location" not in file.headers
    assert file.body == ask(address, f"/v1/weights.{form}?{query}").body
    expected = digests(file.body)
    assert found == {
        "url": found["url"],
        "etag": file.headers["etag"],
        "bytes": len(file.body),
        "algorithm": "sha-256",
        "block_bytes": MIB,
        "block_count": len(expected),
        "blocks": [0, len(expected)],
        "digests": expected,
    }


def test_every_range_of_blocks(address: Address) -> None:
    """One block alone, or several, are those entries of the list."""
    whole = listed(address, QUERY)
    count = whole["block_count"]
    assert count == 4
    for start in range(count):
        for stop in range(start + 1, count + 1):
            part = listed(address, f"{QUERY}&blocks={start}:{stop}")
            expected = whole["digests"][start:stop]
            assert part == whole | {"blocks": [start, stop], "digests": expected}


def test_npy_is_the_default(address: Address) -> None:
    """As in POST /v1/weights."""
    assert listed(address, QUERY) == listed(address, f"{QUERY}&format=npy")


def test_a_file_without_bytes_has_no_blocks(address: Address) -> None:
    """The digests are an empty list."""
    found = listed(address, "shape=0,3&scheme=he_normal&seed=7&format=raw")
    facts = (found["bytes"], found["block_count"], found["blocks"], found["digests"])
    assert facts == (0, 0, [0, 0], [])


def test_the_last_blocks_of_a_huge_file(address: Address) -> None:
    """16 TiB: the two last blocks cost what they are."""
    query = "shape=2199023255551&dtype=float64&scheme=normal&seed=7&name=w"
    count = 2**24
    found = listed(address, f"{query}&blocks={count - 2}:{count}")
    assert (found["bytes"], found["block_count"]) == (2**44 + 120, count + 1)
    start, stop = (count - 2) * MIB, count * MIB
    part = ask(address, found["url"], headers={"Range": f"bytes={start}-{stop - 1}"})
    assert found["digests"] == digests(part.body)


LARGE = "dtype=float64&scheme=uniform&low=0&high=1&seed=7&format=raw&shape="


def test_the_most_blocks(address: Address) -> None:
    """A file of 256 is listed as a whole. A file of 257 is refused with a hint that is served."""
    assert MOST_BLOCKS * MIB == 8 * 2**25
    found = listed(address, f"{LARGE}{2**25}")
    assert found["digests"] == digests(ask(address, found["url"]).body)
    assert len(found["digests"]) == MOST_BLOCKS
    for query in (f"{LARGE}{2**25 + 1}", f"{LARGE}{2**25 + 1}&blocks=0:257"):
        refused = ask(address, f"{PATH}?{query}", "GET")
        assert refused.status == 422
        assert problem(refused)["errors"][0]["hint"] == "write blocks=0:256"
    followed = listed(address, f"{LARGE}{2**25 + 1}&blocks=0:256")
    assert (followed["block_count"], followed["blocks"]) == (257, [0, 256])


REFUSED = [
    ("blocks=5:5", 422, "impossible_blocks"),
    ("blocks=3:2", 422, "impossible_blocks"),
    ("blocks=0:0", 422, "impossible_blocks"),
    ("blocks=0:5", 422, "impossible_blocks"),
    ("blocks=4:5", 422, "impossible_blocks"),
    ("blocks=7:999999999999999999", 422, "impossible_blocks"),
    ("blocks=1", 400, "malformed_blocks"),
    ("blocks=:", 400, "malformed_blocks"),
    ("blocks=0:", 400, "malformed_blocks"),
    ("blocks=-1:2", 400, "malformed_blocks"),
    ("blocks=01:2", 400, "malformed_blocks"),
    ("blocks=0:1:1", 400, "malformed_blocks"),
    ("blocks=0-1", 400, "malformed_blocks"),
    ("blocks=0:%2B1", 400, "malformed_blocks"),
    ("blocks=%D9%A0:%D9%A1", 400, "malformed_blocks"),
    ("blocks=0:" + "9" * 5000, 400, "malformed_blocks"),
]


@pytest.mark.parametrize(("field", "status", "reason"), REFUSED)
def test_other_blocks_are_refused(address: Address, field: str, status: int, reason: str) -> None:
    """With a hint that is served when it is followed. HEAD is refused as well."""
    refused = ask(address, f"{PATH}?{QUERY}&{field}")
    assert (refused.status, problem(refused)["reason"]) == (status, reason)
    assert ask(address, f"{PATH}?{QUERY}&{field}", "HEAD").status == status
    (entry,) = problem(refused)["errors"]
    assert entry["field"] == "blocks"
    if reason == "malformed_blocks":
        assert entry["hint"] == "write start:stop, such as 0:1"
    _, _, blocks = entry["hint"].removeprefix("write ").rpartition(" ")
    blocks = blocks.removeprefix("blocks=")
    start, stop = blocks.split(":")
    assert listed(address, f"{QUERY}&blocks={blocks}")["blocks"] == [int(start), int(stop)]


@pytest.mark.parametrize(
    ("query", "field", "hint"),
    [
        ("shape=0&scheme=zeros&format=raw&blocks=0:1", "blocks", "leave blocks out"),
        ("shape=8&scheme=zeros&format=json", "format", "the nearest are "),
        ("shape=8&scheme=zeros&format=numpy", "format", "write npy"),
        ("shape=8&scheme=zeros&dtype=bfloat16", "dtype", "use format safetensors or raw"),
        ("shape=8&scheme=zeros&block=0:1", "block", "the nearest are blocks, "),
        ("shape=8&scheme=zeros&blocks=0:1&blocks=0:1", "blocks", "give it once"),
        ("shape=8&scheme=zeros&blocks=", "blocks", "give a value"),
        ("format=raw", "shape", "add shape="),
        ("shape=8,4&scheme=he_norml", "scheme", "the nearest are he_normal, "),
    ],
)
def test_other_refusals(address: Address, query: str, field: str, hint: str) -> None:
    """As of /v1/weights.npy, and of its own two fields."""
    refused = ask(address, f"{PATH}?{query}")
    assert refused.status in (400, 422)
    (entry,) = problem(refused)["errors"]
    assert (entry["field"], entry["hint"][: len(hint)]) == (field, hint)


def headers_of(answer: Answer) -> dict[str, str]:
    """All but the date."""
    return {name: value for name, value in answer.headers.items() if name != "date"}


@pytest.mark.parametrize(("query", "form"), FILES)
def test_head_has_the_headers_of_get_and_computes_nothing(
    address: Address, drawn: Drawn, query: str, form: str
) -> None:
    """Content-Length and ETag among them."""
    target = f"{PATH}?{query}&format={form}"
    head = ask(address, target, "HEAD")
    assert (head.status, head.body, drawn.chunks) == (200, b"", 0)
    get = ask(address, target)
    assert headers_of(head) == headers_of(get)
    assert head.headers["content-length"] == str(len(get.body))
    assert head.headers["cache-control"] == "no-cache"
    assert (drawn.chunks > 0) == (len(json.loads(get.body)["digests"]) > 0)


def test_conditions_compute_nothing(address: Address, drawn: Drawn) -> None:
    """304 has the headers that the clause asks for (RFC 9110, section 15.4.5); 412 is a refusal."""
    tag = ask(address, f"{PATH}?{QUERY}", "HEAD").headers["etag"]
    for method in ("GET", "HEAD"):
        answer = ask(address, f"{PATH}?{QUERY}", method, {"If-None-Match": tag})
        assert (answer.status, answer.body) == (304, b"")
        assert (answer.headers["etag"], answer.headers["cache-control"]) == (tag, "no-cache")
        other = {"If-Match": '"other"'}
        assert ask(address, f"{PATH}?{QUERY}", method, other).status == 412
    assert drawn.chunks == 0
    assert ask(address, f"{PATH}?{QUERY}", headers={"If-None-Match": '"other"'}).status == 200
    assert drawn.chunks > 0


def test_each_answer_has_a_tag_of_its_own(address: Address) -> None:
    """Other blocks, formats and tensors have other tags. Another spelling has the same one."""
    queries = [QUERY, f"{QUERY}&blocks=0:1", f"{QUERY}&blocks=1:2", f"{QUERY}&format=raw"]
    queries.append(QUERY.replace("seed=7", "seed=8"))
    tags = [ask(address, f"{PATH}?{query}", "HEAD").headers["etag"] for query in queries]
    assert len(set(tags)) == len(tags)
    other = f"{QUERY.replace('1001,1003', '1001%2C1003')}&format=npy&blocks=0:4"
    answer = ask(address, f"{PATH}?{other}", "HEAD")
    assert answer.headers["etag"] == tags[0]


def test_a_drawn_seed(address: Address) -> None:
    """`url` names the seed, so its bytes have these digests. Nobody may store the answer."""
    query = QUERY.replace("&seed=7", "")
    answers = [ask(address, f"{PATH}?{query}", headers={"If-None-Match": "*"}) for _ in range(2)]
    assert {each.status for each in answers} == {200}
    assert {each.headers["cache-control"] for each in answers} == {"no-store"}
    assert all("etag" not in each.headers for each in answers)
    first, second = (json.loads(each.body) for each in answers)
    assert first["url"] != second["url"]
    assert first["digests"] == digests(ask(address, first["url"]).body)


def test_the_document_describes_it(address: Address) -> None:
    """Fields, statuses and the schema of the answer, whose members are all there and no others."""
    document = json.loads(ask(address, "/openapi.json").body)
    get, head = (document["paths"][PATH][method] for method in ("get", "head"))
    assert {"304", "400", "412", "422", "503"} <= get["responses"].keys()
    for name in ("format", "blocks", "shape", "seed", "If-None-Match"):
        assert {"$ref": f"#/components/parameters/{name}"} in get["parameters"]
    assert get["parameters"] == head["parameters"]
    schema = get["responses"]["200"]["content"]["application/json"]["schema"]
    found = listed(address, QUERY)
    checked = OAS31Validator({**schema, "components": document["components"]})
    checked.validate(found)
    assert not checked.is_valid(found | {"digests": ["0"]})
    assert set(found) == set(document["components"]["schemas"]["BlockDigests"]["properties"])
    parameter = document["components"]["parameters"]["blocks"]["schema"]
    for field, status, _ in REFUSED:
        text = field.removeprefix("blocks=").replace("%2B", "+").replace("%D9%A", "x")
        assert OAS31Validator(parameter).is_valid(text) == (status == 422)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3 * MIB + 5), st.lists(st.integers(1, MIB + 9), max_size=9))
def test_pieces_of_any_size(length: int, sizes: list[int]) -> None:
    """Cut anywhere, the bytes have the same digests."""
    content = np.resize(np.arange(251, dtype=np.uint8), length).data
    hasher, rest = BlockHasher(), content
    for size in sizes:
        hasher.add(rest[:size])
        rest = rest[size:]
    hasher.add(rest)
    assert hasher.digests() == digests(bytes(content))


# Places, and threads.


def test_a_client_who_leaves_ends_the_computing(address: Address, drawn: Drawn) -> None:
    """After the chunk that was begun; of 256 few are computed."""
    drawn.seconds = 0.02
    with connected(address, f"{PATH}?{LARGE}{2**25}"):
        assert until(lambda: drawn.chunks > 0)
    time.sleep(0.5)
    assert settled(lambda: drawn.chunks) < MOST_BLOCKS // 4


def test_it_takes_the_place_of_a_stream() -> None:
    """With all places taken 503 tells when to come back; HEAD and small files need no place."""
    with ready(max_streams=1) as address:
        with connected(address, "/v1/weights.raw?shape=999999999&scheme=zeros"):
            time.sleep(0.3)
            refused = ask(address, f"{PATH}?{QUERY}")
            head = ask(address, f"{PATH}?{QUERY}", "HEAD")
            small = ask(address, f"{PATH}?shape=8,8&scheme=zeros")
        assert until(lambda: ask(address, f"{PATH}?{QUERY}").status == 200)
    assert (refused.status, problem(refused)["reason"]) == (503, "too_busy")
    assert int(refused.headers["retry-after"]) >= 1
    assert (head.status, small.status) == (200, 200)


AT_ONCE = 20


def test_digests_do_not_hold_the_loop(address: Address) -> None:
    """20 lists of 32 blocks at once take the event loop less than half the time of the hashing.

    The time is the CPU time of the loop's thread: 0.09 s when this was written, of which 0.03 s are
    those of 20 HEADs. Hashing the blocks takes 0.5 s, and computing them took more.
    """
    target = f"{PATH}?{LARGE}{2**22}"
    ask(address, target)
    [thread] = [each for each in threading.enumerate() if each.name == "uvicorn"]
    assert thread.ident is not None
    clock = time.pthread_getcpuclockid(thread.ident)
    began = time.clock_gettime(clock)
    with ThreadPoolExecutor(AT_ONCE) as clients:
        asked = [clients.submit(ask, address, target) for _ in range(AT_ONCE)]
        assert {each.result().status for each in asked} == {200}
    spent = time.clock_gettime(clock) - began
    content = bytes(32 * BLOCK_BYTES)
    began = time.thread_time()
    for _ in range(AT_ONCE):
        digests(content)
    assert spent < (time.thread_time() - began) / 2
