"""The models that the clients download, and how `python -m service model` writes them."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.__main__ import main
from service.hub.repositories import repository_of
from tests.application import ask
from tests.server import Address

SEED = 14

SHARD = "20KB"
"""The most bytes of a file of a sharded model. The tiny sizes then have 2 files or more."""


@dataclass(frozen=True, slots=True)
class Family:
    """The tiny size of a family: its name in repo ids, and the class that people load it with."""

    name: str
    auto: str

    @property
    def repo_id(self) -> str:
        return f"fanin/{self.name}-tiny"

    @property
    def config(self) -> dict[str, Any]:
        """The whole config."""
        return repository_of(self.repo_id).manifest.config or {}

    def manifest(self, **members: Any) -> dict[str, Any]:
        """A manifest of this model."""
        (architecture,) = self.config["architectures"]
        return {"architecture": architecture, "size": "tiny", "seed": SEED, **members}


FAMILIES = {
    name: Family(name, auto)
    for name, auto in {
        "gpt2": "AutoModelForCausalLM",
        "bert": "AutoModelForMaskedLM",
        "bert_encoder": "AutoModel",
        "llama": "AutoModelForCausalLM",
        "vit": "AutoModelForImageClassification",
        "resnet": "AutoModelForImageClassification",
        "t5": "AutoModelForSeq2SeqLM",
        "mamba": "AutoModelForCausalLM",
    }.items()
}


def endpoint_of(address: Address, manifest: dict[str, Any]) -> str:
    """The URL of a model of its own, for HF_ENDPOINT."""
    body = json.dumps(manifest).encode()
    answer = ask(address, "/v1/models", "POST", {"Content-Type": "application/json"}, body)
    assert answer.status == 200, answer.body
    return address.url + str(json.loads(answer.body)["url"])


def written(manifest: dict[str, Any], folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that `python -m service model` writes into a new folder."""
    folder.mkdir(parents=True)
    source = folder.with_suffix(".json")
    source.write_text(json.dumps(manifest))
    assert main(["model", str(source), "-o", str(folder)]) == 0
    return digests(folder)


def snapshot(home: Path, repo_id: str, revision: str) -> Path:
    """The folder that a cache of a Hub client has for a revision."""
    cached = home / "hub" / f"models--{repo_id.replace('/', '--')}"
    return cached / "snapshots" / (cached / "refs" / revision).read_text()


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file in a folder."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file()
    }


def weights(digests: dict[str, str]) -> dict[str, str]:
    """Only the files of tensors, and their index."""
    return {name: each for name, each in digests.items() if ".safetensors" in name}
