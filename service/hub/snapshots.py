"""Snapshots: the files of a repository at a commit, with their tags and oids.

A snapshot has the config, the index of several files of tensors, the tokenizer and the model card
as texts, and the tensors as they are planned.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1, sha256
from typing import Any

import numpy as np

from service.errors import FaninError
from service.hub.card import CARD, card, front_matter
from service.hub.errors import HubCode, HubError
from service.hub.repositories import MOST_FILE_BYTES as MOST_FILE_BYTES
from service.hub.repositories import Repository, families, repository_of
from service.hub.revisions import Resolved
from service.hub.tokenizer import tokenizer_files
from service.models.body import FileBody, FileLayout
from service.models.config import choice_of
from service.models.listing import CONFIG, other_files
from service.models.manifest import Manifest
from service.models.planning import ModelFile, ModelPlan
from service.models.store import LargeModelError, ModelStore
from service.plan.tag import entity_tag
from service.wire.json_text import json_bytes

SHARD_BYTES = 5 * 10**9
"""The most bytes of tensors in a file, unless the manifest says another number."""

MOST_HASHED_BYTES = 16 << 20
"""Tensors of a snapshot of at most so many bytes have oids that are hashes of their bytes."""

MOST_HASHED_COST = 1 << 25
"""The most work for these bytes, in blocks: a thread does it in about 0.3 s."""

COMMIT_DATE = "1970-01-01T00:00:00.000Z"
"""The date of every commit. A commit is computed from its seed, and nobody made it."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a snapshot. `tag` is its entity tag, with quotes.

    It is either a text or a file of tensors.
    """

    name: str
    size: int
    tag: str
    content: bytes | ModelFile


class Snapshot:
    """A repository at a commit. What two threads make of it at once is equal."""

    def __init__(self, repository: Repository, resolved: Resolved, plan: ModelPlan) -> None:
        self.repository, self.resolved, self.plan = repository, resolved, plan
        self._layouts: dict[str, FileLayout] = {}
        self._info: bytes | None = None
        self._tree: bytes | None = None
        contents: dict[str, bytes | ModelFile] = {**self._texts()}
        contents |= {file.name: file for file in plan.files}
        self.files = {name: self._file(name, contents[name]) for name in sorted(contents)}

    @property
    def commit(self) -> str:
        """The commit: 40 lower-case hex digits."""
        return self.resolved.commit

    def known_layout(self, file: ModelFile) -> FileLayout | None:
        """The layout of a file of tensors, if it has been made."""
        return self._layouts.get(file.name)

    def layout(self, file: ModelFile) -> FileLayout:
        """How a file of tensors is divided into chunks."""
        known = self._layouts.get(file.name)
        if known is None:
            known = self._layouts[file.name] = FileLayout(self.plan.kinds, file)
        return known

    def info(self) -> bytes:
        """What a Hub says about a model at a revision, as JSON."""
        if self._info is None:
            self._info = json_bytes(self._record())
        return self._info

    def _record(self) -> dict[str, Any]:
        repo_id = self.repository.id
        texts = {name: file.content for name, file in self.files.items()}
        config = _config_in(texts)
        counts = self._parameters()
        matter = front_matter(self.plan.model.choice)
        return _about(repo_id, matter) | {
            "sha": self.commit,
            "cardData": matter,
            "config": {
                name: config[name] for name in ("architectures", "model_type") if name in config
            },
            "siblings": [
                {"rfilename": file.name, "size": file.size} for file in self.files.values()
            ],
            "safetensors": {"parameters": counts, "total": sum(counts.values())},
        }

    def _parameters(self) -> dict[str, int]:
        """The elements of all tensors, by the codes of their dtypes in safetensors."""
        counts: dict[str, int] = {}
        for file in self.plan.files:
            for number, tensors in enumerate(np.bincount(file.part_kinds).tolist()):
                kind = self.plan.kinds[number]
                if tensors:
                    counts[kind.code] = counts.get(kind.code, 0) + tensors * kind.elements
        return counts

    @property
    def known_tree(self) -> bytes | None:
        """The answer of `tree`, if it has been made."""
        return self._tree

    def tree(self) -> bytes:
        """The entries of all files, as JSON."""
        if self._tree is None:
            self._tree = json_bytes(list(self.entries.values()))
        return self._tree

    @cached_property
    def entries(self) -> Mapping[str, dict[str, Any]]:
        """What the tree says about each file, by its name. Small tensors are computed for it."""
        commit = {"id": self.commit, "title": "Computed from the seed", "date": COMMIT_DATE}
        return {
            file.name: {
                "type": "file",
                "path": file.name,
                "size": file.size,
                "oid": self._oid(file),
                "lastCommit": commit,
            }
            for file in self.files.values()
        }

    @property
    def is_small(self) -> bool:
        """Whether the plan has few tensors."""
        return self.plan.is_small

    @property
    def memory(self) -> int:
        """About the bytes that the plan takes, and all that was made from it and is kept."""
        texts = [each.content for each in self.files.values() if isinstance(each.content, bytes)]
        made = [self._info or b"", self._tree or b""]
        layouts = sum(each.memory for each in tuple(self._layouts.values()))
        entries = 1000 * len(self.files) + 2 * len(self.repository.text)
        return self.plan.memory + layouts + entries + sum(map(len, (*texts, *made)))

    def _texts(self) -> dict[str, bytes]:
        texts = other_files(self.plan)
        texts |= tokenizer_files(_config_in(texts))
        return texts | {CARD: card(self.repository, self.resolved, self.plan)}

    def _file(self, name: str, content: bytes | ModelFile) -> HubFile:
        if isinstance(content, bytes):
            digest = sha256(content).hexdigest()
            tag = entity_tag("\n".join((self.commit, name, digest)).encode())
            return HubFile(name, len(content), tag, content)
        return HubFile(name, content.length, self.plan.tag(name, self.commit), content)

    def _oid(self, file: HubFile) -> str:
        """The hash of a file as git computes it; for long files of tensors 40 hex of the tag."""
        if isinstance(file.content, bytes):
            return _blob_hash(file.content)
        if not self._hashed:
            return sha256(file.tag.encode()).hexdigest()[:40]
        body = FileBody(self.layout(file.content))
        memory = np.empty(body.chunk_bytes, np.uint8)
        chunks = [bytes(body.chunk(index, memory)) for index in range(body.chunk_count)]
        return _blob_hash(b"".join(chunks))

    @cached_property
    def _hashed(self) -> bool:
        """Whether the tensors are so few that hashing all of them takes little time."""
        if sum(file.length for file in self.plan.files) > MOST_HASHED_BYTES:
            return False
        bodies = [FileBody(self.layout(file)) for file in self.plan.files]
        cost = sum(body.cost for body in bodies)
        return cost <= MOST_HASHED_COST and not any(body.materialised for body in bodies)


def model_records() -> list[dict[str, Any]]:
    """What a Hub lists of each repo id that `families` lists. Their sizes have no commit here."""
    ids = [
        repo_id
        for family in families()
        for repo_id in (family["repo_id"], *(size["repo_id"] for size in family["sizes"]))
    ]
    return [
        _about(repo_id, front_matter(choice_of(repository_of(repo_id).manifest))) for repo_id in ids
    ]


def _about(repo_id: str, matter: Mapping[str, Any]) -> dict[str, Any]:
    """What a Hub says about a model, whatever the revision is."""
    named = {name: matter[name] for name in ("library_name", "pipeline_tag") if name in matter}
    return {
        "_id": sha256(repo_id.encode()).hexdigest()[:24],
        "id": repo_id,
        "modelId": repo_id,
        "author": repo_id.partition("/")[0],
        "createdAt": COMMIT_DATE,
        "lastModified": COMMIT_DATE,
        "private": False,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        **named,
        "tags": matter["tags"],
    }


def planned(
    repository: Repository, resolved: Resolved, store: ModelStore, *, only_small: bool = False
) -> Snapshot:
    """The snapshot of a repository at a revision, which is not kept.

    Raises HubError for a model that cannot be issued: RevisionNotFound if it is because of the
    revision's dtype, else RepoNotFound. With `only_small` raises LargeModelError for a large model,
    unless its outline tells that it is refused.
    """
    code: HubCode = "RepoNotFound"
    if resolved.dtype != repository.manifest.dtype:
        code = "RevisionNotFound"
    try:
        plan = store.plan(_manifest(repository, resolved), only_small=only_small)
    except FaninError as error:
        problem = error.problems[0]
        hint = problem.hint
        if problem.field == "max_shard_size" and repository.manifest.max_shard_size is None:
            # The request has no such field.
            hint = "choose smaller tensors"
        raise HubError(code, f"{problem.message}; {hint}") from None
    except LargeModelError as error:
        _refuse_long(code, error.outline.largest, error.outline.largest_bytes)
        raise
    largest = max(plan.files, key=lambda file: file.length)
    _refuse_long(code, largest.name, largest.length)
    return Snapshot(repository, resolved, plan)


def _refuse_long(code: HubCode, name: str, length: int) -> None:
    if length > MOST_FILE_BYTES:
        raise HubError(
            code,
            f"{name[:80]} has {length} bytes, and Hub clients download at most "
            f"{MOST_FILE_BYTES}: choose smaller tensors, or download it without a Hub client",
        )


def _manifest(repository: Repository, resolved: Resolved) -> Manifest:
    """The manifest of a repository at a revision, in files of at most SHARD_BYTES by default."""
    manifest = repository.manifest
    return manifest.model_copy(
        update={
            "seed": resolved.seed,
            "dtype": resolved.dtype,
            "max_shard_size": manifest.max_shard_size or SHARD_BYTES,
        }
    )


def _config_in(texts: Mapping[str, object]) -> dict[str, Any]:
    """The config among the texts of a snapshot; an empty one if it is not there."""
    text = texts.get(CONFIG)
    config: dict[str, Any] = json.loads(text) if isinstance(text, bytes) else {}
    return config


def _blob_hash(content: bytes) -> str:
    """The name that git gives to a file with this content."""
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
