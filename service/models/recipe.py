"""Recipes: from the config of an architecture to its tensors. Each file of recipes/ has one family.

docs/adding.md says how such a file is written. Pydantic checks it when it is loaded, and every
expression is read then.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from itertools import accumulate, product
from math import prod
from operator import mul
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from service.fields import FIELDS
from service.models.expressions import Expression, ExpressionError, Names, Value

INT64 = "int64"
"""A dtype that only model files have: BatchNorm counts its batches in it, from 0."""

_WORDS = frozenset(
    (
        *("layer", "layout", "activation", "scheme", "mode", "distribution", "gain_rule"),
        *("std_kind", "dtype", "variant", "inner"),
    )
)
"""Fields of a spec whose text in a recipe is a word. Texts in other fields are expressions."""

_OWN_FIELDS = frozenset(FIELDS) - {"shape", "seed", "name", "slice", "order"}


def _read_expression(value: object) -> Expression:
    """An expression of a text, an integer or a truth value."""
    if isinstance(value, Expression):
        return value
    if not isinstance(value, str | int):
        raise ValueError(f"{value!r} is no expression")
    return Expression(str(int(value)) if isinstance(value, int) else value)


Formula = Annotated[Expression, BeforeValidator(_read_expression)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class ConfigKey(_Record):
    """A key of the config that decides names, shapes or distributions.

    An absent key has the value `default`, or that of the expression `otherwise`; so has one that is
    null, unless `null` has the value of that. The type
    is that of `default`; without it, an integer. `least` and `most` limit numbers, also those of a
    list of at most `items`. `only` lists the values that are supported. `count_of` names an object
    of the config whose number of members counts if the key is absent. `counts` names lists of the
    config that must have so many numbers as the key says.
    """

    default: bool | int | float | str | tuple[int, ...] | None = None
    otherwise: Formula | None = None
    null: Formula | None = None
    least: int | float | None = None
    most: int | float | None = None
    only: tuple[bool | int | float | str, ...] | None = None
    items: int = 64
    count_of: str | None = None
    counts: tuple[str, ...] = ()


class Architecture(_Record):
    """A class of transformers: its model_type, and names for the expressions of the family.

    `sizes_of` is another architecture whose sizes this one has too, if it has none of its own.
    `token_ids` are the ids of special tokens that the class takes if the config does not give them.

    The other members are for repo ids of the Hub routes alone. `repo_name` is the FAMILY of an id
    where that is not the model_type, which another architecture has. `known_as` has beginnings of
    names of released models of this class, in lower case: an unknown id with such a name is
    answered with this family. `base_size` is the size of an id that names none. `fitted` has keys
    of the config that follow from others if the id does not give them; its expressions see the
    config, and what was fitted before.
    """

    model_type: str
    base_size: str
    sizes_of: str | None = None
    token_ids: dict[str, int] = Field(default_factory=dict)
    repo_name: str | None = None
    known_as: tuple[str, ...] = ()
    let: dict[str, Formula] = Field(default_factory=dict)
    fitted: dict[str, Formula] = Field(default_factory=dict)

    @property
    def repo_family(self) -> str:
        """The FAMILY of repo ids."""
        return self.repo_name or self.model_type


class Requirement(_Record):
    """A condition without which transformers cannot make a model of the config.

    `that` sees the config and the names of the architecture. If `only_repo_ids`, manifests need
    not meet it: without it the model loads in one release of transformers only, or it cannot run.
    """

    that: Formula
    message: str
    only_repo_ids: bool = False


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields of a spec: words and numbers as they are, and formulas to evaluate."""

    fixed: Mapping[str, object]
    formulas: Mapping[str, Expression]

    def names(self) -> frozenset[str]:
        """The names that the formulas depend on."""
        return frozenset[str]().union(*(each.names for each in self.formulas.values()))

    def values(self, names: Names) -> dict[str, object]:
        """The fields with their values. Raises ExpressionError."""
        return {**self.fixed, **{key: each.value(names) for key, each in self.formulas.items()}}


def _fields(given: Mapping[str, object]) -> Fields:
    fixed: dict[str, object] = {}
    formulas: dict[str, Expression] = {}
    for name, value in given.items():
        if name not in _OWN_FIELDS:
            raise ValueError(f"{name!r} is no field of a spec that a recipe may set")
        if isinstance(value, str) and name not in _WORDS:
            formulas[name] = Expression(value)
        else:
            fixed[name] = tuple(value) if isinstance(value, list) else value
    return Fields(fixed, formulas)


