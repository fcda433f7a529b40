"""Write tests/golden/snapshots.json, the hashes of the files of Hub repositories: `make vectors`.

This file may change while recipes are drafts. A change of a file's bytes needs a new edition, so
that commits and ETags change too. Otherwise the script does not write the file.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from service.hub.commits import TEXTS_EDITION
from service.hub.repositories import families, repository_of
from service.hub.revisions import Revision, revision_of
from service.hub.snapshots import Snapshot, planned
from service.models.body import FileBody
from service.models.planning import EDITION, ModelFile
from service.models.store import ModelStore

PATH = Path(__file__).parent.parent / "tests" / "golden" / "snapshots.json"

SEED = 42

_COMMIT = b"COMMIT"
"""Stands for the commit in the card. The commit depends on the drafts of all schemes."""

Entry = dict[str, Any]


def document() -> dict[str, Any]:
    """The hashes of the current code: the tiny model of each family, in two dtypes."""
    tiny = [f"{each['repo_id']}-tiny" for each in families()]
    return {
        "about": "Files of Hub repositories, which are drafts; docs/hub.md",
        "snapshots": [
            _entry(repo_id, dtype) for repo_id in tiny for dtype in ("float32", "bfloat16")
        ],
    }


def _entry(repo_id: str, dtype: str) -> Entry:
    repository = repository_of(repo_id)
    revision = f"seed-{SEED}-{dtype}"
    resolved = revision_of(revision, repository, Revision(0))
    snapshot = planned(repository, resolved, ModelStore(2**44))
    return {
        "repo_id": repo_id,
        "revision": revision,
        "editions": {
            "recipe": repository.edition,
            "models": EDITION,
            "texts": TEXTS_EDITION,
            "drafts": list(snapshot.plan.drafts),
        },
        "tensors": _hashes(snapshot, texts=False),
        "texts": _hashes(snapshot, texts=True),
    }


def _hashes(snapshot: Snapshot, *, texts: bool) -> dict[str, str]:
    """The SHA-256 of each text, or of each file of tensors."""
    return {
        name: sha256(_bytes(snapshot, file.content)).hexdigest()
        for name, file in snapshot.files.items()
        if isinstance(file.content, bytes) == texts
    }


def _bytes(snapshot: Snapshot, content: bytes | ModelFile) -> bytes:
    if isinstance(content, bytes):
        return content.replace(snapshot.commit.encode(), _COMMIT)
    body = FileBody(snapshot.layout(content))
    memory = np.empty(body.chunk_bytes, np.uint8)
    return b"".join(bytes(body.chunk(index, memory)) for index in range(body.chunk_count))


def same_editions(old: list[Entry], new: list[Entry]) -> list[str]:
    """The repositories whose bytes changed although their editions are the same.

    The edition of texts excuses a change of texts alone.
    """
    before = {(entry["repo_id"], entry["revision"]): entry for entry in old}
    faults = list[str]()
    for entry in new:
        known = before.get((entry["repo_id"], entry["revision"]), entry)
        drawn, recorded = (
            {name: number for name, number in each["editions"].items() if name != "texts"}
            for each in (entry, known)
        )
        tensors_moved = known["tensors"] != entry["tensors"] and drawn == recorded
        texts_moved = known["texts"] != entry["texts"] and known["editions"] == entry["editions"]
        if tensors_moved or texts_moved:
            faults.append(f"{entry['repo_id']}@{entry['revision']}")
    return faults


if __name__ == "__main__":
    now = document()
    if PATH.exists():
        old = json.loads(PATH.read_text(encoding="utf-8"))
        if changed := same_editions(old["snapshots"], now["snapshots"]):
            sys.exit(
                "raise the edition of the recipe (recipes/*.toml), of all models "
                "(service/models/planning.py), or of the texts (service/hub/commits.py): "
                f"the bytes change of {', '.join(changed)}"
            )
    PATH.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    print(f"{PATH.name}: {len(now['snapshots'])} snapshots")
