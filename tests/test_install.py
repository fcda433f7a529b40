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
    """A fresh environment gets every file of the package, no other one, and can start it."""
    source, home = tmp_path / "source", tmp_path / "venv"
    source.mkdir()
    shutil.copy(ROOT / "pyproject.toml", source)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "service", source / "service", ignore=ignored)
    files = {str(each.relative_to(source)) for each in source.rglob("*/*") if each.is_file()}
    venv.create(home, with_pip=True)

    def python(*arguments: str) -> str:
        command = [str(home / "bin" / "python"), *arguments]
        return subprocess.check_output(command, cwd=tmp_path, text=True)

    python("-m", "pip", "install", "--quiet", str(source))
    rows = python("-c", INSTALLED).splitlines()
    installed = {row for row in rows if row.startswith("service/") and "__pycache__" not in row}
    assert installed == files
    assert "serve" in python("-m", "service", "--help")
    release = python("-c", "from importlib.metadata import version; print(version('fanin'))")
    assert python("-m", "service", "--version").startswith(f"fanin {release.strip()} (")
