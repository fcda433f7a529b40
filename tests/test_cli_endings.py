"""How a command ends when a standard stream is closed, full, or not read."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.application import ask
from tests.process import ROOT, started
from tests.server import Address, free_port

ENDLESS = ["--shape", "1000000,1000000", "--scheme", "zeros", "--dtype", "float16"]
"""2 TB, so the command runs until something stops it."""

SMALL = ["--shape", "4,3", "--scheme", "zeros"]


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
    """`2>&-`: messages are lost, and none of them gets among the values."""
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


COMMANDS = [
    ["--help"],
    ["--version"],
    ["weights", "--help"],
    ["serve", "--help"],
    ["weights", *SMALL, "-o", "-"],
    ["weights", *SMALL, "--format", "json", "-o", "-"],
    ["weights", *ENDLESS, "-o", "-"],
    ["recommend", "--shape", "4,3"],
    ["propagate", "--width", "4", "--depth", "3"],
    ["schemes"],
    ["schemes", "he_normal"],
    ["dtypes", "--json"],
    ["openapi"],
]
"""Everything that writes to standard output and ends: help of the parser and of the program, text
and values."""


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_full_standard_output_is_one_line(words: list[str]) -> None:
    """`>/dev/full`: status 1, the system's reason, and no traceback, also not at Python's end."""
    with started(*words, before="exec >/dev/full;") as process:
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (1, b"-: No space left on device\n")


@pytest.mark.parametrize("device", ["/dev/full", "/dev/null"])
@pytest.mark.parametrize(
    ("words", "status"),
    [
        ([], 2),
        (["sevre"], 2),
        (["weights", "stray"], 2),
        (["weights", "--sead", "1", "-o", "w.npy"], 2),
        (["weights", *SMALL, "-o", "/dev/full", "--format", "npy"], 1),
        (["weights", *SMALL, "-o", "-"], 0),
        (["--help"], 0),
    ],
)
def test_a_full_standard_error_changes_no_status(
    device: str, words: list[str], status: int
) -> None:
    """The message is lost. The status is the same as with `2>/dev/null`."""
    with started(*words, before=f"exec 2>{device};") as process:
        process.communicate(timeout=60)
    assert process.returncode == status


def test_both_full_is_a_status() -> None:
    """Neither the output nor the reason can be written, so the status is all that is left."""
    with started("--help", before="exec >/dev/full 2>/dev/full;") as process:
        process.communicate(timeout=60)
    assert process.returncode == 1


def test_python_alone_would_end_otherwise() -> None:
    """Negative control: `print` to a full stream gives a traceback, or status 120 at the end."""
    script = 'exec "$0" -c "$1" >/dev/full'
    for code in ("print(1, flush=True)", "print(1)"):
        command = ["sh", "-c", script, sys.executable, code]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode in (1, 120)
        assert b"Exception ignored" in done.stderr or b"Traceback" in done.stderr


def test_a_file_does_not_get_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """What a library writes to stream 2 by its number must not get into the tensor."""
    code = (
        "import os, sys; from service.cli.output import reserve_standard_descriptors as reserve\n"
        "for stream in (0, 1, 2): os.close(stream)\n"
        "reserve()\n"
        "file = open(sys.argv[1], 'wb')\n"
        "os.write(2, b'a fault')\n"
        "os._exit(file.fileno())\n"
    )
    output = tmp_path / "w.raw"
    done = subprocess.run([sys.executable, "-c", code, str(output)], cwd=ROOT, check=False)
    assert done.returncode > 2
    assert output.read_bytes() == b""


def test_a_closed_stream_is_no_fault_of_a_file(tmp_path: Path) -> None:
    """`>&- 2>&-`: the file is what it always is."""
    files = [tmp_path / "open.npy", tmp_path / "closed.npy"]
    for output, before in zip(files, ("", "exec <&- >&- 2>&-;"), strict=True):
        with started("weights", *SMALL, "-o", str(output), before=before) as process:
            process.communicate(timeout=60)
        assert process.returncode == 0
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    ("before", "lines"),
    [
        ("exec >&-;", []),
        ("exec >/dev/full;", ["standard output cannot be written: No space left on device"]),
    ],
    ids=["closed", "full"],
)
def test_a_server_without_standard_output_serves(before: str, lines: list[str]) -> None:
    """The greeting is lost, and the server answers. It logs one line if the device is full."""
    port = free_port()
    with started("serve", "--port", str(port), before=before) as process:
        deadline = time.monotonic() + 60
        while True:
            try:
                assert ask(Address("127.0.0.1", port), "/livez").status == 200
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.05)
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert len(said.splitlines()) == len(lines)
    assert all(line in said.decode() for line in lines)
