"""Repo ids: fanin/FAMILY[-SIZE][.KEY-VALUE]... names an architecture and its whole config.

    fanin/gpt2-tiny                                     a size of the recipe
    fanin/gpt2.n_layer-2.n_embd-64.vocab_size-512       the base size with other numbers

The keys have one order: that of the recipe's config, then that of the size. Keys that are not given
follow those that are, where the recipe says so in `fitted`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NoReturn

from service.errors import FaninError
from service.hub.errors import HubError
from service.initializers.nearest import nearest_words
from service.models.config import (
    TOKEN_ID,
    Choice,
    checked,
    choice_of,
    config_values,
    ids_outside,
    refuse_unmet,
)
from service.models.expressions import ExpressionError, Value
from service.models.manifest import MOST_TENSORS, Manifest, canonical_text
from service.models.recipe import Recipe, recipes
from service.models.tensor_names import equal_start

NAMESPACE = "fanin"

MOST_NAME = 96
"""The most characters of a name after the namespace, as huggingface_hub has it."""

MOST_OTHER = 2**31 - 1
"""The largest integer of a key that decides no tensor, such as the number of positions of Llama."""

ACTIVATIONS = (
    *("gelu", "gelu_fast", "gelu_new", "gelu_pytorch_tanh", "leaky_relu", "linear", "mish"),
    *("quick_gelu", "relu", "relu2", "relu6", "sigmoid", "silu", "swish", "tanh"),
)
"""Activations that transformers 4 and 5 both know by these names."""

_EXAMPLE = f"{NAMESPACE}/gpt2-tiny"
_FIXED = ("architectures", "model_type", "is_encoder_decoder")
_ACTIVATION_KEYS = ("hidden_act", "activation_function")

_NAME = re.compile(r"[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*")
_INTEGER = re.compile("[0-9]+")

_MOST_SHOWN = 40
"""The most characters of a word of the request that messages repeat."""

_ALIKE = 3
"""A foreign name that begins with so many characters of one of ours is likely of its family."""

_TOKEN = "a float, a list, a negative number or null needs a token: POST the manifest to /v1/models"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repo id and the model that it names.

    `edition` is that of the recipe, and 0 for a model without a recipe. `text` is the canonical
    text of the manifest. `token` is that of the endpoint, if the manifest is from there: then the
    repo id alone does not name the model.
    """

    id: str
    manifest: Manifest
    edition: int
    text: bytes
    token: str | None = None


Override = int | bool | str


@dataclass(frozen=True)
class _Base:
    """What a repo id begins with: an architecture and one of its sizes."""

    name: str
    recipe: Recipe
    architecture: str
    size: str

    @cached_property
    def config(self) -> dict[str, Any]:
        return self.recipe.sizes_of(self.architecture)[self.size]

    @cached_property
    def kinds(self) -> dict[str, type]:
        """The keys that a repo id may have, in their order, and the type of each."""
        return {
            key: kind
            for key, kind in self._types.items()
            if kind in (int, bool, str) and key not in self.fixed
        }

    @cached_property
    def fixed(self) -> frozenset[str]:
        """The keys that can have one value only, so that repo ids do not have them."""
        one = {key for key in self._types if len(self.words(key) or ()) == 1}
        return frozenset(one.union(key for key, each in self.recipe.config.items() if each.counts))

    @cached_property
    def others(self) -> frozenset[str]:
        """The keys whose values are floats, lists or objects."""
        return frozenset(self._types) - frozenset(self.kinds) - self.fixed

    @cached_property
    def _types(self) -> dict[str, type]:
        own = {
            name: int if key.default is None else type(key.default)
            for name, key in self.recipe.config.items()
        }
        more = {name: type(value) for name, value in self.config.items() if name not in _FIXED}
        return own | {name: kind for name, kind in more.items() if name not in own}

    def words(self, key: str) -> tuple[Value, ...] | None:
        """The values that a key may have, if they are listed."""
        if key in self.recipe.config:
            return self.recipe.config[key].only
        if key in _ACTIVATION_KEYS:
            return ACTIVATIONS
        return (self.config[key],) if self._types[key] is str else None

    def value_of(self, key: str) -> str:
        """The value of a key that is fixed, as a config has it."""
        only = self.recipe.config[key].only if key in self.recipe.config else None
        value = only[0] if only else self.config[key]
        return str(value).lower() if isinstance(value, bool) else str(value)


