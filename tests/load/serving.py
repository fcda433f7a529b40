"""Servers under load: processes with a limit on files, a log in a file, and cores of their own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.application import wait_until_ready
from tests.process import ROOT, address_in, children, forget_peak, peak_bytes, resident_bytes
from tests.server import Address

FANIN = ("-m", "service", "serve", "--port", "0")
LEAKY = ("-m", "tests.load.leaky")
"""The negative control: the same application without limits and deadlines."""

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES = CORES[:1]
CLIENT_CORES = CORES[1:] or CORES
"""The server has a core for itself, so that the work of the clients does not slow it down."""

CALM = 19
"""The niceness of attackers. Their work may not delay the healthy client's on the same core."""

END_SECONDS = 40.0
"""How long a server may take for its end: it lets running answers finish for 20 s."""


@dataclass(frozen=True)
class Server:
    """A running server: its first process, which may have workers."""

    process: "subprocess.Popen[str]"
    address: Address
    log: Path

    @property
    def pid(self) -> int:
        """The process id of the first process."""
        return self.process.pid

    def wait_until_all_ready(self) -> None:
        """Wait for the line that tells that every process is ready."""
        assert self.process.stdout is not None
        assert "is ready after" in self.process.stdout.readline()

    def processes(self) -> list[int]:
        """The process ids: the parent's first, then the workers'."""
        return [self.pid, *children(self.pid)]

    def resident_bytes(self) -> int:
        """Memory of all processes. What they share is counted once for each."""
        return sum(resident_bytes(pid) for pid in self.processes())

    def forget_peak(self) -> None:
        """Let `peak_bytes` begin anew."""
        for pid in self.processes():
            forget_peak(pid)

    def peak_bytes(self) -> int:
        """The most memory that each process has occupied, added up."""
        return sum(peak_bytes(pid) for pid in self.processes())

    def files(self) -> int:
        """Open file descriptors of all processes."""
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in self.processes())

    def log_lines(self) -> list[str]:
        """The lines that it has written to its log so far."""
        return self.log.read_text(errors="replace").splitlines()


def socket_bytes() -> int:
    """Memory of the buffers of all TCP sockets of this machine (`sockstat` of proc(5))."""
    found = re.search(
        r"^TCP:.* mem ([0-9]+)$", Path("/proc/net/sockstat").read_text(), re.MULTILINE
    )
    assert found
    return int(found[1]) * os.sysconf("SC_PAGESIZE")


@contextmanager
def serving(
    command: Sequence[str] = FANIN,
    environment: Mapping[str, str] | None = None,
    most_files: int | None = None,
    cores: Sequence[int] = SERVER_CORES,
) -> Iterator[Server]:
    """A server that is ready, while the block runs. `most_files` is its hard limit on open files.

    Afterwards it gets SIGTERM, and SIGKILL if it does not end in END_SECONDS.
    """
    script = f'ulimit -n {most_files}; exec "$@"' if most_files else 'exec "$@"'
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with (
            log.open("wb") as written,
            subprocess.Popen(
                ["sh", "-c", script, "sh", sys.executable, *command],
                cwd=ROOT,
                env=os.environ | {"FANIN_DRAIN_SECONDS": "0"} | dict(environment or {}),
                stdout=subprocess.PIPE,
                stderr=written,
                text=True,
            ) as process,
        ):
            try:
                os.sched_setaffinity(process.pid, cores)
                assert process.stdout is not None
                # A server that fails before it listens says why in its log.
                address = address_in(process.stdout.readline() or log.read_text())
                server = Server(process, address, log)
                wait_until_ready(server.address)
                yield server
            finally:
                _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    workers = children(process.pid) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


class Client:
    """A client program of this package. It prints lines of JSON and ends by itself."""

    def __init__(self, module: str, *arguments: object, niceness: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.load.{module}", *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        os.sched_setaffinity(self._process.pid, CLIENT_CORES)
        if niceness:
            os.setpriority(os.PRIO_PROCESS, self._process.pid, niceness)

    def said(self) -> Any:
        """The next line. Raises AssertionError if the program has ended without it."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "a client failed"
        return json.loads(line)

    def begin(self) -> None:
        """Let a program begin that waits for a line."""
        assert self._process.stdin is not None
        self._process.stdin.write("begin\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """Ask the program for its end. It still says its last line."""
        self._process.send_signal(signal.SIGINT)

    def wait_until(self, when: float) -> None:
        """Wait for its end, at most until this time of the monotonic clock."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, when - time.monotonic()))

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def connected(address: Address, seconds: float = 10.0) -> socket.socket:
    """A connection whose every step takes at most `seconds`."""
    return socket.create_connection((address.host, address.port), timeout=seconds)
