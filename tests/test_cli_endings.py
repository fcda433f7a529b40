"""How a command ends when its surroundings go: signals, and streams that were never open."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.cli.signals import ended_by_exceptions
from tests.process import ROOT

ENDLESS = ["--shape", "1000000,1000000", "--scheme", "zeros", "--dtype", "float16"]
"""2 TB: what is written before the signal is all there will ever be."""

SMALL = ["--shape", "4,3", "--scheme", "zeros"]


def started(*words: str, before: str = "") -> "subprocess.Popen[bytes]":
    """A command in a shell of its own, which the command replaces."""
    script = f'{before} exec "$@"'
    command = ["sh", "-c", script, "sh", sys.executable, "-m", "service", *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for_bytes(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    """Until something in the folder has bytes."""
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in folder.iterdir()):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    """In the middle of a file: the status shells give, no traceback, no half of a file."""
    with started("weights", *ENDLESS, "-o", str(tmp_path / "w.npy")) as process:
        wait_for_bytes(tmp_path, process)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (status, b"")
    assert list(tmp_path.iterdir()) == []


def test_who_ignores_hangups_goes_on(tmp_path: Path) -> None:
    """Under nohup SIGHUP stays ignored."""
    output = ["-o", str(tmp_path / "w.npy")]
    with started("weights", *ENDLESS, *output, before="trap '' HUP;") as process:
        wait_for_bytes(tmp_path, process)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert process.poll() is None
        process.terminate()
    assert list(tmp_path.iterdir()) == []


def test_handlers_are_given_back() -> None:
    """Whoever calls the command as a function has its own signals after it."""
    with ended_by_exceptions():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize(
    "words",
    [["weights", *SMALL, "-o", "-"], ["openapi"], ["recommend", "--shape", "4,3"]],
    ids=["weights", "openapi", "recommend"],
)
def test_a_closed_standard_output_is_one_line(words: list[str]) -> None:
    """`>&-`: status 1, and not a traceback."""
    with started(*words, before="exec >&-;") as process:
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (1, b"-: standard output is closed\n")


@pytest.mark.parametrize(("words", "status"), [(SMALL, 0), (["--sead", "1"], 2)])
def test_a_closed_standard_error_changes_no_byte(words: list[str], status: int) -> None:
    """`2>&-`: what is for people goes nowhere, least of all among the values."""
    with started("weights", *words, "-o", "-", before="exec 2>&-;") as process:
        written, _ = process.communicate(timeout=60)
    assert process.returncode == status
    assert len(written) == (128 + 4 * 3 * 4 if status == 0 else 0)


@pytest.mark.parametrize("words", [["schemes"], ["schemes", "--json"], ["openapi"]])
def test_a_reader_who_leaves_a_listing_is_no_fault(words: list[str]) -> None:
    """Like `| head`: nothing on standard error, and the status that SIGPIPE has in a shell."""
    closed, output = os.pipe()
    os.close(closed)
    command = [sys.executable, "-m", "service", *words]
    done = subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.PIPE, check=False)
    os.close(output)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_a_reader_who_leaves_values_is_one_line() -> None:
    """Like `| head -c 1` of a tensor, which is then cut: status 1, no traceback."""
    with started("weights", *ENDLESS, "-o", "-") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (1, b"-: Broken pipe\n")
