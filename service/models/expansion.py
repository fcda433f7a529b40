"""From a manifest to the tensors of its model, each with its spec, before they are planned."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property

from service.errors import ImpossibleError, Problem, UnreadableError
from service.fields import DEFAULTS, Spec
from service.fields.parsing import read_members
from service.fields.spec import LAYER_FIELDS
from service.models.config import Choice, choice_of, config_values, no_shape, nothing_named
from service.models.expressions import ExpressionError
from service.models.manifest import MOST_TENSORS, Manifest, ManifestTensor, within
from service.models.recipe import INT64, Count, Declared, Expansion, Part
from service.models.tensor_names import NameRange
from service.wire.safetensors import RESERVED_KEY

MOST_MATCHES = 10**7
"""The most pairs of a name and a rule."""

MOST_MATCH_WORK = 10**9
"""The most work of comparing names with rules: for each pair, the characters of the name and 16,
times the wildcards of the pattern and 1. Measured: at least 260 million of these a second."""

MOST_NAME_BYTES = 1 << 24
"""The most bytes of all names of a model. So the header of a file has at most 40 MiB."""

MOST_SMALL = 2000
"""The most tensors and turns of loops of a small model."""

MOST_SMALL_KINDS = 200
"""The most kinds of tensors of a small model that has a list or rules, times their blocks and 1. A
kind takes up to a millisecond to plan, and so does each of its blocks."""

_KEPT_WITH_SCHEME = frozenset(("shape", "dtype", "slice", "order", "seed", *LAYER_FIELDS))
"""Fields that remain when a rule or a tensor names another scheme."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A tensor of the checkpoint: its name, and its spec without seed and name.

    Tensors that differ in their names only share one spec. `counts` says that the dtype is int64.
    A `buffer` is not counted as a parameter.
    """

    name: str
    spec: Spec
    counts: bool = False
    buffer: bool = False


@dataclass(frozen=True, slots=True)
class FileTensor:
    """A tensor of a file: one tensor of the checkpoint, or several one after another.

    `shape` is None if it is that of the only part.
    """

    name: str
    shape: tuple[int, ...] | None
    parts: tuple[Drawn, ...]


@dataclass(frozen=True)
class Model:
    """The tensors of a manifest in their order, and what a listing says about them."""

    choice: Choice | None
    tensors: tuple[FileTensor, ...]
    ignored: tuple[str, ...]
    unused_rules: tuple[str, ...]

    @cached_property
    def tied(self) -> dict[str, str]:
        """Names that share memory with a stored tensor, which they stand for."""
        if self.choice is None:
            return {}
        values, _ = config_values(self.choice)
        tied = (
            each for each in self.choice.recipe.tied if each.when is None or each.when.value(values)
        )
        return {each.name: each.to for each in tied}


def expanded(manifest: Manifest) -> Model:
    """The model of a manifest. Raises UnreadableError and ImpossibleError."""
    choice = choice_of(manifest)
    rules = _Rules(manifest)
    if choice is None:
        if not manifest.tensors:
            raise nothing_named(manifest)
        if manifest.names != "checkpoint" or manifest.size is not None:
            field = "size" if manifest.size is not None else "names"
            hint = "leave it out, or give an architecture"
            raise ImpossibleError("unused_field", Problem(field, "there is no recipe", hint))
        tensors: tuple[FileTensor, ...] = tuple(_listed(manifest, rules))
        ignored: tuple[str, ...] = ()
    else:
        if manifest.tensors:
            message = "the tensors come from the architecture and are listed too"
            hint = "leave tensors out, and change them with rules"
            raise ImpossibleError("conflicting_fields", Problem("tensors", message, hint))
        values, ignored = config_values(choice)
        if _spent(choice) > MOST_TENSORS:
            raise _too_many()
        count = Count(MOST_TENSORS, _too_many)
        expansion = Expansion(choice.recipe, manifest.names == "module", count)
        try:
            tensors = tuple(_of_recipe(expansion.tensors(values), rules))
        except ExpressionError as error:
            raise no_shape(error) from None
    _refuse_equal_names(tensors)
    return Model(choice, tensors, ignored, rules.unused())


def is_small(manifest: Manifest) -> bool:
    """Whether the tensors are so few that planning them takes at most about 0.2 s.

    None is made. Raises the errors of `choice_of` and `config_values`.
    """
    choice = choice_of(manifest)
    if choice is not None:
        tensors = kinds = _spent(choice)
    elif len(manifest.tensors) <= MOST_SMALL_KINDS:
        tensors = sum(_range_of(each, place).count for place, each in enumerate(manifest.tensors))
        kinds = min(tensors, len(manifest.tensors) * (1 + len(manifest.rules)))
    else:
        return False
    if not manifest.rules and choice is not None:
        return tensors <= MOST_SMALL
    fields = (*manifest.tensors, *(rule.fields for rule in manifest.rules))
    blocks = 1 + max((_blocks(each) for each in fields), default=0)
    few_kinds = kinds * blocks <= MOST_SMALL_KINDS
    return tensors <= MOST_SMALL and few_kinds and tensors * len(manifest.rules) <= MOST_SMALL


def _blocks(tensor: ManifestTensor) -> int:
    """How many unequal blocks a tensor has."""
    return len(tensor.parts) if isinstance(tensor.parts, tuple) else 0


def sampled(manifest: Manifest) -> Iterator[tuple[Drawn, int]]:
    """Tensors of a recipe's model, and for each how many are like it, with itself.

    They are few, also if the model is large. There are none of a manifest that lists its tensors.
    Raises UnreadableError and ImpossibleError.
    """
    choice = choice_of(manifest)
    if choice is None:
        return
    if _spent(choice) > MOST_TENSORS:
        raise _too_many()
    values, _ = config_values(choice)
    expansion = Expansion(choice.recipe, False, Count(MOST_TENSORS, _too_many))
    rules = _Rules(manifest)
    read: dict[int, tuple[object, Fields]] = {}
    try:
        for part, alike in expansion.samples(values):
            yield _drawn_by(rules, part, read), alike
    except ExpressionError as error:
        raise no_shape(error) from None


def most_elements(choice: Choice) -> int:
    """The elements of a recipe's largest tensor. Raises ExpressionError and more, as `sampled`."""
    values, _ = config_values(choice)
    expansion = Expansion(choice.recipe, False, Count(MOST_TENSORS, _too_many))
    return max(part.elements for part, _ in expansion.samples(values))


