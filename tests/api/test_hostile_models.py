"""Hostile manifests, configs and tokens over a real socket.

Nothing is a 500. Each refusal is a problem with a hint. Time and memory have bounds.
"""

import json
import random
import socket
import time
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from copy import deepcopy
from hashlib import sha256
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.models.recipe import Recipe, recipes
from service.models.token import token_of
from tests.application import Answer, ask, parsed, problem, send
from tests.process import Served, peak_bytes, server
from tests.server import Address, until

JSON = {"Content-Type": "application/json"}
MIB = 2**20

SLOWEST = 15.0
"""Seconds for any one request. The slowest takes about 4 s on an idle machine of two cores."""

MOST_MEMORY = 1500 * MIB
"""The most memory of the process after all of these tests. It has 250 MiB when it is ready, keeps
models of up to 264 MiB, plans a model of up to 300 MiB, and sends answers of up to 256 MiB."""


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with server() as served:
        served.wait_until_all_ready()
        yield served
        assert peak_bytes(served.pid) < MOST_MEMORY


@pytest.fixture(scope="module")
def address(service: Served) -> Address:
    return service.address


def checked(
    address: Address, target: str, method: str = "GET", body: bytes | None = None
) -> Answer:
    """An answer that took a bounded time, and is a 200 or a problem of the client's."""
    begun = time.perf_counter()
    answer = ask(address, target, method, JSON if body is not None else None, body)
    assert time.perf_counter() - begun < SLOWEST
    assert answer.status < 500, (target, body, answer.body)
    if answer.status >= 400 and method != "HEAD":
        problem(answer)
    return answer


def post(address: Address, manifest: Any) -> Answer:
    """The answer to a manifest. If there is a model, so are the heads of its first file."""
    body = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    answer = checked(address, "/v1/models", "POST", body)
    if answer.status == 200:
        file = json.loads(answer.body)["files"][0]
        assert checked(address, file["url"], "HEAD").status == 200
    return answer


def refused(address: Address, manifest: Any) -> dict[str, Any]:
    answer = post(address, manifest)
    assert answer.status in (400, 422)
    told: dict[str, Any] = problem(answer)
    return told


# Configs.

VALUES: list[Any] = [
    *(0, 1, -1, 3, 10**9, 2**31, 2**62, 2**63 - 1, 2**63, 2**64, -(2**63), 10**40),
    *(0.5, -0.0, 1e-310, 1e300, "", "12", "gelu", None, True, False),
    *([], [0], [1], [-1], [2**62] * 4, [1] * 65, ["a"], [[1]], {}, {"0": "a"}, {"a": {}}),
]


def values_of(recipe: Recipe, name: str) -> list[Any]:
    """Values for a key of a config, with those at its limits and behind them."""
    key = recipe.config[name]
    limits = [each for each in (key.least, key.most) if each is not None]
    near = [each + step for each in limits for step in (-1, 0, 1)]
    lists = [[each] * 4 for each in near]
    return [*VALUES, *near, *lists, *(key.only or ())]


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(recipes()))
def test_any_value_of_any_key_of_a_config(address: Address, family: str) -> None:
    """Every third value in the layout of modules."""
    recipe = recipes()[family]
    layouts = cycle(["checkpoint", "module", "checkpoint"])
    for architecture in recipe.architectures:
        for name in recipe.config:
            for value in values_of(recipe, name):
                manifest = {"architecture": architecture, "size": "tiny", "config": {name: value}}
                post(address, manifest | {"names": next(layouts), "seed": 1})


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_values_of_several_keys(address: Address, data: st.DataObject) -> None:
    """Also without a size, so that the other keys have their defaults."""
    recipe = recipes()[data.draw(st.sampled_from(sorted(recipes())))]
    chosen = data.draw(st.lists(st.sampled_from(sorted(recipe.config)), unique=True, max_size=8))
    values = {name: data.draw(st.sampled_from(values_of(recipe, name))) for name in chosen}
    manifest = {
        "architecture": data.draw(st.sampled_from(sorted(recipe.architectures))),
        "names": data.draw(st.sampled_from(["checkpoint", "module"])),
        "config": values,
        "max_shard_size": data.draw(st.sampled_from([1, 10**5, "5GB", None])),
    }
    size = data.draw(st.sampled_from([None, *recipe.sizes]))
    post(address, manifest if size is None else manifest | {"size": size})


