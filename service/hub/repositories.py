"""Repo ids: fanin/FAMILY[-SIZE][.KEY-VALUE]... names an architecture and its whole config.

fanin/gpt2-tiny                                     a size of the recipe
fanin/gpt2.n_layer-2.n_embd-64.vocab_size-512       the base size with other numbers
"""

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from service.errors import FaninError
from service.hub.errors import HubError
from service.models.config import choice_of, config_values
from service.models.manifest import Manifest, canonical_text
from service.models.recipe import Recipe, recipes

NAMESPACE = "fanin"

MOST_NAME = 96
"""The most characters of a name after the namespace, as huggingface_hub has it."""

_NAME = re.compile(r"[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*")
_INTEGER = re.compile("0|[1-9][0-9]*")
_WORD = re.compile("[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Repository:
    """A repo id and the model that it names."""

    id: str
    manifest: Manifest

    @cached_property
    def edition(self) -> int:
        """The edition of the recipe; 0 for a model without a recipe."""
        choice = choice_of(self.manifest)
        return 0 if choice is None else choice.recipe.edition

    @cached_property
    def text(self) -> bytes:
        """The canonical text of the manifest."""
        return canonical_text(self.manifest)


@dataclass(frozen=True, slots=True)
class _Base:
    """What a repo id begins with: an architecture with a size of its recipe."""

    recipe: Recipe
    architecture: str
    size: str

    @property
    def config(self) -> dict[str, Any]:
        return self.recipe.sizes[self.size]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that may follow, in their order."""
        named = (*self.recipe.config, *self.config)
        return tuple(dict.fromkeys(key for key in named if key not in _FIXED))


_FIXED = ("architectures", "model_type")


def repository_of(repo_id: str) -> Repository:
    """The repository of a repo id. Raises HubError (RepoNotFound)."""
    name = _own_name(repo_id)
    first, *overrides = name.split(".")
    base = _bases().get(first)
    if base is None:
        raise _not_found(f"there is no family {first}; GET /hub lists them")
    config = dict(base.config)
    for each in overrides:
        key, _, value = each.partition("-")
        if key not in base.keys:
            raise _not_found(f"{first} has no key {key}")
        config[key] = _value(value)
    edition = base.recipe.edition
    manifest = Manifest(architecture=base.architecture, edition=edition, config=config)
    choice = choice_of(manifest)
    assert choice is not None
    try:
        config_values(choice)
    except FaninError as error:
        raise _not_found(str(error)) from None
    return Repository(repo_id, manifest)


def repository_under(repo_id: str, manifest: Manifest) -> Repository:
    """The repository of any name in the namespace, with the manifest of a model's own endpoint.

    Raises HubError (RepoNotFound) for another namespace, and for a name that clients refuse.
    """
    _own_name(repo_id)
    return Repository(repo_id, manifest)


def families() -> list[dict[str, Any]]:
    """The families in their order: what repo ids may name."""
    found = list[dict[str, Any]]()
    for recipe in recipes().values():
        for architecture, each in recipe.architectures.items():
            sizes = {
                f"{NAMESPACE}/{name}": base.size
                for name, base in _bases().items()
                if base.architecture == architecture and name != each.model_type
            }
            base = _bases()[each.model_type]
            found.append(
                {
                    "family": each.model_type,
                    "architecture": architecture,
                    "title": recipe.title,
                    "repo_id": f"{NAMESPACE}/{each.model_type}",
                    "base_size": each.base_size,
                    "sizes": [
                        {"size": size, "repo_id": repo_id} for repo_id, size in sizes.items()
                    ],
                    "keys": list(base.keys),
                }
            )
    return found


@cache
def _bases() -> dict[str, _Base]:
    """Every FAMILY and FAMILY-SIZE."""
    bases: dict[str, _Base] = {}
    for recipe in recipes().values():
        for architecture, each in recipe.architectures.items():
            kind = each.model_type
            bases[kind] = _Base(recipe, architecture, each.base_size)
            for size, config in recipe.sizes.items():
                if config["architectures"] == [architecture]:
                    name = f"{kind}-{size.removeprefix(f'{kind}-')}"
                    bases[name] = _Base(recipe, architecture, size)
    return bases


def _own_name(repo_id: str) -> str:
    """The name of a repo id in the namespace."""
    namespace, slash, name = repo_id.partition("/")
    if not slash or namespace != NAMESPACE:
        raise _not_found(
            f"only {NAMESPACE}/... is here; try {NAMESPACE}/gpt2-tiny; "
            "fresh weights never take a real model's name"
        )
    if len(name) > MOST_NAME or not _NAME.fullmatch(name):
        raise _not_found(f"a name has at most {MOST_NAME} of A-Z a-z 0-9 _ with single . and -")
    return name


def _value(text: str) -> int | bool | str:
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _WORD.fullmatch(text):
        return text
    raise _not_found("integers and words only: other values need POST /v1/models")


def _not_found(message: str) -> HubError:
    return HubError("RepoNotFound", message)
