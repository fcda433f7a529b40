"""Revisions: the seed and the dtype of a repository's tensors, as a branch name or a commit."""

import re
from dataclasses import dataclass

from service.dtypes import DTYPES
from service.fields.types import DTYPE_WORDS
from service.hub.commits import commit_of, is_commit, read_commit
from service.hub.errors import HubError
from service.hub.repositories import Repository
from service.initializers.unknown_words import squash

MAIN = "main"

HEAD = "HEAD"
"""Another name of `main`. @huggingface/hub asks for it if a program names no revision."""

MOST_SEED = 2**64 - 1

_SEEDED = re.compile("seed-(0|[1-9][0-9]{0,19})(?:-([a-z0-9_]+))?")

_ALIKE = re.compile("(?:seed)?[-_=]?([0-9]{1,40})(?:[-_]([a-z0-9_]+))?")
"""Other spellings of a seed and a dtype, in lower case."""

_SHORT = re.compile("[0-9a-f]{7,39}")
_MAINS = ("main", "master", "head")

_MOST_READ = 64
"""The most characters of a revision that are read for a guess."""

_MOST_SHOWN = 40
"""The most characters of a word of the request that messages repeat."""


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
    """The meaning of a revision: `main`, `HEAD`, `seed-42`, `seed-42-bfloat16`, or a commit.

    `HEAD` is `main`, and `main` is what that word means at this endpoint. Raises HubError
    (RevisionNotFound).
    """
    if text in (MAIN, HEAD):
        return _resolved(repository, main, is_main=True)
    if is_commit(text):
        dtype, seed = read_commit(repository, text)
        return Resolved(seed, dtype, text, is_main=False)
    return _resolved(repository, read_revision(text), is_main=False)


def read_revision(text: str) -> Revision:
    """The revision of `seed-42` or `seed-42-bfloat16`.

    Raises HubError (RevisionNotFound), with the right spelling if it can be guessed.
    """
    found = _SEEDED.fullmatch(text)
    if found is None:
        raise _not_found(f"there is no revision {text[:_MOST_SHOWN]}: {_meant(text)}")
    seed, dtype = int(found[1]), found[2]
    if seed > MOST_SEED:
        raise _not_found(f"seed {seed} is above {MOST_SEED}, the largest")
    if dtype is not None and dtype not in DTYPES:
        raise _not_found(f"{dtype[:_MOST_SHOWN]} is no dtype: {_with_dtype(seed, dtype)}")
    return Revision(seed, dtype)


def _meant(text: str) -> str:
    """What to write instead of a revision that is none."""
    lower = text[:_MOST_READ].lower()
    if lower.removeprefix("refs/").removeprefix("heads/") in _MAINS:
        return "write main"
    if is_commit(lower):
        return f"a commit is lower case: write {lower}"
    found = _ALIKE.fullmatch(lower)
    if found is not None and int(found[1]) <= MOST_SEED:
        seed = int(found[1])
        return f"write seed-{seed}" if found[2] is None else _with_dtype(seed, found[2])
    if _SHORT.fullmatch(lower):
        return "a commit has 40 hex digits, and its beginning is not enough"
    return "write main, seed-42 or seed-42-bfloat16"


def _with_dtype(seed: int, word: str) -> str:
    """What to write for a seed and a word that means a dtype, or several, or none."""
    begun = [each for each in DTYPES if each.startswith(word)]
    meant = DTYPE_WORDS.get(squash(word))
    dtypes = meant.split(" or ") if meant is not None else begun
    if word in DTYPES:
        dtypes = [word]
    if not dtypes:
        return f"dtypes are {', '.join(DTYPES)}"
    return f"write {' or '.join(f'seed-{seed}-{dtype}' for dtype in dtypes)}"


def _resolved(repository: Repository, revision: Revision, *, is_main: bool) -> Resolved:
    dtype = revision.dtype or repository.manifest.dtype
    commit = commit_of(repository, dtype, revision.seed)
    return Resolved(revision.seed, dtype, commit, is_main)


def _not_found(message: str) -> HubError:
    return HubError("RevisionNotFound", message)
