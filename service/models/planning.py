"""The plan of a model: its kinds of tensors, and its files with the place of each tensor."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from service.chunks import TensorBody
from service.dtypes import DTYPES
from service.errors import FaninError, ImpossibleError, Problem
from service.fields import Spec
from service.models.config import Choice, choice_of, ids_outside, likely_misspelt
from service.models.expansion import (
    MOST_SMALL,
    Drawn,
    FileTensor,
    Model,
    expanded,
    is_small,
    match_work,
    sampled,
)
from service.models.manifest import Manifest, canonical_text, parse_manifest
from service.models.recipe import INT64
from service.models.tensor_names import equal_start
from service.plan import Plan, PlanTemplate
from service.plan.canonical import MOST_URL_BYTES
from service.plan.drafts import Draft
from service.plan.tag import entity_tag
from service.stream.address import stream_of
from service.wire.formats import FORMATS, refuse_pair
from service.wire.safetensors import FileEntry, file_header

EDITION = 1
"""The edition of the files of models. A change of their bytes raises it, and so all tags change."""

MOST_KINDS = 4096
"""The most kinds of tensors. Planning one takes half a millisecond."""

MOST_KEYS_WORK = 10**8
"""The most work of comparing names with the patterns of `keys`, as `match_work` counts it. It takes
at most 0.4 s. Each request for ranges of another choice does it again."""

MOST_FILES = 4096
"""The most files of tensors. The answer to a manifest has the URL of each, of up to 6 KiB."""

MOST_METADATA_BYTES = 1 << 24
"""The most bytes of metadata in all files together. Each file has all of it."""

MOST_MODEL_BYTES = 2**60

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


class Kind:
    """What all tensors have in common that differ in their names only.

    `shape` is that of the slice, if there is one. `seed` is the model's unless the tensor has one
    of its own. `counts`: the tensor is of int64 and zeros, which only files of models have.
    """

    def __init__(self, drawn: Drawn, seed: int, *, max_bytes: int) -> None:
        """Raises ImpossibleError if no such tensor can be issued."""
        spec = drawn.spec
        self.counts = drawn.counts
        self.seed = seed if spec.seed is None else spec.seed
        self._template = PlanTemplate(spec, "raw", max_bytes=max_bytes)
        self._plan = self._template.plan(self._template.issued(0, "weight"), "weight")
        placement = self._plan.tensor.placement
        refuse_pair(FORMATS["safetensors"], DTYPES[spec.dtype], placement.fortran)
        self.shape = placement.shape
        self.dtype = INT64 if self.counts else spec.dtype
        self.code = "I64" if self.counts else DTYPES[spec.dtype].safetensors_code or ""
        self.itemsize = DTYPES[spec.dtype].itemsize
        self.elements = prod(self.shape)
        self.size = self.elements * self.itemsize

    @property
    def plan(self) -> Plan:
        """The plan of a tensor of this kind; its seed and its name are examples."""
        return self._plan

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """The drafts that the bytes depend on."""
        return self._template.drafts

    @cached_property
    def body(self) -> TensorBody:
        """The values of a tensor of this kind; `TensorBody.at` gives those of another name."""
        return TensorBody(self._plan)

    def url(self, name: str) -> str | None:
        """The URL of a tensor's own bytes; None if it has none, because it is of int64.

        Raises ImpossibleError (`spec_too_long`).
        """
        return None if self.counts else self._template.issued(self.seed, name).url

    def refuse_long(self, name: str) -> None:
        """Raises ImpossibleError (`spec_too_long`) for a name whose URL would be too long."""
        if len(self._plan.url) + 20 + 3 * len(name.encode()) > MOST_URL_BYTES:
            self.url(name)


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file: its bytes begin ... end - 1, and its parts first ... last - 1."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    begin: int
    end: int
    first: int
    last: int


@dataclass(frozen=True)
class ModelFile:
    """A safetensors file of a model.

    Its parts are tensors of the checkpoint, in the order of their bytes: `part_names`, and for each
    the number of its kind, the number of its stream and its first byte. `starts` ends with the
    length of the file.
    """

    name: str
    head: bytes
    tensors: tuple[Stored, ...]
    part_names: tuple[str, ...]
    part_kinds: npt.NDArray[np.int32]
    streams: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]

    @property
    def length(self) -> int:
        """The bytes of the file."""
        return int(self.starts[-1])

    @property
    def memory(self) -> int:
        """About the bytes of memory that the file takes. Names are in its head, and once more."""
        return 1000 + 2 * len(self.head) + 400 * len(self.part_names)


@dataclass(frozen=True, slots=True)
class ModelWarning:
    """A warning about `tensors` tensors, of which `example` is the first."""

    code: str
    message: str
    tensors: int
    example: str


@dataclass(frozen=True)
class ModelPlan:
    """A model that can be issued. `manifest` is canonical and has a seed."""

    manifest: Manifest
    text: bytes
    model: Model
    kinds: tuple[Kind, ...]
    files: tuple[ModelFile, ...]
    warnings: tuple[ModelWarning, ...]
    parameters: int
    _writer: "_Writer" = field(repr=False)

    @property
    def seed(self) -> int:
        """The seed of all tensors that have none of their own."""
        return self.manifest.seed or 0

    @property
    def bytes(self) -> int:
        """The bytes of all tensors, without the headers of the files."""
        return sum(each.length - len(each.head) for each in self.files)

    @cached_property
    def is_small(self) -> bool:
        """Whether there are so few tensors that making anything from the plan takes little time."""
        return sum(len(each.part_names) for each in self.files) <= MOST_SMALL

    @cached_property
    def drafts(self) -> tuple[str, ...]:
        """The drafts that the bytes depend on, in alphabetical order."""
        return tuple(sorted({str(draft) for kind in self.kinds for draft in kind.drafts}))

    def tag(self, *more: str) -> str:
        """The entity tag of what the model and these texts determine, such as a file's name."""
        lines = (f"models {EDITION}", *self.drafts, *more)
        return entity_tag(self.text + "\n".join(("", *lines)).encode())

    def file(self, name: str) -> ModelFile | None:
        """The file of this name."""
        return self._files.get(name)

    @cached_property
    def _files(self) -> dict[str, ModelFile]:
        return {each.name: each for each in self.files}

    def selected(self, file: ModelFile, keys: Sequence[str]) -> ModelFile:
        """The file with those tensors alone whose names match one of the patterns.

        The tensors keep their order. Raises ImpossibleError: `unknown_key` for a pattern that
        matches none, `too_many_tensors` for patterns that take too long to compare.
        """
        names = {tensor.name: None for tensor in file.tensors}
        patterns = [key for key in keys if key not in names]
        if match_work(len(names), sum(map(len, names)), patterns) > MOST_KEYS_WORK:
            message = f"{len(patterns)} patterns and {len(names)} names are too many to compare"
            hint = "use fewer patterns, with fewer wildcards, or write whole names"
            raise ImpossibleError("too_many_tensors", Problem("keys", message, hint))
        chosen = {key for key in keys if key in names}
        for pattern in patterns:
            # fnmatch.filter would keep up to 32,768 compiled patterns.
            matches = re.compile(translate(pattern)).match
            found = [name for name in names if matches(name)]
            if not found:
                raise self._unknown_key(file, pattern)
            chosen.update(found)
        tensors = [each for each in self.model.tensors if each.name in chosen]
        return self._writer.file(file.name, tensors)

    def _unknown_key(self, file: ModelFile, key: str) -> ImpossibleError:
        message = f"no tensor of {file.name} matches {key[:80]!r}"
        if key in self.model.tied:
            hint = f"it is tied: ask for {self.model.tied[key]}"
        else:
            alike = sorted(file.tensors, key=lambda tensor: -_alikeness(tensor.name, key))[:3]
            hint = f"case counts; the nearest are {', '.join(each.name for each in alike)}"
        return ImpossibleError("unknown_key", Problem("keys", message, hint))

    @cached_property
    def memory(self) -> int:
        """About the bytes of memory that the plan takes. A kind takes up to 20 KB."""
        files = sum(each.memory for each in self.files)
        return files + 20_000 * len(self.kinds) + len(self.text)


