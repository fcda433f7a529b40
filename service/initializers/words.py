"""Refusing an unknown word, with the word to write instead.

A spelling of another framework gets its exact replacement. A word for something that Fanin does
not issue gets an explanation. Any other word gets the nearest accepted words.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from service.errors import Listing, Problem, UnreadableError

_SHOWN = 40
"""How many characters of an unknown word are compared and quoted: more than any real name has."""

_MOST_CHARACTERS = 100
"""How many characters are searched for a name: with its modules in front, a name is longer."""


@dataclass(frozen=True, slots=True)
class Unissued:
    """Something with a well-known name that Fanin does not issue.

    `words` are its squashed spellings. `what` completes "'word' is ...". `instead` completes
    "write ..." and begins with the nearest accepted word, or with several joined by "or". `yet`:
    Fanin is meant to issue it one day.
    """

    words: tuple[str, ...]
    what: str
    instead: str
    yet: bool = False


def squash(word: str) -> str:
    """`word` without case and punctuation, and with `average` shortened to `avg`.

    `KaimingNormal` and `kaiming_normal_` become the same word.
    """
    bare = "".join(c for c in word[:_SHOWN].casefold() if c.isalnum())
    return bare.replace("average", "avg")


def _unqualified(word: str) -> str:
    """`word` without modules before it and without a call's arguments after it.

    `torch.nn.Conv2d(3, 8)` and `nn::Conv2d` become `Conv2d`.
    """
    called = word[:_MOST_CHARACTERS].partition("(")[0]
    return called.replace(":", ".").rpartition(".")[2]


def unknown_word(
    field: str,
    word: str,
    known: Iterable[str],
    replacements: Mapping[str, str],
    listing: Listing | None,
    unissued: Iterable[Unissued] = (),
) -> UnreadableError:
    """The refusal of `word` (`unknown_word` or `not_issued`); the caller raises it.

    `known` are the accepted words. `replacements` maps squashed words of other frameworks to an
    accepted word, or to several joined by " or ". `unissued` are known things that Fanin does not
    issue. `listing` is the table of the accepted words, if there is one.
    """
    known = tuple(known)
    respelled = {squash(name): name for name in known} | dict(replacements)
    explained = {name: row for row in unissued for name in row.words}
    quoted = repr(word[:_SHOWN])
    for spelling in (squash(word), squash(_unqualified(word))):
        if spelling in respelled:
            return _unknown(field, quoted, f"write {respelled[spelling]}", listing)
        if spelling in explained:
            return _not_issued(field, quoted, explained[spelling], listing)
    nearest = difflib.get_close_matches(word[:_SHOWN].lower(), known, n=3, cutoff=0.0)
    return _unknown(field, quoted, f"the nearest are {', '.join(nearest)}", listing)


def _unknown(field: str, quoted: str, hint: str, listing: Listing | None) -> UnreadableError:
    problem = Problem(field, f"{quoted} is not known", hint, listing)
    return UnreadableError("unknown_word", problem)


def _not_issued(field: str, quoted: str, row: Unissued, listing: Listing | None) -> UnreadableError:
    yet = " yet" if row.yet else ""
    message = f"{quoted} is {row.what}; Fanin does not issue it{yet}"
    problem = Problem(field, message, f"write {row.instead}", listing)
    return UnreadableError("not_issued", problem)
