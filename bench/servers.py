"""The servers that answer in the benchmark, each on a free port of loopback once it is needed."""

import os
import re
from collections.abc import Sequence
from getpass import getuser
from pathlib import Path

from bench.processes import PYTHON, ROOT, WORK, Server

HELLO = "/"

FILES = WORK / "files"
"""What nginx serves."""


def fanin(cores: Sequence[int]) -> Server:
    """The service as `make run` starts it."""
    command: list[str | Path] = [PYTHON, "-m", "service", "serve", "--port"]
    return Server("the service", lambda port: [*command, port], "/readyz", cores)


def hello(cores: Sequence[int]) -> Server:
    """A FastAPI application of one route, on the h11 protocol of bench/hello.py."""
    return Server("FastAPI", lambda port: [PYTHON, "-m", "bench.hello", port], HELLO, cores)


def nginx(cores: Sequence[int]) -> Server:
    """bench/nginx.conf on the files of FILES."""
    return Server("nginx", _nginx_command, "/ready", cores)


def source(cores: Sequence[int]) -> Server:
    """bench/source.c: GET /BYTES."""
    return Server("the source", lambda port: [WORK / "source", port], "/0", cores)


def _nginx_command(port: str) -> list[str | Path]:
    FILES.mkdir(parents=True, exist_ok=True)
    committed = (ROOT / "bench" / "nginx.conf").read_text()
    config = WORK / "nginx.conf"
    config.write_text(re.sub(r"(listen 127\.0\.0\.1:)[0-9]+", rf"\g<1>{port}", committed))
    # A worker of root's nginx is otherwise somebody who may not read the work folder.
    user = ["-g", f"user {getuser()};"] if os.geteuid() == 0 else []
    return ["nginx", "-p", WORK, "-c", config, *user]
