"""The service as a process of its own: what a shell starts, and what the system says of it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def served(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[int, Address]]:
    """`serve` on a free port while the block runs: its process id, and where it listens.

    It does not drain at its end unless `environment` says so.
    """
    variables = os.environ | {"FANIN_DRAIN_SECONDS": "0"} | dict(environment or {})
    command = [sys.executable, "-m", "service", "serve", "--port", "0", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.pid, _address(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _address(greeting: str) -> Address:
    found = re.search(r"http://([0-9.]+):([0-9]+)", greeting)
    assert found, greeting
    return Address(found[1], int(found[2]))


def resident_bytes(pid: int) -> int:
    """Memory that a process occupies (`VmRSS` of proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+([0-9]+) kB", status)
    assert found
    return 1024 * int(found[1])


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, all of its threads together (proc(5), `stat`)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
