"""The comparison with transformers passes what transformers wrote, and finds what is wrong.

The models are those that tests/models/save_in_transformers.py lets transformers write.
"""

import json
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file, save_file

from tests.models.environment import TRIED, transformers_python
from tests.models.reading import complaints, digests, load_in_transformers
from tests.peers.environment import ROOT, draw

pytestmark = pytest.mark.slow

Tensors = dict[str, npt.NDArray[Any]]

RECIPES = ROOT / "service" / "models" / "recipes"
CONFIGS: dict[str, dict[str, Any]] = {
    family: tomllib.loads((RECIPES / f"{family}.toml").read_text())["sizes"]["tiny"]
    for family in ("gpt2", "vit", "bert")
}
CONFIGS["bert"] |= {"architectures": ["BertModel"]}

ONE_FILE, SHARD = 10**9, 50_000
WRITTEN = {
    "gpt2": ("gpt2", ONE_FILE),
    "gpt2-sharded": ("gpt2", SHARD),
    "vit": ("vit", ONE_FILE),
    "bert": ("bert", ONE_FILE),
}
"""By the name of the directory, the model and the most bytes of a file."""

GPT2_TENSOR, VIT_TENSOR = "transformer.h.1.mlp.c_fc.weight", "classifier.weight"
BERT_TENSOR = "pooler.dense.weight"


def _without(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {key: each for key, each in tensors.items() if key != name}


def _shorter(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: tensors | {name: tensors[name][1:]}


def _more(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: tensors | {name: np.zeros(3, np.float32)}


def _scaled(tensors: Tensors) -> Tensors:
    return {key: np.float32(3) * each for key, each in tensors.items()}


DAMAGE: dict[str, tuple[str, Callable[[Tensors], Tensors], str]] = {
    "gpt2-without": ("gpt2", _without(GPT2_TENSOR), f"missing: {GPT2_TENSOR}"),
    "gpt2-shorter": ("gpt2", _shorter(GPT2_TENSOR), f"mismatched: .*{GPT2_TENSOR}"),
    "gpt2-more": ("gpt2", _more("transformer.more"), "unexpected: transformer.more"),
    "gpt2-scaled": ("gpt2", _scaled, "loss .*, not .* of new models"),
    "gpt2-loud": ("gpt2", _scaled, "loss .*, not .* of ln.vocabulary"),
    "vit-without": ("vit", _without(VIT_TENSOR), f"missing: {VIT_TENSOR}"),
    "vit-shorter": ("vit", _shorter(VIT_TENSOR), f"mismatched: .*{VIT_TENSOR}"),
    "vit-scaled": ("vit", _scaled, "outputs' variance"),
    "bert-without": ("bert", _without(BERT_TENSOR), f"missing: {BERT_TENSOR}"),
    "bert-scaled": ("bert", _scaled, "outputs' variance"),
}
"""By the name of the directory, the whole model, the damage, and the complaint about it."""


@pytest.fixture(scope="module", params=TRIED)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(release: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models that transformers writes, and damaged copies."""
    folder = tmp_path_factory.mktemp(f"written-by-{release}")
    for family, config in CONFIGS.items():
        (folder / f"{family}.json").write_text(json.dumps(config))
    script = [str(transformers_python(release)), "-m", "tests.models.save_in_transformers"]
    for name, (family, size) in WRITTEN.items():
        script += [str(folder / f"{family}.json"), str(size), str(folder / name)]
    draw(script)
    for name, (whole, damage, _) in DAMAGE.items():
        (folder / name).mkdir()
        shutil.copy(folder / whole / "config.json", folder / name)
        tensors = load_file(folder / whole / "model.safetensors")
        save_file(damage(tensors), folder / name / "model.safetensors", {"format": "pt"})
    (folder / "nothing").mkdir()
    shutil.copy(folder / "gpt2" / "config.json", folder / "nothing")
    return folder


@pytest.fixture(scope="module")
def loaded(release: str, folder: Path) -> dict[str, dict[str, Any]]:
    """What the script tells of each directory, by its name."""
    directories = [folder / name for name in (*WRITTEN, *DAMAGE, "nothing")]
    found = load_in_transformers(release, directories)
    return {directory.name: about for directory, about in found.items()}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_transformers_wrote_is_right(
    loaded: dict[str, dict[str, Any]], folder: Path, name: str
) -> None:
    family, size = WRITTEN[name]
    assert complaints(loaded[name], CONFIGS[family]) == []
    assert (len(list((folder / name).glob("*.safetensors"))) > 1) == (size == SHARD)


@pytest.mark.parametrize("name", WRITTEN)
def test_the_digests_are_those_of_the_files(
    loaded: dict[str, dict[str, Any]], folder: Path, name: str
) -> None:
    """A test may compare the weights in the module with the bytes of a file."""
    saved = {key: each["sha256"] for key, each in loaded[name]["saved"].items()}
    assert saved == digests(folder / name)
    module = {each["sha256"] for each in loaded[name]["module"].values()}
    assert set(saved.values()) <= module


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found(loaded: dict[str, dict[str, Any]], name: str) -> None:
    whole, _, complaint = DAMAGE[name]
    found = complaints(loaded[name], CONFIGS[whole])
    assert any(re.match(complaint, each) for each in found), found


def test_damage_is_found_as_what_it_is(loaded: dict[str, dict[str, Any]]) -> None:
    """One key is wrong, so one key is named, and the model is otherwise as good as any."""
    for name in ("gpt2-without", "gpt2-shorter", "gpt2-more"):
        assert len(complaints(loaded[name], CONFIGS["gpt2"])) == 1, name


def test_a_directory_without_weights_is_an_error(loaded: dict[str, dict[str, Any]]) -> None:
    (complaint,) = complaints(loaded["nothing"], CONFIGS["gpt2"])
    assert "OSError" in complaint
    assert "model.safetensors" in complaint
