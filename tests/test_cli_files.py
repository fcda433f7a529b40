"""Files that `weights -o` replaces: what they keep, and what a failure leaves."""

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.cli.files import opened
from service.cli.weights import write_weights
from tests.folders import let_others_reach
from tests.process import ROOT

TENSOR = ["--shape", "4,4", "--scheme", "zeros"]
NEW = 128 + 4 * 4 * 4
"""The bytes of the new file."""

NOBODY = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path) -> int:
    return write_weights([*TENSOR, "-o", str(path)])


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def as_nobody() -> Iterator[None]:
    """With the rights of an ordinary user, also for a test that root runs."""
    if os.geteuid() != 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A folder in which everybody may write. The folders above it are made passable."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    let_others_reach(folder)
    return folder


@pytest.mark.parametrize("before", [0o600, 0o640, 0o644, 0o660, 0o666, 0o700, 0o755, 0o777])
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_replaced_file_keeps_its_mode(tmp_path: Path, before: int, mask: int) -> None:
    """Whatever the umask is: 600 stays 600."""
    output = tmp_path / "w.npy"
    output.write_bytes(b"old")
    output.chmod(before)
    with umask(mask):
        assert write(output) == 0
    assert mode(output) == before
    assert output.stat().st_size == NEW


@pytest.mark.parametrize("special", [stat.S_ISUID, stat.S_ISGID, stat.S_ISVTX])
def test_new_bytes_do_not_get_the_rights_of_a_program(tmp_path: Path, special: int) -> None:
    """The setuid, setgid and sticky bits were set for the old bytes, so they are dropped."""
    output = tmp_path / "w.npy"
    output.write_bytes(b"old")
    output.chmod(special | 0o755)
    assert write(output) == 0
    assert mode(output) == 0o755


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_follows_the_umask(tmp_path: Path, mask: int, expected: int) -> None:
    """Like every other file that the shell makes."""
    with umask(mask):
        assert write(tmp_path / "w.npy") == 0
    assert mode(tmp_path / "w.npy") == expected


@pytest.mark.parametrize("before", [0o600, 0o644])
def test_an_unfinished_file_has_the_mode_of_the_old_one(tmp_path: Path, before: int) -> None:
    """Nobody can read the new bytes who could not read the old ones, also under umask 0."""
    output = tmp_path / "w.npy"
    output.write_bytes(b"old")
    output.chmod(before)
    with umask(0), opened(str(output)):
        (part,) = (path for path in tmp_path.iterdir() if path != output)
        assert mode(part) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_root_keeps_owner_and_group(tmp_path: Path) -> None:
    """A file of another user stays that user's."""
    output = tmp_path / "w.npy"
    output.write_bytes(b"old")
    os.chown(output, NOBODY, NOBODY)
    output.chmod(0o640)
    assert write(output) == 0
    found = output.stat()
    assert (found.st_uid, found.st_gid, mode(output)) == (NOBODY, NOBODY, 0o640)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of another group")
@pytest.mark.parametrize(("before", "after"), [(0o666, 0o666), (0o662, 0o622)])
def test_a_group_that_cannot_be_kept_hands_its_rights_to_no_other(
    open_folder: Path, before: int, after: int
) -> None:
    """The new group gets the rights of all other users."""
    output = open_folder / "w.npy"
    output.write_bytes(b"old")
    output.chmod(before)
    with as_nobody():
        assert write(output) == 0
    assert (output.stat().st_uid, mode(output)) == (NOBODY, after)


def test_a_symbolic_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    """Also a link to a link, and the file keeps its mode."""
    real, link, further = (tmp_path / name for name in ("real.npy", "link.npy", "w.npy"))
    real.write_bytes(b"old")
    real.chmod(0o600)
    link.symlink_to(real.name)
    further.symlink_to(link)
    assert write(further) == 0
    assert (further.readlink(), link.readlink()) == (link, Path(real.name))
    assert (mode(real), real.stat().st_size) == (0o600, NEW)


