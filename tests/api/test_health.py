"""Probes in the whole application, and what is served before the kernels are ready."""

import json
from collections.abc import Iterator
from threading import Event

import pytest

from tests.application import ask, post, ready, serving
from tests.server import Address

TENSOR = "/v1/weights.npy?shape=4,3&scheme=normal&seed=7&name=w"


@pytest.fixture(scope="module")
def starting() -> Iterator[Address]:
    """An application whose kernels are not compiled while the tests run."""
    warm = Event()

    def warm_up() -> None:
        warm.wait(60)

    with serving(warm_up) as address:
        yield address
        warm.set()


def test_no_byte_is_issued_before_the_check(starting: Address) -> None:
    """Values wait for the kernels: 503 says when to come back, by GET and by POST."""
    fields = b'{"shape": [4, 3], "scheme": "normal", "seed": 7, "name": "w"}'
    for answer in (ask(starting, TENSOR), post(starting, fields)):
        assert (answer.status, json.loads(answer.body)["reason"]) == (503, "not_ready")
        assert int(answer.headers["retry-after"]) >= 1


def test_what_needs_no_kernel_does_not_wait(starting: Address) -> None:
    """Headers, certificates, 304, refusals and tables are right at once."""
    head = ask(starting, TENSOR, "HEAD")
    assert head.status == 200
    assert ask(starting, TENSOR, headers={"If-None-Match": head.headers["etag"]}).status == 304
    assert ask(starting, TENSOR.replace("npy", "json")).status == 200
    assert ask(starting, "/v1/weights.npy").status == 400
    assert ask(starting, "/schemes").status == 200


def test_a_process_that_starts_is_alive_and_not_ready(starting: Address) -> None:
    """An orchestrator neither restarts it nor sends it anything."""
    assert ask(starting, "/livez").status == 200
    assert ask(starting, "/readyz").status == 503


def test_a_ready_process_says_so_and_issues() -> None:
    """With the real warm-up /readyz turns to 200, and the tensor follows."""
    with ready() as address:
        assert json.loads(ask(address, "/readyz").body) == {"status": "ready"}
        assert ask(address, TENSOR).status == 200


def test_a_failed_check_never_issues() -> None:
    """Kernels that give other bits are worse than none: 503 for good."""

    def warm_up() -> None:
        raise ValueError("other bits")

    with serving(warm_up) as address:
        answer = ask(address, TENSOR)
    assert (answer.status, json.loads(answer.body)["reason"]) == (503, "not_ready")
