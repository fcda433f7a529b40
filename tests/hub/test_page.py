"""docs/hub.md: its commands run as they stand, in real clients, and its names are right."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.hub.repositories import MOST_NAME, Repository, families, repository_of
from service.hub.revisions import Revision, revision_of
from service.hub.snapshots import planned
from service.models.store import ModelStore
from tests.application import ask, ready
from tests.models.environment import TRIED, transformers_python
from tests.peers.environment import ROOT
from tests.server import Address

PAGE = (ROOT / "docs" / "hub.md").read_text(encoding="utf-8")
DOCUMENTED = "http://127.0.0.1:8000"
SHELL = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PYTHON = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
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
    assert PAGE.count("\n```") == 2 * (len(SHELL) + len(PYTHON))
    assert len(PYTHON) == 2
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


def test_the_tiny_sizes_are_as_small_as_the_page_says() -> None:
    """80 to 220 KB of tensors, in each family."""
    assert "80 to 220 KB" in PAGE
    for family in families():
        repository = repository_of(f"{family['repo_id']}-tiny")
        resolved = revision_of("main", repository, Revision(0))
        (file,) = planned(repository, resolved, ModelStore(2**44)).plan.files
        assert 80_000 <= file.length <= 220_000, repository.id


def test_two_ids_of_the_same_weights(server: Address) -> None:
    """An id that repeats a value of its size has the same tensors, and another commit."""
    ids = ("fanin/gpt2-tiny", "fanin/gpt2-tiny.vocab_size-320")
    plain, repeated = (ask(server, f"/{each}/resolve/seed-1/model.safetensors") for each in ids)
    assert plain.status == repeated.status == 200
    assert plain.body == repeated.body
    assert plain.headers["x-repo-commit"] != repeated.headers["x-repo-commit"]


def test_the_longest_name_is_as_the_page_says() -> None:
    """Of a model behind a token it is a name of the user's own."""
    assert "96 characters" in PAGE
    assert MOST_NAME == 96


def test_the_revisions_are_those_of_the_table() -> None:
    """`main` is seed 0, and a dtype may follow a seed."""

    def meant(text: str, repository: Repository = GPT2) -> tuple[int, str]:
        resolved = revision_of(text, repository, Revision(0))
        return resolved.seed, resolved.dtype

    table = PAGE.partition("## Revisions")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `([a-z0-9-]+)` \|", table, re.MULTILINE)
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
@pytest.mark.parametrize("lines", PYTHON, ids=["generation", "classification"])
def test_the_model_is_loaded_as_it_stands(
    server: Address, tmp_path: Path, release: str, lines: str
) -> None:
    """The shape of the logits is the one in the comment."""
    (tmp_path / "load.py").write_text(lines)
    printed = shell(f"{transformers_python(release)} load.py", server, tmp_path)
    assert printed.strip() == lines.rpartition("  # ")[2].strip()


def refusal(server: Address) -> str:
    """What the server says of a model that is not there."""
    answer = ask(server, "/fanin/gpt2-huge/resolve/main/config.json")
    assert answer.status == 404
    return str(json.loads(answer.body)["detail"])