def test_a_link_to_nothing_makes_its_file(tmp_path: Path) -> None:
    """As a shell's `>` does."""
    link = tmp_path / "w.npy"
    link.symlink_to("real.npy")
    assert write(link) == 0
    assert link.is_symlink()
    assert (tmp_path / "real.npy").stat().st_size == NEW


def test_a_link_to_itself_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, and the system's reason."""
    link = tmp_path / "w.npy"
    link.symlink_to(link)
    assert write(link) == 1
    assert capsys.readouterr().err == f"{link}: Too many levels of symbolic links\n"


def test_another_hard_link_keeps_the_old_bytes(tmp_path: Path) -> None:
    """A snapshot that is made of links keeps its bytes, and so does a file that is mapped."""
    output, snapshot = tmp_path / "w.npy", tmp_path / "snapshot.npy"
    snapshot.write_bytes(b"old")
    snapshot.chmod(0o600)
    output.hardlink_to(snapshot)
    assert write(output) == 0
    assert (snapshot.read_bytes(), mode(snapshot)) == (b"old", 0o600)
    assert (output.stat().st_size, mode(output), output.stat().st_nlink) == (NEW, 0o600, 1)


def test_a_file_that_may_not_be_written_is_not_replaced(
    open_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder is writable, and the file is read-only."""
    output = open_folder / "w.npy"
    output.write_bytes(b"old")
    output.chmod(0o444)
    with as_nobody():
        assert write(output) == 1
    assert capsys.readouterr().err == f"{output}: Permission denied\n"
    assert [(path.name, path.read_bytes()) for path in open_folder.iterdir()] == [("w.npy", b"old")]


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_that_may_not_be_written_is_named(
    open_folder: Path, capsys: pytest.CaptureFixture[str], exists: bool
) -> None:
    """The line names the folder, because the file itself may be writable."""
    output = open_folder / "w.npy"
    if exists:
        output.write_bytes(b"old")
        output.chmod(0o666)
    open_folder.chmod(0o555)
    with as_nobody():
        assert write(output) == 1
    open_folder.chmod(0o777)
    said = capsys.readouterr().err
    assert said == f"{output}: cannot write in the folder {open_folder}\n"
    left = {path.name: path.read_bytes() for path in open_folder.iterdir()}
    assert left == ({"w.npy": b"old"} if exists else {})


def test_a_file_that_grows_too_large_is_one_line(tmp_path: Path) -> None:
    """The system stops it in the middle, as a full disk would. The old file keeps its bytes."""
    output = tmp_path / "w.npy"
    output.write_bytes(b"old")
    words = ["--shape", "1000,1000", "--scheme", "zeros", "-o", str(output)]
    done = subprocess.run(
        [sys.executable, "-m", "service", "weights", *words],
        cwd=ROOT,
        env=os.environ | {"NUMBA_DISABLE_CACHING": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6)),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, f"{output}: File too large\n".encode())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("w.npy", b"old")]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """A named pipe, and the name that the system has for standard output."""
    pipe = tmp_path / "w.npy"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "service", "weights", *TENSOR, "-o", str(pipe)]
    with subprocess.Popen(command, cwd=ROOT):
        assert len(pipe.read_bytes()) == NEW
    assert pipe.is_fifo()
    command[-1:] = ["/dev/stdout", "--format", "npy"]
    assert len(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout) == NEW


def test_a_signal_removes_the_half_and_keeps_the_old(tmp_path: Path) -> None:
    """The signal arrives while the file is being written."""
    output = tmp_path / "w.npy"
    output.write_bytes(b"old")
    output.chmod(0o600)
    child = os.fork()
    if child == 0:
        with opened(str(output)) as stream:
            stream.write(b"half")
            stream.flush()
            os.kill(os.getpid(), signal.SIGTERM)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 143
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("w.npy", b"old")]
    assert mode(output) == 0o600
