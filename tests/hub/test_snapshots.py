"""The files of a repository at a commit: names, sizes, tags, oids, and what is refused."""

import json
import re
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import FaninError
from service.hub.errors import HubError
from service.hub.repositories import families, repository_of
from service.hub.revisions import Revision, revision_of
from service.hub.snapshots import (
    COMMIT_DATE,
    MOST_FILE_BYTES,
    SHARD_BYTES,
    Snapshot,
    model_records,
    planned,
)
from service.models.body import FileBody
from service.models.manifest import Manifest, parse_manifest
from service.models.planning import ModelFile
from service.models.store import ModelStore
from tests.hub.asking import under_token
from tests.models.messages import INTERNAL

STORE = ModelStore(2**60)
TINY = "fanin/gpt2-tiny"


def snapshot(repo_id: str = TINY, revision: str = "seed-1") -> Snapshot:
    repository = repository_of(repo_id)
    return planned(repository, revision_of(revision, repository, Revision(0)), STORE)


def of_manifest(manifest: dict[str, Any], revision: str = "main", repo_id: str = TINY) -> Snapshot:
    """The snapshot at the endpoint of a manifest's own token."""
    read: Manifest = parse_manifest(json.dumps(manifest).encode())
    repository = under_token(repo_id, read)
    resolved = revision_of(revision, repository, Revision(read.seed or 0))
    return planned(repository, resolved, STORE)


def content(made: Snapshot, name: str) -> bytes:
    """The bytes of a file."""
    file = made.files[name]
    if isinstance(file.content, bytes):
        return file.content
    body = FileBody(made.layout(file.content))
    memory = np.empty(body.chunk_bytes, np.uint8)
    return b"".join(bytes(body.chunk(index, memory)) for index in range(body.chunk_count))


def test_the_files_are_in_alphabetical_order_and_have_their_sizes() -> None:
    made = snapshot()
    expected = {"README.md", "config.json", "model.safetensors", "tokenizer.json"}
    assert expected <= set(made.files)
    assert list(made.files) == sorted(made.files)
    for name, file in made.files.items():
        assert file.name == name
        assert file.size == len(content(made, name))


def test_a_vision_model_has_no_tokenizer() -> None:
    assert not [name for name in snapshot("fanin/vit-tiny").files if "token" in name]


def test_a_model_above_5_gb_has_several_files_and_an_index() -> None:
    """GPT-2 XL has 6.2 GB in float32. No file has more than 5 GB of tensors."""
    made = snapshot("fanin/gpt2-xl")
    tensors = [file for file in made.files.values() if isinstance(file.content, ModelFile)]
    assert "model.safetensors" not in made.files
    assert len(tensors) == 2
    index = json.loads(content(made, "model.safetensors.index.json"))
    assert set(index["weight_map"].values()) == {file.name for file in tensors}
    for file in tensors:
        assert isinstance(file.content, ModelFile)
        assert file.size - len(file.content.head) <= SHARD_BYTES


def test_a_manifest_may_choose_another_size_of_files() -> None:
    manifest = {"architecture": "GPT2LMHeadModel", "size": "tiny", "max_shard_size": "50KB"}
    names = [name for name in of_manifest(manifest).files if name.endswith(".safetensors")]
    assert len(names) > 2


def test_without_a_config_there_is_no_config_json() -> None:
    listed = {"seed": 1, "tensors": [{"name": "w", "shape": [4], "scheme": "zeros"}]}
    names = set(of_manifest(listed).files)
    assert "model.safetensors" in names
    assert not {"config.json", "tokenizer.json"} & names


@pytest.mark.needs("git")
def test_oids_are_those_of_git(tmp_path: Path) -> None:
    """`git hash-object` computes the same. huggingface_hub checks a cache with them."""
    made = snapshot()
    for name, entry in made.entries.items():
        path = tmp_path / name
        path.write_bytes(content(made, name))
        command = ["git", "hash-object", "--no-filters", str(path)]
        printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        assert entry["oid"] == printed.strip()


def test_tensors_above_16_mib_have_an_oid_from_their_tag() -> None:
    """BERT base has 440 MB. Its texts still have true oids."""
    first, second = snapshot("fanin/bert", "seed-1"), snapshot("fanin/bert", "seed-2")
    oids = [each.entries["model.safetensors"]["oid"] for each in (first, second)]
    assert all(re.fullmatch("[0-9a-f]{40}", oid) for oid in oids)
    assert oids[0] != oids[1]
    assert oids[0] == snapshot("fanin/bert", "seed-1").entries["model.safetensors"]["oid"]
    assert first.entries["config.json"]["oid"] == second.entries["config.json"]["oid"]


