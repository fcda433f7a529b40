"""Commits: dtype and seed in 40 hex digits, with a check digest. Nothing is stored.

    bytes 0       0xfa, the version of this layout
          1       the edition of the recipe; 0 for a model without a recipe
          2       the number of the dtype, from NUMBERS
          3-10    the seed, most significant byte first
          11-19   the check digest

The check digest is the first 9 bytes of the SHA-256 of everything else that the files depend on:
the bytes 0 to 10, the repo id, the manifest, the token of the endpoint if there is one (the model
card has it), the editions of the files of models and of the texts beside them, and all drafts of
the service. So a commit belongs to one repository, and while there
are drafts, a change of any draft's bytes changes every commit.
"""

import re
from hashlib import sha256

from service.hub.errors import HubError
from service.hub.repositories import Repository
from service.models.planning import EDITION
from service.plan.drafts import DRAFTS

VERSION = 0xFA

TEXTS_EDITION = 1
"""The edition of config.json, of the tokenizer and of the model card. A change of their bytes
raises it, and so every commit changes."""

NUMBERS = {
    "float32": 0,
    "float16": 1,
    "bfloat16": 2,
    "float64": 3,
    "float8_e4m3fn": 4,
    "float8_e5m2": 5,
}
"""The number of each dtype in commits. A number never changes and is never used again."""

_DTYPES = {number: dtype for dtype, number in NUMBERS.items()}

_COMMIT = re.compile("[0-9a-f]{40}")

_DIGEST_BYTES = 9
IDENTITY = "\n".join(
    ("fanin hub 1", f"models {EDITION}", f"texts {TEXTS_EDITION}", *sorted(map(str, DRAFTS)))
).encode()
"""What every digest covers: the form of the digest, the editions of all files, and all drafts."""


def is_commit(text: str) -> bool:
    """Whether the text has the form of a commit: 40 lower-case hex digits."""
    return _COMMIT.fullmatch(text) is not None


def commit_of(repository: Repository, dtype: str, seed: int) -> str:
    """The commit of a dtype and a seed of a repository: 40 lower-case hex digits."""
    head = bytes((VERSION, repository.edition, NUMBERS[dtype])) + seed.to_bytes(8, "big")
    return (head + _digest(head, repository)).hex()


def read_commit(repository: Repository, text: str) -> tuple[str, int]:
    """The dtype and the seed of a commit.

    Raises HubError (RevisionNotFound) for a text that is not a commit of this repository.
    """
    if not is_commit(text):
        raise _not_found(f"{text[:48]} is not a commit: that is 40 lower-case hex digits")
    packed = bytes.fromhex(text)
    head, digest = packed[:-_DIGEST_BYTES], packed[-_DIGEST_BYTES:]
    version, edition, number = head[:3]
    if version != VERSION:
        raise _not_found(f"commits here begin with {VERSION:x}; use main or seed-42")
    if edition != repository.edition:
        raise _not_found(
            f"the recipe of this commit has edition {edition} and is now edition "
            f"{repository.edition}; use main or seed-42"
        )
    if number not in _DTYPES or digest != _digest(head, repository):
        raise _not_found(f"this is not a commit of {repository.id}; use main or seed-42")
    return _DTYPES[number], int.from_bytes(head[3:], "big")


def _digest(head: bytes, repository: Repository) -> bytes:
    lines = [IDENTITY, head.hex().encode(), repository.id.encode(), repository.text]
    if repository.token is not None:
        lines.append(repository.token.encode())
    return sha256(b"\n".join(lines)).digest()[:_DIGEST_BYTES]


def _not_found(message: str) -> HubError:
    return HubError("RevisionNotFound", message)
