"""What short answers are compared with: the first example of FastAPI's tutorial, on h11.

python -m bench.hello PORT

This is the hello-world that the service was measured against at commit 167694b: uvicorn's h11
protocol with that commit's limits, and that commit's configuration. It takes no part of the
server from `service`, so a faster server does not make it faster, and ratios of different releases
stay comparable. Do not change it. The code for requests that h11 refuses is left out, since no
request of the benchmark reaches it.
"""

import sys
from typing import Any

import h11
from fastapi import FastAPI
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.server.listening import listen

_MOST_HEAD_BYTES = 16 * 1024
_MOST_TARGET_BYTES = 8 * 1024
_TOO_LARGE = 431

app = FastAPI()


@app.get("/")
async def hello() -> dict[str, str]:
    """A small JSON answer."""
    return {"message": "Hello World"}


class BoundedConnection(h11.Connection):
    """The server's side of a connection, with a limit on the size of the request head."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, _MOST_HEAD_BYTES)
        self.request_line = b""
        self.method = b""

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next event of h11; raises RemoteProtocolError for a head that is too large."""
        if self.their_state is not h11.IDLE:
            return super().next_event()
        received = self.trailing_data[0]
        self.request_line, self.method = received.partition(b"\n")[0], b""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self.method = event.method
            head_bytes = len(received) - len(self.trailing_data[0])
            if head_bytes > _MOST_HEAD_BYTES or len(event.target) > _MOST_TARGET_BYTES:
                raise h11.RemoteProtocolError("the head is too large", _TOO_LARGE)
        return event

    # h11 has an overload for each kind of event. uvicorn needs only the most general one.
    def send(self, event: h11.Event) -> bytes | None:  # type: ignore[override]
        """The bytes to write for an event; a piece of a body is passed on without a copy."""
        pieces = self.send_with_data_passthrough(event)
        if pieces is None:
            return None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class BoundedProtocol(H11Protocol):
    """The asyncio protocol that uvicorn creates for each connection."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn: BoundedConnection = BoundedConnection()

    def connection_made(self, transport: Any) -> None:
        """Set the write buffer limit to 0: `send` then waits until a piece is written out."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)


def config() -> Config:
    """uvicorn's configuration as of commit 167694b."""
    return Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=20,
    )


if __name__ == "__main__":
    Server(config()).run(listen("127.0.0.1", int(sys.argv[1])))
