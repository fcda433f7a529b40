"""The shell: the bytes of the URL in a file, and one line for whatever goes wrong."""

import errno
import os
import shlex
import subprocess
import sys
import termios
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service import __version__
from service.__main__ import main
from service.chunks import TensorBody
from service.cli.weights import write_weights
from service.stream.edition import EDITION
from tests.application import ask, ready
from tests.process import ROOT, run
from tests.server import Address

TENSOR = ["--shape", "4,4", "--scheme", "he_normal", "--seed", "7", "--name", "w"]
URL = "/v1/weights.{}?shape=4,4&scheme=he_normal&seed=7&name=w"


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.mark.parametrize("form", ["npy", "safetensors", "raw", "json"])
def test_a_file_is_what_its_url_gives(address: Address, tmp_path: Path, form: str) -> None:
    """The suffix chooses the format; certificate and tensors are equal to the byte."""
    output = tmp_path / f"w.{form}"
    assert main(["weights", *TENSOR, "-o", str(output)]) == 0
    assert output.read_bytes() == ask(address, URL.format(form)).body


def test_standard_output_is_the_same_file(address: Address) -> None:
    """`-o -` writes the bytes and nothing else; a process of its own, as a shell starts it."""
    done = run("weights", *TENSOR, "-o", "-")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == ask(address, URL.format("npy")).body


def test_large_files_are_whole(tmp_path: Path) -> None:
    """Several chunks, the last of them short."""
    output = tmp_path / "w.npy"
    words = ["--shape", "1000,1001", "--scheme", "normal", "--seed", "1"]
    assert main(["weights", *words, "-o", str(output)]) == 0
    array = np.load(output)
    assert array.shape == (1000, 1001)
    assert abs(float(array.mean())) < 5 / 1000


@pytest.mark.parametrize(
    "arguments",
    [
        ["--low", "-2e-5", "--high", "0", "--scheme", "uniform"],
        ["--low=-2e-5", "--high=0", "--scheme=uniform"],
        ["--scheme", "truncated_normal", "--bounds", "-1,2", "--std", ".5e-1"[1:]],
        ["--scheme", "normal", "--slice", "-2:,:"],
        ["--scheme", "he_normal", "--fan_in", "3"],
        ["--scheme", "he_normal", "--fan-in", "3"],
    ],
)
def test_values_may_begin_with_a_minus(tmp_path: Path, arguments: list[str]) -> None:
    """A negative number is a value, not an option; underscores and dashes are one."""
    words = ["--shape", "4,3", "--seed", "7", *arguments, "-o", str(tmp_path / "w.npy")]
    assert write_weights(words) == 0


