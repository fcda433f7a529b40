"""The uvicorn server: one process, or several that share the port."""

import logging
import os
from socket import socket
from typing import Any

from fastapi import FastAPI
from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from service.api.app import create_app
from service.server.connection import Connection
from service.settings import Settings, load_settings

KEEP_ALIVE_SECONDS = 65
"""Longer than a proxy keeps an idle connection (60 s is usual), so that the proxy closes it first.

If the server closed it first, it could do so while the proxy sends the next request.
"""

GRACE_SECONDS = 20
"""The time for running answers after SIGTERM. Kubernetes sends SIGKILL after 30 s."""


def serve(settings: Settings, listeners: list[socket]) -> None:
    """Answer HTTP on `listeners` until a signal ends the server."""
    if settings.workers == 1:
        Server(config(settings, create_app(settings))).run(listeners)
    else:
        # The workers are new processes. They read the settings from the environment.
        os.environ.update(settings.environment())
        factory = f"{__name__}:{worker_app.__name__}"
        Multiprocess(config(settings, factory, factory=True), sockets=listeners).run()


def worker_app() -> FastAPI:
    """The application of a worker process."""
    settings = load_settings()
    _configure_logging(settings)
    return create_app(settings)


def config(settings: Settings, app: FastAPI | str, **more: Any) -> Config:
    """uvicorn's configuration for `app`, or for the import string of an application factory."""
    _configure_logging(settings)
    return Config(
        app,
        workers=settings.workers,
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        **more,
    )


def _configure_logging(settings: Settings) -> None:
    level = settings.log_level.upper()
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    # At level DEBUG, Numba logs pages about each kernel.
    logging.getLogger("numba").setLevel(logging.WARNING)
