"""What an unknown name of a model most likely means, and what to say if it means nothing here.

Names are in lower case. A suggestion is one model only if its architecture is certain.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from service.hub.bases import NAMESPACE, Base, bases
from service.hub.errors import MOST_MESSAGE

MOST_SHOWN = 40
"""The most characters of a word of the request that messages repeat."""

_MOST_READ = 96
"""The most characters of a name that are read for a guess."""

_FEW_LETTERS = 3
"""Words of so few letters are near only if two letters are exchanged: vit, dit and bit are three
architectures."""

_LONG_WORD = 9
"""From so many letters on, two mistakes are allowed in a word, and otherwise one."""

_CERTAIN_PART = 4
"""A family of so many letters within a word says that the word is another model of its kind."""

_OTHERS = {
    "albert": "bert",
    "bart": None,
    "beit": "vit",
    "bit": None,
    "byt5": "t5",
    "deit": "vit",
    "dinov2": "vit",
    "electra": "bert",
    "git": None,
    "gpt": "gpt2",
    "gpt3": "gpt2",
    "gpt4": "gpt2",
    "gptj": "gpt2",
    "mt5": "t5",
    "sit": "dit",
    "umt5": "t5",
}
"""Architectures that are not here and whose names are near to some that are; and a relative that
is here, if there is one."""

_SAME_KEYS = (
    "depth layers num_layers n_layers n_layer num_hidden_layers encoder_layers decoder_layers",
    "width dim hidden hidden_size hidden_dim d_model n_embd n_embed embed_dim",
    "mlp_dim ffn_dim ff_dim d_ff n_inner intermediate_size encoder_ffn_dim decoder_ffn_dim",
    "heads n_heads n_head num_heads num_attention_heads encoder_attention_heads "
    "decoder_attention_heads",
    "n_positions n_ctx context_length block_size seq_len max_length max_position_embeddings",
    "vocab vocab_size n_vocab vocabulary vocabulary_size",
    "classes num_classes n_classes num_labels",
    "channels in_channels num_channels in_chans",
    "image_size img_size input_size",
)
"""Keys of configs that mean the same, in each line."""

_SAME = [frozenset(line.split()) for line in _SAME_KEYS]

_VALUE = "[a-z0-9_]+(?:-[a-z0-9_]+)*?"


@dataclass(frozen=True, slots=True)
class Guess:
    """What an unknown FAMILY-SIZE means.

    `base` is the FAMILY or FAMILY-SIZE that is meant, and `parts` are texts KEY-VALUE that follow
    it. Without a base, `why` says what is not here, and `names` are names that may help.
    """

    base: str | None
    parts: tuple[str, ...] = ()
    why: str = ""
    names: tuple[str, ...] = ()

    def words(self, room: int = MOST_MESSAGE) -> str:
        """What to say if there is no base, in at most so many characters."""
        ids = [f"{NAMESPACE}/{name}" for name in self.names]
        whole = self.why + ", ".join(ids)
        while len(whole) > room and ids:
            ids.pop()
            whole = f"{self.why}{', '.join(ids)} and more in /hub"
        return whole


def guess_of(first: str) -> Guess:
    """What an unknown FAMILY-SIZE means, which is in lower case."""
    first = first[:_MOST_READ]
    known = _spellings().get(_squashed(first))
    if known is not None:
        return Guess(known)
    for beginning, family in _released().items():
        if first.startswith(beginning):
            return Guess(family)
    return _with_keys(first) or _of_a_family(first) or _of_no_family(first)


def key_of(base: Base, key: str) -> tuple[str, ...]:
    """The keys of a base that an unknown key may mean: the same under other names, or near ones."""
    for same in _SAME:
        if key in same:
            return tuple(each for each in base.kinds if each in same)
    found = _near(key[:MOST_SHOWN], {each: each for each in base.kinds})
    return () if found is None else (found,)


def _with_keys(first: str) -> Guess | None:
    """A base with keys after hyphens, where points belong."""
    for name in sorted(bases(), key=len, reverse=True):
        if first.startswith(f"{name}-"):
            keys = "|".join(sorted(bases()[name].kinds, key=len, reverse=True))
            part = re.compile(f"-((?:{keys})-{_VALUE})(?=-(?:{keys})-|$)")
            parts = part.findall(first, len(name))
            if first == "-".join((name, *parts)) and parts:
                return Guess(name, tuple(parts))
    return None


def _of_a_family(first: str) -> Guess | None:
    """A family that is here with a size that is not."""
    named = [each for each in _families() if first == each or first.startswith(f"{each}-")]
    if not named:
        return None
    word = max(named, key=len)
    family = _families()[word]
    size = first[len(word) + 1 :]
    sizes = {
        name.removeprefix(f"{family}-"): name
        for name in bases()
        if name.startswith(f"{family}-") and name != family
    }
    longer = [each for each in sizes if size.startswith(f"{each}-")]
    near = max(longer, key=len) if longer else _near(size, {each: each for each in sizes})
    if near is not None:
        return Guess(sizes[near])
    why = f"{family} has no size {size[:MOST_SHOWN]}; its sizes are "
    return Guess(None, why=why, names=tuple(sizes.values()))


def _of_no_family(first: str) -> Guess:
    word = first.partition("-")[0]
    none = f"there is no {word[:MOST_SHOWN]} here"
    relative = _OTHERS.get(word) or next(
        (each for each in _families() if len(each) >= _CERTAIN_PART and each in word), None
    )
    if relative is not None:
        names = (_families().get(relative, relative),)
        return Guess(None, why=f"{none}; another architecture is ", names=names)
    if word not in _OTHERS:
        begun = [each for each in bases() if "-" not in each and each.startswith(word)]
        if begun and len(word) >= _FEW_LETTERS:
            return Guess(None, why=f"{none}; families are ", names=tuple(begun))
        near = _near(_squashed(first), _spellings())
        if near is not None and (len(word) > _FEW_LETTERS or sorted(word) == sorted(near[:3])):
            return Guess(_spellings()[near])
    why = (
        f"there is no family or size {first[:MOST_SHOWN]}; /hub lists all; a name of your own is "
        "there only where HF_ENDPOINT ends in /v1/models/TOKEN"
    )
    return Guess(None, why=why)


@cache
def _spellings() -> dict[str, str]:
    """Each FAMILY and FAMILY-SIZE by its squashed spellings: with its family, or with its class."""
    classes = {
        _squashed(base.architecture + name.removeprefix(base.family)): name
        for name, base in bases().items()
    }
    return classes | {_squashed(name): name for name in bases()}


@cache
def _families() -> dict[str, str]:
    """Each FAMILY by its spellings: with hyphens, and the class."""
    found = {}
    for base in bases().values():
        for word in (base.family, base.family.replace("_", "-"), base.architecture.lower()):
            found[word] = base.family
    return found


@cache
def _released() -> dict[str, str]:
    """The beginnings of names of released models, and the FAMILY that each means."""
    return {
        beginning: base.family
        for base in bases().values()
        for beginning in base.recipe.architectures[base.architecture].known_as
    }


def _squashed(word: str) -> str:
    return re.sub("[-_.]", "", word.lower())


def _near(word: str, known: Mapping[str, str]) -> str | None:
    """The only nearest word with the same digits and at most one mistake; two in a long word."""
    most = 2 if len(word) >= _LONG_WORD else 1
    found = {
        each: _mistakes(word, each)
        for each in known
        if abs(len(each) - len(word)) <= most and _digits(each) == _digits(word)
    }
    least = min(found.values(), default=most + 1)
    nearest = [each for each, mistakes in found.items() if mistakes == least]
    return nearest[0] if least <= most and len(nearest) == 1 else None


def _digits(word: str) -> list[str]:
    return [each for each in word if each.isdigit()]


def _mistakes(word: str, other: str) -> int:
    """How many letters are to be changed, added, left out, or exchanged with their neighbour."""
    rows: list[list[int]] = [list(range(len(other) + 1))]
    for i, letter in enumerate(word, 1):
        row = [i]
        for j, each in enumerate(other, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != each))
            if i > 1 and j > 1 and (letter, word[i - 2]) == (other[j - 2], each):
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
