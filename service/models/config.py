"""The config of an architecture: the values that its recipe reads, checked.

A config.json of the Hub is taken as it is. Keys that decide neither names, shapes nor distributions
are ignored, and listed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from service.errors import ImpossibleError, Problem, UnreadableError
from service.fields.errors import shown
from service.initializers.unknown_words import squash, unknown_word
from service.models.expressions import ExpressionError, Value
from service.models.manifest import Manifest
from service.models.recipe import ConfigKey, Recipe, Requirement, recipe_of, recipes
from service.models.tensor_names import equal_start

_ARCHITECTURES = "architectures"

_ALIKE = 3
"""Names that begin with so many equal characters are likely of one family."""

TOKEN_ID = "_token_id"
"""What the key of the id of a special token ends with."""

_MOST_SHOWN = 80
"""The most characters of a value of the request that a message repeats."""

_ALIKE_KEYS = 0.8
"""The similarity (difflib) from which a key is taken for a misspelt one."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The recipe of a manifest and its architecture, and the config with the keys of a size."""

    recipe: Recipe
    architecture: str
    config: dict[str, Any]


def choice_of(manifest: Manifest) -> Choice | None:
    """The recipe that a manifest asks for; None if it lists its tensors.

    Without `architecture` it is the one that the config names. Raises UnreadableError for an
    unknown architecture or size, and ImpossibleError for another edition or a missing config.
    """
    name = manifest.architecture or (None if manifest.tensors else _of_config(manifest.config))
    if name is None:
        return None
    recipe = recipe_of(name)
    if recipe is None:
        raise _unknown(name, "architecture" if manifest.architecture else "config.architectures")
    if manifest.edition not in (None, recipe.edition):
        message = f"the recipe of {name} has edition {recipe.edition}, not {manifest.edition}"
        problem = Problem("edition", message, f"write {recipe.edition}, or leave it out")
        raise OtherEditionError("other_edition", problem)
    _refuse_other_model(recipe, name, manifest.config or {})
    config = manifest.config or {}
    if manifest.size is not None:
        if manifest.size not in recipe.sizes:
            raise unknown_word("size", manifest.size, recipe.sizes, {}, "recipes")
        config = (recipe.sizes | recipe.sizes_of(name))[manifest.size] | config
    elif manifest.config is None:
        message = f"{name} needs a config"
        hint = f'add "size": "{next(iter(recipe.sizes))}", or the config.json of a model'
        raise ImpossibleError("missing_field", Problem("config", message, hint))
    return Choice(recipe, name, config)


class OtherEditionError(ImpossibleError):
    """The manifest is of another edition of its recipe."""


def nothing_named(manifest: Manifest) -> ImpossibleError:
    """The refusal of a manifest that names no tensor."""
    kind = (manifest.config or {}).get("model_type")
    meant = [
        name
        for recipe in recipes().values()
        for name, each in recipe.architectures.items()
        if each.model_type == kind
    ]
    if meant:
        problem = Problem(
            "architecture", "the config names none", f'add "architecture": "{meant[0]}"'
        )
    else:
        hint = "list tensors, or give an architecture"
        problem = Problem("tensors", "the manifest has no tensors", hint, "recipes")
    return ImpossibleError("missing_field", problem)


def _unknown(name: str, field: str) -> UnreadableError:
    """The refusal of an architecture that no recipe has. Names of the same family come first."""
    known = [each for recipe in recipes().values() for each in recipe.architectures]
    if squash(name) in _replacements():
        return unknown_word(field, name, known, _replacements(), "recipes")
    nearest = sorted(known, key=lambda each: -equal_start(each, name))[:3]
    alike = [each for each in nearest if equal_start(each, name) >= _ALIKE]
    message, hint = f"{shown(name)} is not known", f"the nearest are {', '.join(alike or nearest)}"
    return UnreadableError("unknown_word", Problem(field, message, hint, "recipes"))


def _refuse_other_model(recipe: Recipe, name: str, config: Mapping[str, Any]) -> None:
    """Refuse the config of another model, which would give a model of defaults."""
    expected = recipe.architectures[name].model_type
    given = config.get("model_type", expected)
    if given != expected:
        message = f"the config is of model_type {shown(str(given))}, and {name} has {expected}"
        hint = "leave architecture out: the config names its own"
        raise ImpossibleError("bad_config", Problem("config.model_type", message, hint))


def _of_config(config: Mapping[str, Any] | None) -> str | None:
    """The first architecture that a config.json names."""
    named = (config or {}).get(_ARCHITECTURES)
    return named[0] if isinstance(named, list) and named and isinstance(named[0], str) else None


def _replacements() -> dict[str, str]:
    """The architecture for the name of a family, squashed as unknown words are."""
    return {
        family.replace("_", ""): next(iter(recipe.architectures))
        for family, recipe in recipes().items()
    }


def config_values(choice: Choice) -> tuple[dict[str, Value], tuple[str, ...]]:
    """The values of the recipe's names, and the keys of the config that are unknown.

    A key that decides nothing is known if a ready config of the family has it.

    Raises UnreadableError for a value of another type or outside its limits, and ImpossibleError
    for a value that the recipe does not support, and for values of which transformers makes no
    model.
    """
    recipe, config = choice.recipe, choice.config
    values: dict[str, Value] = {}
    for name, key in recipe.config.items():
        given = config.get(name)
        if given is None and isinstance(config.get(key.count_of or ""), dict):
            given = len(config[key.count_of or ""])
        if given is None and name in config and key.null is not None:
            values[name] = key.null.value(values)
        elif given is None:
            values[name] = _default(name, key, values)
        else:
            values[name] = checked(name, key, given)
    architecture = recipe.architectures[choice.architecture]
    try:
        for name, formula in architecture.let.items():
            values[name] = formula.value(values)
    except ExpressionError as error:
        raise no_shape(error) from None
    _refuse_other_counts(recipe, values)
    refuse_unmet((each for each in recipe.requires if not each.only_repo_ids), values)
    counted = {key.count_of for key in recipe.config.values()}
    usual = {key for each in recipe.sizes.values() for key in each}
    known = {*recipe.config, *counted, *usual, _ARCHITECTURES, "model_type"}
    return values, tuple(sorted(name for name in config if name not in known))


