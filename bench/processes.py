"""Programs that are measured, each a process of its own, on the cores it is told to use."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType

from bench.contest import MissingError

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "bench"
PYTHON = Path(sys.executable)
PEERS_PYTHON = ROOT / "build" / "bench-venv" / "bin" / "python"

ALL_CORES = tuple(sorted(os.sched_getaffinity(0)))
SERVER_CORE = ALL_CORES[:1]
CLIENT_CORE = ALL_CORES[-1:]

START_SECONDS = 120.0
STOP_SECONDS = 30.0

# Some machines choose a slower BLAS for everybody; neither side is to run under it.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")
}


def end_with_sigterm() -> None:
    """Let SIGTERM end this program like an exception, so that it leaves no process behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def pinned(cores: Sequence[int], command: Sequence[str | Path]) -> list[str]:
    """The command, kept to these cores; raises MissingError if there is no such program."""
    program = str(command[0])
    for needed in ("taskset", program):
        if shutil.which(needed) is None:
            raise MissingError(f"{Path(needed).name} is not installed")
    return ["taskset", "-c", ",".join(map(str, cores)), *map(str, command)]


def output_of(cores: Sequence[int], command: Sequence[str | Path]) -> str:
    """The output of a program. Raises MissingError if it fails."""
    done = subprocess.run(
        pinned(cores, command),
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MissingError(f"{Path(command[0]).name}: {last}")
    return done.stdout


class Server:
    """A server on a loopback port, started when its port is first asked for.

    `command` makes the command line of a port; `ready` is a path answered with 200 once requests
    can be served.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[str], Sequence[str | Path]],
        ready: str,
        cores: Sequence[int],
    ) -> None:
        self._name = name
        self._command = command
        self._ready = ready
        self._cores = cores
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The address of the ready server. Raises MissingError if it does not start."""
        if self._process is None:
            self._port = free_port()
            self._process = subprocess.Popen(
                pinned(self._cores, self._command(str(self._port))),
                cwd=ROOT,
                env=ENVIRONMENT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self._wait_until_ready(self._process)
        return self._port

    @property
    def pid(self) -> int:
        """The process id: taskset has become the server."""
        assert self._process is not None
        return self._process.pid

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while status(self._port, self._ready) != 200:
            if process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise MissingError(f"{self._name} did not start")
            time.sleep(0.005)

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def status(port: int, target: str) -> int | None:
    """The response to a GET; None without a response."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", target)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def free_port() -> int:
    """A free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
