"""The port answers at once; bytes wait for the warm-up."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Event

import httpx2
import pytest
from fastapi import FastAPI
from starlette.routing import Route

from service.api.problems import RETRY_AFTER_SECONDS, install
from service.api.readiness import Readiness
from service.api.routes.health import livez, readyz
from service.api.table import Ending, Row, State, Table, alone
from tests.server import running


def app_with(warm_up: Callable[[], None], row: Row | None = None) -> FastAPI:
    """The two routes, and a warm-up started as the application starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.readiness.start(warm_up)
        yield

    app = FastAPI(lifespan=lifespan, routes=[Route("/livez", livez), Route("/readyz", readyz)])
    app.state.readiness = Readiness(row or alone())
    install(app)
    return app


def until_state(app: FastAPI, state: State) -> None:
    """Wait, 5 s at most, for the warm-up to come to `state`."""
    waiting = Event()
    for _ in range(500):
        if app.state.readiness.state is state:
            return
        waiting.wait(0.01)
    raise AssertionError(f"never {state.value}")


def test_a_process_that_warms_up_is_alive_but_not_ready() -> None:
    """The port is bound before the warm-up ends; /readyz turns from 503 to 200 with it."""
    warm = Event()

    def warm_up() -> None:
        warm.wait(10)

    app = app_with(warm_up)
    with running(app) as address:
        assert httpx2.get(address.url + "/livez").status_code == 200
        early = httpx2.get(address.url + "/readyz")
        warm.set()
        until_state(app, State.READY)
        late = httpx2.get(address.url + "/readyz")
    assert (early.status_code, early.json()["reason"]) == (503, "not_ready")
    assert early.headers["retry-after"] == str(RETRY_AFTER_SECONDS)
    assert (late.status_code, late.json()) == (200, {"status": "ready"})
    assert late.headers["cache-control"] == "no-store"


def test_a_failed_warm_up_stays_unready_and_says_why_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """503 for good, the process alive, and one line in the log."""

    def fail() -> None:
        raise ValueError("golden hash of\nnormal float32 differs")

    app = app_with(fail)
    with running(app) as address:
        until_state(app, State.FAILED)
        answers = [httpx2.get(address.url + "/readyz") for _ in range(2)]
        assert httpx2.get(address.url + "/livez").status_code == 200
    assert [answer.status_code for answer in answers] == [503, 503]
    assert "golden" not in answers[0].text
    [record] = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert record.getMessage() == (
        "not ready: the warm-up failed: ValueError: golden hash of normal float32 differs"
    )


def test_readiness_speaks_for_all_processes() -> None:
    """A process that still warms up answers 200 while another one is ready, and else 503.

    Once a ready process ends, the reason is `shutting_down`.
    """
    table, warm = Table(2), Event()
    other = Row(table, 1)

    def warm_up() -> None:
        warm.wait(10)

    with running(app_with(warm_up, Row(table, 0))) as address:

        def readiness() -> tuple[int, str | None]:
            answer = httpx2.get(address.url + "/readyz")
            return answer.status_code, answer.json().get("reason")

        told = {}
        for state in State:
            other.state = state
            told[state] = readiness()
        other.state, other.ending = State.READY, Ending.DRAINING
        ended = readiness()
        warm.set()
    assert told.pop(State.READY) == (200, None)
    assert set(told.values()) == {(503, "not_ready")}
    assert ended == (503, "shutting_down")


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_may_ask_with_head(path: str) -> None:
    """HEAD answers with GET's status and no body."""
    app = app_with(lambda: None)
    with running(app) as address:
        until_state(app, State.READY)
        answer = httpx2.head(address.url + path)
    assert (answer.status_code, answer.content) == (200, b"")