class Law(BaseModel):
    """A distribution of the family: where it is written, and the fields of a spec.

    A `buffer` is stored like a parameter, but it is not counted as one.
    """

    model_config = ConfigDict(frozen=True, extra="allow", arbitrary_types_allowed=True)

    source: str
    buffer: bool = False

    def given(self) -> dict[str, Any]:
        """The fields of the spec as the file has them."""
        return dict(self.model_extra or {})


class TensorEntry(BaseModel):
    """A tensor of the checkpoint. Fields of a spec may follow; they come over those of the law.

    `module` is the name in the framework's module where that is another one.
    """

    model_config = ConfigDict(frozen=True, extra="allow", arbitrary_types_allowed=True)

    name: str
    shape: tuple[Formula, ...]
    law: str
    module: str | None = None
    when: Formula | None = None

    def given(self) -> dict[str, Any]:
        """The fields of the spec as the file has them."""
        return dict(self.model_extra or {})


class Join(_Record):
    """The tensor of the module layout whose values are those of a block, one after another."""

    name: str
    shape: tuple[Formula, ...]


class Block(_Record):
    """Tensors and blocks under a common prefix, once or for each value of some variables.

    A variable of `each` counts from 0 to its formula, or over `first..stop` without the stop.
    """

    contents: "tuple[Block | TensorEntry, ...]"
    prefix: str = ""
    module_prefix: str | None = None
    each: dict[str, str] = Field(default_factory=dict)
    let: dict[str, Formula] = Field(default_factory=dict)
    when: Formula | None = None
    join: Join | None = None

    @model_validator(mode="after")
    def _read_loops(self) -> Self:
        # An expression that cannot be read is found when the file is read.
        _ = self.loops
        return self

    @cached_property
    def loops(self) -> dict[str, tuple[Expression, Expression]]:
        """The first value and the stop of each variable."""
        pairs = {name: text.partition("..") for name, text in self.each.items()}
        return {
            name: (Expression(first if dots else "0"), Expression(stop if dots else first))
            for name, (first, dots, stop) in pairs.items()
        }

    @cached_property
    def varies(self) -> bool:
        """Whether its turns differ in more than names, and in which of their contents are there."""
        own = set(self.loops)
        for name, formula in self.let.items():
            if not formula.names.isdisjoint(own):
                own.add(name)
        return not own.isdisjoint(_used_within(self.contents))

    def ranges(self, names: Names) -> list[range]:
        """The values of each variable. Raises ExpressionError."""
        return [
            range(first.integer(names), stop.integer(names)) for first, stop in self.loops.values()
        ]

    def turns(self, names: Names) -> Iterator[Names]:
        """The names within the block, once for each value of its variables."""
        return (self.turn(names, values) for values in product(*self.ranges(names)))

    def turn(self, names: Names, values: Iterable[int]) -> Names:
        """The names within the block for these values of its variables. Raises ExpressionError."""
        turn = {**names, **dict(zip(self.loops, values, strict=True))}
        for name, formula in self.let.items():
            turn[name] = formula.value(turn)
        return turn


class Tied(_Record):
    """A name that shares the memory of a stored tensor, so it is not in the file."""

    name: str
    to: str
    when: Formula | None = None


class Recipe(_Record):
    """The recipe of an architecture family.

    `edition` counts the changes of the bytes, up to 255. The keys of `config` are in the order that
    repo ids of the Hub routes have. `sizes` are whole configs by name. `not_stored` are
    buffers that checkpoints do not have, and `differences` what is not drawn as the source draws
    it; both with the reason.
    """

    family: str
    title: str
    edition: Annotated[int, Field(ge=1, le=255)]
    source: str
    config: dict[str, ConfigKey]
    requires: tuple[Requirement, ...] = ()
    architectures: dict[str, Architecture]
    laws: dict[str, Law]
    contents: tuple[Block | TensorEntry, ...]
    tied: tuple[Tied, ...] = ()
    not_stored: dict[str, str] = Field(default_factory=dict)
    differences: dict[str, str] = Field(default_factory=dict)
    sizes: dict[str, dict[str, Any]]

    @model_validator(mode="after")
    def _check_laws(self) -> Self:
        for entry in _entries(self.contents):
            if entry.law not in self.laws:
                raise ValueError(f"there is no law {entry.law!r}")
            self.fields_of(entry)
        return self

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        for name, each in self.architectures.items():
            if each.base_size not in self.sizes_of(name):
                raise ValueError(f"{each.base_size!r} is no size of {name}")
        return self

    def sizes_of(self, architecture: str) -> dict[str, dict[str, Any]]:
        """The ready sizes of an architecture: whole configs, which name it."""
        owner = self.architectures[architecture].sizes_of or architecture
        return {
            size: config | {"architectures": [architecture]}
            for size, config in self.sizes.items()
            if config["architectures"] == [owner]
        }

    def fields_of(self, entry: TensorEntry) -> Fields:
        """The fields of an entry over those of its law."""
        return _fields(self.laws[entry.law].given() | entry.given())

    def spent(self, names: Names) -> int:
        """How much an Expansion takes from its Count for these names. No tensor is made.

        Raises ExpressionError.
        """
        return _spent(self.contents, names)


