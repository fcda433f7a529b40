"""Matrices over real sockets: who computes them, when, and who does not wait for them."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest

from service.api import admission
from service.stream.kernels import orthogonal as kernels
from service.stream.sources import materialised, matrices
from service.stream.sources.matrices import KEPT_BYTES, PANEL, Matrices
from tests import server
from tests.application import ask, problem, ready
from tests.server import Address

HELD = "/v1/weights.raw?shape=200,200&scheme=orthogonal&seed=1"
NEXT = "/v1/weights.raw?shape=41,41&scheme=orthogonal&seed=1"
OTHERS = [
    "/v1/weights.raw?shape=5&scheme=normal&seed=1",
    "/v1/weights.raw?shape=3000,1000&scheme=normal&seed=1",
    "/v1/weights.raw?shape=3000,1000&scheme=identity",
    "/v1/weights.json?shape=41,41&scheme=orthogonal&seed=1",
    "/readyz",
]


@dataclass
class Watched:
    """Notes the shape of each panel's matrix, m x n; the panels of HELD wait until `go`."""

    shapes: list[tuple[int, int]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    begun: Event = field(default_factory=Event)
    go: Event = field(default_factory=Event)

    def fill_panel(self, packed: Any, m: int, n: int, *others: Any) -> None:
        """The kernel, watched."""
        self.shapes.append((m, n))
        self.threads.add(threading.current_thread().name)
        if (m, n) == (200, 200):
            self.begun.set()
            self.go.wait(20)
        kernels.fill_panel(packed, m, n, *others)


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.fixture
def watched(address: Address, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """Nothing is kept before, and nobody waits after."""
    watched = Watched()
    monkeypatch.setattr(materialised, "MATRICES", Matrices(KEPT_BYTES))
    monkeypatch.setattr(matrices, "fill_panel", watched.fill_panel)
    yield watched
    watched.go.set()


def test_a_matrix_is_computed_in_its_own_thread(address: Address, watched: Watched) -> None:
    """Neither on the event loop nor in a thread of the streams, however small the body is."""
    for query in ("shape=3,3", "shape=60,300", "shape=8,4&parts=3,5", "shape=300,9&slice=:1,:1"):
        assert ask(address, f"/v1/weights.raw?{query}&scheme=orthogonal&seed=1").status == 200
    assert watched.shapes == [(3, 3), (300, 60), (4, 3), (5, 4), (300, 9)]
    assert watched.threads == {"matrices_0"}


@pytest.mark.parametrize("form", ["raw", "npy", "safetensors"])
def test_head_and_304_compute_nothing(address: Address, watched: Watched, form: str) -> None:
    """The length and the tag are known without a matrix; nor does a certificate need one."""
    target = f"/v1/weights.{form}?shape=300,300&scheme=orthogonal&seed=1"
    head = ask(address, target, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) >= 4 * 90_000
    assert ask(address, target, headers={"If-None-Match": head.headers["etag"]}).status == 304
    assert ask(address, target.replace(f".{form}", ".json")).status == 200
    assert watched.shapes == []


def test_parallel_slices_compute_their_matrix_once(
    address: Address, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight clients with a slice each, whose parts make the whole: each reflector is made once."""
    blocks = []

    def prepare(packed: Any, m: int, n: int, block: int, *others: Any) -> None:
        blocks.append(block)
        kernels.prepare(packed, m, n, block, *others)

    monkeypatch.setattr(matrices, "prepare", prepare)
    target = "/v1/weights.raw?shape=160,120&scheme=orthogonal&seed=1"
    slices = [f"{target}&slice={start}:{start + 20},:" for start in range(0, 160, 20)]
    with ThreadPoolExecutor(8) as clients:
        parts = list(clients.map(lambda each: ask(address, each).body, slices))
    assert blocks == list(range(8))
    assert watched.shapes == [(160, 120)] * 2
    assert b"".join(parts) == ask(address, target).body


def test_other_streams_flow_while_a_matrix_is_computed(address: Address, watched: Watched) -> None:
    """Small and large ones, certificates, and the probes."""
    with ThreadPoolExecutor(1) as client:
        held = client.submit(ask, address, HELD)
        assert watched.begun.wait(10)
        assert [ask(address, target).status for target in OTHERS] == [200] * len(OTHERS)
        assert not held.done()
        watched.go.set()
        assert held.result(20).status == 200


def test_a_client_who_leaves_before_its_turn_is_not_computed(
    address: Address, watched: Watched
) -> None:
    """The one who stays is, as is a later one."""
    with ThreadPoolExecutor(2) as client:
        held = client.submit(ask, address, HELD)
        assert watched.begun.wait(10)
        leaving = server.ask(address, NEXT)
        staying = client.submit(ask, address, NEXT.replace("41", "42"))
        time.sleep(0.3)
        leaving.close()
        time.sleep(0.3)
        watched.go.set()
        assert held.result(20).status == staying.result(20).status == 200
    assert watched.shapes == [(200, 200)] * 4 + [(42, 42)]


def test_a_client_who_leaves_ends_the_work(address: Address, watched: Watched) -> None:
    """Of four panels only the one that is being computed is finished; then the thread is free.

    Negative control: the same request of a client who stays computes the other three.
    """
    leaving = server.ask(address, HELD)
    assert watched.begun.wait(10)
    leaving.close()
    time.sleep(0.3)
    watched.go.set()
    assert ask(address, NEXT).status == 200
    assert watched.shapes == [(200, 200), (41, 41)]
    assert ask(address, HELD).status == 200
    assert watched.shapes[2:] == [(200, 200)] * (-(-200 // PANEL) - 1)


def test_matrices_in_flight_have_bounded_memory(
    address: Address, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One alone is never too large. A second one is refused for now, and other tensors are not."""
    monkeypatch.setattr(admission, "MATRIX_BYTES", 100_000)
    with ThreadPoolExecutor(1) as client:
        held = client.submit(ask, address, HELD)
        assert watched.begun.wait(10)
        refused = ask(address, NEXT)
        assert refused.status == 503
        assert refused.headers["retry-after"]
        assert problem(refused)["reason"] == "too_busy"
        assert ask(address, OTHERS[1]).status == 200
        watched.go.set()
        assert held.result(20).status == 200
    assert ask(address, NEXT).status == 200


def test_all_parts_of_an_answer_count(
    address: Address, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two parts of 3,000 bytes take 6,000. One of them alone has room beside the held one."""
    monkeypatch.setattr(admission, "MATRIX_BYTES", 5_000)
    first, both = {"Range": "bytes=0-2999"}, {"Range": "bytes=0-2999,3004-6003"}
    with ThreadPoolExecutor(2) as clients:
        held = clients.submit(ask, address, HELD, headers={"Range": "bytes=0-9"})
        assert watched.begun.wait(10)
        refused = ask(address, NEXT, headers=both)
        assert (refused.status, problem(refused)["reason"]) == (503, "too_busy")
        alone = clients.submit(ask, address, NEXT, headers=first)
        watched.go.set()
        assert held.result(20).status == alone.result(20).status == 206
    assert ask(address, NEXT, headers=both).status == 206
