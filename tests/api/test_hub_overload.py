"""Overload on the Hub routes: requests wait, and then are refused as their client needs it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

import pytest

from service.api.admission import WAIT_SECONDS as OTHERS_WAIT
from service.api.routes import hub
from service.hub.snapshots import Snapshot, planned
from tests.application import Answer, ask, problem, ready, serving
from tests.server import Address, until
from tests.server import ask as ask_only

SERVED_WAIT = hub.WAIT_SECONDS
WAIT = 2.0
"""For how long requests wait in these tests."""

STREAMS = 2
LARGE = "/fanin/gpt2/resolve/seed-1/model.safetensors"
SMALL = "/fanin/gpt2-tiny/resolve/seed-1/config.json"
NEW = {"User-Agent": "unknown/None; hf_hub/2.4.0; python/3.11.2; torch/2.13.0"}
OLD = {"User-Agent": "unknown/None; hf_hub/0.36.0; python/3.11.2"}

_seeds = count(100)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "WAIT_SECONDS", WAIT)


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready(max_streams=STREAMS) as address:
        for target in (LARGE, SMALL):
            assert ask(address, target, "HEAD").status == 200
        yield address


def timed(
    address: Address, target: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[Answer, float]:
    begun = time.monotonic()
    answer = ask(address, target, method, headers)
    return answer, time.monotonic() - begun


@contextmanager
def full(address: Address) -> Iterator[ExitStack]:
    """All places are taken by clients that read nothing. They leave when the stack is closed."""
    with ExitStack() as clients:
        for _ in range(STREAMS):
            clients.enter_context(ask_only(address, LARGE))
        part = {"Range": "bytes=0-300000"}
        assert until(lambda: ask(address, LARGE, headers=part | NEW).status == 429, 10 * WAIT)
        yield clients
    # Other tests find free places.
    assert until(lambda: ask(address, LARGE, headers=part).status == 206)


def test_the_wait_is_below_the_timeout_of_clients() -> None:
    """huggingface_hub gives up reading after 10 s. Other requests wait for a second."""
    assert OTHERS_WAIT < 5 < SERVED_WAIT < 10


@pytest.mark.parametrize(("client", "status"), [(NEW, 429), (OLD, 503), ({}, 429)])
def test_after_the_wait_clients_are_told_to_come_back(
    address: Address, client: dict[str, str], status: int
) -> None:
    """429 is repeated by huggingface_hub 2.4, and 503 by 0.36. The other one is fatal for each."""
    with full(address):
        answer, seconds = timed(address, LARGE, headers=client)
        assert answer.status == status
        assert WAIT <= seconds < WAIT + 2
        assert 1 <= int(answer.headers["retry-after"]) <= 120
        assert "places" in answer.headers["x-error-message"]
        assert problem(answer)["reason"] == "too_busy"


def test_head_and_small_answers_do_not_wait(address: Address) -> None:
    with full(address):
        for target, method in ((LARGE, "HEAD"), (SMALL, "GET"), ("/api/models/fanin/gpt2", "GET")):
            answer, seconds = timed(address, target, method)
            assert answer.status == 200
            assert seconds < 1


def test_a_place_that_becomes_free_is_given_to_who_waits(address: Address) -> None:
    """Longer than other requests wait for one."""
    with full(address) as clients, ThreadPoolExecutor(1) as thread:
        part = {"Range": "bytes=0-300000"}
        waiting = thread.submit(timed, address, LARGE, "GET", part)
        time.sleep(OTHERS_WAIT + 0.3)
        assert not waiting.done()
        clients.close()
        answer, seconds = waiting.result()
        assert (answer.status, len(answer.body)) == (206, 300_001)
        assert seconds >= OTHERS_WAIT


def test_other_paths_wait_as_before(address: Address) -> None:
    """Negative control."""
    target = "/v1/weights.raw?shape=10000,1000&scheme=normal&seed=1&name=w"
    with full(address):
        answer, seconds = timed(address, target, headers=NEW)
        assert answer.status == 503
        assert OTHERS_WAIT <= seconds < WAIT


def slow() -> str:
    """A model that takes seconds to plan, and has not been planned."""
    return f"/api/models/fanin/deepseek_v3/revision/seed-{next(_seeds)}"


def quick() -> str:
    return f"/api/models/fanin/gpt2-tiny/revision/seed-{next(_seeds)}"


@pytest.mark.parametrize(("client", "status"), [(NEW, 429), (OLD, 503)])
def test_planning_is_waited_for_as_long(
    address: Address, client: dict[str, str], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that takes longer is finished all the same, for the client that asks again."""
    monkeypatch.setattr(hub, "WAIT_SECONDS", 0.5)
    target = slow()
    answer, seconds = timed(address, target, headers=client)
    assert answer.status == status, "planning was over too soon"
    assert 0.5 <= seconds < 1.5
    assert 2 <= int(answer.headers["retry-after"]) <= 20
    assert until(lambda: ask(address, target, headers=client).status == 200, 20)


