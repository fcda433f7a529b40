"""The recipes as JSON: what each family has, and where its laws are written."""

from typing import Any

from service.models.recipe import ConfigKey, Recipe, recipes


def recipe_records() -> list[dict[str, Any]]:
    """A short record for each family."""
    return [
        {
            "family": recipe.family,
            "title": recipe.title,
            "edition": recipe.edition,
            "status": "draft",
            "architectures": list(recipe.architectures),
            "sizes": list(recipe.sizes),
            "url": f"/recipes/{recipe.family}",
        }
        for recipe in recipes().values()
    ]


def recipe_record(recipe: Recipe) -> dict[str, Any]:
    """Everything about one family, with the whole config of each size."""
    return {
        "family": recipe.family,
        "title": recipe.title,
        "edition": recipe.edition,
        "status": "draft",
        "source": recipe.source,
        "architectures": {name: each.model_type for name, each in recipe.architectures.items()},
        "config": {name: _key(each) for name, each in recipe.config.items()},
        "laws": {
            name: each.given() | {"source": each.source} for name, each in recipe.laws.items()
        },
        "tied": [{"name": each.name, "to": each.to} for each in recipe.tied],
        "not_stored": recipe.not_stored,
        "differences": recipe.differences,
        "sizes": recipe.sizes,
    }


def _key(key: ConfigKey) -> dict[str, Any]:
    """The default and the limits of a key, those that it has."""
    default = key.default if key.otherwise is None else key.otherwise.text
    limits = {"least": key.least, "most": key.most, "only": key.only}
    return {"default": default, **{name: each for name, each in limits.items() if each is not None}}