TABLE = """
import json, traceback
import torch
from transformers import (
    AutoModel, AutoModelForCausalLM, AutoModelForImageClassification,
    AutoModelForSequenceClassification, AutoTokenizer, BertTokenizer, T5Tokenizer
)

def failing(work):
    try:
        work()
    except Exception:
        return traceback.format_exc()

def gpt2(revision, **more):
    name = "fanin/gpt2-tiny"
    return AutoModelForCausalLM.from_pretrained(name, revision=revision, **more)

def drawn(name):
    model, about = AutoModel.from_pretrained(name, output_loading_info=True)
    return sorted(about["missing_keys"])

def unpadded():
    tokenizer = AutoTokenizer.from_pretrained("fanin/gpt2-tiny")
    model = AutoModelForSequenceClassification.from_pretrained("fanin/gpt2-tiny")
    model(**tokenizer(["a", "longer"], padding=True, return_tensors="pt"))

def logits(version, made_by_transformers=False):
    model = AutoModelForImageClassification.from_pretrained(f"fanin/mobilenet_v{version}-tiny")
    if made_by_transformers:
        torch.manual_seed(1)
        model = type(model)(model.config)
    with torch.no_grad():
        return float(model.eval()(pixel_values=torch.rand(1, 3, 32, 32)).logits.abs().max())

def generated():
    name = "fanin/gpt2.n_layer-1.n_embd-32"
    model = AutoModelForCausalLM.from_pretrained(name)
    tokenizer = AutoTokenizer.from_pretrained(name)
    model.resize_token_embeddings(len(tokenizer))
    batch = tokenizer("Hi", return_tensors="pt")
    torch.manual_seed(1)
    return tokenizer.decode(model.generate(**batch, max_new_tokens=8, do_sample=True)[0])

tokens = failing(lambda: AutoTokenizer.from_pretrained("fanin/gpt2-tiny.vocab_size-200"))
print("ANSWER", json.dumps({
    "refused": failing(lambda: AutoModel.from_pretrained("fanin/gpt2-huge")),
    "no tokenizer": tokens or len(AutoTokenizer.from_pretrained(
        "fanin/gpt2-tiny.vocab_size-200")("text").input_ids),
    "bert": failing(lambda: BertTokenizer.from_pretrained("fanin/bert-tiny")("text").input_ids),
    "t5": failing(lambda: T5Tokenizer.from_pretrained("fanin/t5-tiny")("text").input_ids),
    "half": str(gpt2("seed-1-bfloat16").dtype),
    "half auto": str(gpt2("seed-1-bfloat16", dtype="auto").dtype),
    "float8": str(gpt2("seed-1-float8_e4m3fn", dtype=torch.float32).float()(
        torch.tensor([[1, 2]])).logits.dtype),
    "float8 as it is": failing(lambda: gpt2("seed-1-float8_e4m3fn")(torch.tensor([[1, 2]]))),
    "poolers": [drawn(f"fanin/{each}-tiny") for each in ("bert", "vit", "bert_encoder")],
    "unpadded": failing(unpadded),
    "logits": [logits(1), logits(2), logits(1, True), logits(2, True)],
    "dit": failing(lambda: AutoModel.from_pretrained("fanin/dit-tiny")),
    "generated": generated(),
}))
"""
"""What "What to know in transformers" and the sections about names and tokenizers say."""


@pytest.mark.slow
@pytest.mark.parametrize("release", TRIED)
def test_transformers_does_what_the_page_says(
    server: Address, tmp_path: Path, release: str
) -> None:
    (tmp_path / "load.py").write_text(TABLE)
    printed = shell(f"{transformers_python(release)} load.py", server, tmp_path)
    said = json.loads(printed.rpartition("ANSWER ")[2])
    words = refusal(server)
    assert words in said["refused"].splitlines()
    last = said["refused"].rpartition("The above exception was the direct cause")[2]
    assert "huggingface.co" in last
    assert words not in last
    # An empty tokenizer encodes the text to nothing. Release 4 says that there is none.
    assert said["no tokenizer"] == 0 if release == "5" else "Error" in said["no tokenizer"]
    assert said["bert"]
    assert said["t5"]
    assert said["half"] == ("torch.bfloat16" if release == "5" else "torch.float32")
    assert said["half auto"] == "torch.bfloat16"
    assert said["float8"] == "torch.float32"
    assert said["float8 as it is"]
    assert said["poolers"] == [["pooler.dense.bias", "pooler.dense.weight"]] * 2 + [[]]
    assert "no padding token" in said["unpadded"]
    assert all(0 < each < 1e-20 for each in said["logits"])
    assert "`dit`" in said["dit"]
    assert re.fullmatch(r"Hi.*<\d+>.*", said["generated"], re.DOTALL)


@pytest.mark.slow
@pytest.mark.ci
def test_hf_hides_the_words_of_a_refusal(server: Address, tmp_path: Path, clients: str) -> None:
    command = "hf download fanin/gpt2-huge 2>&1 || true"
    hidden, shown = (
        shell(f"{debug} {command}", server, tmp_path, clients) for debug in ("", "HF_DEBUG=1")
    )
    assert "not found" in hidden
    assert refusal(server) not in hidden
    assert refusal(server) in shown


@pytest.mark.slow
@pytest.mark.ci
def test_offline_main_is_that_of_the_last_endpoint(
    server: Address, tmp_path: Path, clients: str
) -> None:
    """So a cache is for one endpoint. The last part of a folder's path is its commit."""
    command = "hf download fanin/gpt2-tiny --quiet"
    lines = [f"HF_ENDPOINT={DOCUMENTED}/hub/seed-{seed} {command}" for seed in (1, 2)]
    offline = f"HF_ENDPOINT={DOCUMENTED}/hub/seed-1 HF_HUB_OFFLINE=1 {command}"
    printed = shell("\n".join([*lines, offline]), server, tmp_path, clients)
    first, second, third = re.findall("[0-9a-f]{40}", printed)
    assert first != second == third


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
