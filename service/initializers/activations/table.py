"""The table of activations, kind by kind, and the words that lead to one.

A new activation stands in the module of its kind, and a new kind in `_KINDS`.
"""

from service.initializers.activations import bounded, gated, linear, unbounded
from service.initializers.activations.record import Activation
from service.initializers.activations.words import NOT_ISSUED_ACTIVATIONS, REPLACEMENTS
from service.initializers.unknown_words import squash, unknown_word

_KINDS = (linear, unbounded, bounded, gated)

ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation for kind in _KINDS for activation in kind.ACTIVATIONS
}

_BY_ALIAS = {alias: each for each in ACTIVATIONS.values() for alias in each.aliases}

_BY_WORD = ACTIVATIONS | _BY_ALIAS

_REPLACEMENTS = {squash(alias): each.name for alias, each in _BY_ALIAS.items()} | REPLACEMENTS


def find_activation(name: str) -> Activation:
    """The activation with this name or alias.

    Raises UnreadableError: `unknown_word` with the right spelling or the nearest ones,
    `not_issued` for an activation of `NOT_ISSUED_ACTIVATIONS`.
    """
    if name not in _BY_WORD:
        raise unknown_word(
            "activation", name, _BY_WORD, _REPLACEMENTS, "activations", NOT_ISSUED_ACTIVATIONS
        )
    return _BY_WORD[name]