def repository_of(repo_id: str) -> Repository:
    """The repository of a repo id. Raises HubError (RepoNotFound), with the nearest right id."""
    read = _read(_name_of(repo_id))
    try:
        overrides = {key: _value(read.base, key, text) for key, text in read.texts.items()}
        manifest = _manifest(read.base, overrides)
    except HubError:
        if not read.wrong:
            raise
        # The values were not meant for the nearest word, so what is wrong with them says little.
        _refuse(f"{read.wrong}; /hub lists families, sizes and keys")
    name = _written(read.base, overrides)
    if read.wrong or f"{NAMESPACE}/{name}" != repo_id:
        wrong = read.wrong or "ids are lower case, with the keys in one order"
        _refuse(f"{wrong}: write {NAMESPACE}/{name}" if len(name) <= MOST_NAME else wrong)
    return Repository(repo_id, manifest, read.base.recipe.edition, canonical_text(manifest))


def repository_under(repo_id: str, manifest: Manifest, token: str) -> Repository:
    """The repository of any name in the namespace, with the manifest of a model's own endpoint.

    `token` is that of the endpoint, and the manifest is the token's.

    Raises HubError (RepoNotFound) for another namespace and for a name that clients refuse, and
    what `choice_of` raises for the manifest.
    """
    name = _name_of(repo_id)
    if f"{NAMESPACE}/{name}" != repo_id:
        _refuse(f"the namespace is lower case: write {NAMESPACE}/{name}")
    choice = choice_of(manifest)
    edition = 0 if choice is None else choice.recipe.edition
    return Repository(repo_id, manifest, edition, canonical_text(manifest), token)


def families() -> list[dict[str, Any]]:
    """What repo ids may name: a record for each family, with its sizes and keys in their order."""
    return [
        {
            "family": each.repo_family,
            "architecture": architecture,
            "title": recipe.title,
            "repo_id": f"{NAMESPACE}/{each.repo_family}",
            "base_size": each.base_size,
            "sizes": [
                {"size": base.size, "repo_id": f"{NAMESPACE}/{base.name}"}
                for base in _bases().values()
                if base.architecture == architecture and base.name != each.repo_family
            ],
            "keys": list(_bases()[each.repo_family].kinds),
        }
        for recipe in recipes().values()
        for architecture, each in recipe.architectures.items()
    ]


@cache
def _bases() -> dict[str, _Base]:
    """Every FAMILY and FAMILY-SIZE."""
    bases = [
        base
        for recipe in recipes().values()
        for architecture in recipe.architectures
        for base in _bases_of(recipe, architecture)
    ]
    return {base.name: base for base in bases}


def _bases_of(recipe: Recipe, architecture: str) -> Iterable[_Base]:
    about = recipe.architectures[architecture]
    family = about.repo_family
    yield _Base(family, recipe, architecture, about.base_size)
    for size in recipe.sizes_of(architecture):
        name = f"{family}-{size.removeprefix(f'{family}-')}"
        yield _Base(name, recipe, architecture, size)


@cache
def _spellings() -> dict[str, str]:
    """The FAMILY or FAMILY-SIZE that a name near to one of these most likely means.

    Each stands for itself, and the class of the family may stand in place of the family.
    """
    classes = {}
    for name, base in _bases().items():
        size = name.removeprefix(base.recipe.architectures[base.architecture].repo_family)
        classes[base.architecture.lower() + size] = name
    return {name: name for name in _bases()} | classes


@cache
def _released() -> dict[str, str]:
    """The beginnings of names of released models, and the FAMILY that each means."""
    return {
        beginning: each.repo_family
        for recipe in recipes().values()
        for each in recipe.architectures.values()
        for beginning in each.known_as
    }


def _meant(name: str) -> tuple[str, bool]:
    """The FAMILY or FAMILY-SIZE that an unknown name most likely means, and whether it is alike."""
    lower = name.lower()
    for beginning, family in _released().items():
        if lower.startswith(beginning):
            return family, True
    nearest = _nearest(name, _spellings())
    return _spellings()[nearest], equal_start(nearest, lower) >= _ALIKE


def _name_of(repo_id: str) -> str:
    """The name after the namespace. It is one that clients accept."""
    namespace, _, name = repo_id.rpartition("/")
    if namespace.lower() != NAMESPACE:
        meant, is_alike = _meant(name)
        example = f"{NAMESPACE}/{meant}" if is_alike else _EXAMPLE
        _refuse(
            f"only {NAMESPACE}/... is here; try {example}; "
            "fresh weights never take a real model's name"
        )
    if len(name) > MOST_NAME:
        message = f"the name has {len(name)} characters, more than {MOST_NAME}"
        _refuse(f"{message}: POST the manifest to /v1/models and use its token")
    if not _NAME.fullmatch(name) or name.endswith(".git"):
        _refuse(f"a name is FAMILY-SIZE.KEY-VALUE, as in {_EXAMPLE}.n_layer-2; {_TOKEN}")
    return name


