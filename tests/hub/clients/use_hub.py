"""Call the functions of huggingface_hub on a Hub, as a program that knows nothing of the service.

    python -m tests.hub.clients.use_hub QUESTION.json ANSWER.json

It runs in an environment of tests/models/environment.py. QUESTION.json has `repo_id`, `revision`, a
`file` of tensors, an `absent` file and an `absent_revision`. ANSWER.json has what each function of
`ASKED` answers, by its name.
"""

import hashlib
import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

hub: Any = importlib.import_module("huggingface_hub")
errors: Any = importlib.import_module("huggingface_hub.errors")
utils: Any = importlib.import_module("huggingface_hub.utils")

FOREIGN = "gpt2"
"""A repo id of a trained model."""

RANGES = ((0, 8), (8, 3000), (10_001, 10_013), (0, 0))
"""First byte and end of what is read of a file."""

Question = dict[str, str]


def main(question: Path, answer: Path) -> None:
    """Call all functions."""
    asked = json.loads(question.read_text())
    answer.write_text(json.dumps({each.__name__: each(asked) for each in ASKED}))


def authorization(asked: Question) -> str:
    """What the client sends in each request."""
    return str(utils.build_hf_headers().get("authorization"))


def snapshot(asked: Question) -> dict[str, Any]:
    """The folder of snapshot_download: its name, and the SHA-256 of each file."""
    folder = Path(hub.snapshot_download(asked["repo_id"], revision=asked["revision"]))
    return {"commit": folder.name, "files": _digests(folder)}


def local_folder(asked: Question) -> dict[str, str]:
    """The SHA-256 of each file that is downloaded to a folder outside the cache."""
    folder = Path(os.environ["HF_HOME"], "local")
    for name in ("config.json", asked["file"]):
        hub.hf_hub_download(asked["repo_id"], name, revision=asked["revision"], local_dir=folder)
    return _digests(folder)


def model_info(asked: Question) -> dict[str, Any]:
    info = hub.model_info(asked["repo_id"], revision=asked["revision"], files_metadata=True)
    return {
        "id": info.id,
        "commit": info.sha,
        "sizes": {each.rfilename: each.size for each in info.siblings},
    }


def about(asked: Question) -> dict[str, Any]:
    """What the client reads about a model without a revision, and its row in the list."""
    info = hub.model_info(asked["repo_id"])
    rows = {each.id: each for each in hub.list_models(author=asked["repo_id"].partition("/")[0])}
    row = rows[asked["repo_id"]]
    return {
        "dates": [str(info.last_modified), str(info.created_at)],
        "card": info.card_data.to_dict(),
        "info": [info.pipeline_tag, info.library_name, info.tags],
        "row": [row.pipeline_tag, row.library_name, row.tags],
        "ids": list(rows),
        "found": [each.id for each in hub.list_models(search=asked["repo_id"], limit=5)],
        "foreign": [each.id for each in hub.list_models(author="google")],
    }


def listed(asked: Question) -> dict[str, Any]:
    tree = hub.list_repo_tree(asked["repo_id"], revision=asked["revision"], recursive=True)
    files = hub.list_repo_files(asked["repo_id"], revision=asked["revision"])
    return {"tree": {each.path: each.size for each in tree}, "files": files}


def refs(asked: Question) -> dict[str, str]:
    branches = hub.list_repo_refs(asked["repo_id"]).branches
    return {each.name: each.target_commit for each in branches}


def paths_info(asked: Question) -> dict[str, int]:
    paths = ["config.json", asked["absent"], asked["file"]]
    found = hub.HfApi().get_paths_info(asked["repo_id"], paths, revision=asked["revision"])
    return {each.path: each.size for each in found}


def exists(asked: Question) -> dict[str, bool]:
    repo_id, revision = asked["repo_id"], asked["revision"]
    return {
        "repo": hub.repo_exists(repo_id),
        "foreign repo": hub.repo_exists(FOREIGN),
        "dataset": hub.repo_exists(repo_id, repo_type="dataset"),
        "space": hub.repo_exists(repo_id, repo_type="space"),
        "revision": hub.revision_exists(repo_id, revision),
        "absent revision": hub.revision_exists(repo_id, asked["absent_revision"]),
        "file": hub.file_exists(repo_id, asked["file"], revision=revision),
        "absent file": hub.file_exists(repo_id, asked["absent"], revision=revision),
    }


def file_metadata(asked: Question) -> dict[str, Any]:
    url = hub.hf_hub_url(asked["repo_id"], asked["file"], revision=asked["revision"])
    found = hub.get_hf_file_metadata(url)
    xet = found.xet_file_data
    return {"commit": found.commit_hash, "size": found.size, "etag": found.etag, "xet": xet}


def tensors(asked: Question) -> dict[str, Any]:
    """What the client reads from the head of the file by ranges."""
    found = hub.get_safetensors_metadata(asked["repo_id"], revision=asked["revision"])
    shapes = {
        name: [tensor.dtype, list(tensor.shape)]
        for file in found.files_metadata.values()
        for name, tensor in file.tensors.items()
    }
    return {"sharded": found.sharded, "parameters": found.parameter_count, "tensors": shapes}


def ranges(asked: Question) -> dict[str, Any]:
    """Parts of a file in HfFileSystem, and its listing."""
    system = hub.HfFileSystem()
    folder = f"{asked['repo_id']}@{asked['revision']}"
    with system.open(f"{folder}/{asked['file']}", "rb", block_size=4096) as file:
        parts = []
        for start, stop in RANGES:
            file.seek(start)
            parts.append([start, stop, file.read(stop - start).hex()])
    names = [each.rpartition("/")[2] for each in system.ls(folder, detail=False)]
    return {"parts": parts, "names": names}


def refusals(asked: Question) -> dict[str, dict[str, Any]]:
    """The class and the words of each error that a user sees."""
    repo_id, revision = asked["repo_id"], asked["revision"]
    calls: dict[str, Callable[[], Any]] = {
        "foreign repo": lambda: hub.hf_hub_download(FOREIGN, "config.json"),
        "foreign snapshot": lambda: hub.snapshot_download(FOREIGN),
        "foreign info": lambda: hub.model_info(FOREIGN),
        "dataset": lambda: hub.hf_hub_download(repo_id, "README.md", repo_type="dataset"),
        "space": lambda: hub.snapshot_download(repo_id, repo_type="space"),
        "absent revision": lambda: hub.hf_hub_download(
            repo_id, "config.json", revision=asked["absent_revision"]
        ),
        "absent revision's info": lambda: hub.model_info(
            repo_id, revision=asked["absent_revision"]
        ),
        "absent file": lambda: hub.hf_hub_download(repo_id, asked["absent"], revision=revision),
    }
    return {name: _refusal(call) for name, call in calls.items()}


def _refusal(call: Callable[[], Any]) -> dict[str, Any]:
    try:
        call()
    except (errors.HfHubHTTPError, errors.EntryNotFoundError) as error:
        # LocalEntryNotFoundError tells users to check their network, so it is not one of these.
        kinds = [each.__name__ for each in type(error).__mro__]
        return {"kinds": kinds, "message": str(error), "said": error.server_message}
    return {"kinds": [], "message": "no error", "said": None}


def _digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file in the folder itself."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file()
    }


ASKED = (
    authorization,
    snapshot,
    local_folder,
    model_info,
    about,
    listed,
    refs,
    paths_info,
    exists,
    file_metadata,
    tensors,
    ranges,
    refusals,
)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
