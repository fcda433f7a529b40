"""The digests of the blocks of a file: what a request asks for, and the answer to it.

A block is 1 MiB of a file's bytes, the head included. The last block may be shorter.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from service.chunks import BodyPart, TensorBody
from service.errors import ImpossibleError, Problem
from service.fields import FIELDS, Spec, types
from service.fields.errors import FieldError, shown
from service.fields.parsing import read_members
from service.fields.syntax import split_query
from service.fields.text import read_text, word_reader
from service.plan import seeded_plan
from service.plan.tag import entity_tag, tensor_tag
from service.wire.formats import FORMATS
from service.wire.json_text import json_bytes

BLOCK_BYTES = 2**20

MOST_BLOCKS = 256
"""The most blocks of one request: 256 MiB, which a thread computes and hashes in about a second."""

ALGORITHM = "sha-256"

_FILES = tuple(name for name, form in FORMATS.items() if form.head is not None)

# No file has a block number of 19 digits.
_NUMBER = "(0|[1-9][0-9]{0,17})"
_BLOCKS = re.compile(f"{_NUMBER}:{_NUMBER}")


def _read_blocks(value: object) -> tuple[int, int]:
    text = read_text(value)
    found = _BLOCKS.fullmatch(text)
    if found is None:
        message = f"{shown(text)} is not two block numbers"
        raise FieldError("malformed_blocks", message, "write start:stop, such as 0:1")
    return int(found[1]), int(found[2])


_Format = Annotated[
    str,
    BeforeValidator(word_reader("format", _FILES, {"numpy": "npy", "st": "safetensors"}, "fields")),
    types.one_of(_FILES),
]
_Blocks = Annotated[
    tuple[int, int] | None,
    BeforeValidator(_read_blocks),
    WithJsonSchema({"type": "string", "pattern": f"^{_BLOCKS.pattern}$"}),
]


class BlockQuery(Spec):
    """A tensor, the format of its file, and the blocks of the file whose digests are wanted."""

    model_config = ConfigDict(title="BlockQuery")

    format: _Format = Field(default="npy", description="The format of the file.", examples=["npy"])
    blocks: _Blocks = Field(
        default=None,
        description=(
            f"The blocks of 1 MiB to list, from 0, as start:stop without stop itself, at most "
            f"{MOST_BLOCKS}. By default all blocks."
        ),
        examples=["0:1"],
    )

    @property
    def spec(self) -> Spec:
        """The spec of the tensor."""
        return Spec.model_construct(**{field: getattr(self, field) for field in FIELDS})


@dataclass(frozen=True, slots=True)
class BlockDigests:
    """The answer, as JSON has it.

    `url` is the canonical URL of the file, `etag` its entity tag, `bytes` its length in bytes and
    `block_count` the number of its blocks. `digests` are those of the blocks start ... stop - 1, in
    lower-case hexadecimal digits, where `blocks` is (start, stop).
    """

    url: str
    etag: str
    bytes: int
    algorithm: str
    block_bytes: int
    block_count: int
    blocks: tuple[int, int]
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """The blocks that a request asks for, before any byte of them is computed.

    `known` is the answer without the digests. `body` has the bytes of the blocks; it is None if
    there are no blocks, which is so for an empty file. `drawn`: the request had no seed, so one was
    drawn at random.
    """

    known: BlockDigests
    body: BodyPart | None
    drawn: bool

    @property
    def tag(self) -> str:
        """The entity tag of the answer. What is known of it determines the digests."""
        return entity_tag(json_bytes(asdict(self.known)))

    @property
    def length(self) -> int:
        """The number of bytes of the answer. Each digest has the same number of digits."""
        start, stop = self.known.blocks
        return len(self.answer(["0" * 2 * sha256().digest_size] * (stop - start)))

    def answer(self, digests: Sequence[str]) -> bytes:
        """The answer with the digests of its blocks, as JSON."""
        return json_bytes(asdict(replace(self.known, digests=tuple(digests))))


def listing_of(query: bytes, max_bytes: int) -> Listing:
    """The listing that a query asks for. `max_bytes` limits the size of a tensor.

    Raises UnreadableError with a problem for each error, the errors of `service.plan.seeded_plan`,
    and ImpossibleError (`impossible_blocks`) if the file does not have the blocks, or if they are
    too many.
    """
    asked = read_members(BlockQuery, *split_query(query))
    plan = seeded_plan(asked.spec, asked.format, max_bytes=max_bytes)
    length = plan.tensor.length
    count = -(-length // BLOCK_BYTES)
    start, stop = _checked(asked.blocks, count)
    known = BlockDigests(
        url=plan.url,
        etag=tensor_tag(plan.url, plan.drafts),
        bytes=length,
        algorithm=ALGORITHM,
        block_bytes=BLOCK_BYTES,
        block_count=count,
        blocks=(start, stop),
        digests=(),
    )
    body = None
    if start < stop:
        body = TensorBody(plan).part(start * BLOCK_BYTES, min(stop * BLOCK_BYTES, length))
    return Listing(known, body, plan.drawn)


def _checked(asked: tuple[int, int] | None, count: int) -> tuple[int, int]:
    """The blocks that are asked for, of a file of `count` blocks. By default all of them.

    Raises ImpossibleError (`impossible_blocks`) if there is none among them, if they go past the
    end, and if they are more than MOST_BLOCKS.
    """
    start, stop = (0, count) if asked is None else asked
    if asked is not None and start >= stop:
        message = f"{start}:{stop} has no block"
    elif stop > count:
        message = f"{start}:{stop} goes past the end: the file has {count} blocks"
    elif stop - start > MOST_BLOCKS:
        message = f"these are {stop - start} blocks, above the limit of {MOST_BLOCKS}"
    else:
        return start, stop
    hint = "leave blocks out: the file has no bytes"
    if count:
        first = min(start, count - 1)
        last = min(max(stop, first + 1), first + MOST_BLOCKS, count)
        hint = f"write blocks={first}:{last}"
    raise ImpossibleError("impossible_blocks", Problem("blocks", message, hint))


class BlockHasher:
    """The digests of blocks whose bytes arrive in pieces of any size, from the first block on."""

    def __init__(self) -> None:
        self._digests: list[str] = []
        self._hash = sha256()
        self._room = BLOCK_BYTES

    def add(self, piece: memoryview) -> None:
        """Hash the next bytes."""
        while len(piece):
            part, piece = piece[: self._room], piece[self._room :]
            self._hash.update(part)
            self._room -= len(part)
            if self._room == 0:
                self._close()

    def digests(self) -> list[str]:
        """The digests of all blocks, after their last byte. The last block may be shorter."""
        if self._room < BLOCK_BYTES:
            self._close()
        return self._digests

    def _close(self) -> None:
        self._digests.append(self._hash.hexdigest())
        self._hash = sha256()
        self._room = BLOCK_BYTES