@pytest.mark.parametrize("family", sorted(recipes()))
def test_a_billion_of_anything_is_refused_at_once(address: Address, family: str) -> None:
    recipe = recipes()[family]
    for name, key in recipe.config.items():
        if key.most is not None and isinstance(key.default, int) and key.most < 10**9:
            begun = time.perf_counter()
            config = {name: 10**9}
            manifest = {"architecture": next(iter(recipe.architectures)), "size": "tiny"}
            assert refused(address, manifest | {"config": config})["reason"] == "out_of_range"
            assert time.perf_counter() - begun < 1


# Manifests that are nearly valid.

VALID: list[dict[str, Any]] = [
    {"architecture": "GPT2LMHeadModel", "size": "tiny", "seed": 3, "dtype": "bfloat16"},
    {"config": recipes()["mixtral"].sizes["tiny"], "names": "module", "seed": "9"},
    {
        "tensors": [
            {"name": "h.{0..3}.w", "shape": [6, 4], "scheme": "he_normal", "layer": "dense"},
            {"name": "n", "shape": [4], "scheme": "ones", "dtype": "float16"},
            {"name": "q", "shape": [4, 4], "scheme": "orthogonal", "gain": 1.5, "seed": 4},
            {"name": "c", "shape": [], "scheme": "zeros", "dtype": "int64"},
            {"name": "s", "shape": [8, 4], "scheme": "normal", "std": 0.5, "slice": "0:4,:"},
        ],
        "rules": [
            {"match": "h.[01].*", "fields": {"std": 2, "scheme": "normal"}},
            {"match": "*", "fields": {"dtype": "float32"}},
        ],
        "metadata": {"by": "me"},
        "max_shard_size": "1KB",
        "seed": 5,
    },
]

