"""transformers loads the tiny size of each recipe, downloaded, as if it had written it itself.

Two releases of transformers run in environments of their own. tests/models/test_loading.py shows
that the comparison finds damage.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.models.recipe import recipes
from tests.application import ask, ready
from tests.models.environment import TRIED
from tests.models.reading import complaints, digests, load_in_transformers, read_in_node
from tests.server import Address

pytestmark = pytest.mark.slow


def _tiny_sizes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each architecture with its config of some 100 KB, the first one that the recipe lists."""
    for recipe in recipes().values():
        for name in recipe.architectures:
            yield name, next(iter(recipe.sizes_of(name).values()))


CONFIGS = dict(_tiny_sizes())

ELSEWHERE = ("DiT",)
"""Architectures that are not classes of transformers."""

LOADED = [name for name in CONFIGS if name not in ELSEWHERE]

FILES: dict[str, dict[str, Any]] = {
    "single": {},
    "sharded": {"max_shard_size": "50KB"},
    "bfloat16": {"dtype": "bfloat16"},
}
"""The members of a manifest beside the architecture and its config, by what is tried."""

CAST_BY_4 = {"MambaForCausalLM": "A_log", "DeepseekV3ForCausalLM": "e_score_correction_bias"}
"""The last part of names whose tensors transformers 4 gives another dtype in a bfloat16 model."""

SEED = 14

Loaded = dict[Path, dict[str, Any]]


def download(address: Address, manifest: dict[str, Any], directory: Path) -> None:
    """Fetch all files of a model."""
    body = json.dumps({"seed": SEED, **manifest}).encode()
    answer = ask(address, "/v1/models", "POST", {"Content-Type": "application/json"}, body)
    assert answer.status == 200, answer.body
    model = json.loads(answer.body)
    directory.mkdir(parents=True)
    for url in (*(file["url"] for file in model["files"]), *model["others"]):
        file = ask(address, url)
        assert file.status == 200, file.body
        (directory / url.rpartition("/")[2]).write_bytes(file.body)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models in folder/ARCHITECTURE/FILES, and folder/ARCHITECTURE/module for module names."""
    folder = tmp_path_factory.mktemp("models")
    with ready() as address:
        for name, config in CONFIGS.items():
            manifest = {"architecture": name, "config": config}
            for files, members in FILES.items():
                download(address, {**manifest, **members}, folder / name / files)
            download(address, {**manifest, "names": "module"}, folder / name / "module")
    return folder


@pytest.fixture(scope="module", params=TRIED)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def loaded(release: str, folder: Path) -> Loaded:
    """What the release of transformers makes of each directory but those with module names."""
    directories = [folder / name / files for name in LOADED for files in FILES]
    elsewhere = [folder / name / "single" for name in ELSEWHERE]
    return load_in_transformers(release, [*directories, *elsewhere])


@pytest.mark.parametrize("files", FILES)
@pytest.mark.parametrize("name", LOADED)
def test_it_is_loaded_like_a_new_model(loaded: Loaded, folder: Path, name: str, files: str) -> None:
    """No key is missing, unexpected or mismatched. Loss and logits are those of new models."""
    assert complaints(loaded[folder / name / files], CONFIGS[name]) == []


@pytest.mark.parametrize("files", FILES)
@pytest.mark.parametrize("name", LOADED)
def test_save_pretrained_writes_the_same_bytes(
    loaded: Loaded, folder: Path, release: str, name: str, files: str
) -> None:
    """Every tensor of the files is in the model, with its name, dtype and bits."""
    saved = {key: each["sha256"] for key, each in loaded[folder / name / files]["saved"].items()}
    written = digests(folder / name / files)
    differing = {key for key in saved.keys() | written if saved.get(key) != written.get(key)}
    cast = CAST_BY_4.get(name) if (release, files) == ("4", "bfloat16") else None
    assert {key for key in differing if key.rpartition(".")[2] != cast} == set()
    assert saved.keys() == written.keys()


@pytest.mark.parametrize("name", LOADED)
def test_dtypes_are_those_of_a_new_model(loaded: Loaded, folder: Path, name: str) -> None:
    about = loaded[folder / name / "single"]
    dtypes = {key: each["dtype"] for key, each in about["saved"].items()}
    assert dtypes == {key: each["dtype"] for key, each in about["fresh_saved"].items()}


@pytest.mark.parametrize("name", LOADED)
def test_a_model_in_bfloat16_is_loaded_in_it(loaded: Loaded, folder: Path, name: str) -> None:
    assert "bfloat16" in loaded[folder / name / "bfloat16"]["dtypes"]
    assert loaded[folder / name / "single"]["dtypes"] == ["float32"]


@pytest.mark.parametrize("name", LOADED)
def test_shards_are_the_same_model(loaded: Loaded, folder: Path, name: str) -> None:
    assert len(list((folder / name / "sharded").glob("model-*.safetensors"))) > 1
    single, sharded = (loaded[folder / name / files] for files in ("single", "sharded"))
    assert sharded["module"] == single["module"]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_transformers_does_not_have_the_rest(loaded: Loaded, folder: Path, name: str) -> None:
    (complaint,) = complaints(loaded[folder / name / "single"], CONFIGS[name])
    assert CONFIGS[name]["model_type"] in complaint


@pytest.mark.parametrize("name", LOADED)
@pytest.mark.parametrize("release", TRIED[:1], indirect=True)
def test_module_names_are_those_of_transformers_5(loaded: Loaded, folder: Path, name: str) -> None:
    """With names=module, each tensor has the name and the bits of the module that was loaded."""
    module = loaded[folder / name / "single"]["module"]
    written = digests(folder / name / "module")
    assert {key: module[key]["sha256"] for key in written} == written
    left = {module[key]["sha256"] for key in module.keys() - written.keys()}
    assert left <= set(written.values())


@pytest.mark.ci
@pytest.mark.needs("node")
@pytest.mark.parametrize("files", FILES)
@pytest.mark.parametrize("name", CONFIGS)
def test_a_reader_without_packages_agrees(folder: Path, name: str, files: str) -> None:
    """Node reads the same tensors and bytes from one file and from shards, without any hole."""
    read = {each["name"]: each["sha256"] for each in read_in_node(folder / name / files)}
    assert read == digests(folder / name / files)
