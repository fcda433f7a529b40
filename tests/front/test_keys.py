"""What is stored, and under which key, before a stand-in for the replicas."""

import json
import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.application import Answer, ask
from tests.front.nginx import Edit, nginx, replaced
from tests.front.origins import (
    IMMUTABLE,
    Answering,
    Asked,
    Origin,
    Reply,
    origin,
    slices,
    tensor,
)
from tests.server import Address

pytestmark = pytest.mark.needs("nginx")

MIB = 2**20
CONTENT = bytes(range(256)) * (3 * MIB // 256) + b"the end"
WHOLE = slices(CONTENT)

Pair = tuple[Address, Origin]
Starting = Callable[..., Pair]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Starting]:
    """Starts a stand-in and nginx before it: gives the address of the front, and the stand-in."""
    with ExitStack() as stack:

        def start(answering: Answering = WHOLE, edit: Edit = str) -> Pair:
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            behind = stack.enter_context(origin(answering))
            return stack.enter_context(nginx([behind.address], folder, edit)).address, behind

        yield start


def first_bytes(address: Address, target: str, **headers: str) -> Answer:
    """A GET of the first 8 bytes."""
    return ask(address, target, headers={"Range": "bytes=0-7", **headers})


def hits(address: Address, target: str) -> bool:
    """Whether the second of two requests is answered from the cache."""
    answers = [first_bytes(address, target) for _ in range(2)]
    assert [answer.body for answer in answers] == [CONTENT[:8]] * 2
    return answers[1].headers.get("cache-status") == "front; hit"


LONG = {
    "a URL of 1,900 characters": tensor() + "w" * (1900 - len(tensor())),
    "a path of 6,000 characters": f"/v1/models/{'t' * 5971}/model.safetensors",
    "a path of 8,000 characters": f"/v1/models/{'t' * 7971}/model.safetensors",
}


def small_buffers(text: str) -> str:
    """The configuration with the buffers that nginx has by default."""
    text = replaced(text, "proxy_buffer_size 16k;", "proxy_buffer_size 4k;")
    return replaced(text, "proxy_buffers 8 16k;", "proxy_buffers 8 4k;")


def test_long_keys_are_stored(pair: Starting) -> None:
    """With headers of 3 KiB, which is the most that Fanin sends."""
    headers = {**IMMUTABLE, "Padding": "a" * 2900}
    address, behind = pair(slices(CONTENT, headers))
    for name, target in LONG.items():
        assert len(target) == int("".join(filter(str.isdigit, name)))
        assert hits(address, target), name
    assert [asked.target for asked in behind.asked] == list(LONG.values())


def test_with_small_buffers_a_long_key_is_not_stored(pair: Starting) -> None:
    """Negative control: nginx does not say that it stores nothing."""
    address, _ = pair(edit=small_buffers)
    assert hits(address, LONG["a URL of 1,900 characters"])
    assert not hits(address, LONG["a path of 6,000 characters"])


def test_headers_of_an_answer_may_be_long(pair: Starting) -> None:
    """12 KiB pass; with the buffers of nginx's defaults 4 KiB do not (control)."""
    whole = slices(CONTENT, {**IMMUTABLE, "Padding": "a" * 12 * 1024})
    assert ask(pair(whole)[0], "/x").status == 200
    assert ask(pair(whole, small_buffers)[0], "/x").status == 502


def test_a_request_line_of_8_kib_passes(pair: Starting) -> None:
    """Fanin reads targets of 8 KiB. Up to 16 KiB pass, so that Fanin itself refuses longer ones."""
    address, behind = pair()
    for size in (8190, 12_000):
        assert ask(address, "/" + "a" * (size - 1)).status == 200
        assert len(behind.asked[-1].target) == size
    refused = ask(address, "/" + "a" * 17_000)
    assert (refused.status, refused.headers["cache-control"]) == (414, "no-store")
    assert json.loads(refused.body)["status"] == 414
    refused = ask(address, "/", headers={"Padding": "a" * 17_000})
    assert (refused.status, refused.headers["content-type"]) == (400, "application/problem+json")


def test_a_body_may_have_64_kib(pair: Starting) -> None:
    """As the service itself; a longer one is not passed on."""
    address, behind = pair()
    assert ask(address, "/x", "POST", body=bytes(64 * 1024)).status == 200
    refused = ask(address, "/x", "POST", body=bytes(64 * 1024 + 1))
    assert (refused.status, refused.headers["cache-control"]) == (413, "no-store")
    assert len(behind.asked) == 1


SLICED = {
    "from the start": ("0-7", True),
    "up to 8 digits": ("0-99999999", True),
    "nearly 10^8 bytes": ("1200000000-1299999999", True),
    "at 2^44": ("17592186044400-17592186044415", True),
    "at 2^53": ("9007199254740900-9007199254740991", True),
    "across a multiple of 10^8": ("199999999-200000000", False),
    "9 digits": ("0-100000000", False),
    "10^18 bytes": ("99999999990-999999999999999999", False),
    "19 digits": ("1234567890100000000-1234567890199999999", False),
    "open": ("0-", False),
    "a suffix": ("-5", False),
    "two": ("0-1,4-5", False),
    "a space": ("0 -7", False),
}


