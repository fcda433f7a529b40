"""Which of two workers accepts, and what happens to the connections of one that stops."""

import socket
import time
from contextlib import closing
from http.client import HTTPConnection

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from service.api.table import Ending, Row, State, Table
from service.server.worker import Worker
from tests.server import Address, running


def answer(address: Address) -> str | None:
    """The `Connection` header of an answer on a new connection; TimeoutError if nobody accepts."""
    with closing(HTTPConnection(address.host, address.port, timeout=0.6)) as client:
        client.request("GET", "/")
        return client.getresponse().headers["connection"]


@pytest.mark.parametrize("other", [State.GONE, State.LOADING, State.STARTING, State.FAILED])
def test_the_first_that_starts_hands_over_to_one_that_is_ready(other: State) -> None:
    """It stops accepting when the other one is ready, and accepts again when the other one ends.

    It closes its idle connections, and each other connection after the answer. The client's next
    connection is then accepted by the ready worker.
    """
    table = Table(2)
    first, second = Row(table, 0), Row(table, 1)
    first.state, second.state = State.LOADING, other

    class First(Worker):
        def __init__(self, config: uvicorn.Config) -> None:
            super().__init__(config, first)

    app = PlainTextResponse("here")
    with running(app, server_class=First, lifespan="off") as address:
        assert answer(address) == "close"
        with socket.create_connection((address.host, address.port), timeout=5) as idle:
            second.state = State.READY
            assert idle.recv(1) == b""
        with pytest.raises(TimeoutError):
            answer(address)
        second.ending = Ending.CLOSING
        assert answer(address) == "close"
        second.ending = Ending.NO
        table.clear(1)
        assert answer(address) == "close"
        first.state = State.READY
        time.sleep(0.3)
        assert answer(address) is None


def test_one_alone_keeps_connections() -> None:
    """Control: a process without others never asks its clients to close."""
    with running(PlainTextResponse("here"), lifespan="off") as address:
        assert answer(address) is None
