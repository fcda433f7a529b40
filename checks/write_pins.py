"""Write the files of requirements: pyproject's pins and their dependencies.

requirements.txt is the service's, requirements-dev.txt the tests'. requirements-peers.txt has the
frameworks of `make peers`, whose pins may contradict the others, and requirements-docs.txt what
`make gallery` needs.

`make pins` runs it after a pin of pyproject.toml changes. It names no package index; pip's own
settings do.
"""

import subprocess
import tempfile
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Install each set in a new environment, the tests with the service, and write the pins."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    service: list[str] = project["dependencies"]
    tests: list[str] = project["optional-dependencies"]["test"]
    peers: list[str] = project["optional-dependencies"]["peers"]
    docs: list[str] = project["optional-dependencies"]["docs"]
    with _environment() as python:
        service = service + _brought_along(python, service)
        tests = tests + _brought_along(python, service + tests)
    with _environment() as python:
        peers = peers + _brought_along(python, peers)
    with _environment() as python:
        docs = docs + _brought_along(python, service + docs)
    _write("requirements.txt", service)
    _write("requirements-dev.txt", tests, "-r requirements.txt")
    _write("requirements-peers.txt", peers)
    _write("requirements-docs.txt", docs, "-r requirements.txt")


@contextmanager
def _environment() -> Iterator[str]:
    """The Python of a new environment."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        yield str(Path(folder, "bin", "python"))


def _brought_along(python: str, wanted: list[str]) -> list[str]:
    """Install `wanted` and return the pins of its dependencies."""
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
