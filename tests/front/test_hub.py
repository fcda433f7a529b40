"""Hub clients behind nginx: files by commit are stored in slices, and all headers pass."""

import json
import re
from collections.abc import Callable
from itertools import count

import pytest

from tests.application import Answer, ask
from tests.front.fleet import Fleet
from tests.front.nginx import Edit, replaced
from tests.front.test_slices import cache_status, ranged

pytestmark = pytest.mark.needs("nginx")

JSON = {"Content-Type": "application/json"}
TINY = "fanin/gpt2-tiny"
WEIGHTS = "model.safetensors"

_seeds = count(1000)


def commit_of(fleet: Fleet, revision: str, root: str = "") -> str:
    answer = ask(fleet.address, f"{root}/api/models/{TINY}/revision/{revision}")
    return str(json.loads(answer.body)["sha"])


def by_commit(fleet: Fleet, root: str = "") -> str:
    """The path of tensors that no test has asked for."""
    commit = commit_of(fleet, f"seed-{next(_seeds)}", root)
    return f"{root}/{TINY}/resolve/{commit}/{WEIGHTS}"


def roots(fleet: Fleet) -> list[str]:
    """The three endpoints."""
    manifest = b'{"architecture": "GPT2LMHeadModel", "size": "tiny", "seed": 3}'
    model = json.loads(ask(fleet.address, "/v1/models", "POST", JSON, manifest).body)
    return ["", "/hub/seed-9", str(model["url"])]


def of_replica(answer: Answer) -> dict[str, str]:
    """The headers that a replica has decided. nginx leaves Accept-Ranges out of slices."""
    own = ("date", "server", "connection", "cache-status", "accept-ranges")
    return {name: value for name, value in answer.headers.items() if name not in own}


def test_a_range_by_commit_is_stored(fleet: Fleet) -> None:
    """MISS, then HIT, with all headers and bytes of a replica, at each endpoint."""
    for root in roots(fleet):
        target = by_commit(fleet, root)
        expected = ranged(fleet.gates[0].replica, target, "5-999")
        first, again = (ranged(fleet.address, target, "5-999") for _ in range(2))
        assert (first.status, cache_status(first)) == (206, "front; fwd=miss")
        assert (again.status, cache_status(again)) == (206, "front; hit")
        assert first.body == again.body == expected.body
        assert of_replica(first) == of_replica(again) == of_replica(expected)
        assert re.fullmatch("[0-9a-f]{40}", again.headers["x-repo-commit"])


def test_a_revision_by_name_is_not_stored(fleet: Fleet) -> None:
    """Nor a query, a text, or a HEAD. They go to the replicas as they are."""
    by_name = f"/{TINY}/resolve/seed-{next(_seeds)}/{WEIGHTS}"
    target = by_commit(fleet)
    config = target.replace(WEIGHTS, "config.json")
    for each in (by_name, f"{target}?download=true", config):
        for _ in range(2):
            answer = ranged(fleet.address, each, "0-0")
            assert (answer.status, cache_status(answer)) == (206, None)
    assert cache_status(ask(fleet.address, target, "HEAD")) is None


def test_without_the_pattern_nothing_is_stored(edited: Callable[[Edit], Fleet]) -> None:
    """Negative control."""
    fleet = edited(lambda text: replaced(text, "/resolve/[0-9a-f]{40}/", "/none/"))
    target = by_commit(fleet)
    for _ in range(2):
        assert cache_status(ranged(fleet.address, target, "5-999")) is None


@pytest.mark.parametrize(
    "path",
    [
        f"/api/models/{TINY}",
        f"/api/models/{TINY}/tree/seed-1?recursive=True&expand=False",
        f"/api/models/{TINY}/tree/seed-1/additional_chat_templates?recursive=false",
        f"/api/models/{TINY}/refs",
        f"/{TINY}/resolve/main/config.json",
        f"/{TINY}/resolve/seed%2D1/config.json",
        f"/{TINY}/resolve/seed%3D1/config.json",
        f"/{TINY}/resolve/refs%2Fpr%2F1/config.json",
        f"/{TINY}/resolve/seed-1/adapter_config.json",
        f"/{TINY}/raw/seed-1/{WEIGHTS}",
        f"/hub/seed-9/{TINY}/resolve/main/{WEIGHTS}",
        "/gpt2/resolve/main/config.json",
        "/api/models/openai-community/gpt2",
    ],
)
def test_everything_else_passes(fleet: Fleet, path: str) -> None:
    """Answers and refusals have all headers of a replica, those that begin with X- as well."""
    for method in ("GET", "HEAD"):
        answer = ask(fleet.address, path, method)
        expected = ask(fleet.gates[0].replica, path, method)
        assert (answer.status, answer.body) == (expected.status, expected.body)
        assert of_replica(answer) == of_replica(expected)
        assert "x-repo-commit" in answer.headers or "x-error-code" in answer.headers


def test_paths_info_passes(fleet: Fleet) -> None:
    target = f"/api/models/{TINY}/paths-info/seed-1"
    answer = ask(fleet.address, target, "POST", JSON, b'{"paths": ["config.json"]}')
    assert answer.status == 200
    assert json.loads(answer.body)[0]["path"] == "config.json"


def test_all_replicas_give_the_same(fleet: Fleet) -> None:
    """Tags, commits and bytes. So a client's cache that one replica has filled fits the others."""
    target = by_commit(fleet)
    for each in (target, target.replace(WEIGHTS, "README.md")):
        answers = [ask(gate.replica, each) for gate in fleet.gates]
        assert len({answer.body for answer in answers}) == 1
        assert len({answer.headers["etag"] for answer in answers}) == 1
        assert len({answer.headers["x-repo-commit"] for answer in answers}) == 1
