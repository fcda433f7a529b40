"""The model card: YAML that a Hub accepts, and what decides the bytes."""

import re
from typing import Any

import pytest
import yaml

from service.hub.card import PIPELINES, card
from service.hub.repositories import Repository, families, repository_of
from service.hub.revisions import Resolved, Revision, revision_of
from service.models.manifest import Manifest, manifest_of
from service.models.planning import ModelPlan, plan_model
from service.models.recipe import recipe_of
from tests.hub.asking import under_token

MAX_BYTES = 2**40

TINY = [f"{family['repo_id']}-tiny" for family in families()]


def resolved_at(repository: Repository, revision: str) -> tuple[Resolved, ModelPlan]:
    resolved = revision_of(revision, repository, Revision(0))
    update = {"seed": resolved.seed, "dtype": resolved.dtype}
    return resolved, plan_model(repository.manifest.model_copy(update=update), max_bytes=MAX_BYTES)


def written(repository: Repository, revision: str = "main") -> tuple[dict[str, Any], str]:
    """The front matter, read as YAML, and the text after it."""
    text = card(repository, *resolved_at(repository, revision)).decode()
    start, matter, rest = text.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(matter), rest


@pytest.mark.parametrize("repo_id", TINY)
def test_the_front_matter_is_that_of_a_hub(repo_id: str) -> None:
    """`license` is an id of the Hub's list, and `library_name` a library that loads the model."""
    repository = repository_of(repo_id)
    matter, _ = written(repository)
    kind = (repository.manifest.config or {})["model_type"]
    assert matter.pop("library_name", None) == (None if kind == "dit" else "transformers")
    task = matter.pop("pipeline_tag", None)
    assert task == PIPELINES.get(str(repository.manifest.architecture))
    assert (task is None) == (kind == "dit")
    assert matter == {
        "license": "cc0-1.0",
        "tags": ["fanin", "random-weights", "untrained", kind],
    }


@pytest.mark.parametrize(
    ("repo_id", "task"),
    [
        ("fanin/gpt2-tiny", "text-generation"),
        ("fanin/mamba-tiny", "text-generation"),
        ("fanin/bert-tiny", "fill-mask"),
        ("fanin/bert_encoder-tiny", "feature-extraction"),
        ("fanin/vit-tiny", "image-classification"),
        ("fanin/whisper-tiny", "automatic-speech-recognition"),
        ("fanin/t5-tiny", "text2text-generation"),
        ("fanin/dit-tiny", None),
    ],
)
def test_the_task(repo_id: str, task: str | None) -> None:
    assert written(repository_of(repo_id))[0].get("pipeline_tag") == task


@pytest.mark.parametrize("repo_id", TINY)
def test_it_says_what_decides_the_bytes(repo_id: str) -> None:
    repository = repository_of(repo_id)
    resolved, plan = resolved_at(repository, "seed-18446744073709551615-bfloat16")
    _, text = written(repository, "seed-18446744073709551615-bfloat16")
    facts = dict(re.findall(r"^\| (.+?) \| (.*) \|$", text, re.MULTILINE))
    recipe = recipe_of(str(plan.manifest.architecture))
    assert recipe is not None
    assert facts == {
        "architecture": plan.manifest.architecture,
        "recipe": f"{recipe.title}, edition {recipe.edition}",
        "drawn as in": f"`{recipe.source}`",
        "seed": "18446744073709551615",
        "dtype": "bfloat16",
        "commit": f"`{resolved.commit}`",
        "status": "draft",
        "parameters": f"{plan.parameters:,}",
        "bytes of tensors": f"{plan.bytes:,}",
    }
    assert f"# {repo_id}\n" in text
    assert "**never trained**" in text


def test_its_lines_load_these_very_bytes() -> None:
    repository = repository_of("fanin/gpt2-tiny")
    (lines,) = re.findall("```python\n(.*?)```", written(repository, "seed-42")[1], re.DOTALL)
    commit = resolved_at(repository, "seed-42")[0].commit
    assert lines == (
        "from transformers import GPT2LMHeadModel\n\n"
        f'model = GPT2LMHeadModel.from_pretrained("fanin/gpt2-tiny", revision="{commit}")\n'
    )


def test_without_a_token_the_address_of_the_server_is_enough() -> None:
    _, text = written(repository_of("fanin/gpt2-tiny"), "seed-42")
    assert "Set `HF_ENDPOINT` to the address of the server that this file is from." in text
    assert "The repo id and the commit give the same bytes" in text
    assert "v1/models" not in text


@pytest.mark.parametrize("name", ["fanin/gpt2-tiny", "fanin/mine"])
def test_behind_a_token_the_whole_token_is_in_the_endpoint(name: str) -> None:
    """Under each name: fanin/gpt2-tiny alone is another model."""
    repository = under_token(name, listed())
    _, text = written(repository)
    assert f"\nexport HF_ENDPOINT=SERVER/v1/models/{repository.token}\n" in text
    assert "the server that this file is from. Then" not in text
    assert "The path of the endpoint, the repo id and the commit give the same bytes" in text


def test_two_revisions_have_two_cards() -> None:
    repository = repository_of("fanin/gpt2-tiny")
    assert written(repository, "seed-1") != written(repository, "seed-2")
    assert written(repository, "seed-0") == written(repository, "main")


def listed() -> Manifest:
    tensor = {"name": "a", "shape": [2, 3], "scheme": "normal", "std": 0.1}
    return manifest_of([("tensors", [tensor])])


@pytest.mark.parametrize("repo_id", ["fanin/anything", "fanin/dit-tiny"])
def test_a_model_without_a_class_is_fetched_as_files(repo_id: str) -> None:
    """A list of tensors, which has no recipe, and DiT, which transformers does not have."""
    repository = (
        repository_of(repo_id) if repo_id == "fanin/dit-tiny" else under_token(repo_id, listed())
    )
    matter, text = written(repository)
    assert "library_name" not in matter
    assert "from huggingface_hub import snapshot_download\n" in text
    assert ("edition" in text) == (repo_id == "fanin/dit-tiny")
