"""The floors hold, and the contracts that hold them can break."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LINT_IMPORTS = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]

FLOORS = "Imports point down only"
WEB = "Nothing below settings knows a web framework"
MODELS = "Nothing below the spec knows pydantic"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Hold the package in `folder` against the contracts beside it."""
    return subprocess.run(LINT_IMPORTS, cwd=folder, capture_output=True, text=True, check=False)


def test_the_floors_hold() -> None:
    """Every contract is kept by the package as it stands."""
    checked = lint(ROOT)
    assert checked.returncode == 0, checked.stdout
    assert "0 broken" in checked.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("errors", "import service.stream", FLOORS),
        ("errors", "import service.dtypes", FLOORS),
        ("dtypes", "import service.stream", FLOORS),
        ("wire", "import service.plan", FLOORS),
        ("wire", "import service.stream", FLOORS),
        ("stream", "import service.initializers", FLOORS),
        ("settings", "from service import api", FLOORS),
        ("cli", "import service.api", FLOORS),
        ("utils", "", FLOORS),
        ("fields", "import fastapi", WEB),
        ("plan", "from starlette import status", WEB),
        ("chunks", "import uvicorn", WEB),
        ("initializers", "import pydantic", MODELS),
        ("dtypes", "import pydantic", MODELS),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, module: str, line: str, broken: str) -> None:
    """One more line in a copy of the package breaks the contract made for it."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "service", tmp_path / "service")
    home = tmp_path / "service" / module
    with (home / "more.py" if home.is_dir() else home.with_suffix(".py")).open("a") as file:
        file.write(f"\n{line}\n")
    checked = lint(tmp_path)
    assert checked.returncode == 1
    assert any(broken in row and "BROKEN" in row for row in checked.stdout.splitlines())


def test_every_floor_below_settings_is_kept_from_the_web() -> None:
    """The list of the web contract is the list of floors, not a copy that can fall behind."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    floors, web, _ = pyproject["tool"]["importlinter"]["contracts"]
    layers: list[str] = floors["layers"]
    below = " | ".join(layers[layers.index("settings") + 1 :]).split(" | ")
    present = {f"service.{name}" for name in below if not name.startswith("(")}
    assert set(web["source_modules"]) == present
