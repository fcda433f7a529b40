"""The table of schemes, family by family, and the words that lead to one.

A new scheme stands in its family's module, and a new family in `_FAMILIES`.
"""

from service.errors import Problem, UnreadableError
from service.initializers.schemes import (
    icnr,
    identity,
    orthogonal,
    plain,
    sparse,
    truncated,
    variance_scaling,
)
from service.initializers.schemes.presets import keras, torch
from service.initializers.schemes.record import Scheme
from service.initializers.unknown_words import NOT_ISSUED_SCHEMES, squash, unknown_word

AUTO = "auto"
"""The word for the scheme that fits the layer (`resolve_auto`). It is not a scheme itself."""

_FAMILIES = (
    plain,
    truncated,
    variance_scaling,
    identity,
    orthogonal,
    sparse,
    icnr,
    torch,
    keras,
)

SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme for family in _FAMILIES for scheme in family.SCHEMES
}
"""Every scheme by its name."""

_MODULES = {
    scheme.name: family.__name__.rpartition(".")[2]
    for family in _FAMILIES
    for scheme in family.SCHEMES
}

_BY_WORD = SCHEMES | {alias: scheme for scheme in SCHEMES.values() for alias in scheme.aliases}

_ACCEPTED = {squash(name): name for name in (AUTO, *SCHEMES)}

_FOREIGN = {squash(alias): s.name for s in SCHEMES.values() for alias in s.aliases} | {
    **dict.fromkeys(("default", "best", "recommended"), AUTO),
    **dict.fromkeys(("zero", "zeroslike"), "zeros"),
    **dict.fromkeys(("one", "oneslike"), "ones"),
    **dict.fromkeys(("const", "fill", "full", "value"), "constant"),
    **dict.fromkeys(("rand", "randomuniform", "unif", "flat"), "uniform"),
    **dict.fromkeys(("randn", "gaussian", "gauss", "randomnormal", "standardnormal"), "normal"),
    **dict.fromkeys(("truncnormal", "truncnormaltf", "truncnorm", "truncated"), "truncated_normal"),
    **dict.fromkeys(("truncatedrandomnormal", "truncatedgaussian"), "truncated_normal"),
    **dict.fromkeys(("varscaling", "scaling"), "variance_scaling"),
    **dict.fromkeys(("he", "kaiming", "msra", "msraprelu"), "he_normal or he_uniform"),
    **dict.fromkeys(("glorot", "xavier"), "glorot_normal or glorot_uniform"),
    **dict.fromkeys(("lecun", "selu"), "lecun_normal or lecun_uniform"),
    **dict.fromkeys(("ortho", "orthonormal", "qr"), "orthogonal"),
    **dict.fromkeys(("torchnnlinear", "nnlinear"), "torch.linear"),
    **dict.fromkeys(("keraslayersdense", "layersdense"), "keras.dense"),
    **{"msranormal": "he_normal", "msrauniform": "he_uniform"},
    "random": "normal or uniform",
}

_SUFFIXES = ("init", "initializer", "v2")

_REPLACEMENTS = _FOREIGN | {
    word + suffix: name for word, name in (_ACCEPTED | _FOREIGN).items() for suffix in _SUFFIXES
}
"""Squashed spellings of other frameworks, such as TensorFlow's `he_normal_initializer`."""

_TRUNCATING = ("keras", "jax", "flax")
"""In these frameworks the normal schemes with a fan are truncated at two standard deviations."""


_DIFFERENT_ELSEWHERE = {
    "LecunNormal": "lecun_normal and add distribution=truncated_normal, as Keras draws it",
    "GlorotNormal": "glorot_normal and add distribution=truncated_normal, as Keras draws it",
    "HeNormal": "he_normal and add distribution=truncated_normal, as Keras draws it",
    "TruncatedNormal": "truncated_normal and add std_kind=parent, as Keras means stddev",
    "trunc_normal_": "truncated_normal and add low=-2 and add high=2, where torch cuts it",
}
"""Spellings of one framework whose distribution differs from Fanin's scheme of that name."""


def family_of(name: str) -> str:
    """The family of a scheme: its framework if it is named after one, else its module."""
    framework, dot, _ = name.partition(".")
    return framework if dot else _MODULES[name]


def find_scheme(name: str) -> Scheme:
    """The scheme with this name or alias, with or without `@1`.

    Raises UnreadableError: `unknown_word` with the right spelling or the nearest ones,
    `not_issued` for a scheme of `NOT_ISSUED_SCHEMES`, `unknown_revision` for a revision other
    than 1.
    """
    word, at, revision = name.partition("@")
    if word not in _BY_WORD:
        raise unknown_word(
            "scheme", word, (AUTO, *_BY_WORD), _foreign(word), "schemes", NOT_ISSUED_SCHEMES
        )
    scheme = _BY_WORD[word]
    if at and revision != "1":
        message = f"{scheme.name} has revision 1 only"
        hint = f"write {scheme.name} or {scheme.name}@1"
        raise UnreadableError("unknown_revision", Problem("scheme", message, hint))
    return scheme


def _foreign(word: str) -> dict[str, str]:
    """The replacements for `word`. They depend on the framework that the word names.

    `jax.nn.initializers.he_normal` and Keras's `HeNormal` are truncated normals.
    """
    bare = word.rpartition(".")[2]
    if bare in _DIFFERENT_ELSEWHERE:
        return _REPLACEMENTS | {squash(bare): _DIFFERENT_ELSEWHERE[bare]}
    if not set(word.casefold().split(".")) & set(_TRUNCATING):
        return _REPLACEMENTS
    return _REPLACEMENTS | {
        squash(name): f"{name} and add distribution=truncated_normal"
        for name in ("lecun_normal", "glorot_normal", "he_normal")
    }
