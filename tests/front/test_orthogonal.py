"""Slices of one orthogonal tensor, asked for in parallel: each replica computes its matrix once.

The work of a replica is the processor time of its processes. Wall-clock time is not looked at.
"""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.application import ask
from tests.front.nginx import Front, nginx
from tests.needs import require
from tests.process import Served, cpu_seconds, server
from tests.ranges.tensors import remembered

MIB = 2**20
REPLICAS = 3

MOST = 1.6
"""The work of a replica at most, in works of one whole tensor. Slices add requests, which take a
few milliseconds each, and processor time is counted in steps of 10 ms."""

SHAPES = ("2048,1024", "8192,1024")

_seeds = itertools.count(1)


@pytest.fixture(scope="module")
def replicas() -> Iterator[list[Served]]:
    """Three replicas of which nobody else asks anything, so that their work is that of a test."""
    require(("nginx",))
    with ExitStack() as stack:
        servers = [stack.enter_context(server()) for _ in range(REPLICAS)]
        for each in servers:
            each.wait_until_all_ready()
        yield servers


@pytest.fixture(scope="module")
def front(replicas: list[Served], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """deploy/nginx.conf before them."""
    with nginx([each.address for each in replicas], tmp_path_factory.mktemp("nginx")) as front:
        yield front


def orthogonal(shape: str) -> str:
    """The canonical URL of a tensor that nobody has asked for."""
    return f"/v1/weights.raw?shape={shape}&scheme=orthogonal&seed={next(_seeds)}&name=w"


def work(replica: Served) -> float:
    """Seconds of processor time that the replica has used so far."""
    return sum(map(cpu_seconds, [replica.pid, *replica.workers()]))


def work_of_one_whole(replicas: list[Served], shape: str) -> float:
    """Seconds for a whole tensor, one of each replica at the same time: the most of the three.

    The replicas share processors here as they do when they compute slices.
    """

    def whole(replica: Served) -> float:
        before = work(replica)
        assert ask(replica.address, orthogonal(shape)).status == 200
        return work(replica) - before

    with ThreadPoolExecutor(REPLICAS) as pool:
        return max(pool.map(whole, replicas))


def sliced(front: Front, targets: list[str]) -> list[bytes]:
    """Slice number i of target number i, all of them at the same time."""

    def part(number: int) -> bytes:
        start = number * MIB
        fields = {"Range": f"bytes={start}-{start + MIB - 1}"}
        answer = ask(front.address, targets[number], headers=fields)
        assert answer.headers["cache-status"] == "front; fwd=miss"
        return answer.body

    with ThreadPoolExecutor(len(targets)) as pool:
        return list(pool.map(part, range(len(targets))))


@pytest.mark.parametrize("shape", SHAPES)
def test_parallel_slices_are_computed_once_a_replica(
    front: Front, replicas: list[Served], shape: str
) -> None:
    """All slices of a tensor at the same time: of 8 MiB, and of 32 MiB with long columns."""
    one, target = work_of_one_whole(replicas, shape), orthogonal(shape)
    whole = remembered(target)
    before = [work(each) for each in replicas]
    slices = sliced(front, [target] * (len(whole) // MIB))
    taken = [work(each) - start for each, start in zip(replicas, before, strict=True)]
    print(f"{shape}: {[round(each / one, 2) for each in taken]} times {one:.2f} s")
    assert b"".join(slices) == whole
    assert max(taken) <= MOST * one


def test_slices_of_different_tensors_are_computed_one_by_one(
    front: Front, replicas: list[Served]
) -> None:
    """Negative control: nothing is shared, and the work is that of several tensors a replica."""
    one = work_of_one_whole(replicas, SHAPES[0])
    before = [work(each) for each in replicas]
    sliced(front, [orthogonal(SHAPES[0]) for _ in range(8)])
    taken = [work(each) - start for each, start in zip(replicas, before, strict=True)]
    print(f"{[round(each / one, 2) for each in taken]} times {one:.2f} s")
    assert max(taken) > MOST * one
