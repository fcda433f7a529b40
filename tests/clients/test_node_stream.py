"""The Node client, written from the stream's page alone, against the vectors of the page."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "clients" / "node" / "check-vectors.mjs"
VECTORS = ROOT / "tests" / "golden" / "stream-v1.json"

pytestmark = pytest.mark.needs("node")


def check(vectors: Path) -> subprocess.CompletedProcess[str]:
    """Run the client's own comparison on a file of vectors."""
    command = ["node", str(SCRIPT), str(vectors)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=60)


def flip_last_bit(digits: str) -> str:
    """The hexadecimal number with its lowest bit inverted."""
    return f"{int(digits, 16) ^ 1:0{len(digits)}x}"


def test_the_page_suffices_to_write_the_stream_again() -> None:
    """Every case of every dtype has the same bits in a client that shares no code with us."""
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    words, runs = len(vectors["word_cases"]), len(vectors["cases"])
    checked = check(VECTORS)
    counts = f"{words + runs} cases ({words} of words, {runs} runs), 0 mismatches\n"
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, counts, "")


@pytest.mark.parametrize(
    ("cases", "number", "bits"),
    [("word_cases", 5, "values"), ("cases", 11, "first"), ("cases", 170, "sha256")],
)
def test_one_wrong_bit_is_found_and_its_case_named(
    tmp_path: Path, cases: str, number: int, bits: str
) -> None:
    """The agreement above is not one of a comparison that overlooks a bit."""
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    wrong: dict[str, Any] = vectors[cases][number]
    if bits == "sha256":
        wrong[bits] = flip_last_bit(wrong[bits])
    else:
        wrong[bits][-1] = flip_last_bit(wrong[bits][-1])
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(vectors), encoding="utf-8")
    checked = check(changed)
    first, last = checked.stdout.splitlines()
    assert checked.returncode == 1
    assert first.startswith(f"{cases}[{number}] {wrong['draw']} {wrong['dtype']}")
    assert last.endswith(", 1 mismatches")
