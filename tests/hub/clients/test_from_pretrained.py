"""from_pretrained of two releases of transformers loads the models of the Hub routes.

A client has HF_ENDPOINT and a cache of its own, and nothing else that tells it of the service.
tests/models/test_loading.py shows that the comparison with new models finds damage.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.hub.clients.environment import run_script, variables
from tests.hub.clients.models import (
    FAMILIES,
    SEED,
    SHARD,
    Family,
    digests,
    endpoint_of,
    snapshot,
    weights,
    written,
)
from tests.models.environment import TRIED, transformers_python
from tests.models.reading import complaints
from tests.server import Address

pytestmark = pytest.mark.slow

DTYPES = ("float32", "bfloat16")
FILES: dict[str, dict[str, Any]] = {"single": {}, "sharded": {"max_shard_size": SHARD}}
"""By what is tried, the members of a manifest."""

REVISIONS = {"float32": f"seed-{SEED}", "bfloat16": f"seed-{SEED}-bfloat16"}

OTHER_SEED = f"seed-{SEED + 1}"

OVERRIDES = {
    "fanin/gpt2.n_layer-2.n_embd-64.vocab_size-512": "AutoModelForCausalLM",
    "fanin/gpt2-tiny.n_inner-40.n_head-8": "AutoModelForCausalLM",
    "fanin/bert.num_hidden_layers-2.hidden_size-80.vocab_size-300": "AutoModelForMaskedLM",
    "fanin/bert-tiny.tie_word_embeddings-false": "AutoModelForMaskedLM",
    "fanin/llama.num_hidden_layers-1.hidden_size-72.vocab_size-300": "AutoModelForCausalLM",
    "fanin/llama-tiny.num_key_value_heads-4.vocab_size-260": "AutoModelForCausalLM",
    "fanin/mistral-tiny.hidden_size-48": "AutoModelForCausalLM",
    "fanin/qwen2-tiny.num_hidden_layers-1": "AutoModelForCausalLM",
    "fanin/qwen3-tiny.hidden_size-48": "AutoModelForCausalLM",
    "fanin/vit.num_hidden_layers-2.hidden_size-64.image_size-32.patch_size-8": (
        "AutoModelForImageClassification"
    ),
    "fanin/resnet-tiny.embedding_size-12.layer_type-bottleneck": "AutoModelForImageClassification",
    "fanin/t5.num_layers-1.num_decoder_layers-2.d_model-48.vocab_size-300": "AutoModelForSeq2SeqLM",
    "fanin/mamba.num_hidden_layers-1.hidden_size-64.vocab_size-300": "AutoModelForCausalLM",
}
"""Repo ids with values of their own, and the class."""

NOWHERE = "http://127.0.0.1:9"
"""Nothing listens there."""

Loaded = dict[tuple[str, str, str | None], dict[str, Any]]
"""What is told of a model, by where it was asked for, the repo id and the revision."""


@pytest.fixture(scope="module", params=TRIED)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory, release: str) -> Path:
    """A folder with a cache for each endpoint: `single`, `overrides` and `sharded-FAMILY`."""
    return tmp_path_factory.mktemp(f"homes-{release}")


@pytest.fixture(scope="module")
def loaded(hub: Address, homes: Path, release: str) -> Loaded:
    """What transformers makes of the models."""
    runs = list(_runs(hub))
    question = [
        {"variables": _variables(homes / name, endpoint), "models": models}
        for name, endpoint, models in runs
    ]
    answers = run_script(
        transformers_python(release), "load_from_hub", question, variables(homes / "none", NOWHERE)
    )
    return {
        (name, repo_id, revision): about
        for (name, _, models), abouts in zip(runs, answers, strict=True)
        for (_, repo_id, revision), about in zip(models, abouts, strict=True)
    }


def _runs(hub: Address) -> Iterator[tuple[str, str, list[list[Any]]]]:
    """The name of each run, its endpoint, and the class, repo id and revision of each model."""
    models: list[list[Any]] = [
        [family.auto, family.repo_id, revision]
        for family in FAMILIES.values()
        for revision in (*REVISIONS.values(), OTHER_SEED)
    ]
    yield "single", hub.url, models
    yield "overrides", hub.url, [[auto, repo_id, None] for repo_id, auto in OVERRIDES.items()]
    for family in FAMILIES.values():
        endpoint = endpoint_of(hub, family.manifest(**FILES["sharded"]))
        revisions = (None, REVISIONS["bfloat16"])
        yield (
            f"sharded-{family.name}",
            endpoint,
            [[family.auto, family.repo_id, each] for each in revisions],
        )


def _variables(home: Path, endpoint: str) -> dict[str, str]:
    return {"HF_HOME": str(home), "HF_ENDPOINT": endpoint}


def _place(family: Family, files: str, dtype: str) -> tuple[str, str, str | None]:
    """Where `loaded` has a model. A model's own URL has its seed and dtype as main."""
    if files == "single":
        return "single", family.repo_id, REVISIONS[dtype]
    return (
        f"sharded-{family.name}",
        family.repo_id,
        None if dtype == "float32" else REVISIONS[dtype],
    )


