"""Models behind nginx: files at URLs with long tokens, in slices, and long manifests."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.application import Answer, ask
from tests.front.fleet import Fleet
from tests.front.nginx import Edit, nginx, replaced
from tests.front.origins import busy, origin, slices
from tests.front.test_keys import small_buffers
from tests.front.test_slices import cache_status, ranged

pytestmark = pytest.mark.needs("nginx")

JSON = {"Content-Type": "application/json"}
KIB = 1024
MOST = 1024 * KIB
"""The most bytes of a manifest."""


def post(fleet: Fleet, body: bytes, **headers: str) -> Answer:
    return ask(fleet.address, "/v1/models", "POST", JSON | headers, body)


def manifest_of_random_names(names: int, seed: int) -> bytes:
    """Random names do not compress, so the token grows with each of them."""
    drawn = random.Random(seed)
    tensors = [
        {"name": f"{drawn.getrandbits(128):032x}", "shape": [16, 16], "scheme": "glorot_normal"}
        for _ in range(names)
    ]
    return json.dumps({"seed": seed, "tensors": tensors}).encode()


def model_with_a_long_token(fleet: Fleet, seed: int) -> dict[str, Any]:
    """A model whose token is at most 100 characters shorter than the longest one."""
    for names in range(240, 0, -1):
        answer = post(fleet, manifest_of_random_names(names, seed))
        if answer.status == 200:
            told: dict[str, Any] = json.loads(answer.body)
            assert 5900 <= len(told["token"]) <= 6000
            return told
    raise AssertionError("no manifest fits")


def test_a_range_of_a_model_with_a_long_token_is_stored(fleet: Fleet) -> None:
    """MISS, then HIT, with the bytes of a replica. So are some of its tensors alone."""
    told = model_with_a_long_token(fleet, 31)
    [file] = told["files"]
    name = json.loads(manifest_of_random_names(1, 31))["tensors"][0]["name"]
    replica = fleet.gates[0].replica
    for target in (file["url"], f"{file['url']}?keys={name}"):
        whole = ask(replica, target).body
        first, again = (ranged(fleet.address, target, "5-999") for _ in range(2))
        assert (first.status, cache_status(first)) == (206, "front; fwd=miss")
        before = len(fleet.requests())
        assert (again.status, cache_status(again)) == (206, "front; hit")
        assert first.body == again.body == whole[5:1000]
        assert len(fleet.requests()) == before


def test_with_small_buffers_it_is_not_stored(edited: Callable[[Edit], Fleet]) -> None:
    """Negative control."""
    fleet = edited(small_buffers)
    [file] = model_with_a_long_token(fleet, 32)["files"]
    for _ in range(2):
        answer = ranged(fleet.address, file["url"], "5-999")
        assert (answer.status, cache_status(answer)) == (206, "front; fwd=miss")


def long_manifest(size: int) -> bytes:
    """A manifest of so many bytes. It lists a tensor, and the rest are spaces."""
    text = json.dumps({"seed": 33, "tensors": [{"name": "w", "shape": [4], "scheme": "zeros"}]})
    return text.encode().ljust(size)


@pytest.mark.parametrize("size", [65 * KIB, 300 * KIB, MOST])
def test_a_manifest_may_have_1_mib(fleet: Fleet, size: int) -> None:
    assert post(fleet, long_manifest(size)).status == 200


def test_a_list_of_300_kb_is_taken(fleet: Fleet) -> None:
    """1,000 tensors, each listed. All of them are in the model."""
    tensors = [
        {
            "name": f"model.layers.{n}.mlp.down_proj.weight",
            "shape": [8, 8],
            "scheme": "normal",
            "std": 0.02,
            "layer": "dense",
        }
        for n in range(1000)
    ]
    body = json.dumps({"seed": 34, "tensors": tensors}, indent=8).encode()
    assert len(body) > 300_000
    answer = post(fleet, body)
    assert (answer.status, json.loads(answer.body)["tensor_count"]) == (200, 1000)


def test_a_longer_manifest_is_refused(fleet: Fleet) -> None:
    """By nginx itself: no replica is asked."""
    before = len(fleet.requests())
    refused = post(fleet, long_manifest(MOST + 1))
    assert (refused.status, refused.headers["content-type"]) == (413, "application/problem+json")
    assert refused.headers["cache-control"] == "no-store"
    assert json.loads(refused.body)["status"] == 413
    assert len(fleet.requests()) == before


@pytest.mark.parametrize("path", ["/v1/weights", "/v1/models/", "/v1/models/a"])
def test_other_paths_keep_their_limit(fleet: Fleet, path: str) -> None:
    assert ask(fleet.address, path, "POST", JSON, long_manifest(65 * KIB)).status == 413


def test_without_its_location_a_manifest_has_the_limit_of_others(
    edited: Callable[[Edit], Fleet],
) -> None:
    """Negative control."""
    fleet = edited(lambda text: replaced(text, "client_max_body_size 1m;", ""))
    assert post(fleet, long_manifest(65 * KIB)).status == 413


def test_a_long_manifest_goes_to_another_replica_if_one_has_no_room(tmp_path: Path) -> None:
    """nginx has the whole body, so it can send it again."""
    with origin(busy) as first, origin(slices(b"planned")) as second:
        with nginx([first.address, second.address], tmp_path) as front:
            answers = [
                ask(front.address, "/v1/models", "POST", JSON, long_manifest(300 * KIB))
                for _ in range(6)
            ]
        assert [(each.status, each.body) for each in answers] == [(200, b"planned")] * 6
        assert len(first.asked) >= 2
        lengths = {each.headers["content-length"] for each in first.asked + second.asked}
        assert lengths == {str(300 * KIB)}
