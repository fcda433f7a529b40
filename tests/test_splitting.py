"""docs/splitting.md: its commands run as they stand, and each gives the whole tensor's bytes."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.application import ask, ready
from tests.peers.environment import torch_python
from tests.process import run
from tests.server import Address, free_port

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "splitting.md").read_text(encoding="utf-8")
DOCUMENTED = "http://127.0.0.1:8000"
SHELL = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PYTHON = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(TARGET,) = re.findall(rf"^url='{DOCUMENTED}(.*)'$", PAGE, re.MULTILINE)

VERIFY = '"$url"\n.venv/bin/python -m service verify'
"""Lines that only the block about `verify` has."""

REPAIR = "conv=notrunc"


@pytest.fixture(scope="module")
def server() -> Iterator[Address]:
    with ready() as address:
        yield address


@pytest.fixture(scope="module")
def whole(server: Address) -> bytes:
    return ask(server, TARGET).body


def shell(
    word: str, server: Address, folder: Path, changes: Mapping[str, str] | None = None
) -> str:
    """Run the lines that contain a word, after the line with the URL. Returns what they print.

    `changes` has text to put in place of other text, which must be there.
    """
    (lines,) = (block for block in SHELL if word in block)
    for old, new in (changes or {}).items():
        assert old in lines
        lines = lines.replace(old, new)
    script = f"set -e\n{SHELL[0]}{lines}".replace(DOCUMENTED, server.url)
    # The page's lines run in the checkout. Here they write to another folder.
    script = script.replace(".venv/bin/python", sys.executable)
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = ["sh", "-c", script]
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | paths,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("word", "files"),
    [
        pytest.param("service fetch", ["w.npy"], id="fetch"),
        pytest.param("-C -", ["resumed.npy"], id="resumed", marks=pytest.mark.needs("curl")),
        pytest.param("aria2c", ["split.npy"], id="aria2", marks=pytest.mark.needs("aria2c")),
        pytest.param("part.$i", ["joined.npy"], id="ranges", marks=pytest.mark.needs("curl")),
    ],
)
def test_a_recipe_gives_the_whole(
    server: Address, whole: bytes, tmp_path: Path, word: str, files: list[str]
) -> None:
    shell(word, server, tmp_path)
    for name in files:
        assert (tmp_path / name).read_bytes() == whole


@pytest.mark.needs("curl")
def test_curl_continues(server: Address, whole: bytes, tmp_path: Path) -> None:
    """The file has some bytes already; curl adds the others."""
    (tmp_path / "resumed.npy").write_bytes(whole[:12345])
    shell("-C -", server, tmp_path)
    assert (tmp_path / "resumed.npy").read_bytes() == whole


@pytest.mark.needs("curl")
def test_curl_on_a_complete_file(server: Address, whole: bytes, tmp_path: Path) -> None:
    """The server answers 416, and the last line compares the file."""
    (tmp_path / "resumed.npy").write_bytes(whole)
    assert shell("-C -", server, tmp_path) == f"all {len(whole)} bytes agree\n"


@pytest.mark.needs("curl")
def test_the_canonical_url(server: Address, whole: bytes, tmp_path: Path) -> None:
    """The header has its path, which has the same bytes and which `verify --file` accepts."""
    said = shell("content-location", server, tmp_path)
    found = re.fullmatch(r"content-location: (/v1/weights\.npy\?.*seed=42.*)\n", said.lower())
    assert found
    target = said.partition(" ")[2].strip()
    assert ask(server, target).body == whole
    (tmp_path / "w.npy").write_bytes(whole)
    done = run("verify", target, "--file", str(tmp_path / "w.npy"))
    assert (done.returncode, done.stderr) == (0, b"")


def test_every_python_line_runs_in_the_checkout() -> None:
    """As in README.md: with the interpreter of `make run`."""
    lines = [line for block in SHELL for line in block.splitlines() if "python" in line]
    assert lines
    assert all(line.startswith(".venv/bin/python -m service ") for line in lines)


def test_verify(server: Address, whole: bytes, tmp_path: Path) -> None:
    """The file is the one that the lines before have fetched."""
    (tmp_path / "w.npy").write_bytes(whole)
    said = shell(VERIFY, server, tmp_path)
    assert re.fullmatch(rf"16 ranges, .*\nall {len(whole)} bytes agree\n", said)


@pytest.mark.needs("curl")
@pytest.mark.parametrize("place", [0, 2**20 - 1, 2**20, 5000000, -1])
def test_a_spoiled_block_is_repaired(
    server: Address, whole: bytes, tmp_path: Path, place: int
) -> None:
    """The byte that `verify --file` names. The last block is shorter than 1 MiB."""
    byte, spoiled = place % len(whole), bytearray(whole)
    spoiled[byte] ^= 1
    (tmp_path / "w.npy").write_bytes(spoiled)
    found = run("verify", server.url + TARGET, "--file", str(tmp_path / "w.npy"))
    assert f"the first difference is byte {byte}: " in found.stderr.decode()
    said = shell(REPAIR, server, tmp_path, changes={"byte=5000000": f"byte={byte}"})
    assert said == f"all {len(whole)} bytes agree\n"
    assert (tmp_path / "w.npy").read_bytes() == whole


@pytest.mark.needs("curl")
def test_each_worker_has_its_slice(server: Address, whole: bytes, tmp_path: Path) -> None:
    """Four slices after each other are the tensor; a worker without a server has the same."""
    shell("rank$rank.npy", server, tmp_path)
    slices = [np.load(tmp_path / f"rank{rank}.npy") for rank in range(4)]
    values = np.load(io.BytesIO(whole))
    assert np.array_equal(np.concatenate(slices), values)
    shell("JOB_COMPLETION_INDEX", server, tmp_path)
    assert (tmp_path / "own0.npy").read_bytes() == (tmp_path / "rank0.npy").read_bytes()


def test_every_shell_line_is_run() -> None:
    """A recipe that is added needs a test above."""
    words = ["url=", "content-location", "service fetch", VERIFY, "-C -", "part.$i"]
    words += ["aria2c", "rank$rank.npy", "JOB_COMPLETION_INDEX", REPAIR]
    assert len(SHELL) == len(words)
    assert all(any(word in block for word in words) for block in SHELL)


@pytest.mark.slow
@pytest.mark.parametrize("placement", ["Shard(0)", "Shard(1)"])
def test_ranks_make_a_dtensor_of_their_slices(
    server: Address, tmp_path: Path, placement: str
) -> None:
    """Two processes of PyTorch. Neither extent is even, so their shards differ in size."""
    (script,) = (block for block in PYTHON if "DTensor" in block)
    assert "[Shard(0)]" in script
    script = script.replace(DOCUMENTED, server.url).replace("[Shard(0)]", f"[{placement}]")
    (tmp_path / "shards.py").write_text(script)
    port = free_port()
    command = [str(torch_python()), "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += ["--master-addr=127.0.0.1", f"--master-port={port}", "shards.py"]
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    query = "shape=1001,515&layer=dense&scheme=he_normal&seed=42&name=mlp.up.weight"
    assert (tmp_path / "gathered.npy").read_bytes() == ask(server, f"/v1/weights.npy?{query}").body