def _alikeness(name: str, other: str) -> int:
    """How many characters are equal at the beginning and at the end of two names."""
    return equal_start(name, other) + equal_start(name[::-1], other[::-1])


def plan_model(manifest: Manifest, *, max_bytes: int) -> ModelPlan:
    """The plan of a manifest with a seed. `max_bytes` limits each tensor.

    Raises UnreadableError and ImpossibleError.
    """
    text = canonical_text(canonical_manifest(manifest))
    # The files are those of the text, because other processes have nothing else.
    canonical = parse_manifest(text)
    if not is_small(canonical):
        # A tensor that is refused is found before seconds have been spent on the others.
        outline(canonical, max_bytes=max_bytes)
    model = expanded(canonical)
    kinds, numbers = _kinds(model, canonical.seed or 0, max_bytes)
    shards = list(_shards(model.tensors, kinds, numbers, canonical.max_shard_size))
    _refuse_much_metadata(canonical, len(shards))
    writer = _Writer(kinds, numbers, {"format": "pt", **canonical.metadata})
    files = tuple(writer.files(shards))
    if sum(each.length for each in files) > MOST_MODEL_BYTES:
        raise _too_long()
    parts = [part for tensor in model.tensors for part in tensor.parts]
    _refuse_collisions(files)
    for part in parts:
        kinds[numbers[_key(part)]].refuse_long(part.name)
    parameters = sum(kinds[numbers[_key(part)]].elements for part in parts if not part.buffer)
    warnings = tuple(_warnings(parts, kinds, numbers, model, canonical))
    return ModelPlan(canonical, text, model, kinds, files, warnings, parameters, writer)


