"""Small answers that take long to compute: a thread computes them, and gives its place back."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from threading import Event

import httpx2
import numpy as np
import pytest

from service.api.streaming import INLINE_COST, Memory, StreamPool
from service.chunks import TensorBody
from service.fields import parse_query
from service.plan import plan
from tests.api.patterns import PatternBody, app_for, pool_of, serving
from tests.application import ask, ready
from tests.server import Address

SEEN = (
    "shape=2,2,2,2,4096,16,16,16&slice=:,:,:,:,:,0:1,0:1,0:1&order=F&scheme=normal&seed=1"
    "&dtype=float8_e5m2"
)
"""65,536 elements, each in a block of its own."""

INLINE = [
    "shape=64,64&scheme=normal&seed=1",
    "shape=128,128&scheme=he_uniform&seed=1&layout=IO",
    "shape=256,256&scheme=normal&seed=1&dtype=float8_e5m2&order=F",
    "shape=64,128&scheme=truncated_normal&seed=1&dtype=float64",
    "shape=64,64&scheme=identity",
    "shape=65536&scheme=zeros&dtype=float8_e5m2",
]
"""Usual answers of up to 64 KiB."""

COSTLY = [
    SEEN,
    "shape=65536,4&scheme=uniform&low=-1&high=1&seed=1&slice=:,0:1&dtype=float8_e5m2",
    "shape=256,256&scheme=dct&dtype=float8_e5m2",
    "shape=256,256&scheme=sparse&sparsity=0.5&seed=1&dtype=float8_e5m2",
    "shape=256,256&scheme=truncated_normal&low=-1&high=2&mean=0&std=1&seed=1&dtype=float8_e5m2",
]
"""Answers of 64 KiB that take more than a third of a millisecond."""


@dataclass
class HeldBody(PatternBody):
    """A chunk is not ready before `go`."""

    begun: Event = field(default_factory=Event)
    go: Event = field(default_factory=Event)

    def chunk(self, index: int, memory: Memory) -> memoryview:
        self.begun.set()
        self.go.wait(5)
        return PatternBody.chunk(self, index, memory)


@pytest.fixture
def pool() -> Iterator[StreamPool]:
    with closing(pool_of(threads=1, streams=2)) as pool:
        yield pool


def answered_meanwhile(body: HeldBody, pool: StreamPool) -> bool:
    """Whether another request is answered while the body is computed."""
    with serving(app_for(body, pool)) as address, ThreadPoolExecutor(1) as client:
        held = client.submit(httpx2.get, address.url, timeout=20)
        assert body.begun.wait(5)
        try:
            answered = httpx2.get(f"{address.url}/small", timeout=1).status_code == 200
        except httpx2.TimeoutException:
            answered = False
        body.go.set()
        assert held.result().content == body.expected()
    return answered


def test_a_costly_small_answer_holds_up_nobody(pool: StreamPool) -> None:
    """A thread computes it. Negative control: one at the limit is computed on the event loop."""
    assert answered_meanwhile(HeldBody(1000, cost=INLINE_COST + 1), pool)
    assert not answered_meanwhile(HeldBody(1000, cost=INLINE_COST), pool)


def test_costly_small_answers_give_their_places_back(pool: StreamPool) -> None:
    """Twenty one after the other, and then two at once, as many as there are places."""
    body = PatternBody(1000, cost=INLINE_COST + 1)
    with serving(app_for(body, pool)) as address, ThreadPoolExecutor(2) as clients:
        alone = [httpx2.get(address.url).content for _ in range(20)]
        together = list(clients.map(lambda _: httpx2.get(address.url).content, range(20)))
    assert alone == together == [body.expected()] * 20


def test_head_of_a_costly_answer_computes_nothing(pool: StreamPool) -> None:
    """The length is known without it."""
    body = PatternBody(1000, cost=INLINE_COST + 1)
    with serving(app_for(body, pool)) as address:
        assert httpx2.head(address.url).headers["content-length"] == "1000"
    assert body.made == 0


def cost(query: str) -> int:
    return TensorBody(plan(parse_query(query.encode()), "raw", max_bytes=2**50)).cost


@pytest.mark.parametrize("query", INLINE)
def test_usual_answers_stay_on_the_event_loop(query: str) -> None:
    """64 KiB of plain values of the usual distributions cost less than the limit."""
    assert cost(query) <= INLINE_COST


@pytest.mark.parametrize("query", COSTLY)
def test_costly_answers_leave_the_event_loop(query: str) -> None:
    """One element of each block, index functions, masks, and the costliest distribution."""
    assert cost(query) > INLINE_COST


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def test_the_awkward_layout_has_the_bytes_of_the_plain_one(address: Address) -> None:
    """Over HTTP: Fortran order is C order turned round."""
    shape = (2, 2, 2, 2, 4096, 1, 1, 1)
    turned = ask(address, f"/v1/weights.raw?{SEEN}")
    plain = ask(address, f"/v1/weights.raw?{SEEN.replace('&order=F', '')}")
    assert turned.status == plain.status == 200
    values = np.frombuffer(turned.body, np.uint8).reshape(shape, order="F")
    assert (values == np.frombuffer(plain.body, np.uint8).reshape(shape)).all()
