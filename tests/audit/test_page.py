"""docs/audit.md: its commands run as they stand, and print what the page says."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.audit.checkpoint.verdicts import FAULTS, Verdict
from tests.application import ready
from tests.server import Address

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
SHELL = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(TABLE,) = re.findall(r"^```\n(tensor.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with ready() as address:
        yield address


def shell(lines: str, folder: Path, address: Address) -> str:
    """Run lines of the page in a folder, with the server of the tests."""
    script = f"set -e\n{lines}".replace("http://127.0.0.1:8000", address.url)
    script = script.replace(".venv/bin/python", sys.executable)
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env=os.environ | paths,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_table_is_what_is_printed(tmp_path: Path, address: Address) -> None:
    """Character by character."""
    assert shell(SHELL[0], tmp_path, address).endswith(TABLE)
    assert (tmp_path / "audit.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_comparison_with_a_server(tmp_path: Path, address: Address) -> None:
    """The file that curl has fetched is equal to the URL."""
    assert "all tensors are equal to those of http://" in shell(SHELL[1], tmp_path, address)


def test_the_answer_about_a_spec_begins_as_the_page_says(tmp_path: Path, address: Address) -> None:
    """The members of the page's JSON are the first ones of the answer."""
    assert len(SHELL) == 3
    (shown,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    found = json.loads(shell(SHELL[2], tmp_path, address))
    told = json.loads(shown)
    assert list(found.items())[: len(told)] == list(told.items())


def test_every_member_of_the_json_is_on_the_page(tmp_path: Path) -> None:
    """With each option, and with one object of each kind."""
    (tmp_path / "there").mkdir()
    rng = np.random.default_rng(1)
    for folder, std in ((tmp_path, 0.25), (tmp_path / "there", 0.3)):
        np.save(folder / "a.weight.npy", rng.standard_normal((16, 24)).astype(np.float32) * std)
    path = "a.weight.npy"
    options = ("--json", "--layout", "torch", "--like", f"there/{path}")
    done = subprocess.run(
        [sys.executable, "-m", "service", "audit", path, *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    record = json.loads(done.stdout)
    (section,) = re.findall(r"^## The JSON\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    told = set(re.findall(r"`([a-z_0-9]+)`", section))
    (difference,), (tensor,) = record["differences"], record["tensors"]
    law = tensor["laws"][0]
    found = [record, record["layout"], difference, tensor, law, law["near"][0]]
    found += [tensor["std_ratio"], tensor["histogram"]]
    assert {name for each in found for name in each} == told


def test_every_verdict_is_on_the_page() -> None:
    """And the faults are marked."""
    rows = dict(re.findall(r"^\| ([a-zA-Z, -]+?) \|.*\| (yes)? *\|$", PAGE, re.MULTILINE))
    told = {name: fault == "yes" for names, fault in rows.items() for name in names.split(", ")}
    assert {verdict.value for verdict in Verdict} <= set(told)
    assert {verdict.value for verdict in FAULTS} == {name for name, fault in told.items() if fault}
