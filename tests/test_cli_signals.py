"""Signals end a command at once, and none is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from service.__main__ import main
from service.chunks import Memory, TensorBody
from service.cli.signals import ENDING, ended_by_signals
from tests.process import ROOT, started

ENDLESS = ["--shape", "1000000,1000000", "--scheme", "zeros", "--dtype", "float16"]
"""2 TB, so the command runs until something stops it."""

LONG_CHUNK = ["--shape", "3000,3000", "--scheme", "orthogonal", "--seed", "1", "--name", "w"]
"""One chunk, which takes seconds."""

SECONDS = 20
"""The longest wait for a process that has got its signal. Usually it ends within milliseconds."""

SIGNALS_OF_A_KIND = 200


def wait_for(found: Callable[[], object], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while not found():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)


def has_bytes(folder: Path) -> Callable[[], bool]:
    """Whether something in the folder has bytes."""
    return lambda: any(path.stat().st_size for path in folder.iterdir())


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    """The status is the one that shells give. There is no traceback and no unfinished file."""
    with started("weights", *ENDLESS, "-o", str(tmp_path / "w.npy")) as process:
        wait_for(has_bytes(tmp_path), process)
        process.send_signal(number)
        _, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, said) == (128 + number, b"")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", ENDING)
def test_a_chunk_that_takes_long_ends_as_soon(tmp_path: Path, number: signal.Signals) -> None:
    """The signal arrives while an orthogonal matrix is computed. The old file keeps its bytes."""
    output = tmp_path / "w.npy"
    output.write_bytes(b"old")
    with started("weights", *LONG_CHUNK, "-o", str(output)) as process:
        wait_for(lambda: len(list(tmp_path.iterdir())) == 2, process)
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, said) == (128 + number, b"")
    assert time.monotonic() - began < 2
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("w.npy", b"old")]


@pytest.mark.parametrize("number", ENDING)
def test_a_reader_who_waits_does_not_hold_it_up(number: signal.Signals) -> None:
    """`weights -o - | less`: the pipe is full, and Python would repeat the write for ever."""
    with started("weights", *ENDLESS, "-o", "-") as process:
        assert process.stdout is not None
        process.stdout.read(1)
        time.sleep(0.2)
        process.send_signal(number)
        assert process.wait(SECONDS) == 128 + number


def test_who_ignores_hangups_goes_on(tmp_path: Path) -> None:
    """Under nohup SIGHUP stays ignored."""
    output = ["-o", str(tmp_path / "w.npy")]
    with started("weights", *ENDLESS, *output, before="trap '' HUP;") as process:
        wait_for(has_bytes(tmp_path), process)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert process.poll() is None
        process.terminate()
    assert list(tmp_path.iterdir()) == []


def test_handlers_are_given_back() -> None:
    """A program that calls the command as a function has its own handlers after it."""
    before = [signal.getsignal(each) for each in ENDING]
    with ended_by_signals():
        assert all(signal.getsignal(each) not in before for each in ENDING)
    assert [signal.getsignal(each) for each in ENDING] == before


IN_A_FINALIZER = """
import os, signal, sys
from service.cli.signals import ended_by_signals

class Holder:
    def __del__(self):
        os.kill(os.getpid(), int(sys.argv[2]))
        for _ in range(1000):  # The handler runs at one of these steps.
            pass

def leave(number, frame):
    sys.exit(128 + number)

if sys.argv[1] == "raised":
    signal.signal(int(sys.argv[2]), leave)
    Holder()
else:
    with ended_by_signals():
        Holder()
"""


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize(("way", "lost"), [("ended", False), ("raised", True)])
def test_a_signal_within_a_finalizer_is_not_lost(
    number: signal.Signals, way: str, lost: bool
) -> None:
    """Negative control: an exception of the handler is lost there, and the status is 0."""
    command = [sys.executable, "-c", IN_A_FINALIZER, way, str(int(number))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == (0 if lost else 128 + number)
    assert (b"Exception ignored" in done.stderr) == lost


def in_a_child(words: list[str]) -> int:
    """The process id of a fork of this process that carries the command out.

    A fork has all modules and kernels already, so hundreds of them take seconds.
    """
    child = os.fork()
    if child == 0:
        status = 99
        with suppress(BaseException):
            status = main(words)
        os._exit(status)
    return child


def status_of(child: int) -> int | None:
    """Its exit status, negative for a signal that killed it; None if it is still running."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def endings(folder: Path, number: signal.Signals, count: int) -> list[int | None]:
    """The statuses of `count` commands that got the signal 0 to 20 ms after their first byte."""
    moments = random.Random(int(number))
    found = []
    for _ in range(count):
        child = in_a_child(["weights", *ENDLESS, "-o", str(folder / "w.npy")])
        while not has_bytes(folder)():
            assert os.waitpid(child, os.WNOHANG) == (0, 0)
        time.sleep(moments.random() * 0.02)
        os.kill(child, number)
        found.append(status_of(child))
        assert list(folder.iterdir()) == []
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("number", ENDING)
def test_no_signal_is_lost(tmp_path: Path, number: signal.Signals) -> None:
    """Hundreds at random moments while a file is written: each ends its command."""
    assert endings(tmp_path, number, SIGNALS_OF_A_KIND) == [128 + number] * SIGNALS_OF_A_KIND


class Litter:
    """Its finalizer takes nearly all of the time."""

    def __del__(self) -> None:
        time.sleep(0.005)


def littering_chunk(body: TensorBody, index: int, memory: Memory) -> memoryview:
    Litter()
    return memory.data


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_no_signal_is_lost_among_finalizers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same while finalizers run nearly all the time. Python drops exceptions in them."""
    monkeypatch.setattr(TensorBody, "chunk", littering_chunk)
    assert endings(tmp_path, signal.SIGINT, 50) == [130] * 50
