"""@huggingface/hub, a client in JavaScript, on the Hub routes. `hubUrl` is its HF_ENDPOINT."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import deserialize

from tests.application import ask
from tests.hub.clients.environment import node_modules, run_client, variables
from tests.hub.clients.models import FAMILIES, SEED, SHARD, digests, endpoint_of, weights, written
from tests.server import Address

pytestmark = [pytest.mark.slow, pytest.mark.ci, pytest.mark.needs("node", "npm")]

read: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = deserialize
"""The official library's reader."""

SCRIPT = Path(__file__).parent / "js" / "use_hub.mjs"
FAMILY = FAMILIES["bert"]
FILE, ABSENT, FOREIGN = "model.safetensors", "pytorch_model.bin", "openai-community/gpt2"
REVISION = f"seed-{SEED}-bfloat16"
START, STOP = 8, 3000
"""The slice that the script takes of the file."""


def ask_in_node(home: Path, endpoint: str, file: str) -> dict[str, Any]:
    """The answers of js/use_hub.mjs."""
    question, answer = home / "question.json", home / "answer.json"
    asked = {
        "hubUrl": endpoint,
        "repo": FAMILY.repo_id,
        "revision": REVISION,
        "file": file,
        "absent": ABSENT,
        "foreign": FOREIGN,
        "slice": [START, STOP],
        "cache": str(home / "cache"),
    }
    question.write_text(json.dumps(asked))
    command = ["node", str(SCRIPT), str(node_modules()), str(question), str(answer)]
    run_client(command, variables(home, endpoint))
    found: dict[str, Any] = json.loads(answer.read_text())
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `python -m service model` writes."""
    folder = tmp_path_factory.mktemp("model") / "written"
    written(FAMILY.manifest(dtype="bfloat16"), folder)
    return folder


@pytest.fixture(scope="module")
def answers(hub: Address, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return ask_in_node(tmp_path_factory.mktemp("node"), hub.url, FILE)


def test_the_files_are_those_of_the_command(answers: dict[str, Any], model: Path) -> None:
    """Downloaded alone, as a snapshot, and a slice of one."""
    content = (model / FILE).read_bytes()
    assert answers["digest"] == digests(model)[FILE]
    assert bytes.fromhex(answers["slice"]) == content[START:STOP]
    assert weights(answers["snapshot"]["files"]) == weights(digests(model))
    assert answers["snapshot"]["commit"] == answers["info"]["sha"]


def test_the_listing_has_the_files_of_the_snapshot(answers: dict[str, Any], model: Path) -> None:
    assert answers["listing"].keys() == answers["snapshot"]["files"].keys()
    size = (model / FILE).stat().st_size
    assert answers["listing"][FILE] == answers["fileInfo"]["size"] == size
    assert {each["path"] for each in answers["paths"]} == {"config.json", FILE}
    assert "xet" not in answers["fileInfo"]


def test_what_is_there_exists_and_nothing_else(answers: dict[str, Any]) -> None:
    assert answers["exists"] == {
        "repo": True,
        "foreign repo": False,
        "file": True,
        "absent file": False,
    }
    assert answers["absent"] is None


def test_without_a_revision_it_gets_main(answers: dict[str, Any], hub: Address) -> None:
    """The client asks for HEAD, and the model is in the list as well."""
    commit = json.loads(ask(hub, f"/api/models/{FAMILY.repo_id}").body)["sha"]
    assert answers["main"]["sha"] == commit != answers["info"]["sha"]
    assert answers["main"]["updated"] == "1970-01-01T00:00:00.000Z"
    assert answers["listed"] == [{"name": FAMILY.repo_id, "task": answers["main"]["task"]}]
    assert answers["main"]["task"]


def test_a_refusal_has_words(answers: dict[str, Any]) -> None:
    """In the data of the error: the client makes a message of nothing but application/json."""
    assert answers["refusal"]["status"] == 404
    assert "try fanin/gpt2" in answers["refusal"]["said"]


def test_the_tensors_are_read_from_the_head_of_the_file(
    answers: dict[str, Any], model: Path
) -> None:
    entries = dict(read((model / FILE).read_bytes()))
    header = answers["metadata"]["header"]
    header.pop("__metadata__")
    assert {name: [each["dtype"], each["shape"]] for name, each in header.items()} == {
        name: [each["dtype"], each["shape"]] for name, each in entries.items()
    }
    elements = sum(len(each["data"]) for each in entries.values()) // 2
    assert answers["metadata"]["parameters"] == {"BF16": elements}


def test_a_sharded_model_is_read_as_well(hub: Address, tmp_path: Path) -> None:
    """From the model's own URL. Its index lists the files."""
    manifest = FAMILY.manifest(dtype="bfloat16", max_shard_size=SHARD)
    expected = weights(written(manifest, tmp_path / "model"))
    first = min(name for name in expected if name.endswith(".safetensors"))
    answers = ask_in_node(tmp_path, endpoint_of(hub, manifest), first)
    assert weights(answers["snapshot"]["files"]) == expected
    assert answers["metadata"]["sharded"] is True
    assert answers["digest"] == expected[first]