def _spent(choice: Choice) -> int:
    values, _ = config_values(choice)
    try:
        return choice.recipe.spent(values)
    except ExpressionError as error:
        raise no_shape(error) from None


def _too_many() -> ImpossibleError:
    message = f"the model has more than {MOST_TENSORS} tensors"
    problem = Problem("", message, "leave some of them out, or give smaller counts in the config")
    return ImpossibleError("too_many_tensors", problem)


class _Rules:
    """The rules of a manifest, and the specs that result from them."""

    def __init__(self, manifest: Manifest) -> None:
        self._rules = manifest.rules
        self._dtype = manifest.dtype
        # `translate` makes a pattern without catastrophic backtracking (Python 3.11 and later).
        self._patterns = [re.compile(translate(rule.match)) for rule in manifest.rules]
        self._given = [given(rule.fields, "shape") for rule in manifest.rules]
        self._used = [False] * len(manifest.rules)
        self._specs: dict[tuple[int, int | None, bool], tuple[Fields, Drawn]] = {}

    def refuse_many(self, names: int, characters: int) -> None:
        """Refuse more comparisons of names with patterns than MOST_MATCHES and MOST_MATCH_WORK.

        `characters` is the length of all names together. Raises ImpossibleError.
        """
        pairs = names * len(self._rules)
        work = match_work(names, characters, [rule.match for rule in self._rules])
        if pairs > MOST_MATCHES or work > MOST_MATCH_WORK:
            message = f"{names} names and {len(self._rules)} rules are too many to compare"
            hint = "use fewer rules, with fewer wildcards"
            raise ImpossibleError("too_many_tensors", Problem("rules", message, hint))

    def drawn(self, name: str, fields: "Fields", *, stronger: bool, buffer: bool = False) -> Drawn:
        """The tensor of this name. Its own fields are `stronger` than those of its rule, or weaker.

        `fields` is the same object for tensors that differ in their names only.
        """
        place = self._place(name) if self._rules else None
        known = self._specs.get((id(fields), place, stronger))
        if known is None:
            rule = {} if place is None else self._given[place]
            merged = over(fields, rule) if stronger else over(rule, fields)
            # The fields are kept, so that no other object gets their id.
            known = fields, _drawn(name, {"dtype": self._dtype, **merged})
            self._specs[id(fields), place, stronger] = known
        _, first = known
        return Drawn(name, first.spec, first.counts, buffer)

    def unused(self) -> tuple[str, ...]:
        """The patterns of the rules that no tensor has used."""
        rules = zip(self._rules, self._used, strict=True)
        return tuple(rule.match for rule, used in rules if not used)

    def _place(self, name: str) -> int | None:
        for place, pattern in enumerate(self._patterns):
            if pattern.match(name) is not None:
                self._used[place] = True
                return place
        return None


def match_work(names: int, characters: int, patterns: Iterable[str]) -> int:
    """The work of comparing names, which have so many characters together, with all patterns."""
    wildcards = sum(sum(map(pattern.count, "*?[")) + 1 for pattern in patterns)
    return (characters + 16 * names) * wildcards