def refuse_unmet(requires: Iterable[Requirement], values: Mapping[str, Value]) -> None:
    """Raises ImpossibleError (`bad_config`) if a requirement is not met."""
    for each in requires:
        try:
            met = each.that.value(values)
        except ExpressionError as error:
            raise no_shape(error) from None
        if not met:
            hint = "no model can be made of these numbers: change one of them"
            raise ImpossibleError("bad_config", Problem("config", each.message, hint))


def _refuse_other_counts(recipe: Recipe, values: Mapping[str, Value]) -> None:
    """Raises ImpossibleError (`bad_config`) for a list whose length is not what a key says."""
    for name, key in recipe.config.items():
        for each in key.counts:
            listed = values[each]
            if isinstance(listed, tuple) and len(listed) != values[name]:
                message = f"{name} is {values[name]}, and {each} has {len(listed)} numbers"
                hint = f"write as many numbers, or change {name}"
                raise ImpossibleError("bad_config", Problem(f"config.{each}", message, hint))


def ids_outside(choice: Choice) -> Iterator[tuple[str, int, int]]:
    """The ids of special tokens that no vocabulary of the config has: key, id and vocab_size.

    An id that the config leaves out is the one that the class takes then. Raises the errors of
    `config_values`.
    """
    values, _ = config_values(choice)
    size = values.get("vocabulary", values.get("vocab_size"))
    if not isinstance(size, int):
        return
    given = {key: each for key, each in choice.config.items() if key.endswith(TOKEN_ID)}
    for key, value in (choice.recipe.architectures[choice.architecture].token_ids | given).items():
        for each in value if isinstance(value, list) else [value]:
            if type(each) is int and each >= size:
                yield key, each, size


def likely_misspelt(recipe: Recipe, unknown: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Unknown keys that resemble a key of the recipe, and that key."""
    for key in unknown:
        meant = get_close_matches(key[:80], recipe.config, n=1, cutoff=_ALIKE_KEYS)
        if meant:
            yield key, meant[0]


def no_shape(error: ExpressionError) -> ImpossibleError:
    """The refusal of a config from which no shape can be computed."""
    hint = "compare the numbers with the config.json of a model of this architecture"
    message = f"the numbers do not fit together: {error.why}"
    return ImpossibleError("bad_config", Problem("config", message, hint))


def _default(name: str, key: ConfigKey, values: Mapping[str, Value]) -> Value:
    if key.otherwise is not None:
        try:
            return key.otherwise.value(values)
        except ExpressionError as error:
            raise no_shape(error) from None
    if key.default is None:
        raise UnreadableError(
            "missing_field",
            Problem(f"config.{name}", f"the config has no {name}", f'add "{name}"'),
        )
    return key.default


def checked(name: str, key: ConfigKey, value: object) -> Value:
    """The value of a key, of the type that the key has, within its limits.

    Raises UnreadableError for another value, and ImpossibleError for one that is not supported.
    """
    kind = type(key.default) if key.default is not None else int
    read = _of_type(kind, value)
    numbers = read if isinstance(read, tuple) else (read,)
    if read is None or (isinstance(read, tuple) and len(read) > key.items):
        hint = f"write a value like {_example(key)}"
        raise _refusal(name, f"{_as_given(value)} is no {_TYPES[kind]}", hint)
    for number in numbers:
        if isinstance(number, int | float) and not isinstance(number, bool):
            if key.least is not None and number < key.least:
                raise _refusal(name, f"{number} is below {key.least}", f"write {key.least} or more")
            if key.most is not None and number > key.most:
                raise _refusal(name, f"{number} is above {key.most}", f"write at most {key.most}")
    if key.only is not None and read not in key.only:
        only = " or ".join(each if isinstance(each, str) else _as_json(each) for each in key.only)
        problem = Problem(f"config.{name}", f"{_as_given(value)} is not supported", f"write {only}")
        raise ImpossibleError("bad_config", problem)
    return read


_TYPES = {
    bool: "truth value",
    int: "integer",
    float: "number",
    str: "word",
    tuple: "list of integers",
}


def _of_type(kind: type, value: object) -> Value | None:
    """The value as a bool, int, float, word or list of integers; None if it is another type."""
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind is tuple and isinstance(value, list):
        integers = tuple(each for each in value if type(each) is int)
        return integers if len(integers) == len(value) else None
    if type(value) is kind and isinstance(value, int | float | str):
        return value
    return None


def _example(key: ConfigKey) -> str:
    if key.default is not None:
        return _as_json(key.default)
    return _as_json(key.least or 1)


def _as_given(value: object) -> str:
    """The value as a request has it: a word in quotes, and anything else as JSON."""
    return shown(value) if isinstance(value, str) else _as_json(value)[:_MOST_SHOWN]


def _as_json(value: object) -> str:
    return json.dumps(value)


def _refusal(name: str, message: str, hint: str) -> UnreadableError:
    return UnreadableError("out_of_range", Problem(f"config.{name}", message, hint))
