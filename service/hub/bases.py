"""What a repo id begins with: FAMILY or FAMILY-SIZE, and the keys that may follow it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from service.models.expressions import Value
from service.models.recipe import Recipe, recipes

NAMESPACE = "fanin"

ACTIVATIONS = (
    *("gelu", "gelu_fast", "gelu_new", "gelu_pytorch_tanh", "leaky_relu", "linear", "mish"),
    *("quick_gelu", "relu", "relu2", "relu6", "sigmoid", "silu", "swish", "tanh"),
)
"""Activations that transformers 4 and 5 both know by these names."""

_FIXED = ("architectures", "model_type", "is_encoder_decoder")
_ACTIVATION_KEYS = ("hidden_act", "activation_function")


@dataclass(frozen=True)
class Base:
    """What a repo id begins with: an architecture and one of its sizes."""

    name: str
    recipe: Recipe
    architecture: str
    size: str

    @property
    def family(self) -> str:
        """The FAMILY of the name."""
        return self.recipe.architectures[self.architecture].repo_family

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


@cache
def bases() -> dict[str, Base]:
    """Every FAMILY and FAMILY-SIZE."""
    bases = [
        base
        for recipe in recipes().values()
        for architecture in recipe.architectures
        for base in _bases_of(recipe, architecture)
    ]
    return {base.name: base for base in bases}


def _bases_of(recipe: Recipe, architecture: str) -> Iterable[Base]:
    about = recipe.architectures[architecture]
    family = about.repo_family
    yield Base(family, recipe, architecture, about.base_size)
    for size in recipe.sizes_of(architecture):
        name = f"{family}-{size.removeprefix(f'{family}-')}"
        yield Base(name, recipe, architecture, size)
