"""Two releases of huggingface_hub and their command `hf` on the Hub routes."""

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import deserialize

from tests.application import ask
from tests.hub.clients.environment import SECONDS, run_client, run_script, variables
from tests.hub.clients.models import (
    FAMILIES,
    SEED,
    SHARD,
    digests,
    endpoint_of,
    snapshot,
    weights,
    written,
)
from tests.models.environment import TRIED, transformers_python
from tests.peers.environment import ROOT
from tests.process import server
from tests.server import Address

pytestmark = pytest.mark.slow

read: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = deserialize
"""The official library's reader."""

FAMILY = FAMILIES["gpt2"]
REVISION, FILE, ABSENT = f"seed-{SEED}", "model.safetensors", "pytorch_model.bin"
MISSPELT = "seed-042"
ASKED = {
    "repo_id": FAMILY.repo_id,
    "revision": REVISION,
    "file": FILE,
    "absent": ABSENT,
    "absent_revision": MISSPELT,
}

TOKEN = "hf_" + "NotARealTokenOfAnybody" * 2
"""What the client sends as the user's own. The clients send HF_TOKEN to every HF_ENDPOINT."""

CACHE_VERIFY = ("5",)
"""The releases of transformers whose huggingface_hub has `hf cache verify`."""


@pytest.fixture(scope="module", params=TRIED)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def python(release: str) -> Path:
    return transformers_python(release)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, release: str) -> Path:
    return tmp_path_factory.mktemp(f"home-{release}")