def _too_long() -> ImpossibleError:
    message = "all tensors together have more than 2^60 bytes"
    return ImpossibleError("too_large", Problem("", message, "leave some tensors out"))


@dataclass(frozen=True, slots=True)
class Outline:
    """What is known of a model before its tensors are made.

    `largest` is the name of the tensor with the most bytes, which are `largest_bytes`. All tensors
    together have `total_bytes`.
    """

    largest: str
    largest_bytes: int
    total_bytes: int


def outline(manifest: Manifest, *, max_bytes: int) -> Outline:
    """The outline of a manifest with a seed, from a few tensors of its recipe.

    It has 0 bytes if the manifest lists its tensors. Raises UnreadableError and ImpossibleError if
    one of these tensors, or so many, cannot be issued.
    """
    kinds: dict[_Key, Kind] = {}
    found = Outline("", 0, 0)
    # In a list, so that no other spec gets the id of one of them.
    for part, alike in [*sampled(manifest)]:
        kind = kinds.get(_key(part))
        if kind is None:
            kind = kinds[_key(part)] = _kind(part, manifest.seed or 0, max_bytes)
        size = kind.size
        larger = (part.name, size) if size > found.largest_bytes else None
        largest = larger or (found.largest, found.largest_bytes)
        found = Outline(*largest, found.total_bytes + alike * size)
    if found.total_bytes > MOST_MODEL_BYTES:
        raise _too_long()
    most = manifest.max_shard_size
    if most is not None and found.total_bytes > MOST_FILES * max(most, found.largest_bytes):
        raise _too_many_files()
    return found


def canonical_manifest(manifest: Manifest) -> Manifest:
    """The manifest with its architecture, edition and whole config, and without a size.

    Raises the errors of `choice_of`.
    """
    choice = choice_of(manifest)
    if choice is None:
        return manifest
    return manifest.model_copy(
        update={
            "architecture": choice.architecture,
            "edition": choice.recipe.edition,
            "config": choice.config,
            "size": None,
        }
    )


_Key = tuple[int, bool]


def _key(part: Drawn) -> _Key:
    return id(part.spec), part.counts


