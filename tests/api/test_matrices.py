"""Matrices over real sockets: who computes them, when, and who does not wait for them."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

import pytest

from service.stream.draws import Float64
from service.stream.sources import materialised
from service.stream.sources.materialised import KEPT_BYTES, Matrices, orthogonal
from tests import server
from tests.application import ask, ready
from tests.server import Address

HELD = "/v1/weights.raw?shape=40,40&scheme=orthogonal&seed=1"
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
    """Notes each matrix that is computed; that of HELD waits until `go`."""

    shapes: list[tuple[int, ...]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    begun: Event = field(default_factory=Event)
    go: Event = field(default_factory=Event)

    def compute(self, z: Float64) -> Float64:
        """`orthogonal`, watched."""
        self.shapes.append(z.shape)
        self.threads.add(threading.current_thread().name)
        if z.shape == (40, 40):
            self.begun.set()
            self.go.wait(20)
        return orthogonal(z)


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.fixture
def watched(address: Address, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """Nothing is kept before, and nobody waits after."""
    watched = Watched()
    monkeypatch.setattr(materialised, "MATRICES", Matrices(KEPT_BYTES))
    monkeypatch.setattr(materialised, "orthogonal", watched.compute)
    yield watched
    watched.go.set()


def test_a_matrix_is_computed_in_its_own_thread(address: Address, watched: Watched) -> None:
    """Neither on the event loop nor in a thread of the streams, however small the body is."""
    for query in ("shape=3,3", "shape=300,300", "shape=8,4&parts=3,5", "shape=300,9&slice=:1,:1"):
        assert ask(address, f"/v1/weights.raw?{query}&scheme=orthogonal&seed=1").status == 200
    assert len(watched.shapes) == 5
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


def test_parallel_slices_compute_their_matrix_once(address: Address, watched: Watched) -> None:
    """Eight clients with a slice each, whose parts make the whole."""
    target = "/v1/weights.raw?shape=160,120&scheme=orthogonal&seed=1"
    slices = [f"{target}&slice={start}:{start + 20},:" for start in range(0, 160, 20)]
    with ThreadPoolExecutor(8) as clients:
        parts = list(clients.map(lambda each: ask(address, each).body, slices))
    assert b"".join(parts) == ask(address, target).body
    assert watched.shapes == [(160, 120)]


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
    assert watched.shapes == [(40, 40), (42, 42)]