@pytest.fixture(scope="module")
def answers(hub: Address, home: Path, python: Path) -> dict[str, Any]:
    """What each function of tests/hub/clients/use_hub.py answers."""
    found = run_script(python, "use_hub", ASKED, variables(home, hub.url, HF_TOKEN=TOKEN))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `python -m service model` writes."""
    folder = tmp_path_factory.mktemp("model") / "written"
    written(FAMILY.manifest(), folder)
    return folder


@pytest.fixture(scope="module")
def commit(answers: dict[str, Any]) -> str:
    """What the revision is resolved to."""
    found = str(answers["snapshot"]["commit"])
    assert re.fullmatch("[0-9a-f]{40}", found)
    return found


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}


def test_a_snapshot_is_the_model(
    answers: dict[str, Any], model: Path, home: Path, commit: str
) -> None:
    found = answers["snapshot"]["files"]
    assert weights(found) == weights(digests(model))
    assert {"config.json", "tokenizer.json", "tokenizer_config.json", "README.md"} < set(found)
    assert snapshot(home, FAMILY.repo_id, REVISION).name == commit


def test_a_folder_of_the_users_has_the_same_files(answers: dict[str, Any]) -> None:
    found = answers["local_folder"]
    assert set(found) == {"config.json", FILE}
    assert found.items() <= answers["snapshot"]["files"].items()


def test_every_listing_has_the_files_of_the_snapshot(
    answers: dict[str, Any], home: Path, commit: str
) -> None:
    """With the sizes that they have on the disk."""
    wanted = sizes(snapshot(home, FAMILY.repo_id, REVISION))
    info = answers["model_info"]
    assert (info["id"], info["commit"]) == (FAMILY.repo_id, commit)
    assert info["sizes"] == wanted
    assert answers["listed"]["tree"] == wanted
    assert sorted(answers["listed"]["files"]) == sorted(wanted)
    assert sorted(answers["ranges"]["names"]) == sorted(wanted)
    assert answers["paths_info"] == {name: wanted[name] for name in ("config.json", FILE)}


def test_a_model_says_what_its_card_and_the_list_say(answers: dict[str, Any]) -> None:
    found = answers["about"]
    assert (
        found["info"] == found["row"] == ["text-generation", "transformers", found["card"]["tags"]]
    )
    assert found["card"]["pipeline_tag"] == "text-generation"
    assert found["card"]["library_name"] == "transformers"
    assert found["dates"] == ["1970-01-01 00:00:00+00:00"] * 2
    assert {FAMILY.repo_id, "fanin/bert-base"} <= set(found["ids"])
    assert found["found"] == [FAMILY.repo_id]
    assert found["foreign"] == []


def test_the_branch_main_is_another_commit(answers: dict[str, Any], commit: str) -> None:
    """main is seed 0, and the revision another seed."""
    main = answers["refs"]["main"]
    assert re.fullmatch("[0-9a-f]{40}", main)
    assert main != commit


def test_what_is_there_exists_and_nothing_else(answers: dict[str, Any]) -> None:
    assert answers["exists"] == {
        "repo": True,
        "foreign repo": False,
        "dataset": False,
        "space": False,
        "revision": True,
        "absent revision": False,
        "file": True,
        "absent file": False,
    }


def test_the_head_of_a_file_tells_all_that_a_cache_needs(
    answers: dict[str, Any], model: Path, commit: str
) -> None:
    """Without Xet, which would be another protocol."""
    found = answers["file_metadata"]
    assert re.fullmatch("[0-9a-z_-]{1,200}", found["etag"])
    assert found == {
        "commit": commit,
        "size": (model / FILE).stat().st_size,
        "etag": found["etag"],
        "xet": None,
    }


def test_the_tensors_are_read_from_the_head_of_the_file(
    answers: dict[str, Any], model: Path
) -> None:
    entries = dict(read((model / FILE).read_bytes()))
    found = answers["tensors"]
    assert found["tensors"] == {
        name: [each["dtype"], each["shape"]] for name, each in entries.items()
    }
    elements = sum(len(each["data"]) for each in entries.values()) // 4
    assert found["parameters"] == {"F32": elements}
    assert found["sharded"] is False


def test_ranges_are_those_of_the_file(answers: dict[str, Any], model: Path) -> None:
    whole = (model / FILE).read_bytes()
    parts = answers["ranges"]["parts"]
    assert parts
    for start, stop, part in parts:
        assert bytes.fromhex(part) == whole[start:stop]


@pytest.mark.parametrize(
    ("what", "kind", "words"),
    [
        ("foreign repo", "RepositoryNotFoundError", "try fanin/gpt2"),
        ("foreign snapshot", "RepositoryNotFoundError", "try fanin/gpt2"),
        ("foreign info", "RepositoryNotFoundError", "try fanin/gpt2"),
        ("dataset", "RepositoryNotFoundError", "there are no datasets here, only models"),
        ("space", "RepositoryNotFoundError", "there are no spaces here, only models"),
        ("absent revision", "RevisionNotFoundError", "seed-42"),
        ("absent revision's info", "RevisionNotFoundError", "seed-42"),
        ("absent file", "EntryNotFoundError", f"no file {ABSENT}"),
    ],
)
def test_an_error_is_the_right_one_with_a_way_out(
    answers: dict[str, Any], what: str, kind: str, words: str
) -> None:
    """The user sees what the service says in the text of the exception."""
    found = answers["refusals"][what]
    assert kind in found["kinds"], found
    assert "LocalEntryNotFoundError" not in found["kinds"]
    assert words in found["message"]
    assert found["said"]
    assert found["said"] in found["message"]


def test_the_command_downloads_the_same_files(
    hub: Address, python: Path, tmp_path: Path, answers: dict[str, Any]
) -> None:
    environment = variables(tmp_path, hub.url)
    command = [str(python.parent / "hf"), "download", FAMILY.repo_id, "--revision", REVISION]
    printed = run_client(command, environment)
    folder = snapshot(tmp_path, FAMILY.repo_id, REVISION)
    assert str(folder) in printed
    assert digests(folder) == answers["snapshot"]["files"]


def test_one_cache_keeps_two_models_of_one_repo_id_apart(
    hub: Address, python: Path, tmp_path: Path, model: Path
) -> None:
    """The server's own model, and one that a model's own URL serves under the same repo id."""
    other = FAMILY.manifest(max_shard_size=SHARD, metadata={"format": "pt", "of": "another"})
    written(other, tmp_path / "other")
    command = [str(python.parent / "hf"), "download", FAMILY.repo_id, "--revision", REVISION]
    found = []
    for endpoint in (hub.url, endpoint_of(hub, other), hub.url):
        run_client(command, variables(tmp_path, endpoint))
        found.append(snapshot(tmp_path, FAMILY.repo_id, REVISION))
    assert found[0] == found[2] != found[1]
    assert weights(digests(found[0])) == weights(digests(model))
    assert weights(digests(found[1])) == weights(digests(tmp_path / "other"))


@pytest.mark.parametrize("release", CACHE_VERIFY, indirect=True)
@pytest.mark.ci
def test_the_cache_is_verified_and_damage_is_found(
    hub: Address, python: Path, tmp_path: Path
) -> None:
    """`hf cache verify` compares each file with the git SHA-1 of the listing."""
    environment = variables(tmp_path, hub.url)
    hf = str(python.parent / "hf")
    run_client([hf, "download", FAMILY.repo_id, "--revision", REVISION], environment)
    verify = [hf, "cache", "verify", FAMILY.repo_id, "--revision", REVISION]
    verify += ["--fail-on-missing-files", "--fail-on-extra-files"]
    run_client(verify, environment)
    damaged = (snapshot(tmp_path, FAMILY.repo_id, REVISION) / FILE).resolve()
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    done = subprocess.run(
        verify, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode != 0
    assert FILE in done.stdout + done.stderr


def test_the_client_sends_the_token(answers: dict[str, Any]) -> None:
    """So that the next test would find it, and all of the above was answered in spite of it."""
    assert answers["authorization"] == f"Bearer {TOKEN}"


def test_the_token_is_nowhere_in_the_output_of_the_server(python: Path, tmp_path: Path) -> None:
    """Neither after a download nor after refusals, when the server logs all that it can log."""
    with server(environment={"FANIN_LOG_LEVEL": "debug"}) as running:
        printed = running.wait_until_all_ready()
        environment = variables(tmp_path, running.address.url, HF_TOKEN=TOKEN)
        run_client([str(python.parent / "hf"), "download", FAMILY.repo_id], environment)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        config = f"/{FAMILY.repo_id}/resolve/main/config.json"
        statuses = [
            ask(running.address, target, method, headers).status
            for method, target in (
                ("GET", config),
                ("POST", config),
                ("GET", "/gpt2/resolve/main/config.json"),
                ("GET", "/api/models/gpt2"),
            )
        ]
        assert statuses == [200, 405, 404, 404]
        running.signal(signal.SIGTERM)
        running.end(SECONDS)
        assert running.process.stdout is not None
        said = "\n".join([printed, running.process.stdout.read(), *running.said()])
    assert "uvicorn" in said  # It did log.
    assert TOKEN not in said
    assert json.dumps(said).count("hf_") == 0
