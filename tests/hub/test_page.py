"""docs/hub.md: its commands run as they stand, in real clients, and its names are right."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.hub.repositories import Repository, repository_of
from service.hub.revisions import Revision, revision_of
from tests.application import ready
from tests.models.environment import TRIED, transformers_python
from tests.peers.environment import ROOT
from tests.server import Address

PAGE = (ROOT / "docs" / "hub.md").read_text(encoding="utf-8")
DOCUMENTED = "http://127.0.0.1:8000"
SHELL = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(PYTHON,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SETTINGS, *COMMANDS = SHELL
BY_CURL = [block for block in COMMANDS if "hf " not in block]
BY_HF = [block for block in COMMANDS if "hf " in block]

GPT2 = repository_of("fanin/gpt2-tiny")


@pytest.fixture(scope="module")
def server() -> Iterator[Address]:
    with ready() as address:
        yield address


def shell(lines: str, server: Address, folder: Path, path: str | None = None) -> str:
    """What the lines print after those with the settings. `path` comes before PATH."""
    script = f"set -e\n{SETTINGS}{lines}".replace(DOCUMENTED, server.url)
    paths = [each for each in (path, os.environ["PATH"]) if each is not None]
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_block_is_run() -> None:
    """There are no other blocks than those that the tests below run."""
    assert (len(BY_CURL), len(BY_HF)) == (2, 3)
    assert PAGE.count("\n```") == 2 * (len(SHELL) + 1)
    assert "HF_ENDPOINT" in SETTINGS


@pytest.mark.needs("curl")
def test_the_families_and_a_config_are_shown(server: Address, tmp_path: Path) -> None:
    families, config = (json.loads(shell(block, server, tmp_path)) for block in BY_CURL)
    assert "fanin/gpt2" in {each["repo_id"] for each in families["families"]}
    assert (config["n_layer"], config["n_embd"], config["vocab_size"]) == (2, 64, 512)


NAMED = sorted(set(re.findall(r"fanin/[a-z0-9._-]*[a-z0-9]", PAGE)) - {"fanin/my-model"})


@pytest.mark.parametrize("repo_id", NAMED)
def test_every_repo_id_of_the_page_is_one(repo_id: str) -> None:
    assert repository_of(repo_id).id == repo_id


def test_the_revisions_are_those_of_the_table() -> None:
    """`main` is seed 0, and a dtype may follow a seed."""

    def meant(text: str, repository: Repository = GPT2) -> tuple[int, str]:
        resolved = revision_of(text, repository, Revision(0))
        return resolved.seed, resolved.dtype

    named = re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE.partition("## Revisions")[2], re.MULTILINE)
    assert named == ["main", "seed-42", "seed-42-bfloat16"]
    assert [meant(each) for each in named] == [(0, "float32"), (42, "float32"), (42, "bfloat16")]


@pytest.fixture(scope="module")
def clients() -> str:
    """The folder of the programs of the newest huggingface_hub."""
    return str(transformers_python("5").parent)


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.needs("curl", "python3")
@pytest.mark.parametrize("block", BY_HF, ids=["verify", "endpoints", "manifest"])
def test_hf_downloads(server: Address, tmp_path: Path, clients: str, block: str) -> None:
    """Each folder that a block names has a model afterwards."""
    said = shell(block, server, tmp_path, clients)
    folders = set(re.findall(r"--local-dir (\S+)", block))
    assert folders
    for folder in folders:
        names = {path.name for path in (tmp_path / folder).iterdir()}
        assert names >= {"config.json", "model.safetensors", "tokenizer.json"}
    if "cache verify" in block:
        assert "checked" in said


@pytest.mark.slow
@pytest.mark.parametrize("release", TRIED)
def test_the_model_is_loaded_as_it_stands(server: Address, tmp_path: Path, release: str) -> None:
    """The shape of the logits is the one in the comment."""
    (tmp_path / "load.py").write_text(PYTHON)
    printed = shell(f"{transformers_python(release)} load.py", server, tmp_path)
    assert printed.strip() == PYTHON.rpartition("  # ")[2].strip()


NFC = """
from transformers import PreTrainedTokenizerFast
tokenizer = PreTrainedTokenizerFast.from_pretrained("fanin/qwen2-tiny")
print(tokenizer.decode(tokenizer("e\\u0301").input_ids).encode())
"""


@pytest.mark.slow
@pytest.mark.ci
def test_the_plain_class_keeps_accents_apart(server: Address, tmp_path: Path) -> None:
    """As the page says of Qwen2 in transformers 5."""
    (tmp_path / "load.py").write_text(NFC)
    printed = shell(f"{transformers_python('5')} load.py", server, tmp_path)
    assert printed.strip() == str("e\u0301".encode())
