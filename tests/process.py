"""The service as a process of its own: what a shell starts, and what the system says of it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tests.server import Address

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 30.0


def run(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """A command that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT,
        env=os.environ | dict(environment or {}),
        capture_output=True,
        timeout=120,
        check=False,
    )


@dataclass(slots=True)
class Served:
    """A running `serve`: the process, where it listens, and the file of its standard error."""

    process: "subprocess.Popen[str]"
    address: Address
    errors: IO[str]

    @property
    def pid(self) -> int:
        """The process id, of the parent where there are several processes."""
        return self.process.pid

    def wait_until_all_ready(self) -> str:
        """Wait for the line that tells that the server is ready, and return it."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def signal(self, number: int) -> None:
        """Send a signal to the process itself."""
        self.process.send_signal(number)

    def end(self, seconds: float) -> int:
        """Wait so long for the end of the process, and return its status."""
        return self.process.wait(seconds)

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return children(self.pid)

    def said(self) -> list[str]:
        """The lines on standard error so far."""
        self.errors.seek(0)
        return self.errors.read().splitlines()


@contextmanager
def server(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    constants: Mapping[str, float] | None = None,
    port: int = 0,
) -> Iterator[Served]:
    """`serve` while the block runs. Port 0 is any free one.

    It does not drain at its end unless `environment` says so. `constants` replaces numbers of the
    service, by the path of each, so that a test need not wait for long deadlines.
    """
    variables = os.environ | {"FANIN_DRAIN_SECONDS": "0"} | dict(environment or {})
    launch = [sys.executable, "-c", _LAUNCH, repr(dict(constants or {}))]
    command = [*launch, "--port", str(port), *arguments]
    with (
        TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            yield Served(process, address_in(process.stdout.readline()), errors)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            finally:
                process.kill()
                errors.seek(0)
                print(errors.read(), file=sys.stderr)


_LAUNCH = """
import ast, importlib, sys
for path, number in ast.literal_eval(sys.argv[1]).items():
    module, _, name = path.rpartition(".")
    setattr(importlib.import_module(module), name, number)
from service.__main__ import main
sys.exit(main(["serve", *sys.argv[2:]]))
"""
"""What `python -m service serve` does, with other numbers in the modules."""


@contextmanager
def served(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, Address]]:
    """As `server`, of which this has the process id and where it listens."""
    with server(*arguments, environment=environment) as running:
        yield running.pid, running.address


def started(*words: str, before: str = "") -> "subprocess.Popen[bytes]":
    """A command in a shell of its own, which runs `before` and is then replaced by the command."""
    command = ["sh", "-c", f'{before} exec "$@"', "sh", sys.executable, "-m", "service", *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def address_in(greeting: str) -> Address:
    """Where a server listens, from the first line that it prints."""
    found = re.search(r"http://([0-9.]+):([0-9]+)", greeting)
    assert found, greeting
    return Address(found[1], int(found[2]))


def children(pid: int) -> list[int]:
    """The process ids of the children of a process."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether a process runs. One that has ended keeps its number until its parent asks for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def sockets(pid: int) -> int:
    """How many sockets a process has open."""
    links = [os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir()]
    return sum(link.startswith("socket:") for link in links)


def resident_bytes(pid: int) -> int:
    """Memory that a process occupies (`VmRSS` of proc(5))."""
    return _memory(pid, "VmRSS")


def _memory(pid: int, field: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{field}:\s+([0-9]+) kB", status)
    assert found
    return 1024 * int(found[1])


def forget_peak(pid: int) -> None:
    """Let `peak_bytes` begin anew (`clear_refs` of proc(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """The most memory that a process has occupied so far (`VmHWM` of proc(5))."""
    return _memory(pid, "VmHWM")


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, all of its threads together (proc(5), `stat`)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
