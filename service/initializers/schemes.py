"""Schemes: which distribution a tensor is drawn from, and what sets its width.

The records say what a scheme is made of; gains and fans are computed from them elsewhere. A bare
name is revision 1 for ever.
"""

from dataclasses import dataclass
from typing import Literal

from service.errors import Problem, UnreadableError
from service.initializers.references import (
    GLOROT_2010,
    HE_2015,
    KLAMBAUER_2017,
    LECUN_1998,
    Reference,
)
from service.initializers.unissued import UNISSUED_SCHEMES
from service.initializers.words import squash, unknown_word

AUTO = "auto"
"""The word that stands for whatever scheme fits the layer; it is none itself."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a request gets by naming this scheme.

    `fields` are the scheme fields it takes, `distributions` what its field `distribution` may
    say. `mode` is the fan's, None for a scheme without one. `gain` says where the gain comes
    from if none is given: 1, He's for (leaky) ReLU, or the activation's. `value` is the constant
    of a scheme that has nothing else to say.
    """

    name: str
    summary: str
    formula: str
    distribution: str
    fields: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()
    mode: str | None = None
    gain: Literal["one", "he", "activation"] | None = None
    value: float | None = None
    references: tuple[Reference, ...] = ()
    access: Literal["elementwise"] = "elementwise"


_NORMAL = ("normal", "truncated_normal")
_FANS = ("fan_in", "fan_out")
_NORMAL_FIELDS = (*_FANS, "mode", "distribution", "gain", "scale", "std_kind", "bounds")
_UNIFORM = ("uniform",)
_UNIFORM_FIELDS = (*_FANS, "mode", "distribution", "gain", "scale")

_TABLE = (
    Scheme(
        name="zeros",
        summary="Every element is 0: biases, the last layer of a residual branch.",
        formula="w = 0",
        distribution="constant",
        fields=(),
        value=0.0,
    ),
    Scheme(
        name="ones",
        summary="Every element is 1: the scales of a normalization.",
        formula="w = 1",
        distribution="constant",
        fields=(),
        value=1.0,
    ),
    Scheme(
        name="constant",
        summary="Every element is the given value.",
        formula="w = value",
        distribution="constant",
        fields=("value",),
    ),
    Scheme(
        name="uniform",
        summary="Uniform between two bounds, or of a given mean and standard deviation.",
        formula="w ~ U(low, high), or w ~ U(mean - sqrt(3) std, mean + sqrt(3) std)",
        distribution="uniform",
        fields=("mean", "std", "low", "high"),
    ),
    Scheme(
        name="normal",
        summary="Normal with a given mean and standard deviation.",
        formula="w ~ N(mean, std^2)",
        distribution="normal",
        fields=("mean", "std"),
    ),
    Scheme(
        name="truncated_normal",
        summary="Normal, cut at bounds in standard deviations or at low and high.",
        formula="w ~ N(mean, s^2) given |w - mean| < bounds s or low < w < high",
        distribution="truncated_normal",
        fields=("mean", "std", "std_kind", "low", "high", "bounds"),
    ),
    Scheme(
        name="variance_scaling",
        summary="Variance gain^2 / n, by default with the activation's exact gain.",
        formula="std = gain sqrt(1/n), n = fan_in; gain = E[f(z)^2]^-1/2, z ~ N(0, 1)",
        distribution="normal",
        distributions=("normal", "truncated_normal", "uniform"),
        fields=(
            *_FANS,
            *("mode", "distribution", "gain", "gain_rule", "scale", "std_kind", "bounds"),
        ),
        mode="fan_in",
        gain="activation",
        references=(LECUN_1998, GLOROT_2010, HE_2015),
    ),
    Scheme(
        name="lecun_normal",
        summary="Normal that keeps the variance of linear and self-normalizing layers.",
        formula="std = gain sqrt(1/n), n = fan_in, gain = 1",
        distribution="normal",
        distributions=_NORMAL,
        fields=_NORMAL_FIELDS,
        mode="fan_in",
        gain="one",
        references=(LECUN_1998, KLAMBAUER_2017),
    ),
    Scheme(
        name="lecun_uniform",
        summary="Uniform that keeps the variance of linear and self-normalizing layers.",
        formula="limit = gain sqrt(3/n), n = fan_in, gain = 1",
        distribution="uniform",
        distributions=_UNIFORM,
        fields=_UNIFORM_FIELDS,
        mode="fan_in",
        gain="one",
        references=(LECUN_1998, KLAMBAUER_2017),
    ),
    Scheme(
        name="glorot_normal",
        aliases=("xavier_normal",),
        summary="Normal between keeping the variance forward and keeping it backward.",
        formula="std = gain sqrt(1/n), n = (fan_in + fan_out) / 2, gain = 1",
        distribution="normal",
        distributions=_NORMAL,
        fields=_NORMAL_FIELDS,
        mode="fan_avg",
        gain="one",
        references=(GLOROT_2010,),
    ),
    Scheme(
        name="glorot_uniform",
        aliases=("xavier_uniform",),
        summary="Uniform between keeping the variance forward and keeping it backward.",
        formula="limit = gain sqrt(3/n), n = (fan_in + fan_out) / 2, gain = 1",
        distribution="uniform",
        distributions=_UNIFORM,
        fields=_UNIFORM_FIELDS,
        mode="fan_avg",
        gain="one",
        references=(GLOROT_2010,),
    ),
    Scheme(
        name="he_normal",
        aliases=("kaiming_normal",),
        summary="Normal that keeps the variance through (leaky) ReLU.",
        formula="std = gain sqrt(1/n), n = fan_in, gain = sqrt(2/(1 + a^2)), a the slope below 0",
        distribution="normal",
        distributions=_NORMAL,
        fields=_NORMAL_FIELDS,
        mode="fan_in",
        gain="he",
        references=(HE_2015,),
    ),
    Scheme(
        name="he_uniform",
        aliases=("kaiming_uniform",),
        summary="Uniform that keeps the variance through (leaky) ReLU.",
        formula="limit = gain sqrt(3/n), n = fan_in, gain = sqrt(2/(1 + a^2)), a the slope below 0",
        distribution="uniform",
        distributions=_UNIFORM,
        fields=_UNIFORM_FIELDS,
        mode="fan_in",
        gain="he",
        references=(HE_2015,),
    ),
)