TRIALS = list(product(FAMILIES, FILES, DTYPES))


@pytest.mark.parametrize(("name", "files", "dtype"), TRIALS)
def test_it_is_loaded_like_a_new_model(loaded: Loaded, name: str, files: str, dtype: str) -> None:
    """No key is missing, unexpected or mismatched. Loss and logits are those of new models."""
    about = loaded[_place(FAMILIES[name], files, dtype)]
    assert complaints(about, FAMILIES[name].config) == []
    assert dtype in about["dtypes"]
    assert (dtype == "float32") == (about["dtypes"] == ["float32"])


@pytest.mark.parametrize(("name", "files", "dtype"), TRIALS)
def test_the_files_are_those_of_the_command(
    loaded: Loaded, homes: Path, tmp_path: Path, name: str, files: str, dtype: str
) -> None:
    """The cache has, byte by byte, the files that `python -m service model` writes."""
    family = FAMILIES[name]
    run, repo_id, revision = _place(family, files, dtype)
    found = weights(digests(snapshot(homes / run, repo_id, revision or "main")))
    manifest = family.manifest(dtype=dtype, **FILES[files])
    assert found == weights(written(manifest, tmp_path / "model"))
    assert (len(found) > 2) == (files == "sharded")


@pytest.mark.parametrize("name", FAMILIES)
def test_two_seeds_differ(loaded: Loaded, name: str) -> None:
    """The first tensor that is random has another digest, and the same shape."""
    first, second = (
        loaded["single", FAMILIES[name].repo_id, revision]["module"]
        for revision in (REVISIONS["float32"], OTHER_SEED)
    )
    assert first.keys() == second.keys()
    assert {key: each["shape"] for key, each in first.items()} == {
        key: each["shape"] for key, each in second.items()
    }
    assert any(first[key]["sha256"] != second[key]["sha256"] for key in first)


@pytest.mark.parametrize("repo_id", OVERRIDES)
def test_values_in_a_repo_id_are_those_of_the_model(loaded: Loaded, repo_id: str) -> None:
    """The other values follow them where they must, so that the model is loaded like a new one."""
    about = loaded["overrides", repo_id, None]
    assert "error" not in about, about["error"]
    wanted = dict(part.split("-", 1) for part in repo_id.split(".")[1:])
    assert {key: str(about["config"][key]).lower() for key in wanted} == wanted
    assert complaints(about, about["config"]) == []


@pytest.mark.parametrize(("name", "files", "dtype"), TRIALS)
def test_the_tokenizer_keeps_every_text(loaded: Loaded, name: str, files: str, dtype: str) -> None:
    """Of families of text. Also from main, which two clients fall back to."""
    about = loaded[_place(FAMILIES[name], files, dtype)]
    if "vocab_size" not in FAMILIES[name].config:
        assert about["round_trips"] is None
        return
    assert about["round_trips"] == {"differing": [], "largest_token_fits": True}


def test_it_is_loaded_again_without_a_network(loaded: Loaded, homes: Path, release: str) -> None:
    """With HF_HUB_OFFLINE=1, and an endpoint at which nothing listens."""
    family = FAMILIES["gpt2"]
    offline = _variables(homes / "single", NOWHERE) | {"HF_HUB_OFFLINE": "1"}
    asked = [[family.auto, family.repo_id, REVISIONS["float32"]]]
    ((again,),) = run_script(
        transformers_python(release),
        "load_from_hub",
        [{"variables": offline, "models": asked}],
        variables(homes / "none", NOWHERE),
    )
    assert again == loaded["single", family.repo_id, REVISIONS["float32"]]
