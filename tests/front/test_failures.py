"""Replicas that end, that have no room, or that fail in the middle."""

import http.client
import itertools
import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.application import ask
from tests.front.nginx import Edit, Front, nginx, replaced
from tests.front.origins import Asked, Reply, busy, origin, slices, tensor
from tests.process import server
from tests.server import Address

pytestmark = pytest.mark.needs("nginx")

MIB = 2**20
CONTENT = bytes(range(256)) * (4 * MIB // 256)
WHOLE = slices(CONTENT)

Starting = Callable[..., Front]


@pytest.fixture
def before(tmp_path: Path) -> Iterator[Starting]:
    """Starts nginx before these addresses."""
    with ExitStack() as stack:

        def start(*replicas: Address, edit: Edit = str) -> Front:
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            return stack.enter_context(nginx(replicas, folder, edit))

        yield start


def no_retry(text: str) -> str:
    """The configuration without a second replica for a request."""
    return replaced(text, "proxy_next_upstream_tries 3;", "proxy_next_upstream_tries 1;")


def idempotent(text: str) -> str:
    """The configuration that repeats no POST."""
    return replaced(text, " non_idempotent;", ";")


def statuses(front: Front, count: int, method: str = "GET") -> list[int]:
    """The statuses of so many requests that are not stored."""
    body = b"{}" if method == "POST" else None
    return [ask(front.address, f"/x?{n}", method, body=body).status for n in range(count)]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_another_replica_answers_for_one_that_has_no_room(before: Starting, method: str) -> None:
    """Every time, and the busy one is asked again, because it may have room by then."""
    with origin(busy) as first, origin(WHOLE) as second:
        front = before(first.address, second.address)
        assert statuses(front, 8, method) == [200] * 8
        assert len(first.asked) >= 2


def test_without_a_retry_the_client_sees_503(before: Starting) -> None:
    """Negative control."""
    with origin(busy) as first, origin(WHOLE) as second:
        assert 503 in statuses(before(first.address, second.address, edit=no_retry), 8)


def test_a_post_is_not_repeated_without_the_word_for_it(before: Starting) -> None:
    """Negative control: nginx takes a POST for one that changes something."""
    with origin(busy) as first, origin(WHOLE) as second:
        front = before(first.address, second.address, edit=idempotent)
        assert 503 in statuses(front, 8, "POST")


def test_when_all_have_no_room_the_client_is_told_when_to_come_back(before: Starting) -> None:
    """The answer is a replica's own, after three tries and not more."""
    with ExitStack() as stack:
        behind = [stack.enter_context(origin(busy)) for _ in range(4)]
        answer = ask(before(*(each.address for each in behind)).address, "/x")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert sum(len(each.asked) for each in behind) == 3


def test_a_killed_replica_is_not_noticed(before: Starting) -> None:
    """Two real replicas, one of which is killed: no small request fails, stored or not."""
    seeds = itertools.count(1)

    def small(front: Front) -> int:
        return ask(front.address, f"/v1/weights.raw?shape=4&seed={next(seeds)}&name=w").status

    with server() as first, server() as second:
        first.wait_until_all_ready()
        second.wait_until_all_ready()
        front = before(first.address, second.address)
        assert [small(front) for _ in range(4)] == [200] * 4
        first.signal(signal.SIGKILL)
        assert [small(front) for _ in range(20)] == [200] * 20
        ranged = {"Range": "bytes=0-7"}
        target = "/v1/weights.raw?shape=4&seed=1000&name=w"
        assert ask(front.address, target, headers=ranged).status == 206


def test_without_a_replica_the_answer_is_a_problem(before: Starting) -> None:
    """nginx itself lives, and says so to its own probe."""
    with origin(WHOLE) as gone:
        pass
    front = before(gone.address)
    answer = ask(front.address, "/readyz")
    assert (answer.status, answer.headers["cache-control"]) == (502, "no-store")
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.body)["status"] == 502
    assert ask(front.address, "/livez").status == 200


def fails_at(place: int) -> Callable[[Asked], Reply]:
    """A replica that has no room for the slice that begins there."""
    return lambda asked: busy(asked) if asked.range()[0] == place else WHOLE(asked)


def test_a_slice_that_one_replica_refuses_comes_from_another(before: Starting) -> None:
    """The client does not notice it."""
    with origin(fails_at(2 * MIB)) as first, origin(WHOLE) as second:
        front = before(first.address, second.address)
        for n in range(2):
            headers = {"Range": f"bytes=0-{4 * MIB - 1}"}
            answer = ask(front.address, tensor(n), headers=headers)
            assert (answer.status, answer.body == CONTENT) == (206, True)


def test_a_slice_that_all_refuse_ends_the_answer_visibly(before: Starting) -> None:
    """The answer has its length, so a client sees that bytes are missing. Nothing is added."""
    with origin(fails_at(2 * MIB)) as behind:
        front = before(behind.address)
        with closing(http.client.HTTPConnection("127.0.0.1", front.address.port)) as client:
            client.request("GET", tensor(), headers={"Range": f"bytes=0-{4 * MIB - 1}"})
            answer = client.getresponse()
            assert (answer.status, answer.getheader("Content-Length")) == (206, str(4 * MIB))
            with pytest.raises(http.client.IncompleteRead) as found:
                answer.read()
    assert found.value.partial == CONTENT[: 2 * MIB]


def test_slices_of_different_tensors_are_not_joined(before: Starting) -> None:
    """A release in the middle of a download of a draft: another tag, and the answer ends."""

    def released(asked: Asked) -> Reply:
        tag = '"one"' if asked.range()[0] == 0 else '"two"'
        return slices(CONTENT, {"Cache-Control": "public, max-age=300", "ETag": tag})(asked)

    with origin(released) as behind:
        front = before(behind.address)
        with closing(http.client.HTTPConnection("127.0.0.1", front.address.port)) as client:
            client.request("GET", tensor(), headers={"Range": f"bytes=0-{4 * MIB - 1}"})
            with pytest.raises(http.client.IncompleteRead):
                client.getresponse().read()


def test_a_request_that_takes_long_is_not_repeated(before: Starting) -> None:
    """One that is too much for a replica would burden the others as well."""

    def slow(_: Asked) -> Reply:
        time.sleep(1)
        return Reply(503)

    def impatient(text: str) -> str:
        return replaced(
            text, "proxy_next_upstream_timeout 10s;", "proxy_next_upstream_timeout 500ms;"
        )

    with origin(slow) as first, origin(slow) as second:
        front = before(first.address, second.address, edit=impatient)
        assert ask(front.address, "/x").status == 503
        assert len(first.asked) + len(second.asked) == 1
