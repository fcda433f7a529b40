"""Repo ids: fanin/FAMILY[-SIZE][.KEY-VALUE]... names an architecture and its whole config.

    fanin/gpt2-tiny                                     a size of the recipe
    fanin/gpt2.n_layer-2.n_embd-64.vocab_size-512       the base size with other numbers

The keys have one order: that of the recipe's config, then that of the size. Keys that are not given
follow those that are, where the recipe says so in `fitted`.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import Any, NoReturn

from service.errors import FaninError
from service.hub.bases import NAMESPACE, Base, bases
from service.hub.errors import MOST_MESSAGE, HubError
from service.hub.suggestions import MOST_SHOWN, Guess, guess_of, key_of
from service.models.config import (
    TOKEN_ID,
    Choice,
    checked,
    choice_of,
    config_values,
    ids_outside,
    refuse_unmet,
)
from service.models.expansion import most_elements
from service.models.expressions import ExpressionError, Value
from service.models.manifest import MOST_TENSORS, Manifest, canonical_text
from service.models.recipe import recipes

MOST_NAME = 96
"""The most characters of a name after the namespace, as huggingface_hub has it."""

MOST_OTHER = 2**31 - 1
"""The largest integer of a key that decides no tensor, such as the number of positions of Llama."""

MOST_FILE_BYTES = 50 * 10**9
"""The largest file. huggingface_hub downloads no longer one over plain HTTP."""

_MOST_HEADER = 2**20
"""More bytes than the header of a file with one tensor has."""

_EXAMPLE = f"{NAMESPACE}/gpt2-tiny"

_NAME = re.compile(r"[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*")
_INTEGER = re.compile("[0-9]+")

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
                for base in bases().values()
                if base.architecture == architecture and base.name != each.repo_family
            ],
            "keys": list(bases()[each.repo_family].kinds),
        }
        for recipe in recipes().values()
        for architecture, each in recipe.architectures.items()
    ]


def _name_of(repo_id: str) -> str:
    """The name after the namespace. It is one that clients accept."""
    namespace, _, name = repo_id.rpartition("/")
    if namespace.lower() != NAMESPACE:
        _refuse_foreign(name)
    if len(name) > MOST_NAME:
        message = f"the name has {len(name)} characters, more than {MOST_NAME}"
        _refuse(f"{message}: POST the manifest to /v1/models and use its token")
    if not _NAME.fullmatch(name) or name.endswith(".git"):
        _refuse(f"a name is FAMILY-SIZE.KEY-VALUE, as in {_EXAMPLE}.n_layer-2; {_TOKEN}")
    return name


def _refuse_foreign(name: str) -> NoReturn:
    """Refuse a name outside of the namespace, with one of ours that is of its kind."""
    first = name.lower().replace(".", "-")
    guess = guess_of(first) if first not in bases() else Guess(first)
    only = f"only {NAMESPACE}/... is here"
    why = "fresh weights never take a real model's name"
    if guess.base is not None:
        _refuse(f"{only}; try {NAMESPACE}/{guess.base}; {why}")
    if not guess.names:
        _refuse(f"{only}, such as {_EXAMPLE}; {why}")
    before = f"{only}; {why}; "
    _refuse(before + guess.words(MOST_MESSAGE - len(before)))


@dataclass(frozen=True, slots=True)
class _Read:
    """What a name says or means: the texts of its keys, and what is wrong with its words, if any.

    Unknown words are replaced by those that are meant.
    """

    base: Base
    texts: dict[str, str]
    wrong: str


def _read(name: str) -> _Read:
    """The parts of a name, in lower case."""
    first, *parts = name.lower().split(".")
    wrong = ""
    while parts and parts[0][:1].isdigit():
        # A version with a point, as in llama-3.2-1b. No key begins with a digit.
        first += f"-{parts.pop(0)}"
    base = bases().get(first)
    if base is None:
        guess = guess_of(first)
        if guess.base is None:
            _refuse(guess.words())
        base = bases()[guess.base]
        parts = [*guess.parts, *parts]
        wrong = f"there is no family or size {first[:MOST_SHOWN]}"
    texts: dict[str, str] = {}
    for part in parts:
        key, dash, text = part.partition("-")
        if not dash:
            _refuse(f"{part[:MOST_SHOWN]} is no KEY-VALUE; {_TOKEN}")
        if key in base.fixed:
            _refuse(f"{key} has one value only, which is {base.value_of(key)}: leave it out")
        if key in base.others:
            _refuse(f"{key} takes no integer and no word; {_TOKEN}")
        if key not in base.kinds:
            wrong = wrong or f"{base.name} has no key {key[:MOST_SHOWN]}"
            meant = key_of(base, key)
            if len(meant) != 1:
                _refuse(f"{wrong}; {_keys(meant)}")
            [key] = meant
        elif key in texts:
            wrong = wrong or f"{key} is given twice"
        texts[key] = text
    return _Read(base, texts, wrong)


def _value(base: Base, key: str, text: str) -> Override:
    kind = base.kinds[key]
    if kind is bool:
        if text not in ("true", "false"):
            _refuse(f"{key} takes true or false")
        return text == "true"
    if kind is str:
        words = [str(each) for each in base.words(key) or ()]
        if text not in words:
            _refuse(f"{key} is not {text[:MOST_SHOWN]}; it takes {', '.join(words)}")
        return text
    if not _INTEGER.fullmatch(text):
        _refuse(f"{key} takes an integer; {_TOKEN}")
    number = int(text)
    if key not in base.recipe.config:
        least = 0 if key.endswith(TOKEN_ID) or base.config[key] == 0 else 1
        if not least <= number <= MOST_OTHER:
            _refuse(f"{key}: {text} is not between {least} and {MOST_OTHER}")
    return number


def _written(base: Base, overrides: dict[str, Override]) -> str:
    """The name in its one spelling."""
    texts = {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in overrides.items()
    }
    return "".join((base.name, *(f".{key}-{texts[key]}" for key in base.kinds if key in texts)))


def _manifest(base: Base, overrides: dict[str, Override]) -> Manifest:
    """The manifest of a size with other values, without a seed and a dtype.

    Raises HubError (RepoNotFound) for values of which there is no model.
    """
    for key, value in overrides.items():
        most = base.recipe.config[key].most if key in base.recipe.config else None
        if most is not None and isinstance(value, int) and value > most:
            shown = str(value)[:MOST_SHOWN]
            _refuse(f"{key}: {shown} is too large; {_smaller(base, overrides, key)}")
    try:
        choice, tensors = _checked(base, overrides)
    except FaninError as error:
        problem = error.problems[0]
        place = problem.field.removeprefix("config.")
        placed = f"{place}: " if place != problem.field else ""
        _refuse(f"{placed}{problem.message}; {problem.hint}")
    except ExpressionError as error:
        _refuse(f"the numbers do not fit together: {error.why}")
    if tensors > MOST_TENSORS:
        hints = (_smaller(base, overrides, key) for key in overrides)
        hint = next((each for each in hints if each != _SMALLER), _SMALLER)
        _refuse(f"the model has more than {MOST_TENSORS} tensors; {hint}")
    edition = base.recipe.edition
    return Manifest(architecture=base.architecture, edition=edition, config=choice.config)


def _checked(base: Base, overrides: dict[str, Override]) -> tuple[Choice, int]:
    """The whole config, and how many tensors and turns of loops planning counts.

    Raises FaninError, ExpressionError and HubError for values of which there is no model.
    """
    recipe = base.recipe
    for key, value in overrides.items():
        if key in recipe.config:
            checked(key, recipe.config[key], value)
    config = _fitted(base, overrides)
    choice = Choice(recipe, base.architecture, config)
    values, _ = config_values(choice)
    # The requirements of repo ids may be about any key of the size.
    refuse_unmet(recipe.requires, _names(config) | values)
    for key, number, size in ids_outside(choice):
        _refuse(f"{key} is {number}, and must be below vocab_size, which is {size}")
    return choice, recipe.spent(values)


_SMALLER = "give smaller numbers"


def _smaller(base: Base, overrides: dict[str, Override], key: str) -> str:
    """What to write instead of a number that is too large: a large one that works."""
    least, most = base.config.get(key), overrides[key]
    limit = base.recipe.config[key].most if key in base.recipe.config else None
    if type(least) is not int or type(most) is not int or limit is None:
        return _SMALLER
    most = min(most, int(limit))
    steps = [digit * 10**zeros for zeros in range(len(str(most))) for digit in (1, 2, 5)]
    numbers = [least, *(each for each in steps if least < each < most), most]
    if not _is_served(base, overrides | {key: least}):
        return _SMALLER
    # The largest of these numbers that works, or one below it that works, too.
    place = bisect_left(
        numbers, True, 1, key=lambda each: not _is_served(base, overrides | {key: each})
    )
    return f"with these other keys {key} may be {numbers[place - 1]}"


def _is_served(base: Base, overrides: dict[str, Override]) -> bool:
    """Whether planning refuses no model of these values, in float32, for its size."""
    try:
        choice, tensors = _checked(base, overrides)
        if tensors > MOST_TENSORS:
            return False
        return 4 * most_elements(choice) <= MOST_FILE_BYTES - _MOST_HEADER
    except (FaninError, ExpressionError, HubError):
        return False


def _fitted(base: Base, overrides: dict[str, Override]) -> dict[str, Any]:
    """The whole config: the size, the values that are given, and the keys that follow them."""
    config = base.config | overrides
    names = _names(config)
    for key, formula in base.recipe.architectures[base.architecture].fitted.items():
        if key not in overrides:
            config[key] = names[key] = formula.integer(names)
    return config


def _names(config: dict[str, Any]) -> dict[str, Value]:
    """The values of a config that expressions may see."""
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in config.items()
        if isinstance(value, int | float | str | list)
    }


def _keys(meant: tuple[str, ...]) -> str:
    return f"it has {', '.join(meant)}" if meant else "/hub lists families, sizes and keys"


def _refuse(message: str) -> NoReturn:
    raise HubError("RepoNotFound", message)
