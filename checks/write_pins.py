"""Write the files of requirements: pyproject's pins and their dependencies.

requirements.txt is the service's, requirements-dev.txt the tests'. requirements-peers.txt has the
frameworks of `make peers`, whose pins may contradict the others, requirements-docs.txt what
`make gallery` needs, requirements-fuzz.txt what `make fuzz` needs, requirements-manifests.txt what
`make manifests` needs, and requirements-redbot.txt what tests/ranges/test_redbot.py runs.
requirements-image.txt has the pins of the service with the SHA-256 of each wheel that an image may
need.

`make pins` runs it after a pin of pyproject.toml changes. It names no package index; pip's own
settings do.
"""

import json
import subprocess
import tempfile
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
MACHINES = ("x86_64", "aarch64")
GLIBC = (17, 24, 26, 27, 28, 31, 34, 35, 36)
"""The minor versions of glibc 2 that wheels name. Debian 12 has 2.36."""


APART = ("peers", "fuzz", "manifests", "redbot")
"""The extras that have an environment of their own, without the service."""


def main() -> None:
    """Install each set in a new environment, the tests with the service, and write the pins."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    service: list[str] = project["dependencies"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    with _environment() as python:
        service = service + _brought_along(python, service)
        _write("requirements.txt", service)
        _write("requirements-image.txt", list(_hashed(python, service)))
        tests = extras["test"] + _brought_along(python, service + extras["test"])
        _write("requirements-dev.txt", tests, "-r requirements.txt")
    with _environment() as python:
        docs = extras["docs"] + _brought_along(python, service + extras["docs"])
        _write("requirements-docs.txt", docs, "-r requirements.txt")
    for name in APART:
        with _environment() as python:
            _write(f"requirements-{name}.txt", extras[name] + _brought_along(python, extras[name]))


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


def _hashed(python: str, pins: list[str]) -> Iterator[str]:
    """Each pin with the hashes of its wheels for all of PYTHONS and MACHINES.

    A pin with a marker is for some Pythons only, so it may have no wheel for others.
    """
    everywhere = [pin for pin in pins if ";" not in pin]
    found: dict[str, set[str]] = {pin: set() for pin in pins}
    for version in PYTHONS:
        for machine in MACHINES:
            for pin, digest in _wheels(python, everywhere, version, machine).items():
                found[pin].add(digest)
            for pin in set(pins) - set(everywhere):
                plain = pin.partition(";")[0]
                try:
                    found[pin] |= set(_wheels(python, [plain], version, machine).values())
                except subprocess.CalledProcessError:
                    continue
    for pin, digests in found.items():
        yield " \\\n    ".join([pin, *(f"--hash=sha256:{digest}" for digest in sorted(digests))])


def _wheels(python: str, pins: list[str], version: str, machine: str) -> dict[str, str]:
    """The SHA-256 of the wheel that pip would install for each pin on another system.

    pip asks the index for it and downloads no wheel. It would compare the Pythons that a wheel
    supports with its own Python, so that is left out; the wheel's name has the Python, too. Raises
    CalledProcessError if a wheel is missing.
    """
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in GLIBC]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--no-deps", "--only-binary=:all:", f"--target={folder}"]
        command += ["--ignore-requires-python"]
        command += [f"--python-version={version}", "--implementation=cp", *platforms]
        command += [f"--platform=manylinux2014_{machine}", f"--report={report}", *pins]
        subprocess.run(command, check=True, capture_output=True)
        wheels = json.loads(report.read_text())["install"]
    by_package = {_package(pin): pin for pin in pins}
    return {
        by_package[_package(wheel["metadata"]["name"])]: wheel["download_info"]["archive_info"][
            "hashes"
        ]["sha256"]
        for wheel in wheels
    }


def _package(pin: str) -> str:
    return pin.partition("==")[0].lower().replace("_", "-")


def _write(file: str, pins: list[str], *first: str) -> None:
    lines = [*first, *sorted(pins, key=str.lower)]
    (ROOT / file).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