def _kinds(model: Model, seed: int, max_bytes: int) -> tuple[tuple[Kind, ...], dict[_Key, int]]:
    """All kinds, and the number of the kind of each spec. Equal specs have one kind."""
    numbers: dict[_Key, int] = {}
    known: dict[tuple[Spec, bool], int] = {}
    kinds = list[Kind]()
    for tensor in model.tensors:
        for part in tensor.parts:
            if _key(part) in numbers:
                continue
            equal = known.get((part.spec, part.counts))
            if equal is None:
                if len(kinds) == MOST_KINDS:
                    message = f"the tensors are of more than {MOST_KINDS} kinds"
                    hint = "use fewer shapes and schemes, or several models"
                    raise ImpossibleError("too_many_tensors", Problem("tensors", message, hint))
                equal = known[part.spec, part.counts] = len(kinds)
                kinds.append(_kind(part, seed, max_bytes))
            numbers[_key(part)] = equal
    return tuple(kinds), numbers


def _kind(part: Drawn, seed: int, max_bytes: int) -> Kind:
    """The kind of a tensor. A refusal names the tensor."""
    try:
        return Kind(part, seed, max_bytes=max_bytes)
    except FaninError as error:
        name = part.name[:80]
        error.problems = tuple(
            Problem(each.field, f"{name}: {each.message}", each.hint, each.listing)
            for each in error.problems
        )
        raise


def _shards(
    tensors: tuple[FileTensor, ...],
    kinds: tuple[Kind, ...],
    numbers: dict[_Key, int],
    most: int | None,
) -> Iterator[list[FileTensor]]:
    """The tensors of each file. A file has at most `most` bytes of tensors, or one tensor."""
    shard, filled, files = list[FileTensor](), 0, 1
    for tensor in tensors:
        size = sum(kinds[numbers[_key(part)]].size for part in tensor.parts)
        if most is not None and shard and filled + size > most:
            files += 1
            if files > MOST_FILES:
                raise _too_many_files()
            yield shard
            shard, filled = [], 0
        shard.append(tensor)
        filled += size
    yield shard


def _too_many_files() -> ImpossibleError:
    message = f"with so small files there are more than {MOST_FILES} of them"
    hint = "give a larger max_shard_size, such as 5GB"
    return ImpossibleError("too_many_tensors", Problem("max_shard_size", message, hint))


def _refuse_much_metadata(manifest: Manifest, files: int) -> None:
    """Refuse more than MOST_METADATA_BYTES of metadata. Raises ImpossibleError."""
    size = sum(len(name.encode()) + len(text.encode()) for name, text in manifest.metadata.items())
    if size * files > MOST_METADATA_BYTES:
        message = f"{files} files with {size} bytes of metadata each are too much"
        hint = "leave some metadata out, or give a larger max_shard_size"
        raise ImpossibleError("too_many_tensors", Problem("metadata", message, hint))