def test_only_short_ranges_go_to_the_slices(pair: Starting) -> None:
    """The others pass as they are."""

    def everywhere(asked: Asked) -> Reply:
        ends = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", asked.headers["range"])
        if ends is None or int(ends[2]) - int(ends[1]) >= MIB:
            return Reply(206, IMMUTABLE)
        placed = f"bytes {ends[1]}-{ends[2]}/{9 * 10**18}"
        size = int(ends[2]) - int(ends[1]) + 1
        return Reply(206, {**IMMUTABLE, "Content-Range": placed}, bytes(size))

    address, behind = pair(everywhere)
    for name, (text, sliced) in SLICED.items():
        request = (
            f"GET {tensor()}{name.replace(' ', '_')} HTTP/1.1\r\nHost: x\r\n"
            f"Range: bytes={text}\r\n\r\n"
        )
        with socket.create_connection((address.host, address.port), timeout=10) as client:
            client.sendall(request.encode())
            head = client.recv(4096)
        assert head.startswith(b"HTTP/1.1 206 "), name
        assert (b"\r\nCache-Status: " in head) == sliced, name
        assert (f"bytes={text}" in [each.headers["range"] for each in behind.asked]) != sliced, name


STORED = {
    tensor(): True,
    tensor() + "&dtype=float16&order=F": True,
    "/v1/weights.npy?shape=4&scheme=normal&seed=1": True,
    "/v1/weights.safetensors?shape=4,4&layout=IO&scheme=he_normal&gain=2&seed=1&name=a%20b": True,
    "/v1/weights.npy?shape=4&scheme=normal&name=seed": False,
    "/v1/weights.npy?shape=4&scheme=normal&name=,seed=1": False,
    "/v1/weights.npy?shape=4&scheme=zeros": False,
    "/v1/weights.npy?shape=4&name=scheme=&seed=1": False,
    "/v1/weights.npy?scheme=normal&shape=4&seed=1": False,
    "/v1/weights.npy?shape=4&seed=1&scheme=normal": False,
    "/v1/weights.npy?shape=4,4&layer=dense&activation=relu&seed=1": False,
    "/v1/weights.npy?shape=4%2C4&scheme=normal&seed=1": False,
    "/v1/weights.npy?shape=4%2c4&scheme=normal&seed=1": False,
    "/v1/weights.npy?shape=4&scheme=normal&slice=0%3A1&seed=1": False,
    "/v1/weights.npy?shape=4&scheme=normal&seed=1&name=a+b": False,
    "/v1/weights.json?shape=4&scheme=normal&seed=1": False,
    "/v1/weights.digests?shape=4&scheme=normal&seed=1": False,
    "/v1/weights?shape=4&scheme=normal&seed=1": False,
    "/v1//weights.raw?shape=4&scheme=normal&seed=1": False,
    "/schemes": False,
    "/": False,
    "/docs": False,
    "/vendor/d3@7.9.2/d3.min.js": False,
    "/v1/models/token/model.safetensors": True,
    "/v1/models/token/model.safetensors?download=true": True,
    "/v1/models/token/config.json": False,
    "/v1/models/token": False,
    "/v1/models/a/b/model.safetensors": False,
}


def test_only_urls_that_can_be_stored_go_to_the_slices(pair: Starting) -> None:
    """A seed is a field of the query, and not a part of another value."""
    address, behind = pair()
    for target, stored in STORED.items():
        assert ("cache-status" in first_bytes(address, target).headers) == stored, target
        assert behind.asked[-1].target == target


@pytest.mark.parametrize("path", ["/.front/slices", "/.front/slices/after_matrices?seed=1"])
def test_clients_cannot_name_the_slices(pair: Starting, path: str) -> None:
    """The locations are nginx's own, and nothing reaches a replica."""
    address, behind = pair()
    assert first_bytes(address, path).status == 404
    assert behind.asked == []


def test_methods_hosts_and_connections_share_a_key_only_if_they_may(pair: Starting) -> None:
    """Another Host has the same bytes. Another method does not go to the cache."""
    address, behind = pair()
    first_bytes(address, tensor(), Host="a.example")
    assert first_bytes(address, tensor(), Host="b.example").headers["cache-status"] == "front; hit"
    for method in ("HEAD", "POST"):
        answer = ask(address, tensor(), method, {"Range": "bytes=0-7"})
        assert "cache-status" not in answer.headers
    assert [asked.method for asked in behind.asked] == ["GET", "HEAD", "POST"]
    assert first_bytes(address, tensor(2)).headers["cache-status"] == "front; fwd=miss"


def test_every_slice_is_asked_for_at_the_same_target(pair: Starting) -> None:
    """As the client has spelled it, with escapes, also if matrices are made first."""
    address, behind = pair()
    target = "/v1/weights.npy?shape=4,4&scheme=orthogonal&seed=1&name=a%2Fb%20%C3%A9"
    answer = ask(address, target, headers={"Range": f"bytes=5-{3 * MIB}"})
    assert answer.body == CONTENT[5 : 3 * MIB + 1]
    assert [asked.target for asked in behind.asked] == [target] * 4
    assert sorted(asked.range()[0] for asked in behind.asked) == [0, MIB, 2 * MIB, 3 * MIB]


