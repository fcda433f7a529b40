"""The search for a Python before anything is installed, among made-up ones."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "checks" / "find_python.sh"

WORKING = 'case "$2" in *version_info*) echo {version};; esac'
NO_VENV = 'case "$2" in *version_info*) echo {version};; *) echo "No module" >&2; exit 1;; esac'
SHIM = 'echo "pyenv: {version}: command not found" >&2; exit 127'


def pretend(folder: Path, name: str, behaviour: str, version: str) -> None:
    """Put a program `name` into `folder` that answers the script's two questions."""
    program = folder / name
    program.write_text("#!/bin/sh\n" + behaviour.format(version=version) + "\n")
    program.chmod(0o755)


def find(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script where only `folder` is on the PATH."""
    command = ["/bin/sh", str(SCRIPT)]
    env = {"PATH": str(folder), **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_the_newest_supported_python_is_found(tmp_path: Path) -> None:
    """Of several that would do, the newest is taken."""
    pretend(tmp_path, "python3.12", WORKING, "3.12")
    pretend(tmp_path, "python3.13", WORKING, "3.13")
    pretend(tmp_path, "python3", WORKING, "3.11")
    assert find(tmp_path).stdout == "python3.13\n"


def test_the_python_asked_for_comes_first(tmp_path: Path) -> None:
    """$PYTHON goes before any newer one, even with a space in its path."""
    pretend(tmp_path, "python3.13", WORKING, "3.13")
    pretend(tmp_path, "my python", WORKING, "3.11")
    found = find(tmp_path, PYTHON=str(tmp_path / "my python"))
    assert found.stdout == f"{tmp_path}/my python\n"


def test_pythons_that_will_not_do_are_passed_over_in_silence(tmp_path: Path) -> None:
    """A shim of nothing, one without venv and one too new do not hide a good one."""
    pretend(tmp_path, "python3.14", SHIM, "python3.14")
    pretend(tmp_path, "python3.13", NO_VENV, "3.13")
    pretend(tmp_path, "python3", WORKING, "3.99")
    pretend(tmp_path, "python", WORKING, "3.12")
    found = find(tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (0, "python\n", "")


@pytest.mark.parametrize(
    ("pythons", "why"),
    [
        ({}, "no Python found"),
        ({"python3.12": (SHIM, "python3.12")}, "no Python found"),
        ({"python3": (WORKING, "3.10")}, "unsupported Python 3.10 (python3)"),
        ({"python3": (WORKING, "3.99")}, "unsupported Python 3.99 (python3)"),
        (
            {"python3": (NO_VENV, "3.11"), "python": (WORKING, "2.7")},
            "python3 lacks its venv module: apt-get install python3.11-venv",
        ),
    ],
)
def test_a_machine_without_one_is_told_in_one_line(
    tmp_path: Path, pythons: dict[str, tuple[str, str]], why: str
) -> None:
    """What is missing, and what to install, in one line and with no traceback."""
    for name, (behaviour, version) in pythons.items():
        pretend(tmp_path, name, behaviour, version)
    found = find(tmp_path)
    wanted = f"Fanin needs one Python of 3.11 3.12 3.13 3.14 3.15: {why}\n"
    assert (found.returncode, found.stdout, found.stderr) == (1, "", wanted)