@dataclass(frozen=True)
class _Writer:
    """Makes the files: their headers, and the place of each tensor."""

    kinds: tuple[Kind, ...]
    numbers: dict[_Key, int]
    metadata: dict[str, str]

    def files(self, shards: Sequence[list[FileTensor]]) -> Iterator[ModelFile]:
        """A file for each shard; one alone has another name than one of several."""
        for place, shard in enumerate(shards, 1):
            name = f"model-{place:05d}-of-{len(shards):05d}.safetensors"
            yield self.file(SINGLE if len(shards) == 1 else name, shard)

    def file(self, name: str, shard: list[FileTensor]) -> ModelFile:
        """A file of these tensors. Wider dtypes come first, so that all values are aligned."""
        shard = sorted(shard, key=lambda tensor: -self._kind(tensor.parts[0]).itemsize)
        parts = [part for tensor in shard for part in tensor.parts]
        part_kinds = np.array([self.numbers[_key(part)] for part in parts], np.int32)
        starts = np.zeros(len(parts) + 1, np.int64)
        np.cumsum(self._sizes[part_kinds], out=starts[1:])
        places: list[int] = starts.tolist()
        tensors, first = list[Stored](), 0
        for tensor in shard:
            last = first + len(tensor.parts)
            tensors.append(self._stored(tensor, first, last, places[first], places[last]))
            first = last
        entries = [
            FileEntry(each.name, self._code(each.dtype), each.shape, each.begin, each.end)
            for each in tensors
        ]
        head = file_header(entries, self.metadata)
        return ModelFile(
            name,
            head,
            tuple(tensors),
            tuple(part.name for part in parts),
            part_kinds,
            np.array([stream_of(part.name) for part in parts], np.uint64),
            starts + len(head),
        )

    @cached_property
    def _sizes(self) -> npt.NDArray[np.int64]:
        return np.array([kind.size for kind in self.kinds], np.int64)

    def _stored(self, tensor: FileTensor, first: int, last: int, begin: int, end: int) -> Stored:
        kind, shape = self._kind(tensor.parts[0]), tensor.shape
        if shape is None:
            return Stored(tensor.name, kind.shape, kind.dtype, begin, end, first, last)
        kinds = [self._kind(part) for part in tensor.parts]
        fits = sum(each.elements for each in kinds) == prod(shape)
        if not fits or any(each.dtype != kind.dtype for each in kinds):
            message = f"{tensor.name[:80]} joins tensors of other shapes or dtypes"
            hint = "give them one dtype and no slice, or use names=checkpoint"
            raise ImpossibleError("cannot_join", Problem("rules", message, hint))
        return Stored(tensor.name, shape, kind.dtype, begin, end, first, last)

    def _kind(self, part: Drawn) -> Kind:
        return self.kinds[self.numbers[_key(part)]]

    def _code(self, dtype: str) -> str:
        return "I64" if dtype == INT64 else DTYPES[dtype].safetensors_code or ""


def _refuse_collisions(files: tuple[ModelFile, ...]) -> None:
    """Two names with one stream number would have equal random words."""
    streams = np.concatenate([file.streams for file in files])
    numbers, counts = np.unique(streams, return_counts=True)
    for number in numbers[counts > 1]:
        names = [
            name
            for file in files
            for name, stream in zip(file.part_names, file.streams, strict=True)
            if stream == number
        ]
        message = f"{names[0][:80]} and {names[1][:80]} have one stream of random words"
        raise ImpossibleError("stream_collision", Problem("tensors", message, "rename one of them"))


def _warnings(
    parts: list[Drawn],
    kinds: tuple[Kind, ...],
    numbers: dict[_Key, int],
    model: Model,
    manifest: Manifest,
) -> Iterator[ModelWarning]:
    """The warnings of all kinds, and one for each rule that no tensor has used."""
    found: dict[tuple[str, str], list[Any]] = {}
    for part in parts:
        for warning in kinds[numbers[_key(part)]].plan.warnings:
            entry = found.setdefault((warning.code, warning.message), [0, part.name])
            entry[0] += 1
    for (code, message), (count, example) in found.items():
        yield ModelWarning(code, message, count, example)
    for pattern in model.unused_rules:
        yield ModelWarning("rule_unused", f"no name matches {pattern[:80]}", 0, "")
    if model.choice is not None:
        yield from _config_warnings(model.choice, model.ignored, manifest)


def _config_warnings(
    choice: Choice, ignored: tuple[str, ...], manifest: Manifest
) -> Iterator[ModelWarning]:
    """Warnings about ids without an embedding, and about keys that were likely meant otherwise."""
    given = manifest.config or {}
    for key, number, size in ids_outside(choice):
        named = f"{key} is {number}" if key in given else f"{key} is {number} by default"
        message = f"{named}, and vocab_size is {size}: give an id below it, or a larger vocabulary"
        yield ModelWarning("token_id_outside", message, 0, "")
    for key, meant in likely_misspelt(choice.recipe, ignored):
        message = f"the config's {key[:80]} is ignored: write {meant} if that is meant"
        yield ModelWarning("config_key_unknown", message, 0, "")
    dtype = given.get("dtype", given.get("torch_dtype", manifest.dtype))
    if isinstance(dtype, str) and dtype in DTYPES and dtype != manifest.dtype:
        message = f"the config says {dtype}, and the tensors are {manifest.dtype}: "
        message += f'add "dtype": "{dtype}" to the manifest if that is meant'
        yield ModelWarning("dtype_of_config", message, 0, "")
