"""Environments with real peers in build/: made at their first use, and again for other pins."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PINS = ROOT / "requirements-peers.txt"
PACKAGES = ROOT / "tests" / "peers" / "tfjs" / "package.json"


def peers_python() -> Path:
    """The Python of build/peers-venv, which has Keras, JAX and Flax."""
    return python_with("peers-venv", PINS)


def torch_python() -> Path:
    """The Python of build/peers-torch, which has PyTorch for the CPU."""
    return python_with("peers-torch", ROOT / "checks" / "peers-torch.txt")


def mlx_python() -> Path:
    """The Python of build/peers-mlx, which has MLX for the CPU."""
    return python_with("peers-mlx", ROOT / "checks" / "peers-mlx.txt")


def python_with(name: str, pins: Path, shared: Path | None = None) -> Path:
    """The Python of the environment build/NAME, which has the packages of a file of pins.

    `shared` is the Python of another such environment, whose packages this one finds after its own.
    pip does not install what is pinned alike in both. If a package cannot be installed, the test is
    skipped on a desk and fails under CI=true.
    """
    home = ROOT / "build" / name
    python, mark = home / "bin" / "python", home / "requirements.txt"
    with _locked(home):
        if not _is(mark, pins):
            venv.create(home, clear=True, with_pip=True)
            if shared is not None:
                (site_of(python) / "shared.pth").write_text(f"{site_of(shared)}\n")
            # Compiling every module takes longer than the download. Python compiles what it
            # imports.
            install = [str(python), "-m", "pip", "install", "--quiet", "--no-compile"]
            _run([*install, "-r", str(pins)], ROOT)
            shutil.copy(pins, mark)
    return python


def tfjs_folder() -> Path:
    """build/peers-tfjs, in which Node finds TensorFlow.js. It may skip or fail as above."""
    return folder_with("peers-tfjs", PACKAGES)


def folder_with(name: str, packages: Path) -> Path:
    """The folder build/NAME, in which Node finds what a package.json asks for.

    If a package cannot be installed, the test is skipped on a desk and fails under CI=true.
    """
    home = ROOT / "build" / name
    mark = home / "installed.json"
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    with _locked(home):
        if not _is(mark, packages):
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            shutil.copy(packages, home)
            _run(npm, home)
            shutil.copy(packages, mark)
    return home


def draw(command: list[str], folder: Path = ROOT) -> None:
    """Run a script that draws, with the test's own failure if it fails."""
    # What a script imports is compiled once, also where Python is told to keep no compiled modules.
    keeping = {key: each for key, each in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=600, env=keeping
    )
    assert done.returncode == 0, done.stderr[-2000:]


def packages(python: Path) -> dict[str, str]:
    """The version of each package that an environment finds."""
    command = [str(python), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {each["name"]: each["version"] for each in json.loads(done.stdout)}


def site_of(python: Path) -> Path:
    """The folder into which pip installs for this Python."""
    printing = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([python, "-c", printing], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One process of tests at a time makes an environment. The others wait, and then find it."""
    home.parent.mkdir(exist_ok=True)
    with home.with_name(f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is(mark: Path, pins: Path) -> bool:
    """Whether the environment was made from these pins."""
    return mark.exists() and mark.read_bytes() == pins.read_bytes()


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    if done.returncode == 0:
        return
    reason = f"not installed on Python {sys.version_info[:2]}: {done.stderr[-500:]}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