def test_matrices_are_not_computed_for_an_oid() -> None:
    """An orthogonal tensor may take seconds."""
    tensor = {"name": "w", "shape": [256, 256], "scheme": "orthogonal"}
    made = of_manifest({"seed": 1, "tensors": [tensor]})
    computed = snapshot().entries["model.safetensors"]["oid"]
    oid = made.entries["model.safetensors"]["oid"]
    assert re.fullmatch("[0-9a-f]{40}", oid)
    assert oid != computed


def test_the_tags_fit_into_the_caches_of_all_clients() -> None:
    """Strong; [0-9a-z]; no 40 or 64 hex, which some clients take for a hash of the content."""
    for file in snapshot().files.values():
        assert re.fullmatch('"[0-9a-z]{32}"', file.tag)


def test_no_two_files_of_a_snapshot_share_a_tag() -> None:
    files = snapshot("fanin/gpt2-xl").files.values()
    assert len({file.tag for file in files}) == len(files)


MANIFESTS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 3),
        "dtype": st.sampled_from(["float32", "bfloat16"]),
        "tensors": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.sampled_from(["a", "b"]),
                    "shape": st.lists(st.integers(1, 3), min_size=1, max_size=2),
                    "scheme": st.sampled_from(["ones", "zeros"]),
                }
            ),
            min_size=1,
            max_size=2,
            unique_by=lambda tensor: str(tensor["name"]),
        ),
    },
    optional={"max_shard_size": st.sampled_from(["5GB", "1GB"]), "metadata": st.just({"a": "b"})},
)


@settings(max_examples=150, deadline=None)
@given(one=MANIFESTS, other=MANIFESTS, revision=st.sampled_from(["main", "seed-7"]))
def test_two_manifests_under_one_repo_id_share_no_commit_and_no_tag(
    one: dict[str, Any], other: dict[str, Any], revision: str
) -> None:
    """A client's cache has files by repo id and tag alone. Equal manifests share all (control)."""
    first, second = of_manifest(one, revision), of_manifest(other, revision)
    tags, others = ({file.tag for file in each.files.values()} for each in (first, second))
    if first.repository.text == second.repository.text:
        assert first.commit == second.commit
        assert tags == others
    else:
        assert first.commit != second.commit
        assert not tags & others


def test_a_file_above_50_gb_is_refused_with_words() -> None:
    """10^8 rows of 200 values in float32 are 80 GB. With 100 values they are 40 GB."""
    with pytest.raises(HubError, match="80000000") as refused:
        snapshot("fanin/gpt2.n_embd-200.vocab_size-100000000")
    assert refused.value.code == "RepoNotFound"
    assert str(MOST_FILE_BYTES) in refused.value.message
    fits = snapshot("fanin/gpt2.n_embd-100.vocab_size-100000000")
    assert max(file.size for file in fits.files.values()) > 40 * 10**9


def test_a_large_file_that_a_manifest_asks_for_is_refused() -> None:
    tensors = [{"name": f"w.{each}", "shape": [10**9, 4], "scheme": "zeros"} for each in range(4)]
    with pytest.raises(HubError, match="64000000"):
        of_manifest({"seed": 1, "tensors": tensors, "max_shard_size": "1TB"})
    names = [name for name in of_manifest({"seed": 1, "tensors": tensors}).files if "-of-" in name]
    assert len(names) == 4


def test_a_dtype_that_fits_no_tensor_is_an_unknown_revision() -> None:
    """The repository itself is there. 10^-6 rounds to 0 in float8_e5m2."""
    tensor = {"name": "w", "shape": [4], "scheme": "normal", "std": 1e-6}
    manifest = {"seed": 1, "tensors": [tensor]}
    assert of_manifest(manifest).files
    with pytest.raises(HubError, match="every value would be 0") as refused:
        of_manifest(manifest, "seed-1-float8_e5m2")
    assert refused.value.code == "RevisionNotFound"


@st.composite
def ids(draw: st.DrawFn) -> str:
    """A base with integers in some keys, in their order."""
    family = draw(st.sampled_from(families()))
    base: str = draw(st.sampled_from([family["repo_id"], f"{family['repo_id']}-tiny"]))
    keys = set(draw(st.lists(st.sampled_from(family["keys"]), min_size=1, max_size=2)))
    numbers = st.sampled_from([0, 1, 2, 3, 4, 5, 7, 18, 64, 100, 512, 10**5, 10**6, 10**8])
    return base + "".join(f".{key}-{draw(numbers)}" for key in family["keys"] if key in keys)