Fields = dict[str, object]
"""Fields of a spec that were given, and their values."""


def given(tensor: ManifestTensor, *left_out: str) -> Fields:
    """The fields that were given, without the name and those that are left out."""
    fields = tensor.model_fields_set - {"name", *left_out}
    return {field: getattr(tensor, field) for field in fields}


def over(upper: Fields, lower: Fields) -> Fields:
    """Fields over others. Another scheme takes its own numbers, and not those of the lower one."""
    if "scheme" in upper:
        lower = {field: value for field, value in lower.items() if field in _KEPT_WITH_SCHEME}
    return lower | upper


def _drawn(name: str, fields: Fields) -> Drawn:
    counts = fields["dtype"] == INT64
    if counts:
        if fields.get("scheme", "zeros") != "zeros":
            message = f"{name[:80]} is int64, which is for zeros only"
            problem = Problem("dtype", message, "write scheme zeros, or another dtype")
            raise ImpossibleError("format_cannot_carry_dtype", problem)
        fields = fields | {"dtype": "float64", "scheme": "zeros"}
    return Drawn(name, Spec.model_construct(**{**DEFAULTS, **fields}), counts)


def _listed(manifest: Manifest, rules: _Rules) -> Iterator[FileTensor]:
    """The tensors of a list. Their number is checked before a name is made."""
    ranges = [_range_of(tensor, place) for place, tensor in enumerate(manifest.tensors)]
    names = sum(each.count for each in ranges)
    if names > MOST_TENSORS:
        raise _too_many()
    _refuse_long_names(sum(each.count * each.shortest for each in ranges))
    rules.refuse_many(names, sum(each.count * each.longest for each in ranges))
    for tensor, each in zip(manifest.tensors, ranges, strict=True):
        fields = given(tensor)
        for name in each.names():
            yield FileTensor(name, None, (rules.drawn(name, fields, stronger=True),))


def _range_of(tensor: ManifestTensor, place: int) -> NameRange:
    """The names of a member of the list. Raises UnreadableError."""
    with within(f"tensors[{place}].name"):
        return NameRange(tensor.name)


def _of_recipe(declared: Iterable[Declared], rules: _Rules) -> Iterator[FileTensor]:
    """The tensors of a recipe, whose fields are weaker than those of rules."""
    every = list(declared)
    parts = [part for each in every for part in each.parts]
    rules.refuse_many(len(parts), sum(len(part.name) for part in parts))
    read: dict[int, tuple[object, Fields]] = {}
    for each in every:
        drawn = tuple(_drawn_by(rules, part, read) for part in each.parts)
        yield FileTensor(each.name, each.shape, drawn)


def _drawn_by(rules: _Rules, part: Part, read: dict[int, tuple[object, "Fields"]]) -> Drawn:
    """A tensor of a recipe. `read` keeps the fields that were read, by their id."""
    known = read.get(id(part.fields))
    if known is None:
        known = read[id(part.fields)] = part.fields, _read(part)
    return rules.drawn(part.name, known[1], stronger=False, buffer=part.buffer)


def _read(part: Part) -> Fields:
    """The fields of a recipe's tensor, read as those of a request."""
    fields = dict(part.fields)
    counts = {"dtype": fields.pop("dtype")} if fields.get("dtype") == INT64 else {}
    try:
        spec = read_members(Spec, list(fields.items()), [])
    except UnreadableError as error:
        problems = (
            Problem("config", f"{part.name}: {each.field}: {each.message}", each.hint)
            for each in error.problems
        )
        raise UnreadableError(error.reason, *problems) from None
    return {field: getattr(spec, field) for field in spec.model_fields_set} | counts


def _refuse_equal_names(tensors: tuple[FileTensor, ...]) -> None:
    """Each name of a file occurs once, and all names together are not too long."""
    seen = set[str]()
    size = 0
    for tensor in tensors:
        if tensor.name == RESERVED_KEY:
            problem = Problem("tensors", f"{RESERVED_KEY} is a key of safetensors", "rename it")
            raise ImpossibleError("reserved_name", problem)
        if tensor.name in seen:
            problem = Problem("tensors", f"{tensor.name[:80]} is there twice", "rename one of them")
            raise ImpossibleError("duplicate_name", problem)
        seen.add(tensor.name)
        size += len(tensor.name.encode())
    _refuse_long_names(size)


def _refuse_long_names(size: int) -> None:
    if size > MOST_NAME_BYTES:
        message = f"all names have {size} bytes, more than {MOST_NAME_BYTES}"
        raise ImpossibleError("too_many_tensors", Problem("tensors", message, "shorten the names"))