def _spent(contents: tuple[Block | TensorEntry, ...], names: Names) -> int:
    """The tensors, and the turns of loops."""
    total = 0
    for each in contents:
        if each.when is not None and not each.when.value(names):
            continue
        total += 1 if isinstance(each, TensorEntry) else _spent_on_block(each, names)
    return total


def _spent_on_block(block: Block, names: Names) -> int:
    lengths = [max(0, each.stop - each.start) for each in block.ranges(names)]
    turns = sum(accumulate(lengths, mul)) if lengths else 0
    within = (alike * _spent(block.contents, turn) for turn, alike in sampled_turns(block, names))
    return turns + sum(within)


def sampled_turns(block: Block, names: Names) -> Iterator[tuple[Names, int]]:
    """Turns of a block, and for each how many turns in a row are like it, with itself.

    Two turns are alike if equally much is spent on them, and then all turns between them are. This
    is true of loops over layers, whose conditions change once from the first to the last. All turns
    of a block that varies are looked at: they are those of a list of the config, or at most 26.
    Raises ExpressionError.
    """
    ranges = block.ranges(names)
    count = prod(max(0, each.stop - each.start) for each in ranges)
    if count <= 2 or block.varies:
        yield from ((turn, 1) for turn in block.turns(names))
        return

    def turn(place: int) -> Names:
        values = list[int]()
        for each in reversed(ranges):
            place, digit = divmod(place, each.stop - each.start)
            values.append(each.start + digit)
        return block.turn(names, reversed(values))

    known: dict[int, tuple[Names, int]] = {}

    def looked_at(place: int) -> tuple[Names, int]:
        """A turn, and how much is spent on it."""
        if place not in known:
            names = turn(place)
            known[place] = names, _spent(block.contents, names)
        return known[place]

    def between(first: int, last: int) -> Iterator[tuple[Names, int]]:
        """The turns from `first` on, without `last`."""
        (one, spent), (_, other) = looked_at(first), looked_at(last)
        if last - first == 1 or spent == other:
            yield one, last - first
        else:
            middle = (first + last) // 2
            yield from between(first, middle)
            yield from between(middle, last)

    yield from between(0, count - 1)
    yield looked_at(count - 1)[0], 1


def _used_within(contents: tuple[Block | TensorEntry, ...]) -> frozenset[str]:
    """The names that shapes, fields and loops depend on."""
    used = set[str]()
    for each in contents:
        if isinstance(each, TensorEntry):
            used.update(*(formula.names for formula in each.shape))
            used |= _fields(each.given()).names()
        else:
            used.update(*(formula.names for pair in each.loops.values() for formula in pair))
            used.update(*(formula.names for formula in each.let.values()))
            used |= _used_within(each.contents)
    return frozenset(used)


def _entries(contents: tuple[Block | TensorEntry, ...]) -> Iterator[TensorEntry]:
    for each in contents:
        if isinstance(each, Block):
            yield from _entries(each.contents)
        else:
            yield each


@cache
def recipes() -> dict[str, Recipe]:
    """The recipes by their family, in alphabetical order."""
    folder = files("service.models") / "recipes"
    texts = sorted(
        (each.name, each.read_text("utf-8"))
        for each in folder.iterdir()
        if each.name.endswith(".toml")
    )
    read = [Recipe.model_validate(tomllib.loads(text)) for _, text in texts]
    return {recipe.family: recipe for recipe in read}


@cache
def recipe_of(architecture: str) -> Recipe | None:
    """The recipe that has this architecture."""
    found = (each for each in recipes().values() if architecture in each.architectures)
    return next(found, None)


@dataclass(frozen=True, slots=True)
class Part:
    """A tensor of the checkpoint: its name there, and its fields, which equal tensors share."""

    name: str
    fields: Mapping[str, object]
    buffer: bool

    @property
    def elements(self) -> int:
        """The product of the shape."""
        shape = self.fields["shape"]
        assert isinstance(shape, tuple)
        return prod(shape)


@dataclass(frozen=True, slots=True)
class Declared:
    """A tensor of a model file: one part, or several whose values follow each other.

    `shape` is that of a join; None if the only part has its own.
    """

    name: str
    shape: tuple[int, ...] | None
    parts: tuple[Part, ...]


