"""The floors hold, and the contracts that hold them can break."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.api.app import create_app
from service.api.routing import PlainRoute
from service.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
LINT_IMPORTS = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]

FLOORS = "Imports point down only"
WEB = "Nothing below settings knows a web framework"
MODELS = "Nothing below the spec knows pydantic"
CLIENT = "Only the command line knows the HTTP client"
AUDIT = "The floors of an audit"


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
        ("api", "import urllib3", CLIENT),
        ("chunks", "import urllib3", CLIENT),
        ("audit/laws", "import service.audit.checkpoint", AUDIT),
        ("audit/files", "import service.audit.spec", AUDIT),
        ("audit/tally", "import service.audit.laws", AUDIT),
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
    floors, web, *_ = pyproject["tool"]["importlinter"]["contracts"]
    layers: list[str] = floors["layers"]
    below = " | ".join(layers[layers.index("settings") + 1 :]).split(" | ")
    present = {f"service.{name}" for name in below if not name.startswith("(")}
    assert set(web["source_modules"]) == present


def test_every_floor_but_the_command_line_is_kept_from_the_client() -> None:
    """The same of the contract about the HTTP client."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    floors, _, _, client, _ = pyproject["tool"]["importlinter"]["contracts"]
    names = " | ".join(floors["layers"]).split(" | ")
    kept = {f"service.{name}" for name in names if name not in ("__main__", "cli")}
    assert set(client["source_modules"]) == kept


ROUTES = [route for route in create_app(Settings()).routes if isinstance(route, PlainRoute)]
PATHS = {route.path.split("/")[1].split(".")[0] for route in ROUTES} - {""}
A_PATH = re.compile(rf"(?<![\w.])/(?:{'|'.join(PATHS)})\b|https?:")
"""The beginning of a path that the service answers, or a whole URL."""

MAY_NAME_PATHS = {
    "__main__.py": "the greeting of `serve`",
    "server/listening.py": "the origin of a listener",
    "plan/canonical.py": "the canonical URL",
    "advice/alternatives.py": "the route that makes LSUV's steps",
    "advice/warnings.py": "the same",
    "audit/spec/picture.py": "the XML namespace of SVG",
    "calibration/measurement.py": "the URL of a tensor, which a request has",
    "cli/model.py": "the route that answers the same as the command",
    "cli/verifying.py": "a server of this machine",
    "hub/repositories.py": "where families are listed, and the route that makes tokens",
    "hub/suggestions.py": "where families are listed, and the endpoint of a token",
    "models/listing.py": "the URL of a model",
    "models/page.py": "the link to a recipe",
    "models/recipe_listing.py": "the URL of a recipe",
    "models/token.py": "the route that makes tokens",
    "listings/scheme_schema.py": "the name of the JSON Schema dialect",
    "propagation/drawing.py": "the XML namespace of SVG",
}
"""Modules outside of `api` that have a path or a URL in a string, and what it is."""


def strings(source: str) -> Iterator[str]:
    """Every string of a module that is not a docstring."""
    tree = ast.parse(source)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


def test_only_the_api_knows_paths() -> None:
    """A refusal names a table; HTTP and the shell each say where that table is."""
    service = ROOT / "service"
    naming = {
        str(file.relative_to(service))
        for file in service.rglob("*.py")
        if any(map(A_PATH.search, strings(file.read_text(encoding="utf-8"))))
    }
    assert {name for name in naming if not name.startswith("api/")} == set(MAY_NAME_PATHS)
    assert "api/problems.py" in naming


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('hint = "/schemes lists all"', True),
        ('raise unknown_word("mode", word, MODES, {}, "/docs")', True),
        ('f"{hint}; or a framework, /layers lists them"', True),
        ('page = "https://example.org"', True),
        ('"""A docstring may speak of /recommend."""', False),
        ('hint = "std/schemes, or write activations/layers"', False),
    ],
)
def test_a_path_in_a_string_is_noticed(line: str, found: bool) -> None:
    """Control: whole, at the beginning, and inside of a sentence."""
    assert any(map(A_PATH.search, strings(line))) == found
