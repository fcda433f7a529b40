"""Refusing an unknown word, with the word to write instead.

A spelling of another framework gets its exact replacement. A word for something that Fanin does
not issue gets an explanation, from the tables below. Any other word gets the nearest accepted
words.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from service.errors import Listing, Problem, UnreadableError
from service.initializers.nearest import MOST_TABLES, nearest_words

_SHOWN = 40
"""The number of characters of an unknown word that are compared and quoted. No name is longer."""

_MOST_CHARACTERS = 100
"""The number of characters that are searched for a name with its modules, such as torch.nn."""


@dataclass(frozen=True, slots=True)
class NotIssued:
    """A well-known name of something that Fanin does not issue.

    `words` are its squashed spellings. `what` completes "'word' is ...". `instead` completes
    "write ..." and begins with the nearest accepted word, or with several joined by "or". `yet`
    says that Fanin will issue it in a later release.
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
    not_issued: Iterable[NotIssued] = (),
    likely: Mapping[str, str] | None = None,
) -> UnreadableError:
    """The refusal of `word` (`unknown_word` or `not_issued`); the caller raises it.

    `known` are the accepted words. `replacements` maps squashed words of other frameworks to an
    accepted word, or to several joined by " or ". `not_issued` are known things that Fanin does not
    issue. `listing` is the table of the accepted words, if there is one. `likely` are the words
    that a misspelt word is compared with, and the accepted word for each; by default `known`.
    """
    known = tuple(known)
    respelled = _by_spelling(known)
    not_issued = tuple(not_issued)
    quoted = repr(word[:_SHOWN]) + ("..." if len(word) > _SHOWN else "")
    for spelling in (squash(word), squash(_unqualified(word))):
        meant = replacements.get(spelling) or respelled.get(spelling)
        if meant is not None:
            return _unknown(field, quoted, f"write {meant}", listing)
        row = next((row for row in not_issued if spelling in row.words), None)
        if row is not None:
            return _not_issued(field, quoted, row, listing)
    nearest = _nearest(word[:_SHOWN], known, likely)
    return _unknown(field, quoted, f"the nearest are {', '.join(nearest)}", listing)


@lru_cache(MOST_TABLES)
def _by_spelling(known: tuple[str, ...]) -> Mapping[str, str]:
    """The accepted words by their squashed spellings."""
    return {squash(name): name for name in known}


def _nearest(word: str, known: Iterable[str], likely: Mapping[str, str] | None) -> list[str]:
    """The nearest three words. Of `likely` ones those without a framework come first."""
    if likely is None:
        return nearest_words(word, known)
    close = nearest_words(word, likely)
    return sorted(dict.fromkeys(likely[name] for name in close), key=lambda name: "." in name)


def _unknown(field: str, quoted: str, hint: str, listing: Listing | None) -> UnreadableError:
    problem = Problem(field, f"{quoted} is not known", hint, listing)
    return UnreadableError("unknown_word", problem)


def _not_issued(
    field: str, quoted: str, row: NotIssued, listing: Listing | None
) -> UnreadableError:
    yet = " yet" if row.yet else ""
    message = f"{quoted} is {row.what}; Fanin does not issue it{yet}"
    problem = Problem(field, message, f"write {row.instead}", listing)
    return UnreadableError("not_issued", problem)


NOT_ISSUED_SCHEMES: tuple[NotIssued, ...] = (
    NotIssued(
        ("pretrained", "imagenet", "checkpoint"),
        "the weights of a trained model",
        "auto for the tensors that the model lacks",
    ),
    NotIssued(
        ("lsuv", "layersequentialunitvariance", "datadependent"),
        "orthogonal weights divided by the std of their output on a batch of data",
        "variance_scaling, whose gain makes that std 1 for a normal input",
    ),
    NotIssued(
        ("metainit", "gradinit"),
        "a search for each tensor's scale by the gradients on data",
        "variance_scaling, whose gain follows from the activation",
    ),
    NotIssued(
        ("cauchy", "exponential", "lognormal", "geometric", "bernoulli", "rademacher", "laplace"),
        "a distribution that Fanin does not have",
        "normal or uniform",
    ),
)

NOT_ISSUED_LAYERS: tuple[NotIssued, ...] = (
    NotIssued(
        ("experts", "expert", "moe", "mixtureofexperts"),
        "a stack of dense weights, one for each expert",
        "dense and add layout=EOI",
    ),
    NotIssued(
        ("attention", "selfattention", "multiheadattention", "mha", "transformer", "mlp"),
        "a block of several weights, each of which is a tensor",
        "dense for each of them",
    ),
    NotIssued(
        ("separableconv", "separableconv1d", "separableconv2d"),
        "a depthwise kernel and a pointwise one, each of which is a tensor",
        "depthwise_conv2d or conv2d, the latter for the pointwise kernel",
    ),
)

NOT_ISSUED_DTYPES: tuple[NotIssued, ...] = (
    NotIssued(
        (
            *("int", "int2", "int4", "int8", "int16", "int32", "int64", "i8", "i16", "i32", "i64"),
            *("uint", "uint4", "uint8", "uint16", "uint32", "uint64", "u8", "u16", "u32", "u64"),
            *("long", "short", "byte", "char", "integer", "qint8", "quint8", "qint32"),
        ),
        "an integer type",
        "float32, and quantise the weights",
    ),
    NotIssued(("bool", "boolean"), "a type of truth values", "float32"),
    NotIssued(
        ("complex", "complex64", "complex128", "cfloat", "cdouble", "c64", "c128"),
        "a type of complex numbers",
        "float32 for the real and for the imaginary part",
    ),
    NotIssued(
        ("fp4", "f4e2m1", "float4", "float4e2m1fn", "float4e2m1fnx2", "mxfp4", "nvfp4", "nf4"),
        "a type of 4 bits",
        "float8_e4m3fn, the narrowest there is beside float8_e5m2",
    ),
    NotIssued(
        ("fp6", "float6", "float6e2m3fn", "float6e3m2fn", "mxfp6"),
        "a type of 6 bits",
        "float8_e4m3fn, the narrowest there is beside float8_e5m2",
    ),
    NotIssued(
        ("float8e4m3fnuz", "e4m3fnuz", "float8e4m3b11fnuz", "float8e3m4", "mxfp8"),
        "another type of 8 bits",
        "float8_e4m3fn",
    ),
    NotIssued(("float8e5m2fnuz", "e5m2fnuz"), "another type of 8 bits", "float8_e5m2"),
    NotIssued(("float8e8m0fnu", "e8m0"), "a type of powers of 2, for scales", "float32"),
    NotIssued(
        ("float80", "float96", "float128", "longdouble", "quad", "fp128"),
        "wider than float64",
        "float64",
    ),
)
