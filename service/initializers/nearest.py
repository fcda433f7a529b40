"""The accepted words that are nearest to an unknown one.

A request may have a hundred unknown words, so a search must be fast. This one takes about 50 us,
and difflib takes 1 to 5 ms. Each table of words has an index, which is made once: from each letter
and pair of letters to the words that have it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

MOST_TABLES = 64
"""The most indexes that are cached. There are fewer tables of words."""

Part = tuple[str, int]
"""A letter or a pair of neighbouring letters, and how often it occurred before in the word."""


def nearest_words(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The `most` words of `known` that have the largest share of parts in common with `word`.

    The share is Dice's coefficient over letters and pairs of letters. The beginning of the word and
    the first letter are a pair, too. Case does not count. Of words with equal shares the earlier
    one is first. The time grows with the length of `word`, which should be a few dozen letters at
    most.
    """
    table = _table(tuple(known))
    parts = _parts(word)
    found = [table.places[part] for part in parts if part in table.places]
    places = np.concatenate([table.none, *found])
    common = np.bincount(places, minlength=len(table.words))
    order = np.argsort(-common / (table.sizes + len(parts)), kind="stable")
    return [table.words[place] for place in order[:most]]


@dataclass(frozen=True, slots=True)
class _Table:
    """Words, how many parts each has, and the places of the words that have a part."""

    words: tuple[str, ...]
    sizes: npt.NDArray[np.intp]
    places: dict[Part, npt.NDArray[np.intp]]
    none: npt.NDArray[np.intp]


@lru_cache(MOST_TABLES)
def _table(words: tuple[str, ...]) -> _Table:
    sizes = np.array([len(_parts(word)) for word in words], np.intp)
    places: dict[Part, list[int]] = {}
    for place, word in enumerate(words):
        for part in _parts(word):
            places.setdefault(part, []).append(place)
    arrays = {part: np.array(found, np.intp) for part, found in places.items()}
    return _Table(words, sizes, arrays, np.empty(0, np.intp))


def _parts(word: str) -> list[Part]:
    letters = word.lower()
    pairs = map("".join, zip(f" {letters}", letters, strict=False))
    before: dict[str, int] = {}
    parts = []
    for text in (*letters, *pairs):
        count = before.get(text, 0)
        before[text] = count + 1
        parts.append((text, count))
    return parts