WORDS = [
    *("", "a", "*", "*a*a*a*b", "[!", "[]-a]", "{0..9}", "{9..0}", "{0..999999999}", "{", "}{"),
    *(
        "__metadata__",
        "\ud800",
        "\x00",
        "a\nb",
        "é" * 300,
        "x" * 10_000,
        "zeros",
        "int64",
        "module",
    ),
    *("NaN", "1e400", "-1", "5GB", "0GB", "9223372036854775807TB", "18446744073709551616"),
]
LEAVES = st.sampled_from([*VALUES, *WORDS])


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all members of a JSON value."""
    members: Any = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for name, each in members:
        yield (*before, name)
        yield from places(each, (*before, name))


def holder(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path[:-1]:
        value = value[name]
    return value


def mutated(manifest: Any, data: st.DataObject) -> Any:
    """The manifest with a member dropped, replaced, renamed, repeated or moved."""
    found = list(places(manifest))
    if not found:
        return manifest
    path = data.draw(st.sampled_from(found))
    parent, name = holder(manifest, path), path[-1]
    match data.draw(st.sampled_from(["drop", "replace", "wrap", "rename", "repeat", "move"])):
        case "drop":
            del parent[name]
        case "replace":
            parent[name] = data.draw(LEAVES)
        case "wrap":
            parent[name] = [parent[name]] if data.draw(st.booleans()) else {"a": parent[name]}
        case "rename" if isinstance(parent, dict):
            parent[data.draw(st.sampled_from(WORDS))] = parent.pop(name)
        case "repeat" if isinstance(parent, list):
            parent.extend([deepcopy(parent[name])] * data.draw(st.sampled_from([1, 5, 2000])))
        case _:
            other = data.draw(st.sampled_from(found))
            parent[name] = deepcopy(holder(manifest, other)[other[-1]])
    return manifest


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_nearly_valid_manifests(address: Address, data: st.DataObject) -> None:
    manifest = deepcopy(data.draw(st.sampled_from(VALID)))
    for _ in range(data.draw(st.integers(1, 4))):
        manifest = mutated(manifest, data)
    post(address, manifest)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_nearly_valid_bytes(address: Address, data: st.DataObject) -> None:
    """Bytes of a manifest are replaced, repeated or left out: bad UTF-8, NaN, repeated members."""
    text = json.dumps(data.draw(st.sampled_from(VALID))).encode()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        stop = data.draw(st.integers(start, min(len(text), start + 20)))
        new = data.draw(
            st.binary(max_size=4)
            | st.sampled_from(
                [b"NaN", b"-Infinity", b"\xff", b"\xed\xa0\x80", b'"\\ud800"', b"1e999", b"{" * 50]
            )
            | st.just(text[start:stop] * 2)
        )
        text = text[:start] + new + text[stop:]
    post(address, text)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'"' * (MIB - 1),
        b'{"config":{"a":"' + b"\\u0041" * 170_000 + b'"}}',
        b'{"config":{' + b",".join(b'"%d":1' % n for n in range(80_000)) + b"}}",
        b'{"tensors":[' + b",".join([b"{}"] * 90_000) + b"]}",
        b'{"metadata":{' + b",".join(b'"%d":""' % n for n in range(1001)) + b"}}",
        b'{"seed":' + b"9" * 900_000 + b"}",
        b'{"max_shard_size":' + b"9" * 900_000 + b',"tensors":[]}',
        b'{"config":{"a":0.' + b"9" * 900_000 + b"}}",
        b'{"edition":1e400}',
        b'{"tensors":' + b"1" * 900_000 + b"}",
    ],
    ids=lambda body: body[:24].decode(),
)
def test_large_and_deep_bodies(address: Address, body: bytes) -> None:
    assert len(body) <= MIB
    refused(address, body) if body[:9] != b'{"config"' else post(address, body)


def test_a_manifest_without_anything_is_an_answer(address: Address) -> None:
    post(address, {})
    post(address, {"tensors": []})


# Tokens.


def token_with(text: bytes, *, deflated: bytes | None = None) -> str:
    """A token whose digest is right, of any text and any length."""
    if deflated is None:
        compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
        deflated = compressor.compress(text) + compressor.flush()
    digest = urlsafe_b64encode(sha256(text).digest()[:9]).decode()
    return "a" + digest + urlsafe_b64encode(deflated).rstrip(b"=").decode()


def test_inflate_bombs(address: Address) -> None:
    """4 MB of spaces in 5,400 characters, and a manifest within as many bytes as are allowed."""
    assert len(token_with(b" " * 4_000_000)) < 6000
    bombs = [b" " * 4_000_000, b" " * (MIB + 1), b" " * MIB, b"[" * MIB, b'{"a":' * 200_000]
    for text in bombs:
        assert checked(address, f"/v1/models/{token_with(text)}").status == 400
    padded = json.dumps(VALID[0]).encode().ljust(MIB)
    answer = checked(address, f"/v1/models/{token_with(padded)}")
    assert problem(answer)["reason"] == "token_not_canonical"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_nearly_valid_tokens(address: Address, data: st.DataObject) -> None:
    """Characters are changed, added or left out; or the text is, and the digest is right."""
    manifest = deepcopy(data.draw(st.sampled_from(VALID)))
    if data.draw(st.booleans()):
        for _ in range(data.draw(st.integers(0, 3))):
            manifest = mutated(manifest, data)
        token = token_with(json.dumps(manifest, separators=(",", ":")).encode())
    else:
        token = token_of(json.dumps(manifest).encode())
        place = data.draw(st.integers(0, len(token)))
        new = data.draw(st.text("abcXYZ019-_~=.%20", max_size=3))
        token = token[:place] + new + token[place + data.draw(st.integers(0, 3)) :]
    file = data.draw(st.sampled_from(["", "/model.safetensors", "/config.json", "/x?keys=a"]))
    method = data.draw(st.sampled_from(["GET", "HEAD"]))
    if len(token) < 7000:
        checked(address, f"/v1/models/{token}{file}", method)


# Large models.

MANY = [{"name": "w.{0..199999}", "shape": [4, 4], "scheme": "normal", "std": 1}]


def test_a_file_for_each_of_many_tensors_is_refused(address: Address) -> None:
    """The answer would have 200,000 URLs of up to 6,000 characters."""
    for names in ("checkpoint", "module"):
        manifest = {
            "architecture": "MixtralForCausalLM",
            "size": "tiny",
            "names": names,
            "config": {"num_hidden_layers": 2000, "num_local_experts": 16},
            "max_shard_size": 1,
        }
        told = refused(address, manifest)
        assert (told["reason"], told["errors"][0]["field"]) == (
            "too_many_tensors",
            "max_shard_size",
        )
    assert refused(address, {"tensors": MANY, "max_shard_size": 1})["errors"][0]["hint"]


def test_as_many_files_as_are_allowed(address: Address) -> None:
    tensors = [MANY[0] | {"name": "w.{0..4095}"}]
    told = json.loads(post(address, {"tensors": tensors, "max_shard_size": 1, "seed": 1}).body)
    assert len(told["files"]) == 4096
    begun = time.perf_counter()
    for file in random.Random(1).sample(told["files"], 50):
        assert checked(address, file["url"], "HEAD").status == 200
    index = json.loads(checked(address, f"{told['url']}/model.safetensors.index.json").body)
    assert len(index["weight_map"]) == 4096
    assert time.perf_counter() - begun < 10


def test_metadata_is_not_repeated_in_many_files(address: Address) -> None:
    """A megabyte in each of 4,096 files would be 4 GB."""
    tensors = [MANY[0] | {"name": "w.{0..4095}"}]
    manifest = {"tensors": tensors, "max_shard_size": 1, "metadata": {"a": "b" * 1_000_000}}
    assert refused(address, manifest)["errors"][0]["field"] == "metadata"


def test_patterns_of_keys_take_a_bounded_time(address: Address) -> None:
    """64 patterns of many wildcards for 200,000 names are refused, and a few are answered."""
    told = json.loads(post(address, {"tensors": MANY, "seed": 1}).body)
    [file] = told["files"]
    patterns = ",".join("*" + "w*1*" * 20 + str(n) for n in range(64))
    answer = checked(address, f"{file['url']}?keys={patterns}")
    assert problem(answer)["reason"] == "too_many_tensors"
    few = checked(address, f"{file['url']}?keys=w.19999*,*w*1*2*7,[!w]*,w.77")
    assert problem(few)["reason"] == "unknown_key"
    assert checked(address, f"{file['url']}?keys=w.19999*,w.77", "HEAD").status == 200


@pytest.mark.parametrize(
    "keys", ["[", "[]", "[!]", "[z-a]", "[[:alpha:]]", "***", "\\", "(?", "a" * 7000]
)
def test_strange_patterns_of_keys(address: Address, keys: str) -> None:
    told = json.loads(post(address, {"tensors": [MANY[0] | {"name": "w.{0..999}"}]}).body)
    escaped = keys.replace("[", "%5B").replace("]", "%5D").replace("\\", "%5C")
    checked(address, f"{told['files'][0]['url']}?keys={escaped}", "HEAD")


@pytest.mark.slow
def test_the_longest_listing_is_whole(address: Address) -> None:
    """It is sent in pieces."""
    told = json.loads(post(address, {"tensors": MANY, "seed": 1}).body)
    answer = checked(address, told["url"])
    assert len(answer.body) == int(answer.headers["content-length"]) > 50 * MIB
    assert len(json.loads(answer.body)["tensors"]) == 200_000
    unchanged = ask(address, told["url"], headers={"If-None-Match": answer.headers["etag"]})
    assert (unchanged.status, unchanged.body) == (304, b"")


@pytest.mark.slow
def test_others_are_answered_while_many_models_are_planned(address: Address) -> None:
    """Four models of 200,000 tensors. The event loop answers, also for a model that is kept."""
    told = json.loads(post(address, VALID[0]).body)
    kept = told["files"][0]["url"]
    manifests = [json.dumps({"tensors": MANY, "seed": seed}).encode() for seed in range(20, 24)]
    with ThreadPoolExecutor(4) as threads:
        planned = [
            threads.submit(ask, address, "/v1/models", "POST", JSON, each) for each in manifests
        ]
        slowest = 0.0
        while not all(each.done() for each in planned):
            begun = time.perf_counter()
            assert ask(address, "/livez").status == 200
            part = ask(address, kept, headers={"Range": "bytes=100-199"})
            assert (part.status, len(part.body)) == (206, 100)
            slowest = max(slowest, time.perf_counter() - begun)
        assert {each.result().status for each in planned} <= {200, 503}
    assert slowest < 3


@pytest.mark.slow
def test_many_small_models_take_a_bounded_time(address: Address) -> None:
    """The store looks at those that it keeps. So a model takes no longer after 1,500 others."""

    def planned(seed: int) -> int:
        body = json.dumps(VALID[0] | {"seed": seed}).encode()
        return ask(address, "/v1/models", "POST", JSON, body).status

    assert {planned(seed) for seed in range(1500)} == {200}
    begun = time.perf_counter()
    assert {planned(seed) for seed in range(2000, 2050)} == {200}
    assert time.perf_counter() - begun < 10


# Clients that send or read slowly.


def test_places_for_long_bodies_are_bounded(address: Address) -> None:
    """64 clients hold 100 KB each and send no more. The next long body is told when to come back.

    A short one is taken, and so is a long one when the others have left.
    """
    head = b"POST /v1/models HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    long_body = json.dumps(VALID[0]).encode().ljust(100_000)
    with ExitStack() as stack:
        for _ in range(64):
            client = stack.enter_context(socket.create_connection((address.host, address.port)))
            client.sendall(head + b"Content-Length: 200000\r\n\r\n" + long_body)
        assert until(lambda: taken(address, long_body) == 503, 10)
        assert taken(address, json.dumps(VALID[0]).encode()) == 200
    assert until(lambda: taken(address, long_body) == 200, 10)


def taken(address: Address, body: bytes) -> int:
    """The status; a 503 has Retry-After."""
    answer = ask(address, "/v1/models", "POST", JSON, body)
    assert (answer.status == 503) == ("retry-after" in answer.headers)
    return answer.status


@pytest.mark.parametrize("size", [300_000, MIB])
def test_a_long_manifest_in_chunks(address: Address, size: int) -> None:
    """The framing counts little."""
    body = json.dumps(VALID[0]).encode().ljust(size)
    pieces = [body[first : first + 8192] for first in range(0, size, 8192)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"
    head = b"Host: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked"
    request = b"POST /v1/models HTTP/1.1\r\n%b\r\nConnection: close\r\n\r\n" % head
    assert parsed(send(address, request + chunks)).status == 200


def test_other_paths_take_no_long_body(address: Address) -> None:
    assert ask(address, "/v1/weights", "POST", JSON, bytes(100_000)).status == 413


def test_long_answers_that_nobody_reads_are_bounded() -> None:
    """The limit is 1 MB here: while one is being sent, the next has to come back."""
    with server(constants={"service.api.long_answers.MOST_BYTES": 10**6}) as served:
        served.wait_until_all_ready()
        tensors = [MANY[0] | {"name": "w.{0..49999}"}]
        told = json.loads(post(served.address, {"tensors": tensors, "seed": 1}).body)
        where = (served.address.host, served.address.port)
        with socket.create_connection(where) as client:
            client.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % told["url"].encode())
            assert client.recv(100)
            refusal = ask(served.address, told["url"])
            assert (refusal.status, problem(refusal)["reason"]) == (503, "too_busy")
            assert int(refusal.headers["retry-after"]) >= 1
        assert until(lambda: ask(served.address, told["url"]).status == 200, 10)
