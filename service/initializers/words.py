"""What to answer to a word that is in none of the tables: what it should have been.

A spelling of another framework gets its exact replacement, anything else the nearest words.
"""

import difflib
from collections.abc import Iterable, Mapping

from service.errors import Problem, UnreadableError

_SHOWN = 40
"""Characters of a stranger's word that are compared and repeated: longer than any real name."""

_MOST_CHARACTERS = 100
"""With its modules a name may be longer."""


def squash(word: str) -> str:
    """`word` without case and punctuation: `KaimingNormal` and `kaiming_normal_` are one.

    So are the average and its abbreviation.
    """
    bare = "".join(c for c in word[:_SHOWN].casefold() if c.isalnum())
    return bare.replace("average", "avg")


def _unqualified(word: str) -> str:
    """`word` without the modules that stand before it: `torch.nn.Conv2d` is `Conv2d`."""
    return word[:_MOST_CHARACTERS].rpartition(".")[2]


def unknown_word(
    field: str, word: str, known: Iterable[str], replacements: Mapping[str, str], url: str
) -> UnreadableError:
    """The refusal of `word`, to be raised by the caller.

    `known` are the accepted words, `replacements` leads from squashed words of other
    frameworks to accepted ones, and `url` lists what `field` can be.
    """
    known = tuple(known)
    respelled = {squash(name): name for name in known} | dict(replacements)
    exact = respelled.get(squash(word)) or respelled.get(squash(_unqualified(word)))
    if exact is not None:
        hint = f"write {exact}; {url} lists all"
    else:
        nearest = difflib.get_close_matches(word[:_SHOWN].lower(), known, n=3, cutoff=0.0)
        hint = f"the nearest are {', '.join(nearest)}; {url} lists all"
    return UnreadableError("unknown_word", Problem(field, f"{word[:_SHOWN]!r} is not known", hint))