def test_small_models_do_not_wait_for_large_ones(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New ones, known ones, and what is not there."""
    monkeypatch.setattr(hub, "WAIT_SECONDS", 30.0)
    with ThreadPoolExecutor(2) as threads:
        planning = [threads.submit(ask, address, slow()) for _ in range(2)]
        time.sleep(0.2)
        for target, method, expected in (
            (quick(), "GET", 200),
            (quick(), "HEAD", 200),
            (quick().replace("/api/models", "").replace("revision", "resolve") + "/x", "GET", 404),
            (SMALL, "GET", 200),
            ("/gpt2/resolve/a/b", "GET", 404),
        ):
            answer, seconds = timed(address, target, method)
            assert answer.status == expected
            assert seconds < 1
        assert not planning[1].done(), "planning was over too soon"
        assert [each.result().status for each in planning] == [200, 200]


def test_all_places_of_a_request_have_one_deadline(address: Address) -> None:
    """Planning and the place of a stream are not waited for one after the other."""
    with full(address), ThreadPoolExecutor(1) as thread:
        planning = thread.submit(ask, address, slow())
        time.sleep(0.1)
        target = f"/fanin/deepseek_v3/resolve/seed-{next(_seeds)}/model-00001-of-00539.safetensors"
        answer, seconds = timed(address, target)
        assert answer.status == 429
        assert seconds < WAIT + 1
        planning.result()


def test_a_refusal_is_remembered(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the model and the dtype. It is answered from another seed, too, and for all paths."""
    calls = list[object]()

    def counted(*given: Any, **named: Any) -> Snapshot:
        calls.append(given)
        return planned(*given, **named)

    monkeypatch.setattr("service.api.routes.hub.planned", counted)
    repo_id = "fanin/gpt2.n_embd-999983"
    for path in ("refs", "revision/seed-1", "revision/seed-2", "tree/seed-3", "refs"):
        answer = ask(address, f"/api/models/{repo_id}/{path}")
        assert (answer.status, answer.headers["x-error-code"]) == (404, "RepoNotFound")
        assert "50000000000" in answer.headers["x-error-message"]
    assert len(calls) == 1
    assert ask(address, f"/api/models/{repo_id}/revision/seed-1-bfloat16").status == 404
    assert len(calls) == 2


def test_a_large_model_that_is_refused_takes_no_seconds(address: Address) -> None:
    """Its outline tells, so refs refuses it, too."""
    for path in ("refs", "revision/seed-1"):
        target = f"/api/models/fanin/gpt2.n_layer-9000.n_embd-999983/{path}"
        answer, seconds = timed(address, target)
        assert (answer.status, answer.headers["x-error-code"]) == (404, "RepoNotFound")
        assert seconds < 1


def test_before_the_kernels_are_checked_clients_are_told_to_come_back() -> None:
    """Texts are there already, and so are the heads of all files."""
    with serving(warm_up=lambda: time.sleep(3)) as address:
        for client, status in ((NEW, 429), (OLD, 503)):
            target = "/fanin/gpt2-tiny/resolve/seed-1/model.safetensors"
            for each in (target, "/api/models/fanin/gpt2-tiny/tree/main"):
                answer = ask(address, each, headers=client)
                assert answer.status == status
                assert problem(answer)["reason"] == "not_ready"
            assert ask(address, target, "HEAD", client).status == 200
            assert ask(address, SMALL, headers=client).status == 200