SCHEMES: dict[str, Scheme] = {scheme.name: scheme for scheme in _TABLE}

_BY_WORD = SCHEMES | {alias: scheme for scheme in _TABLE for alias in scheme.aliases}

_ACCEPTED = {squash(name): name for name in (AUTO, *SCHEMES)}

_FOREIGN = {squash(alias): s.name for s in _TABLE for alias in s.aliases} | {
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
    **{"msranormal": "he_normal", "msrauniform": "he_uniform"},
    "random": "normal or uniform",
}

_SUFFIXES = ("init", "initializer", "v2")

_REPLACEMENTS = _FOREIGN | {
    word + suffix: name for word, name in (_ACCEPTED | _FOREIGN).items() for suffix in _SUFFIXES
}
"""Squashed spellings of other frameworks, `he_normal_initializer` of TensorFlow among them."""

_TRUNCATING = ("keras", "jax", "flax")
"""Their modules' normal schemes with a fan are cut at two standard deviations."""


_DRAWN_OTHERWISE = {
    "LecunNormal": "lecun_normal and add distribution=truncated_normal, as Keras draws it",
    "GlorotNormal": "glorot_normal and add distribution=truncated_normal, as Keras draws it",
    "HeNormal": "he_normal and add distribution=truncated_normal, as Keras draws it",
    "TruncatedNormal": "truncated_normal and add std_kind=parent, as Keras means stddev",
    "trunc_normal_": "truncated_normal and add low=-2 and add high=2, where torch cuts it",
}
"""Words that only one framework spells so, and that draw otherwise there than here."""


def find_scheme(name: str) -> Scheme:
    """The scheme called `name`, or of which that is an alias, with or without `@1`.

    Raises UnreadableError: `unknown_word` with the right spelling or the nearest ones,
    `not_issued` for a scheme that Fanin has not, `unknown_revision` for any revision but 1.
    """
    word, at, revision = name.partition("@")
    if word not in _BY_WORD:
        raise unknown_word(
            "scheme", word, (AUTO, *_BY_WORD), _foreign(word), "schemes", UNISSUED_SCHEMES
        )
    scheme = _BY_WORD[word]
    if at and revision != "1":
        message = f"{scheme.name} has revision 1 only"
        hint = f"write {scheme.name} or {scheme.name}@1"
        raise UnreadableError("unknown_revision", Problem("scheme", message, hint))
    return scheme


def _foreign(word: str) -> dict[str, str]:
    """The replacements for `word`, which differ where it names its module.

    `jax.nn.initializers.he_normal` is a truncated normal, and so is `HeNormal`, as Keras spells it.
    """
    bare = word.rpartition(".")[2]
    if bare in _DRAWN_OTHERWISE:
        return _REPLACEMENTS | {squash(bare): _DRAWN_OTHERWISE[bare]}
    if not set(word.casefold().split(".")) & set(_TRUNCATING):
        return _REPLACEMENTS
    return _REPLACEMENTS | {
        squash(name): f"{name} and add distribution=truncated_normal"
        for name in ("lecun_normal", "glorot_normal", "he_normal")
    }