@settings(max_examples=200, deadline=None)
@given(ids())
def test_no_message_shows_an_expression_or_words_of_python(repo_id: str) -> None:
    """Until the files are planned."""
    message = ""
    try:
        snapshot(repo_id)
    except HubError as error:
        message = error.message
    assert not INTERNAL.search(message)


def test_what_is_said_of_a_model() -> None:
    """`safetensors` counts the elements by dtype: tensors of their own dtype as well."""
    tensors = [
        {"name": "w", "shape": [4, 5], "scheme": "normal"},
        {"name": "b", "shape": [7], "scheme": "zeros", "dtype": "float32"},
    ]
    made = of_manifest({"seed": 1, "tensors": tensors, "dtype": "bfloat16"})
    told = json.loads(made.info())
    assert told["id"] == told["modelId"] == TINY
    assert told["sha"] == made.commit
    assert told["private"] is False
    assert told["safetensors"] == {"parameters": {"F32": 7, "BF16": 20}, "total": 27}
    sizes = {each["rfilename"]: each["size"] for each in told["siblings"]}
    assert sizes == {name: file.size for name, file in made.files.items()}


@pytest.mark.parametrize("repo_id", [f"{each['repo_id']}-tiny" for each in families()])
def test_a_hub_says_of_a_model_what_its_card_says(repo_id: str) -> None:
    made = snapshot(repo_id)
    told = json.loads(made.info())
    matter = yaml.safe_load(content(made, "README.md").decode().split("---\n", 2)[1])
    assert told["cardData"] == matter
    for name in ("tags", "library_name", "pipeline_tag"):
        assert told.get(name) == matter.get(name)
        assert (name in told) == (name in matter)
    assert told["createdAt"] == told["lastModified"] == COMMIT_DATE
    assert datetime.fromisoformat(COMMIT_DATE).tzinfo is not None


def test_the_listed_models_are_those_of_the_families() -> None:
    """Each says what it says of itself, but for the commit, which depends on the endpoint."""
    listed = {record["id"]: record for record in model_records()}
    expected = {each["repo_id"] for each in families()}
    expected |= {size["repo_id"] for each in families() for size in each["sizes"]}
    assert set(listed) == expected
    for repo_id in (TINY, "fanin/vit-tiny", "fanin/dit-tiny"):
        told = json.loads(snapshot(repo_id).info())
        assert listed[repo_id].items() <= told.items()
        assert listed[repo_id]["tags"]


def test_memory_grows_with_what_is_made() -> None:
    """The store drops models by it."""
    made = snapshot("fanin/gpt2-tiny", "seed-77")
    before = made.memory
    assert before > made.plan.memory
    file = made.files["model.safetensors"].content
    assert isinstance(file, ModelFile)
    made.layout(file)
    made.info()
    made.tree()
    assert made.memory > before


ODD: tuple[object, ...] = ([], {}, [["a"]], {"a": {"b": [1]}}, True, 1.5, -1, 2**62, "x", "", None)
"""Values of JSON that a config may have in place of the usual ones."""

READ = (
    *("model_type", "architectures", "vocab_size", "dtype", "torch_dtype", "n_positions"),
    *("bos_token_id", "eos_token_id", "other_token_id", "max_position_embeddings", "id2label"),
    *("rope_parameters", "rope_scaling", "rope_theta"),
)
"""Keys of a config that the config.json, the tokenizer, the info and the warnings are made from."""


@pytest.mark.parametrize("key", READ)
def test_odd_values_of_a_config_are_refused_or_served(key: str) -> None:
    """Nothing else is raised, whatever the type of a value is."""
    tensors = {"tensors": [{"name": "w", "shape": [4]}], "seed": 1}
    usual = {"model_type": "gpt2", "vocab_size": 300}
    served = 0
    for value in ODD:
        for manifest in (
            tensors | {"config": usual | {key: value}},
            {"architecture": "LlamaForCausalLM", "size": "tiny", "config": {key: value}},
        ):
            try:
                made = of_manifest(manifest)
            except (FaninError, HubError):
                continue
            assert json.loads(made.info())["id"] == TINY
            assert json.loads(made.tree())
            served += 1
    # The config of a list of tensors is never read for its tensors.
    assert served >= len(ODD)