_Values = dict[str, object]
"""The fields of a tensor, with its shape."""


@dataclass(slots=True)
class Count:
    """How many more tensors and turns of loops are allowed."""

    left: int
    refuse: Callable[[], Exception]

    def spend(self, number: int) -> None:
        """Take so many away; raises the error of `refuse` if they are not left."""
        self.left -= number
        if self.left < 0:
            raise self.refuse()


@dataclass(frozen=True)
class Expansion:
    """Makes the tensors of a recipe, in the layout of the checkpoint or of the module."""

    recipe: Recipe
    module_layout: bool
    count: Count
    _known: dict[tuple[int, tuple[Value, ...]], "_Values"] = field(default_factory=dict)
    _used: dict[int, tuple[tuple[str, ...], Fields]] = field(default_factory=dict)

    def tensors(self, names: Names) -> Iterator[Declared]:
        """The tensors in the order of the file. Raises ExpressionError and the error of `count`."""
        yield from self._contents(self.recipe.contents, names, "", "")

    def samples(self, names: Names) -> Iterator[tuple[Part, int]]:
        """Tensors of the checkpoint, and for each how many others are like it, with itself.

        Few tensors are made of however large a model. Raises ExpressionError.
        """
        yield from self._samples(self.recipe.contents, names, "", 1)

    def _samples(
        self, contents: tuple[Block | TensorEntry, ...], names: Names, prefix: str, alike: int
    ) -> Iterator[tuple[Part, int]]:
        for each in contents:
            if each.when is not None and not each.when.value(names):
                continue
            if isinstance(each, TensorEntry):
                yield self._part(each, names, prefix), alike
            else:
                for turn, more in sampled_turns(each, names):
                    ahead = prefix + _written(each.prefix, turn)
                    yield from self._samples(each.contents, turn, ahead, alike * more)

    def _contents(
        self, contents: tuple[Block | TensorEntry, ...], names: Names, prefix: str, module: str
    ) -> Iterator[Declared]:
        for each in contents:
            if each.when is not None and not each.when.value(names):
                continue
            if isinstance(each, TensorEntry):
                yield self._tensor(each, names, prefix, module)
            elif each.join is not None and self.module_layout:
                yield self._joined(each, each.join, names, prefix, module)
            else:
                yield from self._block(each, names, prefix, module)

    def _block(self, block: Block, names: Names, prefix: str, module: str) -> Iterator[Declared]:
        total = 1
        for each in block.ranges(names):
            # The length of a range may be above the largest that len() gives.
            total *= max(0, each.stop - each.start)
            self.count.spend(total)
        for turn in block.turns(names):
            ahead = prefix + _written(block.prefix, turn)
            own = block.prefix if block.module_prefix is None else block.module_prefix
            yield from self._contents(block.contents, turn, ahead, module + _written(own, turn))

    def _joined(self, block: Block, join: Join, names: Names, prefix: str, module: str) -> Declared:
        tensors = list(self._block(block, names, prefix, module))
        shape = tuple(each.integer(names) for each in join.shape)
        parts = tuple(part for tensor in tensors for part in tensor.parts)
        return Declared(module + _written(join.name, names), shape, parts)

    def _tensor(self, entry: TensorEntry, names: Names, prefix: str, module: str) -> Declared:
        self.count.spend(1)
        part = self._part(entry, names, prefix)
        shown = part.name
        if self.module_layout:
            shown = module + _written(entry.module or entry.name, names)
        return Declared(shown, None, (part,))

    def _part(self, entry: TensorEntry, names: Names, prefix: str) -> Part:
        name = prefix + _written(entry.name, names)
        return Part(name, self._values(entry, names), self.recipe.laws[entry.law].buffer)

    def _values(self, entry: TensorEntry, names: Names) -> "_Values":
        """Shape and fields. Entries whose formulas see the same numbers share one record."""
        used = self._used.get(id(entry))
        if used is None:
            fields = self.recipe.fields_of(entry)
            every = fields.names().union(*(each.names for each in entry.shape))
            used = self._used[id(entry)] = tuple(sorted(every)), fields
        seen, fields = used
        try:
            key = id(entry), tuple(names[name] for name in seen)
        except KeyError as error:
            raise ExpressionError(entry.name, f"there is no {error.args[0]}") from None
        known = self._known.get(key)
        if known is None:
            shape = tuple(each.integer(names) for each in entry.shape)
            known = self._known[key] = {"shape": shape, **fields.values(names)}
        return known


def _written(name: str, names: Names) -> str:
    """The name with the values of its variables, as in `h.{layer}.`."""
    return name.format_map(names) if "{" in name else name
