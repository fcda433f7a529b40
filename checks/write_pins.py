"""Write requirements.txt, -dev.txt and -docs.txt: pyproject's pins and their dependencies.

`make pins` runs it after a pin of pyproject.toml changes. It names no package index; pip's own
settings do.
"""

import subprocess
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FILES = {"requirements-dev.txt": "test", "requirements-docs.txt": "docs"}
"""The extra of pyproject.toml that each file beside requirements.txt is for."""


def main() -> None:
    """Install each set in a new environment, and write the pins."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    service: list[str] = project["dependencies"]
    service = service + _brought_along(service)
    _write("requirements.txt", service)
    for file, extra in FILES.items():
        wanted: list[str] = project["optional-dependencies"][extra]
        _write(file, wanted + _brought_along(service + wanted), "-r requirements.txt")


def _brought_along(wanted: list[str]) -> list[str]:
    """Install `wanted` in a new environment, and return the pins of its dependencies."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder, "bin", "python"))
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
        freeze = [python, "-m", "pip", "freeze"]
        pins = subprocess.run(freeze, check=True, capture_output=True, text=True).stdout.split()
    named = {_package(line) for line in wanted}
    return [pin for pin in pins if _package(pin) not in named]


def _package(pin: str) -> str:
    return pin.partition("==")[0].lower().replace("_", "-")


def _write(file: str, pins: list[str], *first: str) -> None:
    lines = [*first, *sorted(pins, key=str.lower)]
    (ROOT / file).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