@pytest.mark.parametrize("caching", ["no-cache", "no-store", "private", "max-age=0"])
def test_what_may_not_be_stored_is_not(pair: Starting, caching: str) -> None:
    """A spelling that is not canonical has `no-cache`."""
    address, _ = pair(slices(CONTENT, {"Cache-Control": caching, "ETag": '"one"'}))
    assert not hits(address, tensor())


def at_once(address: Address, target: str, count: int) -> float:
    """Seconds until so many clients have the first 8 bytes."""
    began = time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        bodies = [
            each.body for each in pool.map(lambda _: first_bytes(address, target), range(count))
        ]
    assert bodies == [CONTENT[:8]] * count
    return time.monotonic() - began


def slowly(answering: Answering, seconds: float) -> Answering:
    """Takes so long for each answer."""

    def answer(asked: Asked) -> Reply:
        time.sleep(seconds)
        return answering(asked)

    return answer


NOT_STORED = slowly(slices(CONTENT, {"Cache-Control": "no-cache", "ETag": '"one"'}), 0.3)
CLIENTS = 16
"""One after the other, they take 4.8 s."""


def test_the_lock_does_not_hold_what_is_not_stored(pair: Starting) -> None:
    """A spelling that looks canonical: the lock ends after 2 s."""
    address, behind = pair(NOT_STORED)
    assert at_once(address, tensor(), CLIENTS) < 4
    assert len(behind.asked) == CLIENTS


def test_with_a_long_lock_they_go_one_by_one(pair: Starting) -> None:
    """Negative control."""
    address, _ = pair(
        NOT_STORED,
        lambda text: replaced(text, "proxy_cache_lock_timeout 2s;", "proxy_cache_lock_timeout 1h;"),
    )
    assert at_once(address, tensor(), CLIENTS) > 4.5


def test_the_lock_outlasts_matrices(pair: Starting) -> None:
    """Of an orthogonal tensor and of a model. Other slices take milliseconds (control)."""
    waiting = {
        tensor().replace("normal", "orthogonal"): 1,
        "/v1/models/token/model.safetensors": 1,
        tensor(): 8,
    }
    address, behind = pair(slowly(WHOLE, 2.7))
    with ThreadPoolExecutor(len(waiting)) as pool:
        list(pool.map(lambda target: at_once(address, target, 8), waiting))
    assert Counter(asked.target for asked in behind.asked) == waiting


def test_only_206_is_stored(pair: Starting) -> None:
    """Another answer may be stored by what it says itself, but it is no slice."""
    answers = [Reply(404, IMMUTABLE, b"not yet"), Reply(200, IMMUTABLE, CONTENT)]

    def late(asked: Asked) -> Reply:
        return answers.pop(0) if answers else slices(CONTENT)(asked)

    address, _ = pair(late)
    assert first_bytes(address, tensor()).status == 404
    assert first_bytes(address, tensor()).headers["cache-status"] == "front; fwd=miss"
    assert hits(address, tensor())


def test_an_old_slice_is_revalidated(pair: Starting) -> None:
    """A draft may be stored for some time, here a second. Then 304 is enough."""
    headers = {"Cache-Control": "public, max-age=1", "ETag": '"one"'}

    def draft(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == '"one"':
            return Reply(304, headers)
        return slices(CONTENT, headers)(asked)

    address, behind = pair(draft)
    assert hits(address, tensor())
    time.sleep(2.1)
    answer = first_bytes(address, tensor())
    assert answer.body == CONTENT[:8]
    assert answer.headers["cache-status"] == "front; fwd=stale; fwd-status=304"
    assert len(behind.asked) == 2


def test_the_digest_of_a_slice_is_not_passed_on(pair: Starting) -> None:
    """It would be the digest of other bytes. Past the cache it is the right one."""
    headers = {**IMMUTABLE, "Content-Digest": "sha-256=:AAAA:"}
    address, behind = pair(slices(CONTENT, headers))
    wanted = {"Want-Content-Digest": "sha-256=1"}
    for _ in range(2):
        assert "content-digest" not in first_bytes(address, tensor(), **wanted).headers
    assert "want-content-digest" not in behind.asked[-1].headers
    answer = ask(address, tensor(), headers=wanted)
    assert answer.headers["content-digest"] == "sha-256=:AAAA:"
    assert behind.asked[-1].headers["want-content-digest"] == "sha-256=1"


def test_without_that_line_it_is_passed_on(pair: Starting) -> None:
    """Negative control."""
    headers = {**IMMUTABLE, "Content-Digest": "sha-256=:AAAA:"}
    line = "proxy_hide_header Content-Digest;"
    address, _ = pair(slices(CONTENT, headers), lambda text: replaced(text, line, ""))
    assert first_bytes(address, tensor()).headers["content-digest"] == "sha-256=:AAAA:"