@dataclass(frozen=True, slots=True)
class _Read:
    """What a name says or means: the texts of its keys, and what is wrong with its words, if any.

    Unknown words are replaced by the nearest ones.
    """

    base: _Base
    texts: dict[str, str]
    wrong: str


def _read(name: str) -> _Read:
    """The parts of a name, in lower case."""
    first, *parts = name.lower().split(".")
    wrong = ""
    base = _bases().get(first)
    if base is None:
        base = _bases()[_meant(first)[0]]
        wrong = f"there is no family or size {first[:_MOST_SHOWN]}"
    texts: dict[str, str] = {}
    for part in parts:
        key, dash, text = part.partition("-")
        if not dash:
            _refuse(f"{part[:_MOST_SHOWN]} is no KEY-VALUE; {_TOKEN}")
        if key in base.fixed:
            _refuse(f"{key} has one value only, which is {base.value_of(key)}: leave it out")
        if key in base.others:
            _refuse(f"{key} takes no integer and no word; {_TOKEN}")
        if key not in base.kinds:
            wrong = wrong or f"{base.name} has no key {key[:_MOST_SHOWN]}"
            key = _nearest(key, base.kinds)
        elif key in texts:
            wrong = wrong or f"{key} is given twice"
        texts[key] = text
    return _Read(base, texts, wrong)


def _value(base: _Base, key: str, text: str) -> Override:
    kind = base.kinds[key]
    if kind is bool:
        if text not in ("true", "false"):
            _refuse(f"{key} takes true or false")
        return text == "true"
    if kind is str:
        words = [str(each) for each in base.words(key) or ()]
        if text not in words:
            _refuse(f"{key} is not {text[:_MOST_SHOWN]}; it takes {', '.join(words)}")
        return text
    if not _INTEGER.fullmatch(text):
        _refuse(f"{key} takes an integer; {_TOKEN}")
    number = int(text)
    if key not in base.recipe.config:
        least = 0 if key.endswith(TOKEN_ID) or base.config[key] == 0 else 1
        if not least <= number <= MOST_OTHER:
            _refuse(f"{key}: {text} is not between {least} and {MOST_OTHER}")
    return number


def _written(base: _Base, overrides: dict[str, Override]) -> str:
    """The name in its one spelling."""
    texts = {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in overrides.items()
    }
    return "".join((base.name, *(f".{key}-{texts[key]}" for key in base.kinds if key in texts)))


def _manifest(base: _Base, overrides: dict[str, Override]) -> Manifest:
    """The manifest of a size with other values, without a seed and a dtype.

    Raises HubError (RepoNotFound) for values of which there is no model.
    """
    recipe = base.recipe
    try:
        for key, value in overrides.items():
            if key in recipe.config:
                checked(key, recipe.config[key], value)
        config = _fitted(base, overrides)
        choice = Choice(recipe, base.architecture, config)
        values, _ = config_values(choice)
        refuse_unmet(recipe.requires, values)
        for key, number, size in ids_outside(choice):
            _refuse(f"{key} is {number}, and must be below vocab_size, which is {size}")
        if recipe.spent(values) > MOST_TENSORS:
            _refuse(f"the model has more than {MOST_TENSORS} tensors: give smaller numbers")
    except FaninError as error:
        problem = error.problems[0]
        place = problem.field.removeprefix("config.")
        placed = f"{place}: " if place != problem.field else ""
        _refuse(f"{placed}{problem.message}; {problem.hint}")
    except ExpressionError as error:
        _refuse(f"the numbers do not fit together: {error.why}")
    return Manifest(architecture=base.architecture, edition=recipe.edition, config=config)


def _fitted(base: _Base, overrides: dict[str, Override]) -> dict[str, Any]:
    """The whole config: the size, the values that are given, and the keys that follow them."""
    config = base.config | overrides
    names: dict[str, Value] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in config.items()
        if isinstance(value, int | float | str | list)
    }
    for key, formula in base.recipe.architectures[base.architecture].fitted.items():
        if key not in overrides:
            config[key] = names[key] = formula.integer(names)
    return config


def _nearest(word: str, known: Iterable[str]) -> str:
    return nearest_words(word[:_MOST_SHOWN], known, 1)[0]


def _refuse(message: str) -> NoReturn:
    raise HubError("RepoNotFound", message)
