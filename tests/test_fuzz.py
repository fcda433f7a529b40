"""Schemathesis: a bounded share of `make fuzz`, and controls that it notices wrong documents."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.peers.environment import python_with
from tests.process import ROOT


def fuzz(*options: str) -> "subprocess.CompletedProcess[str]":
    """`python -m checks.fuzz`, with Schemathesis in an environment of its own."""
    python_with("fuzz-venv", ROOT / "requirements-fuzz.txt")
    command = [sys.executable, "-m", "checks.fuzz", *options]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.slow
@pytest.mark.ci
def test_a_share_of_the_requests_finds_nothing() -> None:
    """Every operation, all checks, some thousand requests of a fixed seed."""
    done = fuzz("--share")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def without_limits(document: Any) -> None:
    """Says that every large depth is accepted."""
    document["components"]["parameters"]["depth"]["schema"] = {"type": "integer", "minimum": 20000}
    document["components"]["parameters"]["depth"]["required"] = True
    for method in ("get", "head"):
        operation = document["paths"]["/recommend"][method]
        names = ("shape", "depth")
        operation["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in names]


def other_members(document: Any) -> None:
    """Says that a dtype has a member that it lacks."""
    dtype = document["components"]["schemas"]["Dtype"]
    dtype["required"] = [*dtype["required"], "colour"]


def no_conflict(document: Any) -> None:
    """Leaves 412 out."""
    for method in ("get", "head"):
        del document["paths"]["/dtypes"][method]["responses"]["412"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "operation", "found"),
    [
        (without_limits, "get_recommend", "out_of_range: the document should have said so"),
        pytest.param(
            other_members, "list_dtypes", '"colour" is a required property', marks=pytest.mark.ci
        ),
        (no_conflict, "list_dtypes", "Received: 412"),
    ],
)
def test_a_wrong_document_is_noticed(
    tmp_path: Path, spoil: Callable[[Any], None], operation: str, found: str
) -> None:
    """Negative control: the document and the answers differ in one thing, and the check fails."""
    document = json.loads((ROOT / "openapi" / "openapi.json").read_text())
    spoil(document)
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    phases = ("--phases=coverage,fuzzing", "--max-examples=20")
    done = fuzz(f"--document={file}", *phases, f"--include-operation-id={operation}")
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert found in done.stdout
    assert "1 failure in" in done.stdout
