"""docs/digests.md: its programs are run as they stand, and find a wrong byte."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.api.block_digests import MOST_BLOCKS, BlockDigests
from service.api.digests import ALGORITHMS, MOST_DIGESTED_BYTES
from tests.application import ready
from tests.server import Address

PAGE = (Path(__file__).parents[2] / "docs" / "digests.md").read_text(encoding="utf-8")
DOCUMENTED = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def server() -> Iterator[Address]:
    with ready() as address:
        yield address


def block(language: str, server: Address) -> str:
    """The lines of a language, with this server's address."""
    (lines,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert lines.count(DOCUMENTED) == 1
    return str(lines).replace(DOCUMENTED, server.url)


def run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.needs("curl")
def test_the_digest_of_an_answer(server: Address, tmp_path: Path) -> None:
    """Told and found are the same; with another algorithm's there is nothing to compare."""
    lines = block("sh", server)
    done = run(tmp_path, "sh", "-c", lines)
    assert (done.returncode, done.stdout) == (0, "right\n"), done.stderr
    assert run(tmp_path, "sh", "-c", lines.replace("Want-", "Other-")).stdout == "wrong\n"


@pytest.mark.needs("curl")
def test_the_digests_of_a_file(server: Address, tmp_path: Path) -> None:
    """Python fetches it and checks it, then the shell checks it, and finds one byte changed."""
    done = run(tmp_path, sys.executable, "-c", block("python", server))
    assert done.stdout == "fc1.npy is right: 8388736 bytes in 9 blocks\n", done.stderr
    shell = run(tmp_path, "bash", "-c", block("bash", server))
    assert (shell.returncode, shell.stdout) == (0, "right\n"), shell.stderr
    file = tmp_path / "fc1.npy"
    content = bytearray(file.read_bytes())
    content[5_000_000] ^= 1
    file.write_bytes(content)
    shell = run(tmp_path, "bash", "-c", block("bash", server))
    assert shell.stdout.endswith("wrong\n")
    assert "differ" in shell.stdout + shell.stderr
    assert "line 5" in shell.stdout


def test_a_file_may_need_several_lists(server: Address, tmp_path: Path) -> None:
    """With 4 blocks in a list there are three lists, of which the last one has one block."""
    lines = block("python", server)
    shorter = lines.replace(f"MOST_BLOCKS = {MOST_BLOCKS}\n", "MOST_BLOCKS = 4\n")
    assert shorter != lines
    done = run(tmp_path, sys.executable, "-c", shorter)
    assert done.stdout == "fc1.npy is right: 8388736 bytes in 9 blocks\n", done.stderr


def test_python_finds_a_wrong_block(server: Address, tmp_path: Path) -> None:
    """Negative control: the digests of another tensor."""
    lines = block("python", server)
    wrong = lines.replace('SERVER + told["url"]', 'SERVER + told["url"].replace("=42", "=43")')
    assert wrong != lines
    done = run(tmp_path, sys.executable, "-c", wrong)
    assert (done.returncode, done.stderr) == (1, "block 0 is wrong: it begins at byte 0\n")


def test_the_page_names_the_members_and_the_limits() -> None:
    """Those of the code."""
    for word in (*BlockDigests.__dataclass_fields__, *ALGORITHMS):
        assert f"`{word}`" in PAGE
    assert f"at most {MOST_BLOCKS} blocks" in PAGE
    assert f"up to {MOST_DIGESTED_BYTES // 2**20} MiB" in PAGE
