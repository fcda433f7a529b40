"""The thread for costly plans: who goes there, and what happens when too many wait."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from threading import Event, get_ident

import pytest

from service.api.aside import MOST_COMMAS, MOST_PATIENT, MOST_WAITING, Aside, is_costly
from service.api.problems import problem_response
from service.errors import UnavailableError
from tests.application import ask, post, serving
from tests.server import Address

PARTS = ",".join(map(str, range(1, 65)))
COSTLY = f"shape=2080,8&layout=OI&scheme=glorot_uniform&seed=7&name=w&parts={PARTS}"


@pytest.fixture
def aside() -> Iterator[Aside]:
    with closing(Aside()) as aside:
        yield aside


@pytest.mark.parametrize("comma", [b",", b"%2C", b"%2c"])
def test_commas_tell_what_is_costly(comma: bytes) -> None:
    """In every spelling, one more than allowed."""
    assert not is_costly(b"parts=" + comma * MOST_COMMAS)
    assert is_costly(b"parts=" + comma * (MOST_COMMAS + 1))


def test_costly_work_leaves_the_loop(aside: Aside) -> None:
    """Other work stays there, because a thread takes longer to begin."""

    async def threads() -> tuple[int, int]:
        cheap = await aside.run_if_costly(b"shape=8,8", get_ident)
        return cheap, await aside.run_if_costly(b"," * 99, get_ident)

    cheap, costly = asyncio.run(threads())
    assert cheap == get_ident() != costly


def test_a_full_queue_refuses_and_recovers(aside: Aside) -> None:
    """503 `too_busy` with Retry-After. The requests before are answered, and later ones again."""
    go = Event()

    async def crowd() -> UnavailableError:
        waiting = [asyncio.create_task(aside.run(go.wait)) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError) as refused:
            await aside.run(go.wait)
        go.set()
        assert all(await asyncio.gather(*waiting))
        assert await aside.run(go.wait)
        return refused.value

    refused = asyncio.run(crowd())
    answer = problem_response(refused)
    assert (answer.status_code, refused.reason) == (503, "too_busy")
    assert int(answer.headers["retry-after"]) >= 1


def test_retry_after_grows_with_the_time_of_the_work(aside: Aside) -> None:
    """After works of 0.2 s each, 64 of them take some 13 s, and not the 6.4 s of 0.1 s each."""
    go = Event()

    async def crowd() -> UnavailableError:
        for _ in range(16):
            await aside.run(lambda: time.sleep(0.2))
        waiting = [asyncio.create_task(aside.run(go.wait)) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError) as refused:
            await aside.run(go.wait)
        go.set()
        await asyncio.gather(*waiting)
        return refused.value

    seconds = asyncio.run(crowd()).retry_after
    assert seconds is not None
    assert seconds >= 10


def test_an_error_of_the_work_is_the_answer(aside: Aside) -> None:
    """It gives its place back like any other."""

    def fail() -> None:
        raise ValueError("no plan")

    async def fails() -> None:
        for _ in range(MOST_WAITING + 1):
            with pytest.raises(ValueError, match="no plan"):
                await aside.run(fail)

    asyncio.run(fails())


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with serving(warm_up=lambda: None) as address:
        yield address


def test_a_costly_tensor_has_the_same_headers_each_time(address: Address) -> None:
    """Asked twice, and with escaped commas: always the same tag."""
    first = ask(address, f"/v1/weights.npy?{COSTLY}", "HEAD")
    again = ask(address, f"/v1/weights.npy?{COSTLY}", "HEAD")
    other = ask(address, f"/v1/weights.npy?{COSTLY.replace(',', '%2C')}", "HEAD")
    assert first.status == other.status == 200
    assert first.headers | {"date": ""} == again.headers | {"date": ""}
    assert other.headers["etag"] == first.headers["etag"]
    unchanged = ask(
        address, f"/v1/weights.npy?{COSTLY}", headers={"If-None-Match": first.headers["etag"]}
    )
    assert unchanged.status == 304


def test_a_costly_refusal_is_the_usual_one(address: Address) -> None:
    """The thread's errors become problems."""
    assert ask(address, f"/v1/weights.npy?{COSTLY}&parts=3").status == 400
    assert ask(address, f"/v1/weights.json?{COSTLY.replace('2080', '2081')}").status == 422
    body = b'{"shape":[9,8],"parts":[' + PARTS.encode() + b'],"format":"json"}'
    assert post(address, body).status == 422


def test_who_says_until_when_waits_no_longer(aside: Aside) -> None:
    """Work that was not begun is not done. Work that was begun is finished, for who asks again."""
    done = list[str]()
    go = Event()

    def work(name: str) -> str:
        go.wait(5)
        done.append(name)
        return name

    async def crowd() -> None:
        first = asyncio.create_task(aside.run(lambda: work("first"), time.monotonic() + 0.2))
        await asyncio.sleep(0.05)
        for waiting in (aside.run(lambda: work("second"), time.monotonic() + 0.1), first):
            with pytest.raises(UnavailableError) as refused:
                await waiting
            assert refused.value.reason == "too_busy"
        assert not done
        go.set()
        assert await aside.run(lambda: work("third"), time.monotonic() + 5) == "third"

    asyncio.run(crowd())
    assert done == ["first", "third"]


def test_retry_after_is_the_time_of_the_work_that_is_being_done(aside: Aside) -> None:
    """Also if all work before took less. It is expected to take as long again as it has taken."""
    go = Event()

    async def crowd() -> int | None:
        for _ in range(9):
            await aside.run(lambda: None)
        waiting = [asyncio.create_task(aside.run(lambda: go.wait(9))) for _ in range(3)]
        await asyncio.sleep(1.5)
        with pytest.raises(UnavailableError) as refused:
            await aside.run(lambda: None, time.monotonic() + 0.1)
        go.set()
        await asyncio.gather(*waiting)
        return refused.value.retry_after

    seconds = asyncio.run(crowd())
    assert seconds is not None
    # Four requests that take at least 1.5 s each.
    assert 6 <= seconds <= 9


def test_more_of_those_may_wait(aside: Aside) -> None:
    """Up to MOST_PATIENT. A request that does not say until when is refused, as before."""
    go = Event()

    async def crowd() -> None:
        until = time.monotonic() + 9.0
        waiting = [asyncio.create_task(aside.run(go.wait, until)) for _ in range(MOST_PATIENT)]
        await asyncio.sleep(0)
        for each in (None, until):
            with pytest.raises(UnavailableError):
                await aside.run(go.wait, each)
        go.set()
        assert all(await asyncio.gather(*waiting))

    asyncio.run(crowd())
