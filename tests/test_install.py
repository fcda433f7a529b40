"""`pip install .`: the service without its Makefile."""

import shutil
import subprocess
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
INSTALLED = "from importlib.metadata import files; print(*files('fanin'), sep='\\n')"


@pytest.mark.slow
@pytest.mark.ci
def test_pip_installs_the_whole_service_and_nothing_else(tmp_path: Path) -> None:
    """A fresh environment gets every module of the package, no other one, and can start it."""
    source, home = tmp_path / "source", tmp_path / "venv"
    source.mkdir()
    shutil.copy(ROOT / "pyproject.toml", source)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "service", source / "service", ignore=ignored)
    modules = {str(path.relative_to(source)) for path in source.rglob("*.py")}
    venv.create(home, with_pip=True)

    def python(*arguments: str) -> str:
        command = [str(home / "bin" / "python"), *arguments]
        return subprocess.check_output(command, cwd=tmp_path, text=True)

    python("-m", "pip", "install", "--quiet", str(source))
    installed = {row for row in python("-c", INSTALLED).splitlines() if row.endswith(".py")}
    assert installed == modules
    assert "serve" in python("-m", "service", "--help")
    release = python("-c", "from importlib.metadata import version; print(version('fanin'))")
    assert python("-m", "service", "--version").startswith(f"fanin {release.strip()} (")
