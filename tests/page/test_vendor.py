"""Third-party files are those of the named versions, with their licences."""

import gzip
import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.process import ROOT

VENDOR = ROOT / "service" / "page" / "vendor"
PACKAGES: list[dict[str, Any]] = json.loads((VENDOR / "packages.json").read_text(encoding="utf-8"))


def content(folder: Path) -> dict[str, bytes]:
    """Each file below a folder, its gzipped copy unpacked, since gzips differ in their bytes."""
    return {
        str(path.relative_to(folder)): gzip.decompress(path.read_bytes())
        if path.suffix == ".gz"
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def wrong(folder: Path, packages: list[dict[str, Any]]) -> list[str]:
    """The files that differ from the table, are missing, or are not in it."""
    found = content(folder)
    del found["packages.json"]
    faults = []
    for package in packages:
        for path, digest in package["files"].items():
            name = f"{package['folder']}/{Path(path).name}"
            for each in (name, f"{name}.gz"):
                if sha256(found.pop(each, b"")).hexdigest() != digest:
                    faults.append(each)
    return faults + list(found)


def test_the_files_are_those_of_the_table() -> None:
    """Each has the hash that was written when it came, and so has its gzipped copy."""
    assert wrong(VENDOR, PACKAGES) == []


def test_a_changed_file_would_be_noticed() -> None:
    """Negative control: another hash, and a file that the table lacks."""
    package = PACKAGES[0]
    first = next(iter(package["files"]))
    other = [package | {"files": package["files"] | {first: "0" * 64}}, *PACKAGES[1:]]
    assert len(wrong(VENDOR, other)) == 2
    assert len(wrong(VENDOR, PACKAGES[1:])) == 2 * len(package["files"])


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["package"])
def test_a_package_has_a_version_and_a_licence(package: dict[str, Any]) -> None:
    """The folder has the exact version, and the licence's text lies in it."""
    assert package["folder"].partition("@")[2] == package["version"]
    licence = (VENDOR / package["folder"] / "LICENSE").read_text(encoding="utf-8")
    says = {"ISC": "Permission to use, copy, modify", "Apache-2.0": "Apache License"}
    assert says[package["licence"]] in licence


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.needs("npm")
def test_make_vendor_makes_the_same_files(tmp_path: Path) -> None:
    """npm's packages of these versions have these very files."""
    command = [sys.executable, "-m", "checks.write_vendor", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    assert content(tmp_path) == content(VENDOR)
