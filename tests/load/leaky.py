"""The negative control: the application of Fanin on uvicorn as it comes.

It has no deadlines, no limit on connections and no back-pressure on pipelined requests, and it
computes every small answer on the event loop. Each check of an attack fails on it at least once.
"""

import uvicorn

from service.api import streaming
from service.api.app import create_app
from service.server.listening import listen, origin
from service.settings import Settings


def main() -> None:
    """Print where it listens, and serve until a signal."""
    streaming.INLINE_COST = 2**62
    (listener,) = listen("127.0.0.1", 0)
    print(f"leaky: {origin(listener)}", flush=True)
    config = uvicorn.Config(
        create_app(Settings()),
        http="httptools",
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
