"""A process that answers requests, from its start to its end."""

import gc
import sys
from collections.abc import Callable
from socket import socket
from typing import Any

from fastapi import FastAPI
from uvicorn import Config

from service.api.app import create_app
from service.api.table import Row
from service.server.connection import Connection
from service.server.logs import configure_logging
from service.server.worker import Worker
from service.settings import Settings

SWITCH_SECONDS = 0.0005
"""How long a thread that runs Python code may keep the interpreter while the event loop waits for
it.

For each answer the loop needs the interpreter several times, and may wait this long each time. With
8 clients that sent networks of 1,000 layers, a probe's 99th percentile was 35 ms with Python's
default of 5 ms, and 10 ms with this value.
"""

COLLECT_OBJECTS = 10_000
"""How many new objects there are before the garbage collector looks at the young ones."""

GRACE_SECONDS = 20
"""The time for answers to finish after the last connection was accepted.

With the default of `drain_seconds` it ends 25 s after SIGTERM. Kubernetes sends SIGKILL after 30.
"""


def answer_requests(
    settings: Settings, listeners: list[socket], row: Row, announce: Callable[[], None]
) -> None:
    """Answer HTTP on `listeners` until `row` says that this process ends, and finish the answers.

    `announce` is called in a thread once this process is ready. When this returns, threads may
    still compute values that no client waits for.
    """

    def ready() -> None:
        _keep_out_of_collections()
        announce()

    sys.setswitchinterval(SWITCH_SECONDS)
    app = create_app(settings, row=row, announce=ready)
    Worker(config(settings, app), row, settings.drain_seconds).run(listeners)


def _keep_out_of_collections() -> None:
    """Let the garbage collector pass over everything that exists now.

    These objects live as long as the process. Otherwise each full collection would look at 170,000
    objects, which stops the event loop for 0.1 s. A request makes about a hundred objects and no
    cycles, so COLLECT_OBJECTS is larger than Python's default.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_OBJECTS)


def config(settings: Settings, app: FastAPI | str, **more: Any) -> Config:
    """uvicorn's configuration for `app`, or for the import string of an application factory."""
    configure_logging(settings)
    return Config(
        app,
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        **more,
    )