def test_warnings_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each on standard error, and the file is written all the same."""
    output = tmp_path / "w.npy"
    words = ["--shape", "7,7,3,64", "--activation", "relu", "--seed", "1", "-o", str(output)]
    assert write_weights(words) == 0
    lines = capsys.readouterr().err.splitlines()
    codes = [line.partition(": ")[0] for line in lines]
    assert codes == ["suspicious_layout", "layer_guessed", "name_missing"]
    assert "as HWIO it has kernel 7 x 7, 3 in, 64 out, with std 0.116642" in lines[0]
    assert output.stat().st_size == 128 + 4 * 7 * 7 * 3 * 64


def test_a_drawn_seed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a seed one is drawn; the line has the command and the URL of the same bytes."""
    output = tmp_path / "w.npy"
    words = ["--shape", "4,3", "--scheme", "normal", "--parts", "2", "--name", "it's"]
    assert write_weights([*words, "-o", str(output)]) == 0
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("seed ")
    seed, written = line.split()[1], output.read_bytes()
    assert line.endswith(f", or /v1/weights.npy?shape=4,3&scheme=normal&seed={seed}&name=it%27s")
    output.unlink()
    python, *command = shlex.split(line.partition("bytes: ")[2].rpartition(", or ")[0])
    assert (python, command[:2]) == ("python", ["-m", "service"])
    assert main(command[2:]) == 0
    assert output.read_bytes() == written


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["--shape", "4x3"], ["shape: "]),
        (
            ["--shape", "4,3", "--scheme", "HeNormal"],
            ["scheme: 'HeNormal' is not known (write keras.he_"],
        ),
        (["--shape", "4,3", "--seed", ""], ["seed: nothing is given"]),
        (["--shape", "4,3", "--sead", "1"], ["sead: 'sead' is not known (the nearest are "]),
        (
            ["--shape", "4,3", "--order", "Z"],
            ["order: 'Z' is not known (the nearest are C, F; --help lists all)"],
        ),
        (["--shape", "4,3", "--sead=1"], ["sead: 'sead' is not known (the nearest are "]),
        (["--shape", "4,3", "--scheme", "x", "--std", "y"], ["scheme: ", "std: "]),
        (["--shape", "4,3", "--dtype", "bfloat16"], ["dtype: npy cannot carry bfloat16 (use "]),
        (["--shape", "4,3", "--format", "npz"], ["format: 'npz' is not known"]),
        ([], ["shape: every tensor has a shape"]),
    ],
)
def test_a_refusal_is_a_line_for_each_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], lines: list[str]
) -> None:
    """Field, message and hint; exit status 2; no file."""
    output = tmp_path / "w.npy"
    assert write_weights([*arguments, "-o", str(output)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == len(lines)
    assert all(found.startswith(start) for found, start in zip(said, lines, strict=True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("output", ["w", "w.bin", "w.NPY"])
def test_a_file_of_no_known_format_is_asked_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    """Without a suffix that says it, --format does."""
    assert write_weights([*TENSOR, "-o", str(tmp_path / output)]) == 2
    assert "add --format, one of npy, safetensors, raw, json" in capsys.readouterr().err
    assert write_weights([*TENSOR, "--format", "raw", "-o", str(tmp_path / output)]) == 0


@pytest.mark.parametrize(
    "arguments",
    [[], ["-o"], ["-o", "w.npy", "stray"], ["-o", "w.npy", "--seed", "1", "--seed", "1"]],
)
def test_arguments_that_make_no_sense_are_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Exit status 2, and where the options are listed."""
    with pytest.raises(SystemExit) as ended:
        write_weights(arguments)
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("(python -m service weights --help lists the options)")


def test_a_failure_leaves_what_was_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk in the middle: one line, status 1, the old file whole, nothing beside it."""
    output = tmp_path / "w.npy"
    output.write_bytes(b"old")

    def broken(body: TensorBody) -> Iterator[memoryview]:
        yield memoryview(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TensorBody, "chunks", broken)
    assert write_weights([*TENSOR, "-o", str(output)]) == 1
    assert capsys.readouterr().err == f"{output}: No space left on device\n"
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("w.npy", b"old")]


@pytest.mark.parametrize("words", [TENSOR, ["--shape", "4,3", "--scheme", "normal"]])
def test_a_place_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Status 1, and the system's own reason; of a seed drawn in vain nothing is said."""
    assert write_weights([*words, "-o", f"{tmp_path}/missing/w.npy"]) == 1
    assert capsys.readouterr().err == f"{tmp_path}/missing/w.npy: No such file or directory\n"


@pytest.mark.parametrize("form", [[], ["--format", "npy"]])
@pytest.mark.parametrize("output", ["w.npy", "w", "w/"])
def test_a_folder_is_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: list[str], output: str
) -> None:
    """Whatever it is called, and whether or not a format is named; status 2."""
    (tmp_path / output).mkdir()
    assert write_weights([*TENSOR, *form, "-o", f"{tmp_path}/{output}"]) == 2
    assert capsys.readouterr().err == f"{tmp_path}/{output} is a folder\n"


def test_a_suffix_and_a_format_do_not_contradict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that says it is another format than it is would be found out by its reader only."""
    output = str(tmp_path / "w.npy")
    assert write_weights([*TENSOR, "-o", output, "--format", "json"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "has the suffix of format npy, but --format is json" in line
    assert write_weights([*TENSOR, "-o", output, "--format", "npy"]) == 0


def test_a_full_device_is_one_line() -> None:
    """/dev/full is written to as it is, and refuses; it is not replaced by a file."""
    done = run("weights", *TENSOR, "--format", "npy", "-o", "/dev/full")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"/dev/full: No space left on device\n"
    assert Path("/dev/full").is_char_device()


def test_a_file_gets_the_permissions_of_any_other(tmp_path: Path) -> None:
    """Those that the umask leaves, and a link keeps pointing to what it names."""
    real, link = tmp_path / "real.npy", tmp_path / "w.npy"
    real.write_bytes(b"")
    link.symlink_to(real)
    assert write_weights([*TENSOR, "-o", str(link)]) == 0
    plain = tmp_path / "plain"
    plain.touch()
    assert link.is_symlink()
    assert real.stat().st_mode == plain.stat().st_mode
    assert np.load(real).shape == (4, 4)


def test_a_person_sees_progress_and_a_script_does_not(tmp_path: Path) -> None:
    """The bar is drawn on a terminal only."""
    watcher, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    command = [sys.executable, "-m", "service", "weights", *TENSOR, "-o", str(tmp_path / "w.npy")]
    subprocess.run(command, cwd=ROOT, stderr=terminal, check=True)
    assert b"100%" in os.read(watcher, 65536)
    os.close(terminal)
    os.close(watcher)
    assert run("weights", *TENSOR, "-o", str(tmp_path / "w.npy")).stderr == b""


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_help_is_asked_for(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """The commands, on standard output, status 0."""
    assert main(arguments) == 0
    out = capfd.readouterr().out
    assert all(command in out for command in ("serve", "weights", "openapi"))


@pytest.mark.parametrize("argument", ["--version", "-V"])
def test_the_version_is_that_of_the_project(
    capfd: pytest.CaptureFixture[str], argument: str
) -> None:
    """One line: the release, which pyproject.toml reads from the package, and the edition."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "service.__version__"}
    assert main([argument]) == 0
    assert capfd.readouterr().out == f"fanin {__version__} (stream {EDITION})\n"


@pytest.mark.parametrize("arguments", [[], ["sevre"]])
def test_a_command_nobody_knows_is_shown_the_commands(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """The same, on standard error, status 2."""
    assert main(arguments) == 2
    assert "serve" in capsys.readouterr().err


def test_help_is_quick() -> None:
    """Nothing is imported that the answer does not need."""
    code = "import sys; from service.__main__ import main; main(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert not {b"numpy", b"numba", b"pydantic", b"fastapi"} & set(done.stdout.split())


def test_openapi_prints_the_committed_document() -> None:
    """What `make openapi` redirects into the file."""
    committed = (ROOT / "openapi" / "openapi.json").read_bytes()
    assert run("openapi").stdout == committed


@pytest.mark.parametrize("command", ["serve", "weights", "openapi"])
def test_a_bad_setting_is_one_line(command: str, tmp_path: Path) -> None:
    """Status 2, and the variable's name."""
    arguments = [*TENSOR, "-o", str(tmp_path / "w.npy")] if command == "weights" else []
    done = run(command, *arguments, environment={"FANIN_PORT": "http"})
    assert (done.returncode, done.stdout) == (2, b"")
    [line] = done.stderr.decode().splitlines()
    assert "FANIN_PORT" in line


@pytest.mark.parametrize("module", ["fastapi", "numba", "uvicorn", "pydantic"])
def test_a_missing_package_is_one_line(module: str) -> None:
    """Status 1: which one, and how to get it."""
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from service.__main__ import main; sys.exit(main(['serve', '--port', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 1
    [line] = done.stderr.decode().splitlines()
    assert module in line
    assert "requirements.txt" in line


def test_an_old_python_is_told_so() -> None:
    """The roof can be read by a Python that the rest cannot, and says one line."""
    source = (ROOT / "service" / "__main__.py").read_text()
    code = f"import sys; sys.version_info = (3, 9); exec({source!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"Fanin needs Python 3.11 or newer; this is 3.")
