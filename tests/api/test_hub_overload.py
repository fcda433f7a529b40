"""Overload on the Hub routes: requests wait, and then are refused as their client needs it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count

import pytest

from service.api.admission import WAIT_SECONDS as OTHERS_WAIT
from service.api.routes import hub
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
    """What is planned already is answered meanwhile, and so is what is not there."""
    monkeypatch.setattr(hub, "WAIT_SECONDS", 0.5)
    with ThreadPoolExecutor(1) as thread:
        planning = thread.submit(ask, address, slow())
        time.sleep(0.2)
        answer, seconds = timed(address, quick(), headers=client)
        assert answer.status == status, "planning was over too soon"
        assert 0.5 <= seconds < 1.5
        assert int(answer.headers["retry-after"]) >= 1
        for target, expected in ((SMALL, 200), (f"{SMALL}.x", 404), ("/gpt2/resolve/a/b", 404)):
            answer, seconds = timed(address, target)
            assert answer.status == expected
            assert seconds < 0.5
        # What has been begun is finished, however long it takes.
        assert planning.result().status == 200
    assert ask(address, quick()).status == 200


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
