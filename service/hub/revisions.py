"""Revisions: the seed and the dtype of a repository's tensors, as a branch name or a commit."""

import re
from dataclasses import dataclass

from service.dtypes import DTYPES
from service.hub.commits import commit_of, is_commit, read_commit
from service.hub.errors import HubError
from service.hub.repositories import Repository

MAIN = "main"

MOST_SEED = 2**64 - 1

_SEEDED = re.compile("seed-(0|[1-9][0-9]{0,19})(?:-([a-z0-9_]+))?")


@dataclass(frozen=True, slots=True)
class Revision:
    """A seed, 0 to 2^64 - 1, and a dtype. Without a dtype it is that of the repository."""

    seed: int
    dtype: str | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a revision means in a repository. `is_main`: it was asked for as `main`."""

    seed: int
    dtype: str
    commit: str
    is_main: bool


def revision_of(text: str, repository: Repository, main: Revision) -> Resolved:
    """The meaning of a revision: `main`, `seed-42`, `seed-42-bfloat16`, or a commit.

    `main` is what that word means at this endpoint. Raises HubError (RevisionNotFound).
    """
    if text == MAIN:
        return _resolved(repository, main, is_main=True)
    if is_commit(text):
        dtype, seed = read_commit(repository, text)
        return Resolved(seed, dtype, text, is_main=False)
    return _resolved(repository, read_revision(text), is_main=False)


def read_revision(text: str) -> Revision:
    """The revision of `seed-42` or `seed-42-bfloat16`. Raises HubError (RevisionNotFound)."""
    found = _SEEDED.fullmatch(text)
    if found is None:
        raise _not_found(f"there is no revision {text[:64]}; use main, seed-42 or seed-42-bfloat16")
    seed, dtype = int(found[1]), found[2]
    if seed > MOST_SEED:
        raise _not_found(f"seed {seed} is above 2^64 - 1; use a smaller one")
    if dtype is not None and dtype not in DTYPES:
        raise _not_found(f"{dtype[:64]} is no dtype; use one of {', '.join(DTYPES)}")
    return Revision(seed, dtype)


def _resolved(repository: Repository, revision: Revision, *, is_main: bool) -> Resolved:
    dtype = revision.dtype or repository.manifest.dtype
    commit = commit_of(repository, dtype, revision.seed)
    return Resolved(revision.seed, dtype, commit, is_main)


def _not_found(message: str) -> HubError:
    return HubError("RevisionNotFound", message)
